// A command: a form from the table in forms.json, a preview by a dry run, a confirmation, the answer.
// Nothing is decided here; what the server says is shown as it says it.

import { ask, Problem } from "./api.js";
import { h } from "./dom.js";
import { t } from "./words.js";
import { aroundList, listField, namesOnlyDigests, plainField, shown } from "./fields.js";
/** @import { Result } from "./answers.d.ts" */

const BY = "idweave.by";
let forms = {};
let role = null;

export async function loadForms() {
  forms = await (await fetch("/console/forms.json")).json();
  return forms;
}

export const setRole = (name) => {
  role = name;
};
export const isOperator = () => role === "operator";

// The worker's answer, with what people see of identifiers where that is known.
/** @param {Result} answer */
function answerShown(answer) {
  const status = answer.dry_run && answer.status === "done" ? "would" : answer.status;
  const names = namesOnlyDigests(answer.type) ? [] : (answer.identifiers ?? []);
  const left = answer.effect?.left ?? [];
  const listed = (label, texts) =>
    texts.length > 0 && [h("dt", {}, t(label)), h("dd", {}, texts.map(shown).join(", "))];
  return h(
    "div",
    { class: `answer ${answer.status}` },
    h("p", {}, h("span", { class: `badge status-${status}` }, t(`status.${status}`)), ` ${answer.detail ?? ""}`),
    h(
      "dl",
      {},
      listed("answer.identifiers", names),
      listed("answer.left", left),
      listed("answer.lifted", answer.effect?.lifted ?? []),
    ),
  );
}

// Open the dialog. `values`: what is known of the fields already. After it is done, the page is told to look again.
export function openCommand(type, values = {}) {
  const fields = forms[type].fields.map((field) => ({
    name: field.name,
    ...(field.kind === "identifiers" ? listField : plainField)(field, values[field.name]),
  }));
  const by = plainField({ name: "by", kind: "text" }, localStorage.getItem(BY));
  const reason = plainField({ name: "reason", kind: "text" });
  const outcome = h("div", { class: "outcome", "aria-live": "polite" });
  const preview = h("button", { class: "primary", type: "submit" }, t("command.preview"));
  const confirm = h("button", { class: "danger", type: "button", hidden: true }, t("command.confirm"));
  const close = h("button", { type: "button", on: { click: () => dialog.close() } }, t("command.close"));
  const form = h(
    "form",
    { novalidate: true },
    h("h2", { id: "command-title" }, t(`type.${type}`)),
    h("p", { class: "faint" }, t(`about.${type}`)),
    aroundList(),
    h(
      "fieldset",
      {},
      h("legend", { class: "hidden" }, t(`type.${type}`)),
      fields.map((field) => field.element),
      by.element,
      reason.element,
    ),
    outcome,
    h("div", { class: "row end" }, close, preview, confirm),
  );
  const dialog = h(
    "dialog",
    { class: "command", "aria-labelledby": "command-title", on: { close: () => dialog.remove() } },
    form,
  );

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
      outcome.replaceChildren(
        answer.status === "accepted" ? h("p", {}, t("command.accepted", { id: answer.id })) : answerShown(answer),
      );
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
  const forget = () => {
    previewed = null;
    confirm.hidden = true;
  };
  form.addEventListener("input", forget);
  form.querySelector("fieldset").addEventListener("click", (event) => {
    if (event.target.closest("button")) forget();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const command = read();
    const answer = await send({ ...command, dry_run: true });
    previewed = answer?.status === "done" ? command : null;
    confirm.hidden = previewed === null;
    if (previewed) {
      outcome.prepend(h("p", { class: "note" }, t("command.dry")));
      if (forms[type].undoable) confirm.focus(); // else nobody confirms by pressing Enter once too often
    }
  });
  confirm.addEventListener("click", async () => {
    const answer = await send(previewed);
    if (!answer) return;
    confirm.hidden = preview.hidden = true;
    form.querySelector("fieldset").disabled = true;
    if (answer.status === "done" && forms[type].undoable) {
      outcome.append(
        h(
          "button",
          {
            type: "button",
            on: {
              click: () => {
                dialog.close();
                openCommand("undo", { of: answer.id });
              },
            },
          },
          t("command.undo"),
        ),
      );
    }
    close.focus();
    dispatchEvent(new CustomEvent("idweave:changed"));
  });
  document.body.append(dialog);
  dialog.showModal();
  if (!isOperator()) outcome.replaceChildren(h("p", { class: "note" }, t("command.operator")));
}
