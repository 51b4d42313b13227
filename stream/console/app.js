// Start here: words, who asks, routes by what is behind #, and the search.

import { ask, Problem, profilePath, takeTokenFromAddress, token } from "./api.js";
import { byId, h } from "./dom.js";
import { language, languages, loadWords, namespaces, setLanguage, setVocabulary, t } from "./words.js";
import { loadForms, setRole } from "./command.js";
import { setAround } from "./fields.js";
import { compareView } from "./compare.js";
import { overviewView } from "./overview.js";
import { personView } from "./person.js";
import { chip, profileLink } from "./entries.js";
import { failed } from "./failed.js";

const THEME = "idweave.theme";
const THEMES = ["auto", "light", "dark"];
let forms = {};
/** @type {(() => void) | null} */
let stop = null;
let shown = 0; // a view that comes too late is not shown

function say(text) {
  const place = byId("said");
  place.textContent = text;
  place.hidden = !text;
  if (text) {
    setTimeout(() => {
      if (place.textContent === text) place.hidden = true;
    }, 6000);
  }
}

function show(view) {
  stop?.();
  stop = null;
  byId("main").replaceChildren(view);
}

// A part of the address; what is no text there is nobody's.
function plain(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new Problem(404, "");
  }
}

async function route() {
  const [, name = "", ...rest] = location.hash.split("/");
  const turn = ++shown;
  for (const link of byId("nav").children) {
    link.toggleAttribute("aria-current", link.getAttribute("href") === `#/${name}`);
  }
  if (name !== "person") setAround([]);
  try {
    const parts = rest.map(plain);
    if (name === "person") {
      const view = await personView(parts[0], forms);
      if (turn === shown) show(view);
    } else if (name === "compare") {
      show(compareView(parts[0], parts[1]));
    } else {
      const overview = overviewView(forms);
      show(overview.view);
      stop = overview.stop;
    }
  } catch (problem) {
    if (turn === shown) show(failed(problem, route, name === "person"));
  }
}

// After a command the person is asked for until what is published has changed, for some seconds, and shown again.
async function lookAgain() {
  /** @type {HTMLElement | null} */
  const person = document.querySelector(".person");
  const there = person?.dataset;
  for (let tries = 0; there && tries < 12; tries += 1) {
    await new Promise((done) => setTimeout(done, 400));
    const now = await ask(profilePath(there.id)).catch((problem) => problem);
    if (now.status === 404 || (now.version && String(now.version) !== there.version)) break;
  }
  await route();
}

// What a text can be: something written out, a profile id, or a value of any namespace that takes it.
function candidates(text) {
  const kind = byId("kind").value;
  const names = namespaces().map((one) => one.name);
  if (names.includes(text.split(":")[0])) return [text];
  if (kind) return [`${kind}:${text}`];
  return names.map((name) => `${name}:${text}`);
}

async function search(text) {
  if (/^[a-z2-7]{26}$/.test(text)) {
    location.hash = `#/person/${text}`;
    return;
  }
  const found = new Map();
  const answers = await Promise.all(
    candidates(text).map((identifier) => ask("/v1/lookup", { identifier }).catch((problem) => problem)),
  );
  for (const answer of answers) {
    if (answer instanceof Problem) {
      if (answer.status !== 404 && answer.status !== 400) throw answer;
    } else if (answer instanceof Error) throw answer;
    else found.set(answer.profile_id, answer);
  }
  if (found.size === 0) throw answers.length === 1 && answers[0].status === 400 ? answers[0] : new Problem(404, "");
  byId("query").value = ""; // a number that has done its work does not stay on the screen
  if (found.size === 1) location.hash = `#/person/${[...found.keys()][0]}`;
  else {
    show(
      h(
        "section",
        { class: "card" },
        h("h1", {}, t("search.several")),
        h(
          "ul",
          { class: "found" },
          [...found.values()].map((profile) =>
            h("li", {}, profileLink(profile.profile_id), " ", profile.identifiers.slice(0, 4).map(chip))
          ),
        ),
      ),
    );
  }
}

function askForToken() {
  if (document.querySelector("dialog.token")) return;
  const input = h("input", { id: "token", type: "password", autocomplete: "off" });
  const form = h(
    "form",
    { method: "dialog" },
    h("h2", { id: "token-title" }, t("token.title")),
    h("p", { class: "faint" }, t("token.about")),
    h("div", { class: "field" }, h("label", { for: "token" }, t("token.label")), input),
    h(
      "div",
      { class: "row end" },
      h("button", { type: "button", on: { click: () => dialog.close() } }, t("command.close")),
      h("button", { class: "primary" }, t("token.button")),
    ),
  );
  const dialog = h(
    "dialog",
    { class: "token", "aria-labelledby": "token-title", on: { close: () => dialog.remove() } },
    form,
  );
  form.addEventListener("submit", async () => {
    token.set(input.value.trim());
    await start();
  });
  document.body.append(dialog);
  dialog.showModal();
}

function dress() {
  /** @type {NodeListOf<HTMLElement>} */
  const worded = document.querySelectorAll("[data-t]");
  for (const element of worded) element.textContent = t(element.dataset.t);
  byId("query").placeholder = t("search.placeholder");
  byId("kind").replaceChildren(
    h("option", { value: "" }, t("search.any")),
    ...namespaces().map((one) => h("option", { value: one.name }, one.name)),
  );
  byId("language").textContent = t("tool.language");
  byId("language").lang = language === "en" ? "zh" : "en";
  const theme = localStorage.getItem(THEME) ?? "auto";
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  byId("theme").textContent = t(`theme.${theme}`);
  byId("theme").setAttribute("aria-label", `${t("tool.theme")}: ${t(`theme.${theme}`)}`);
}

async function start() {
  try {
    const { role } = await ask("/v1/whoami");
    setRole(role);
    byId("role").textContent = t(`role.${role ?? "nobody"}`);
    byId("role").dataset.role = role ?? "nobody";
    setVocabulary(await ask("/v1/vocabulary"));
    dress();
    await route();
  } catch (problem) {
    dress();
    byId("role").textContent = t("role.nobody");
    show(failed(problem, start));
  }
}

takeTokenFromAddress();
addEventListener("hashchange", async () => {
  await route();
  byId("main").focus({ preventScroll: true });
  scrollTo(0, 0);
});
addEventListener("idweave:token", askForToken);
addEventListener("idweave:changed", lookAgain);
byId("search").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = byId("query").value.trim();
  if (!text) return;
  try {
    await search(text);
    say("");
  } catch (problem) {
    const said = { 0: t("wrong.network"), 404: t("search.nobody") }[problem.status];
    say(said ?? problem.message);
  }
});
byId("language").addEventListener("click", () => {
  setLanguage(languages[(languages.indexOf(language) + 1) % languages.length]);
  start();
});
byId("theme").addEventListener("click", () => {
  const theme = localStorage.getItem(THEME) ?? "auto";
  localStorage.setItem(THEME, THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]);
  dress();
});
byId("role").addEventListener("click", askForToken);
[forms] = await Promise.all([loadForms(), loadWords()]);
await start();
