// Asking the server. The token stays in this tab; what is asked about goes in bodies, never in an address.

const KEY = "idweave.token";
const SECONDS = 20;

export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

export const token = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  set: (text) => (text ? sessionStorage.setItem(KEY, text) : sessionStorage.removeItem(KEY)),
};

// A token that came behind # is kept by the browser; it is taken out of the address before anything else happens.
export function takeTokenFromAddress() {
  const found = /^#token=([\w.~+/=-]+)$/.exec(location.hash);
  if (!found) return;
  token.set(found[1]);
  history.replaceState(null, "", `${location.pathname}#/`);
}

/** @param {string} path  @param {unknown} body */
async function answered(path, body, accept = "application/json") {
  /** @type {Record<string, string>} */
  const headers = { Accept: accept };
  if (token.get()) headers.Authorization = `Bearer ${token.get()}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  /** @type {RequestInit} */
  const asked = { headers, method: body === undefined ? "GET" : "POST", signal: AbortSignal.timeout(SECONDS * 1000) };
  if (body !== undefined) asked.body = JSON.stringify(body);
  let answer;
  try {
    answer = await fetch(path, asked);
  } catch {
    throw new Problem(0, "");
  }
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => ({}));
  if (answer.status === 401) dispatchEvent(new CustomEvent("idweave:token"));
  throw new Problem(answer.status, told.detail ?? answer.statusText);
}

/** @param {string} path  @param {unknown} [body] */
export async function ask(path, body) {
  return (await answered(path, body)).json();
}

// An SVG as a document that is not shown. Its own styles are for where it stands alone; the page has its colours.
/** @param {string} path  @param {unknown} [body] */
export async function askPicture(path, body) {
  const text = await (await answered(path, body, "image/svg+xml")).text();
  const bare = text.replace(/<style>[^]*?<\/style>/, "");
  return new DOMParser().parseFromString(bare, "image/svg+xml").documentElement;
}

export const profilePath = (id, rest = "") => `/v1/profiles/${encodeURIComponent(id)}${rest}`;
