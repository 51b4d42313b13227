// How it goes: throughput of the last minutes, what merged, what conflicted, what operators ordered.

import { ask } from "./api.js";
import { h, s } from "./dom.js";
import { clock, instant, number, t } from "./words.js";
import { entryList, settle } from "./entries.js";
import { failed } from "./failed.js";
/** @import { Beat, Live, Recent } from "./answers.d.ts" */

const EVERY_MS = 3000;
const SHOWN = 8;
const [WIDTH, HEIGHT, PAD] = [1240, 190, 24];

// A line of what was resolved a second, drawn over the minutes that the server remembers.
/** @param {Beat[]} beats */
function chart(beats) {
  const measured = beats.filter((beat) => beat.per_second !== null);
  const rates = measured.map((beat) => beat.per_second ?? 0);
  if (rates.length < 2) return h("p", { class: "empty" }, t("live.soon"));
  const most = Math.max(...rates, 1);
  const x = (at) => PAD + (at * (WIDTH - 2 * PAD)) / (rates.length - 1);
  const y = (rate) => HEIGHT - PAD - (rate * (HEIGHT - 2 * PAD)) / most;
  const points = rates.map((rate, at) => `${x(at).toFixed(1)} ${y(rate).toFixed(1)}`);
  const last = rates[rates.length - 1];
  const said = t("live.chart", { now: number(last), most: number(most), since: instant(measured[0].at) });
  const text = (value, attributes) => {
    const one = s("text", attributes);
    one.textContent = value;
    return one;
  };
  return s(
    "svg",
    { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": said },
    s("line", { class: "grid", x1: PAD, x2: WIDTH - PAD, y1: y(most), y2: y(most) }),
    s("line", { class: "grid", x1: PAD, x2: WIDTH - PAD, y1: y(0), y2: y(0) }),
    s("path", { class: "area", d: `M${x(0)} ${y(0)}L${points.join("L")}L${x(rates.length - 1)} ${y(0)}Z` }),
    s("path", { class: "rate", d: `M${points.join("L")}` }),
    s("circle", { class: "now", cx: x(rates.length - 1), cy: y(last), r: 4 }),
    text(t("live.most", { rate: number(most) }), { x: PAD, y: y(most) - 7 }),
    text(clock(measured[0].at), { x: PAD, y: HEIGHT - 7 }),
    text(t("live.now"), { x: WIDTH - PAD, y: HEIGHT - 7, "text-anchor": "end" }),
  );
}

/** @param {Live} told */
function live(told) {
  const last = told.beats.at(-1);
  const tile = (label, value, kind = "") => h("div", { class: `tile ${kind}` }, h("dt", {}, label), h("dd", {}, value));
  const ready = told.not_ready.length === 0;
  return [
    h(
      "dl",
      { class: "tiles" },
      tile(t("live.rate"), typeof last?.per_second === "number" ? number(last.per_second) : "–"),
      tile(t("live.behind"), last ? number(last.behind) : "–", last && last.behind > 0 ? "busy" : ""),
      tile(t("live.published"), last ? number(last.published) : "–"),
      tile(
        t("live.state"),
        ready ? t("live.ready") : told.not_ready.map((reason) => t(`reason.${reason}`)).join(", "),
        ready ? "good" : "bad",
      ),
    ),
    h("section", { class: "card" }, h("h2", {}, t("live.title")), chart(told.beats)),
  ];
}

// The view, and what stops it.
export function overviewView(forms) {
  const beat = h("div", {});
  /** @type {{name: string, seen: Set<string> | null, element: HTMLElement}[]} */
  const feeds = ["merges", "conflicts", "commands"].map((name) => ({
    name,
    seen: null,
    element: h("div", {}, h("p", { class: "faint" }, t("wait"))),
  }));
  let timer = null;
  let stopped = false;

  async function fill(element, making) {
    try {
      const made = await making();
      // What has the focus stays where it is, until somebody leaves it.
      if (!stopped && !element.contains(document.activeElement)) element.replaceChildren(...[made].flat());
    } catch (problem) {
      if (!stopped) element.replaceChildren(failed(problem, null));
    }
  }

  async function look() {
    if (!document.hidden) {
      const asked = Object.fromEntries(feeds.map(({ name }) => [name, ask(`/v1/${name}?limit=${SHOWN}`)]));
      // What was taken back is known before anything is offered to be.
      const settled = asked.commands.then(({ entries }) => settle(entries, forms), () => null);
      await Promise.all([
        fill(beat, async () => live(await ask("/v1/live"))),
        ...feeds.map((feed) =>
          fill(feed.element, async () => {
            /** @type {Recent} */
            const { entries } = await asked[feed.name];
            await settled;
            // A page is newest first by when it was told; people read by when it happened.
            entries.sort((one, other) => other.at.localeCompare(one.at));
            const list = entryList(entries, forms, { seen: feed.seen });
            feed.seen = new Set(entries.map((entry) => entry.id));
            return list;
          })
        ),
      ]);
    }
    if (!stopped) timer = setTimeout(look, EVERY_MS);
  }

  look();
  const view = h(
    "div",
    {},
    h("h1", { class: "hidden" }, t("nav.overview")),
    beat,
    h(
      "div",
      { class: "feeds" },
      feeds.map((feed) => h("section", { class: "card feed" }, h("h2", {}, t(`feed.${feed.name}`)), feed.element)),
    ),
  );
  return {
    view,
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
