// Fields of a command's form: a list of identifiers, one identifier, a namespace, a text.

import { h } from "./dom.js";
import { namespaces, t } from "./words.js";

let around = []; // identifiers of the person in view, to choose from

export const setAround = (identifiers) => {
  around = identifiers;
};

// How commands name an identifier of which only the token is known.
export const written = (one) => `${one.namespace}:~${one.token}`;
export const shown = (text) => {
  const known = around.find((one) => written(one) === text);
  return known ? `${known.namespace} ${known.display}` : text;
};

// Of whom it erased, an erase keeps digests that name nobody: how many there were, it says in words.
export const namesOnlyDigests = (command) => command === "erase";

const inputId = (name) => `field-${name}`;

// A list of identifiers: those that are chosen, and a place to write another one.
export function listField(field, values) {
  const chosen = [...(values ?? [])];
  const list = h("ul", { class: "chosen" });
  const input = h("input", {
    id: inputId(field.name),
    list: "around",
    autocomplete: "off",
    placeholder: t("field.placeholder"),
  });
  const add = () => {
    const text = input.value.trim();
    if (text && !chosen.includes(text)) chosen.push(text);
    input.value = "";
    draw();
  };
  const draw = () =>
    list.replaceChildren(
      ...chosen.map((text) =>
        h(
          "li",
          { class: "chip" },
          h("span", { class: "value" }, shown(text)),
          h(
            "button",
            {
              class: "quiet small",
              type: "button",
              "aria-label": t("field.remove", { name: shown(text) }),
              on: {
                click: () => {
                  chosen.splice(chosen.indexOf(text), 1);
                  draw();
                  input.focus();
                },
              },
            },
            "×",
          ),
        )
      ),
    );
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && input.value.trim()) {
      event.preventDefault();
      add();
    }
  });
  draw();
  const element = h(
    "div",
    { class: "field" },
    h("label", { for: input.id }, t(`field.${field.name}`)),
    list,
    h("div", { class: "row" }, input, h("button", { type: "button", on: { click: add } }, t("field.add"))),
  );
  return {
    element,
    read: () => {
      add();
      return chosen.length ? chosen : undefined;
    },
  };
}

export function plainField(field, value) {
  const input = field.kind === "namespace"
    ? h(
      "select",
      { id: inputId(field.name) },
      h("option", { value: "" }, "–"),
      namespaces().map((one) => h("option", { value: one.name }, one.name)),
    )
    : h("input", {
      id: inputId(field.name),
      autocomplete: "off",
      list: field.kind === "identifier" ? "around" : null,
      placeholder: field.kind === "identifier" ? t("field.placeholder") : null,
    });
  input.value = value ?? "";
  const element = h("div", { class: "field" }, h("label", { for: input.id }, t(`field.${field.name}`)), input);
  return { element, read: () => input.value.trim() || undefined };
}

// What can be chosen instead of typed.
export const aroundList = () =>
  h(
    "datalist",
    { id: "around" },
    around.map((one) => h("option", { value: written(one) }, `${one.namespace} ${one.display}`)),
  );
