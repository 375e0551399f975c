// The address: #/VIEW/PART/PART?KEY=VALUE. Every state worth sending or reloading is in it.

/** The address as a view, its parts, and its parameters. */
export function readAddress(hash = location.hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [view, ...parts] = path.split("/").filter(Boolean).map(decode);
  return { view: view ?? "home", parts, query: new URLSearchParams(query) };
}

/** The address of a view; parameters that are empty are left out. */
export function address(view, parts = [], query = {}) {
  const kept = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const text = new URLSearchParams(kept).toString();
  return `#/${[view, ...parts].map(encodeURIComponent).join("/")}${text ? `?${text}` : ""}`;
}

/** Go to an address; `replace` changes it without a step in the history and without opening the view anew, unless the page
 * has gone elsewhere meanwhile: a view that is still loading when it is left must not take the address back. A view that
 * shows something else from now on says what it was in the address before, `from`. */
export function go(hash, { replace = false, from = undefined } = {}) {
  if (!replace) location.hash = hash;
  else {
    const next = readAddress(hash), now = readAddress();
    if (isSamePlace(next, now) || (from !== undefined && next.view === now.view && now.parts[0] === from)) history.replaceState(null, "", hash);
  }
}

const isSamePlace = (a, b) => a.view === b.view && (!a.parts.length || !b.parts.length || a.parts[0] === b.parts[0]);

/** Go to another address instead, without a step in the history. */
export function redirect(hash) { location.replace(hash); }

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
