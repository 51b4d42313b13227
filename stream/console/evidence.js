// Evidence as a picture that can be pointed at: the server draws it, here it is taken in and its parts speak.

import { h } from "./dom.js";
import { instant, kindOf, number, refusal, t } from "./words.js";
import { chip } from "./entries.js";
/** @import { EvidenceLink, GraphNode, ShownIdentifier } from "./answers.d.ts" */

// What a line stands for, in words.
/** @param {EvidenceLink} link */
export function linkDetail(link) {
  const events = [link.first, link.last].filter((one) => one !== null);
  const same = events.length === 2 && events[0].id === events[1].id && events[0].source === events[1].source;
  return h(
    "div",
    { class: `link ${link.counts ? "counts" : "refused"}` },
    h(
      "p",
      { class: "chips" },
      chip(link.ends[0]),
      h("span", { class: "joint", "aria-hidden": "true" }, link.counts ? "—" : "╌"),
      chip(link.ends[1]),
    ),
    h(
      "p",
      {},
      h("span", { class: `badge ${link.counts ? "good" : "bad"}` }, t(link.counts ? "link.counts" : "link.refused")),
      link.counts ? ` ${link.asserted ? t("link.asserted") : ""}` : ` ${refusal(link.rule, link.reason)}`,
    ),
    events.length > 0 &&
      h(
        "ul",
        { class: "events" },
        (same ? events.slice(0, 1) : events).map((event) =>
          h(
            "li",
            {},
            h("code", {}, event.id),
            ` ${event.source} · `,
            h("time", { datetime: event.time }, instant(event.time)),
          )
        ),
      ),
    link.events > 1 && h("p", { class: "faint" }, t("link.events", { count: number(link.events) })),
  );
}

/** @param {ShownIdentifier} one  @param {EvidenceLink[]} links */
function boxDetail(one, links, onCompare) {
  const near = links.filter((link) =>
    link.ends.some((end) => end.namespace === one.namespace && end.token === one.token)
  );
  return h(
    "div",
    {},
    h("p", { class: "chips" }, chip(one)),
    h(
      "p",
      { class: "faint" },
      t("box.links", {
        counts: number(near.filter((link) => link.counts).length),
        refused: number(near.filter((link) => !link.counts).length),
      }),
    ),
    onCompare &&
      h("button", { class: "quiet small", type: "button", on: { click: () => onCompare(one) } }, t("box.compare")),
  );
}

const same = (box, one) => box.dataset.namespace === one.namespace && box.dataset.token === one.token;

// The picture with a panel beside it. `nodes`, `links`: what the picture shows, in its numbering.
/** @param {ShownIdentifier[] | GraphNode[]} nodes  @param {EvidenceLink[]} links */
export function evidenceFigure(drawn, nodes, links, onCompare) {
  const picture = document.importNode(drawn, true);
  const panel = h("div", { class: "panel", "aria-live": "polite" }, h("p", { class: "faint" }, t("picture.hint")));
  const boxes = [...picture.querySelectorAll(".box")];
  const lines = [...picture.querySelectorAll(".line")];
  for (const line of lines) {
    const [link, label] = [links[Number(line.dataset.line)], line.querySelector(".label")];
    if (link && label) {
      label.textContent = link.counts
        ? link.events ? t("picture.events", { count: number(link.events) }) : ""
        : t(`short.${link.rule}`);
    }
  }
  for (const box of boxes) box.classList.add(`kind-${kindOf(box.dataset.namespace)}`);
  const linkOf = (line) => links[Number(line.dataset.line)];
  const nodeOf = (box) => nodes.find((one) => same(box, one));

  function light(part) {
    for (const one of [...boxes, ...lines]) one.classList.remove("lit");
    picture.classList.toggle("pointed", Boolean(part));
    if (!part) return;
    part.classList.add("lit");
    const ends = part.classList.contains("line") ? (linkOf(part)?.ends ?? []) : [];
    const node = part.classList.contains("box") ? nodeOf(part) : null;
    for (const box of boxes) if (ends.some((end) => same(box, end))) box.classList.add("lit");
    for (const line of node ? lines : []) {
      if (!linkOf(line)?.ends.some((end) => same(part, end))) continue;
      line.classList.add("lit");
      for (const box of boxes) if (linkOf(line).ends.some((end) => same(box, end))) box.classList.add("lit");
    }
  }

  function show(part) {
    const [link, node] = part.classList.contains("line") ? [linkOf(part), null] : [null, nodeOf(part)];
    const detail = link ? linkDetail(link) : node ? boxDetail(node, links, onCompare) : null;
    for (const one of [...boxes, ...lines]) one.classList.toggle("chosen", one === part);
    panel.replaceChildren(detail ?? h("p", {}, part.getAttribute("aria-label")));
  }

  for (const part of [...boxes, ...lines]) {
    part.setAttribute("role", "button");
    part.querySelector("title")?.remove(); // the panel says more, and at once
    part.addEventListener("pointerenter", () => light(part));
    part.addEventListener("pointerleave", () => light(null));
    part.addEventListener("focus", () => light(part));
    part.addEventListener("blur", () => light(null));
    part.addEventListener("click", () => show(part));
    part.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      show(part);
    });
  }
  return h(
    "div",
    { class: "figure" },
    h("div", { class: "picture", tabindex: "0", role: "region", "aria-label": t("picture.title") }, picture),
    panel,
  );
}
