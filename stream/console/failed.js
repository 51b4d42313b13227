// What is shown where something could not be had: what happened, and a way to try again.

import { h } from "./dom.js";
import { t } from "./words.js";

export function failed(problem, again) {
  const known = { 0: "wrong.network", 401: "wrong.token", 404: "wrong.unknown" }[problem.status];
  const said = known ? t(known) : problem.status ? problem.message : t("wrong.console");
  if (problem.status === undefined) console.error(problem);
  return h(
    "div",
    { class: "card wrong", role: "alert" },
    h("p", {}, said),
    again && h("button", { type: "button", on: { click: again } }, t("wrong.again")),
  );
}
