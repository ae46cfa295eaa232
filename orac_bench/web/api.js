// Calls of the service. What it refuses is a Problem; where it does not answer, Unreachable.

const TOKEN = "orac.token";
const PATIENCE_MS = 30_000;
const UNTOLD = "Try again. Where it stays so, the service's log tells more, and loading this page anew may help.";

/** What the service said went wrong: `detail`, and `next`, what to do about it. */
export class Problem extends Error {
  constructor(status, told) {
    super(told.detail || told.title || `The service answered ${status}.`);
    this.status = status;
    this.title = told.title ?? "This failed";
    this.next = told.next ?? null;
    this.told = told;
  }
}

/** The service did not answer at all. */
export class Unreachable extends Error {
  constructor() {
    super("The service does not answer.");
  }
}

/**
 * The JSON that GET `path` answers. Whoever waits too long is told that the service does not answer: where the network is
 * gone, what is asked comes back never, and keeps one of the six connections that a browser has for all.
 */
export async function read(path, { signal, patience = PATIENCE_MS } = {}) {
  return decoded(path, await answered(path, { signal: patient(signal, patience) }));
}

/** The text that GET `path` answers, no longer waited for than `read` does. */
export async function readText(path, { signal, patience = PATIENCE_MS } = {}) {
  const response = await answered(path, { signal: patient(signal, patience) });
  return response.text().catch((error) => {
    throw error.name === "AbortError" ? error : new Unreachable();
  });
}

/** Changes something; the answer's JSON, null where it has none. Asks for the token where one is needed, unless not to. */
export async function change(method, path, body = null, { signal, ask = true } = {}) {
  const response = await send(method, path, body, { signal, ask });
  return response.status === 204 ? null : decoded(path, response);
}

/** The same, with the whole response: for answers that stream. */
export async function send(method, path, body = null, { signal, ask = true } = {}) {
  for (let wrong = false; ; wrong = true) {
    const token = sessionStorage.getItem(TOKEN);
    const headers = {
      ...(body === null ? {} : { "Content-Type": "application/json" }),
      ...(token === null ? {} : { Authorization: `Bearer ${token}` }),
    };
    try {
      return await answered(path, { method, headers, body: body === null ? undefined : JSON.stringify(body), signal });
    } catch (error) {
      if (!(error instanceof Problem && error.status === 401)) throw error;
      sessionStorage.removeItem(TOKEN);
      if (!ask) throw error;
      const { tokenAsked } = await import("./token.js");
      const given = await tokenAsked({ wrong: wrong || token !== null });
      if (given === null) throw error;
      sessionStorage.setItem(TOKEN, given);
    }
  }
}

/** A signal at the end of `patience` in ms, or at that of `signal`. */
function patient(signal, patience) {
  const late = AbortSignal.timeout(patience);
  return signal ? AbortSignal.any([signal, late]) : late;
}

/** The answer to what begin.js has asked already, once; null where it has not. */
function begun(path) {
  const found = window.begun?.get(path) ?? null;
  window.begun?.delete(path);
  return found;
}

/** The JSON of a response. Raises a Problem where it is none, and Unreachable where it ends before its end. */
async function decoded(path, response) {
  try {
    return await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    if (!(error instanceof SyntaxError)) throw new Unreachable();
    const what = { title: "The answer cannot be read", detail: `What came for ${path} is no JSON.`, next: UNTOLD };
    throw new Problem(response.status, what);
  }
}

async function answered(path, options) {
  let response;
  try {
    response = (await begun(path)) ?? (await fetch(path, options));
  } catch (error) {
    throw error.name === "AbortError" ? error : new Unreachable();
  }
  if (response.ok) return response;
  let told = { next: UNTOLD };
  try {
    told = await response.json();
  } catch {
    // no problem+json: the status alone is told
  }
  throw new Problem(response.status, told);
}
