// Lists of what happened: of one profile, or of anybody. Newest first.

import { h } from "./dom.js";
import { ago, instant, kindOf, number, refusal, t } from "./words.js";
import { isOperator, openCommand } from "./command.js";
import { namesOnlyDigests } from "./fields.js";
/** @import { RecentEntry, ShownIdentifier, TimelineEntry } from "./answers.d.ts" */

const COMMANDS = "idweave.commands"; // the source of what an operator brought about

export const shortId = (id) => `${id.slice(0, 8)}…`;

// An identifier as everybody sees it: masked where it is personal.
/** @param {ShownIdentifier} one */
export function chip(one) {
  return h(
    "span",
    { class: `chip kind-${kindOf(one.namespace)}`, title: `${one.namespace} ${one.display}` },
    h("span", { class: "namespace" }, one.namespace),
    h("span", { class: "value" }, one.display),
  );
}

export function profileLink(id, own) {
  return id === own
    ? h("span", { class: "own" }, t("entry.this_profile"))
    : h("a", { class: "mono", href: `#/person/${id}`, title: id }, shortId(id));
}

const joined = (ids, own) => ids.flatMap((id, at) => [at ? ", " : "", profileLink(id, own)]);

/** @param {TimelineEntry} entry  @param {string | null} own */
function headline(entry, own) {
  switch (entry.type) {
    case "merged":
      return [joined(entry.from, own), ` ${t("entry.merged_into")} `, joined(entry.to, own)];
    case "split":
      return [joined(entry.from, own), ` ${t("entry.split_into")} `, joined(entry.to, own)];
    case "moved":
      return [t("entry.moved"), " ", joined(entry.from, own), " → ", joined(entry.to, own)];
    case "erased":
      return [joined(entry.from, own)];
    case "conflict":
      return [refusal(entry.rule, entry.reason)];
    default:
      return [`${entry.reason ?? ""} `, h("code", { class: "faint" }, entry.id)];
  }
}

/** @param {TimelineEntry} entry */
function evidence(entry) {
  const told = entry.evidence.length ? entry.evidence : entry.cause ? [entry.cause] : [];
  // One event may stand behind several links: it is named once.
  const events = [...new Map(told.map((one) => [`${one.id} ${one.source}`, one])).values()];
  if (!events.length) return null;
  return h(
    "p",
    { class: "because" },
    `${t("entry.because")} `,
    events.slice(0, 3).map((one, at) => [at ? ", " : "", h("code", {}, one.id), ` ${one.source}`]),
  );
}

// Commands that nobody can take back, or not any more, as far as any list has told.
const settled = new Set();

/** @param {(TimelineEntry | RecentEntry)[]} entries */
export function settle(entries, forms) {
  for (const entry of entries.filter((one) => one.type === "command")) {
    if (entry.status !== "done" || !forms[entry.command ?? ""]?.undoable) settled.add(entry.id);
    for (const id of entry.undone) settled.add(id);
  }
}

// The command that can be taken back: the entry itself, or what brought it about.
/** @param {TimelineEntry} entry */
function undoable(entry) {
  if (entry.type === "erased") return null;
  const id = entry.type === "command" ? entry.id : entry.cause?.source === COMMANDS ? entry.cause.id : null;
  return settled.has(id) ? null : id;
}

/** @param {TimelineEntry} entry */
function undoButton(entry) {
  const of = isOperator() ? undoable(entry) : null;
  return (
    of &&
    h(
      "button",
      { class: "quiet small", type: "button", on: { click: () => openCommand("undo", { of }) } },
      t("command.undo"),
    )
  );
}

/** @param {TimelineEntry | RecentEntry} entry  @param {string | null} own  @param {boolean} isNew */
function entryItem(entry, own, isNew) {
  const kind = entry.type === "command" ? entry.command : entry.type;
  const named = namesOnlyDigests(entry.command) ? [] : entry.identifiers;
  const more = ("identifiers_more" in entry ? entry.identifiers_more : 0) + Math.max(named.length - 8, 0);
  return h(
    "li",
    { class: `entry type-${entry.type} ${isNew ? "new" : ""}`, data: { id: entry.id } },
    h(
      "div",
      { class: "entry-head" },
      h(
        "span",
        { class: `badge ${entry.type}` },
        entry.type === "conflict" ? t(`short.${entry.rule}`) : t(`type.${kind}`),
      ),
      entry.status && h("span", { class: `badge status-${entry.status}` }, t(`status.${entry.status}`)),
      h("time", { datetime: entry.at, title: instant(entry.at) }, ago(entry.at)),
      undoButton(entry),
    ),
    h("p", { class: "what" }, headline(entry, own)),
    named.length > 0 &&
      h(
        "p",
        { class: "chips" },
        named.slice(0, 8).map(chip),
        more > 0 && h("span", { class: "more" }, t("entry.more", { count: number(more) })),
      ),
    evidence(entry),
  );
}

/**
 * @param {(TimelineEntry | RecentEntry)[]} entries
 * @param {{own?: string, seen?: Set<string> | null}} options  whose page it is; which entries were there before
 */
export function entryList(entries, forms, options = {}) {
  if (!entries.length) return h("p", { class: "empty" }, t("entry.none"));
  settle(entries, forms);
  const seen = options.seen;
  return h(
    "ol",
    { class: "entries" },
    entries.map((entry) => entryItem(entry, options.own ?? null, Boolean(seen && !seen.has(entry.id)))),
  );
}
