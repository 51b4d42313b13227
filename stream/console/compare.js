// Two identifiers: why are they one person, why not?

import { ask, askPicture } from "./api.js";
import { h } from "./dom.js";
import { t } from "./words.js";
import { chip } from "./entries.js";
import { evidenceFigure, linkDetail } from "./evidence.js";
import { failed } from "./failed.js";
/** @import { Explanation } from "./answers.d.ts" */

// `a`, `b`: from the address, as namespace:~token only; what is typed never gets there.
export function compareView(a, b) {
  const one = h("input", {
    id: "a",
    value: a ?? "",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: t("field.placeholder"),
  });
  const other = h("input", {
    id: "b",
    value: b ?? "",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: t("field.placeholder"),
  });
  const outcome = h("div", { "aria-live": "polite" });
  const form = h(
    "form",
    { class: "card compare" },
    h("div", { class: "field" }, h("label", { for: "a" }, t("compare.a")), one),
    h("div", { class: "field" }, h("label", { for: "b" }, t("compare.b")), other),
    h("button", { class: "primary" }, t("compare.button")),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    tell({ a: one.value.trim(), b: other.value.trim() });
  });

  async function tell(body) {
    outcome.replaceChildren(h("p", { class: "faint" }, t("wait")));
    try {
      const told = await ask("/v1/explain", body);
      const drawn = await askPicture("/v1/explain", body);
      outcome.replaceChildren(...answer(told, drawn));
    } catch (problem) {
      outcome.replaceChildren(failed(problem, () => tell(body)));
    }
  }

  if (a && b) tell({ a, b });
  return h("div", {}, h("h1", {}, t("compare.title")), h("p", { class: "lead" }, t("compare.lead")), form, outcome);
}

/** @param {Explanation} told */
function answer(told, drawn) {
  const links = [...told.path, ...told.around];
  const nodes = [told.a, told.b, ...links.flatMap((link) => link.ends)];
  return [
    h(
      "section",
      { class: `card verdict ${told.verdict}` },
      h("h2", {}, t(`verdict.${told.verdict}`)),
      h("p", { class: "chips" }, chip(told.a), chip(told.b)),
    ),
    h("section", { class: "card" }, h("h2", {}, t("compare.picture")), evidenceFigure(drawn, nodes, links, null)),
    told.path.length > 0 &&
    h(
      "section",
      { class: "card" },
      h("h2", {}, t("compare.path")),
      h(
        "ol",
        { class: "links" },
        told.path.map((link) => h("li", {}, linkDetail(link))),
      ),
    ),
    told.around.length > 0 &&
    h(
      "section",
      { class: "card" },
      h("h2", {}, t("compare.around")),
      h(
        "ul",
        { class: "links" },
        told.around.slice(0, 20).map((link) => h("li", {}, linkDetail(link))),
      ),
    ),
  ].filter(Boolean);
}
