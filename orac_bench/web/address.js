// The address bar holds what is seen: `#/view/name?key=value`. A link shows the same view.

/** What `hash` asks for: the view's name, what it is of (null for none), and its query. */
export function parsed(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [view, ...rest] = path.split("/");
  return {
    view: view || "overview",
    name: rest.length ? decoded(rest.join("/")) : null,
    query: new URLSearchParams(query),
  };
}

/** The address of a view; values that are empty are left out, lists are repeated. */
export function address(view, name = null, query = {}) {
  const pairs = Object.entries(query).flatMap(([key, value]) =>
    (Array.isArray(value) ? value : [value]).map((one) => [key, one]),
  );
  const kept = new URLSearchParams(
    pairs.filter(([, value]) => value !== null && value !== undefined && value !== "" && value !== false),
  );
  const path = `#/${view === "overview" ? "" : view}${name === null ? "" : `/${encodeURIComponent(name)}`}`;
  return kept.size ? `${path}?${kept}` : path;
}

/** Puts `changes` into the query of the present address, without a new entry in the browser's history. */
export function remember(changes) {
  const { view, name, query } = parsed(location.hash);
  const now = Object.fromEntries([...new Set(query.keys())].map((key) => [key, query.getAll(key)]));
  history.replaceState(null, "", address(view, name, { ...now, ...changes }));
}

/** Goes to an address. */
export function go(where) {
  location.hash = where.replace(/^#/, "");
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
