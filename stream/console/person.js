// One person: what is known of them, why they are one, what happened, and what can be done.

import { ask, askPicture, profilePath } from "./api.js";
import { h } from "./dom.js";
import { number, t } from "./words.js";
import { isOperator, openCommand } from "./command.js";
import { entryList } from "./entries.js";
import { evidenceFigure } from "./evidence.js";
import { card, head, identifiers, more, tiles } from "./facts.js";
import { failed } from "./failed.js";
import { setAround, written } from "./fields.js";
/** @import { Profile, ProfileGraph, Timeline, TimelineEntry } from "./answers.d.ts" */

// Where two identifiers are compared; with fewer than two, where they are asked for.
const comparePath = (texts) => ["#/compare", ...(texts.length === 2 ? texts.map(encodeURIComponent) : [])].join("/");

/** @param {Profile} profile  @param {Set<string>} chosen */
function actions(profile, chosen) {
  const values = () => [...chosen];
  /** @type {[string, () => object][]} */
  const buttons = [
    ["split", () => ({ identifiers: values() })],
    ["merge", () => ({ identifiers: chosen.size ? values() : profile.identifiers.slice(0, 1).map(written) })],
    ["unbind", () => ({ identifier: values()[0], from: values()[1] })],
    ["block", () => ({ identifier: values()[0] })],
    ["unblock", () => ({ identifier: values()[0] })],
    ["erase", () => ({ profile_id: profile.profile_id })],
  ];
  return h(
    "div",
    { class: "actions", role: "group", "aria-label": t("person.actions") },
    h("p", { class: "faint" }, t("person.actions")),
    h(
      "button",
      {
        type: "button",
        on: {
          click: () => {
            location.hash = comparePath(values().slice(0, 2));
          },
        },
      },
      t("person.compare"),
    ),
    isOperator() &&
      buttons.map(([type, fields]) =>
        h(
          "button",
          {
            type: "button",
            class: type === "erase" ? "danger" : null,
            on: { click: () => openCommand(type, fields()) },
          },
          t(`type.${type}`),
        )
      ),
  );
}

export async function personView(id, forms) {
  /** @type {Profile} */
  const profile = await ask(profilePath(id));
  // An id that merged away answers with the survivor: the address says whose page it is.
  if (profile.profile_id !== id) history.replaceState(null, "", `#/person/${profile.profile_id}`);
  setAround(profile.identifiers);
  const chosen = new Set();
  const picture = h("div", {}, h("p", { class: "faint" }, t("wait")));
  const timeline = h("div", {}, h("p", { class: "faint" }, t("wait")));
  const compare = (one) => {
    location.hash = comparePath([written(profile.identifiers[0]), written(one)]);
  };

  async function drawPicture() {
    try {
      /** @type {ProfileGraph} */
      const graph = await ask(profilePath(profile.profile_id, "/graph"));
      const drawn = await askPicture(profilePath(profile.profile_id, "/graph"));
      picture.replaceChildren(evidenceFigure(drawn, graph.nodes, graph.edges, compare));
    } catch (problem) {
      picture.replaceChildren(failed(problem, drawPicture));
    }
  }

  /** @param {string | null} before  @param {TimelineEntry[]} shown */
  async function drawTimeline(before = null, shown = []) {
    try {
      const page = before ? `&before=${encodeURIComponent(before)}` : "";
      /** @type {Timeline} */
      const told = await ask(profilePath(profile.profile_id, `/timeline?limit=20${page}`));
      const entries = [...shown, ...told.entries.reverse()];
      timeline.replaceChildren(
        entryList(entries, forms, { own: profile.profile_id }),
        told.next
          ? h(
            "button",
            { type: "button", on: { click: () => drawTimeline(told.next, entries) } },
            t("person.older", { count: number(told.more) }),
          )
          : "",
        h("p", { class: "faint" }, t("person.kept", { days: number(told.kept_days.merges) })),
      );
    } catch (problem) {
      timeline.replaceChildren(failed(problem, () => drawTimeline(before, shown)));
    }
  }

  drawPicture();
  drawTimeline();
  const view = h(
    "div",
    { class: "person", data: { id: profile.profile_id, version: String(profile.version) } },
    head(profile),
    tiles(profile),
    actions(profile, chosen),
    h(
      "div",
      { class: "columns" },
      h(
        "div",
        {},
        identifiers(profile, chosen),
        card(t("picture.title"), picture),
        card(t("person.timeline"), timeline),
      ),
      h("div", {}, more(profile)),
    ),
  );
  return view;
}
