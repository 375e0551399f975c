// Elements from values: what is shown is always set as text or as an attribute, never parsed as HTML.

const SVG = "http://www.w3.org/2000/svg";

/** An element. Properties: `on...` are listeners, `class` and other names attributes, null or false leave one out. */
export function h(name, properties = {}, ...children) {
  return build(document.createElement(name), properties, children);
}

/** The same in SVG. */
export function s(name, properties = {}, ...children) {
  return build(document.createElementNS(SVG, name), properties, children);
}

function build(element, properties, children) {
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "value" || key === "checked") element[key] = value;
    else element.setAttribute(key, value === true ? "" : value);
  }
  put(element, children);
  return element;
}

function put(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
}

/** Replace what an element holds. */
export function fill(element, ...children) {
  element.replaceChildren();
  put(element, children);
  return element;
}

/** The same, unless it holds just that already: what has the focus in it keeps it. */
export function fillWhereChanged(element, ...children) {
  const next = fill(h("div"), ...children);
  if (element.innerHTML !== next.innerHTML) element.replaceChildren(...next.childNodes);
  return element;
}

/** Change what an element holds: what had the focus in it, or what is now in its place by tag, address and name, has it after. */
export function keepFocus(element, change) {
  const focused = document.activeElement, name = focused !== element && element.contains(focused) ? nameOf(focused) : null;
  change();
  if (name === null || element.contains(document.activeElement)) return;
  const same = element.contains(focused) ? focused : [...element.querySelectorAll(focused.localName)].find((each) => nameOf(each) === name);
  same?.focus({ preventScroll: true });
}

const nameOf = (element) => [element.id, element.getAttribute("href"), element.getAttribute("aria-label") ?? element.textContent].join("\n");

/** A text in which what stands between backticks is code. */
export const prose = (text) => text.split("`").map((piece, place) => (place % 2 ? h("code", {}, piece) : piece));

/** A fraction in percent. */
export const percent = (fraction) => (fraction === null || fraction === undefined ? "–" : `${(100 * fraction).toFixed(1)}\u00a0%`);

/** A difference of two fractions in percentage points, with its sign. */
export const points = (difference) => `${difference < 0 ? "\u2212" : "+"}${(100 * Math.abs(difference)).toFixed(1)}`;

/** A count with its noun: `1 image`, `2,000 images`, `8 classes`. */
export const numberOf = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : word.endsWith("s") ? "es" : "s"}`;

/** A time as people read it. */
export function duration(seconds) {
  if (seconds < 1) return "under a second";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} minutes`;
  return seconds < 172800 ? `${(seconds / 3600).toFixed(1)} hours` : `${(seconds / 86400).toFixed(1)} days`;
}

/** Bytes as people read them. */
export function bytes(count) {
  /** @type {[number, string][]} */
  const units = [[1e12, "TB"], [1e9, "GB"], [1e6, "MB"], [1e3, "kB"]];
  const [size, unit] = units.find(([least]) => count >= least) ?? /** @type {[number, string]} */ ([1, "bytes"]);
  return `${(count / size).toFixed(size > 1 ? 1 : 0)} ${unit}`;
}
