// Words in two languages, from one table; numbers, money and instants as the language writes them.

const KEY = "idweave.language";
let table = {};
/** @import { Vocabulary } from "./answers.d.ts" */
/** @type {Pick<Vocabulary, "namespaces" | "tags" | "segments" | "lifecycle" | "tiers" | "refusals">} */
let vocabulary = { namespaces: [], tags: [], segments: [], lifecycle: [], tiers: [], refusals: {} };

export const languages = ["en", "zh"];
export let language = localStorage.getItem(KEY) ?? (navigator.language.startsWith("zh") ? "zh" : "en");

export async function loadWords() {
  table = await (await fetch("/console/labels.json")).json();
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
}

export function setLanguage(name) {
  language = name;
  localStorage.setItem(KEY, name);
  document.documentElement.lang = name === "zh" ? "zh-CN" : "en";
}

/** @param {Vocabulary} told */
export function setVocabulary(told) {
  vocabulary = told;
}

export const namespaces = () => vocabulary.namespaces;

// A word; {name} in it is replaced.
export function t(key, values = {}) {
  const words = table[key]?.[language] ?? key;
  return words.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

// What a tag, segment, stage or tier is called; a name that is no rule's any more stays as it is.
/** @param {"tags" | "segments" | "lifecycle" | "tiers"} kind */
export function named(kind, name) {
  return vocabulary[kind].find((one) => one.name === name)?.labels[language] ?? name;
}

// Why evidence was refused. English comes with the record, so that an older one keeps its words.
export function refusal(rule, reason) {
  return language === "en"
    ? (reason ?? vocabulary.refusals[rule] ?? rule)
    : (table[`rule.${rule}`]?.zh ?? reason ?? rule);
}

export function kindOf(namespace) {
  const rule = vocabulary.namespaces.find((one) => one.name === namespace);
  return rule?.person ? "person" : rule?.weak ? "weak" : "other";
}

const tag = () => (language === "zh" ? "zh-CN" : "en-GB");

export const number = (value, digits = 0) =>
  new Intl.NumberFormat(tag(), { maximumFractionDigits: digits }).format(value);

// Exact: the amount is text and never becomes a float.
export function money(currency, amount) {
  const [whole, fraction] = amount.split(".");
  const grouped = new Intl.NumberFormat(tag()).format(BigInt(whole));
  const sign = whole.startsWith("-0") ? "-" : "";
  return `${currency} ${sign}${grouped}${fraction ? `.${fraction}` : ""}`;
}

export function instant(text, style = "minute") {
  if (!text) return "–";
  /** @type {Intl.DateTimeFormatOptions} */
  const shown = style === "day" ? { dateStyle: "medium" } : { dateStyle: "medium", timeStyle: "short" };
  return new Intl.DateTimeFormat(tag(), shown).format(new Date(text));
}

export const clock = (text) => new Intl.DateTimeFormat(tag(), { timeStyle: "short" }).format(new Date(text));

export function ago(text) {
  const seconds = Math.round((new Date(text).getTime() - Date.now()) / 1000);
  /** @type {[Intl.RelativeTimeFormatUnit, number][]} */
  const steps = [
    ["day", 86400],
    ["hour", 3600],
    ["minute", 60],
    ["second", 1],
  ];
  const [unit, size] = steps.find(([, length]) => Math.abs(seconds) >= length) ?? steps[steps.length - 1];
  return new Intl.RelativeTimeFormat(tag(), { numeric: "auto" }).format(Math.trunc(seconds / size), unit);
}
