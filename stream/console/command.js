// A command: a form from the table in forms.json, a preview by a dry run, a confirmation, the answer.
// Nothing is decided here; what the server says is shown as it says it.

import { Problem, ask } from "./api.js";
import { h } from "./dom.js";
import { namespaces, t } from "./words.js";

const BY = "idweave.by";
let forms = {};
let role = null;
let around = []; // identifiers of the person in view, to choose from

export async function loadForms() {
  forms = await (await fetch("/console/forms.json")).json();
  return forms;
}

export const setRole = (name) => { role = name; };
export const isOperator = () => role === "operator";
export const setAround = (identifiers) => { around = identifiers; };

const written = (one) => `${one.namespace}:~${one.token}`;
const shown = (text) => {
  const known = around.find((one) => written(one) === text);
  return known ? `${known.namespace} ${known.display}` : text;
};

const inputId = (name) => `field-${name}`;

// A list of identifiers: those that are chosen, and a place to write another one.
function listField(field, values) {
  const chosen = [...(values ?? [])];
  const list = h("ul", { class: "chosen" });
  const input = h("input", { id: inputId(field.name), list: "around", autocomplete: "off", placeholder: t("field.placeholder") });
  const add = () => {
    const text = input.value.trim();
    if (text && !chosen.includes(text)) chosen.push(text);
    input.value = "";
    draw();
  };
  const draw = () => list.replaceChildren(...chosen.map((text) =>
    h("li", { class: "chip" }, h("span", { class: "value" }, shown(text)),
      h("button", { class: "quiet small", type: "button", "aria-label": t("field.remove", { name: shown(text) }),
        on: { click: () => { chosen.splice(chosen.indexOf(text), 1); draw(); input.focus(); } } }, "×"))));
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && input.value.trim()) { event.preventDefault(); add(); }
  });
  draw();
  const element = h("div", { class: "field" }, h("label", { for: input.id }, t(`field.${field.name}`)), list,
    h("div", { class: "row" }, input, h("button", { type: "button", on: { click: add } }, t("field.add"))));
  return { element, read: () => { add(); return chosen.length ? chosen : undefined; } };
}

function plainField(field, value) {
  const input = field.kind === "namespace"
    ? h("select", { id: inputId(field.name) }, h("option", { value: "" }, "–"), namespaces().map((one) => h("option", { value: one.name }, one.name)))
    : h("input", { id: inputId(field.name), autocomplete: "off", list: field.kind === "identifier" ? "around" : null,
        placeholder: field.kind === "identifier" ? t("field.placeholder") : null });
  input.value = value ?? "";
  const element = h("div", { class: "field" }, h("label", { for: input.id }, t(`field.${field.name}`)), input);
  return { element, read: () => input.value.trim() || undefined };
}

// The worker's answer, with what people see of identifiers where that is known.
function answerShown(answer) {
  const status = answer.dry_run && answer.status === "done" ? "would" : answer.status;
  const names = answer.identifiers ?? [];
  const left = answer.effect?.left ?? [];
  const listed = (label, texts) => texts.length > 0 && [h("dt", {}, t(label)), h("dd", {}, texts.map(shown).join(", "))];
  return h("div", { class: `answer ${answer.status}` },
    h("p", {}, h("span", { class: `badge status-${status}` }, t(`status.${status}`)), ` ${answer.detail ?? ""}`),
    h("dl", {}, listed("answer.identifiers", names), listed("answer.left", left), listed("answer.lifted", answer.effect?.lifted ?? [])));
}

// Open the dialog. `values`: what is known of the fields already. After it is done, the page is told to look again.
export function openCommand(type, values = {}) {
  const fields = forms[type].fields.map((field) => ({ name: field.name,
    ...(field.kind === "identifiers" ? listField : plainField)(field, values[field.name]) }));
  const by = plainField({ name: "by", kind: "text" }, localStorage.getItem(BY));
  const reason = plainField({ name: "reason", kind: "text" });
  const outcome = h("div", { class: "outcome", "aria-live": "polite" });
  const preview = h("button", { class: "primary", type: "submit" }, t("command.preview"));
  const confirm = h("button", { class: "danger", type: "button", hidden: true }, t("command.confirm"));
  const close = h("button", { type: "button", on: { click: () => dialog.close() } }, t("command.close"));
  const form = h("form", { novalidate: true }, h("h2", { id: "command-title" }, t(`type.${type}`)), h("p", { class: "faint" }, t(`about.${type}`)),
    h("datalist", { id: "around" }, around.map((one) => h("option", { value: written(one) }, `${one.namespace} ${one.display}`))),
    h("fieldset", {}, h("legend", { class: "hidden" }, t(`type.${type}`)), fields.map((field) => field.element), by.element, reason.element),
    outcome, h("div", { class: "row end" }, close, preview, confirm));
  const dialog = h("dialog", { class: "command", "aria-labelledby": "command-title", on: { close: () => dialog.remove() } }, form);

  function read() {
    // Another try is another command: an id that was answered once is answered the same for ever.
    const command = { id: crypto.randomUUID(), type, by: by.read(), reason: reason.read() };
    for (const field of fields) command[field.name] = field.read();
    if (command.by) localStorage.setItem(BY, command.by);
    return command;
  }

  async function send(command) {
    preview.disabled = confirm.disabled = true;
    outcome.replaceChildren(h("p", { class: "faint" }, t("command.waiting")));
    try {
      const answer = await ask("/v1/commands", command);
      outcome.replaceChildren(answer.status === "accepted" ? h("p", {}, t("command.accepted", { id: answer.id })) : answerShown(answer));
      return answer;
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      outcome.replaceChildren(h("p", { class: "wrong", role: "alert" }, problem.message || t("wrong.network")));
      return null;
    } finally {
      preview.disabled = confirm.disabled = false;
    }
  }

  let previewed = null;
  // What is confirmed is what was previewed: a field that changes takes the preview back.
  const forget = () => { previewed = null; confirm.hidden = true; };
  form.addEventListener("input", forget);
  form.querySelector("fieldset").addEventListener("click", (event) => { if (event.target.closest("button")) forget(); });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const command = read();
    const answer = await send({ ...command, dry_run: true });
    previewed = answer?.status === "done" ? command : null;
    confirm.hidden = previewed === null;
    if (previewed) { outcome.prepend(h("p", { class: "note" }, t("command.dry"))); confirm.focus(); }
  });
  confirm.addEventListener("click", async () => {
    const answer = await send(previewed);
    if (!answer) return;
    confirm.hidden = preview.hidden = true;
    form.querySelector("fieldset").disabled = true;
    if (answer.status === "done" && forms[type].undoable) {
      outcome.append(h("button", { type: "button", on: { click: () => { dialog.close(); openCommand("undo", { of: answer.id }); } } }, t("command.undo")));
    }
    close.focus();
    dispatchEvent(new CustomEvent("idweave:changed"));
  });
  document.body.append(dialog);
  dialog.showModal();
  if (!isOperator()) outcome.replaceChildren(h("p", { class: "note" }, t("command.operator")));
}
