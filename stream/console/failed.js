// What is shown where something could not be had: what happened, and a way to try again, or to look for somebody else.

import { byId, h } from "./dom.js";
import { t } from "./words.js";

/** @param {(() => void) | null} again  @param {boolean} isPerson  it was a person who is asked for by the address */
export function failed(problem, again, isPerson = false) {
  const known = { 0: "wrong.network", 401: "wrong.token", 404: "wrong.unknown" }[problem.status];
  const said = known ? t(known) : problem.status ? problem.message : t("wrong.console");
  if (problem.status === undefined) console.error(problem);
  const nobody = isPerson && [400, 404].includes(problem.status);
  return h(
    "div",
    { class: "card wrong", role: "alert" },
    h("p", {}, said),
    nobody && h("button", { type: "button", on: { click: () => byId("query").focus() } }, t("wrong.search")),
    again && !nobody && h("button", { type: "button", on: { click: again } }, t("wrong.again")),
  );
}
