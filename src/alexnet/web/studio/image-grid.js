// A grid of thumbnails of any length: only what is visible is in the page. Selection by mouse and keys.
//
//   new ImageGrid(host, {source(item), label(item), badge(item), pair(number), selected, onchange(), onopen(item)})
//   items      numbers of images, in the order in which they are shown; in pairs, each two belong together, and `pair`
//              gives the words below them
//   selected   a Set of items, kept by the caller
import { h } from "./dom.js";

const CELL = 120; // px, at least
const LABEL = 22; // px below an image
const PAIR_LABEL = 24; // px below the two of a pair
const PAIR_EDGE = 6; // px between an image and the frame of its pair
const SPARE_ROWS = 2;
const MOST_LOADING = 4; // images that are loaded at a time while scrolling
const SETTLED = 90; // ms without scrolling after which all that are visible are loaded

export class ImageGrid {
  #items = []; #cells = new Map(); #frames = new Map(); #isPaired = false; #columns = 1; #side = CELL; #active = 0; #anchor = 0; #timer = 0; #frame = 0;

  constructor(host, options) {
    this.options = options;
    this.space = h("div", { class: "space", role: "presentation" });
    this.element = h("div", { class: "image-grid", role: "listbox", tabindex: 0, "aria-multiselectable": "true", "aria-label": "Images" }, this.space);
    this.element.addEventListener("scroll", () => this.#later());
    this.space.addEventListener("load", () => this.#load(MOST_LOADING), true);
    this.element.addEventListener("keydown", (event) => this.#press(event));
    this.element.addEventListener("mousedown", (event) => this.#point(event));
    this.element.addEventListener("dblclick", () => this.#items.length && options.onopen(this.#items[this.#active]));
    this.observer = new ResizeObserver(() => this.#layOut());
    this.observer.observe(this.element);
    host.append(this.element);
  }

  close() {
    this.observer.disconnect();
    clearTimeout(this.#timer);
    cancelAnimationFrame(this.#frame);
  }

  get active() { return this.#items[this.#active]; }

  /** The number of the pair of the active image. */
  get activePair() { return Math.floor(this.#active / 2); }

  /** Show other images, or the same ones in another order; the active one stays, where it is among them. */
  show(items, { isPaired = false } = {}) {
    const active = this.active;
    this.#items = items;
    this.#isPaired = isPaired;
    const place = items[this.#active] === active ? this.#active : items.indexOf(active);
    this.#active = this.#anchor = place < 0 ? Math.min(this.#active, Math.max(0, items.length - 1)) : place;
    this.#clear();
    this.#layOut();
    if (place < 0) this.element.scrollTop = Math.floor(this.#active / this.#columns) * this.#height;
  }

  /** Draw what is visible anew: badges or the selection have changed. */
  refresh() {
    for (const [place, cell] of this.#cells) this.#mark(cell, place);
  }

  /** Make an image active and the only selected one. */
  choose(item) {
    const place = this.#items.indexOf(item);
    if (place >= 0) this.#go(place);
  }

  /** Go on to the image after the active one, or to the next pair. */
  next() { this.#go(this.#isPaired ? 2 * this.activePair + 2 : this.#active + 1); }

  get #height() { return this.#side + LABEL + (this.#isPaired ? PAIR_LABEL : 0); }

  #layOut() {
    const width = this.element.clientWidth;
    if (width === 0) return;
    const most = Math.floor(width / CELL);
    const columns = this.#isPaired ? Math.max(2, most - (most % 2)) : Math.max(1, most);
    const side = Math.floor(width / columns);
    if (columns !== this.#columns || side !== this.#side) this.#clear();
    this.#columns = columns;
    this.#side = side;
    this.space.style.height = `${Math.ceil(this.#items.length / columns) * this.#height}px`;
    this.#draw();
  }

  #later() {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    const top = Math.floor(this.element.scrollTop / this.#height) - SPARE_ROWS;
    const rows = Math.ceil(this.element.clientHeight / this.#height) + 2 * SPARE_ROWS;
    const first = Math.max(0, top * this.#columns);
    const last = Math.min(this.#items.length, (top + rows) * this.#columns);
    for (const [place, cell] of this.#cells) {
      if (place < first || place >= last) {
        cell.firstChild.removeAttribute("src"); // an image that is not loaded yet need not be
        cell.remove();
        this.#cells.delete(place);
      }
    }
    for (let place = first; place < last; place += 1) {
      if (!this.#cells.has(place)) this.#add(place);
    }
    this.#framePairs(first, last);
    this.#load(MOST_LOADING);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#load(), SETTLED);
  }

  #add(place) {
    const cell = h("div", { class: "cell", role: "option", id: `cell-${place}` }, h("img", { alt: "", draggable: "false" }), h("span", { class: "badge" }), h("span", { class: "name" }));
    const edge = this.#isPaired ? PAIR_EDGE : 0;
    cell.style.width = `${this.#side - edge}px`;
    cell.style.height = `${this.#side + LABEL - edge}px`;
    this.#put(cell, place, place % 2 === 0 ? edge : 0, edge);
    cell.setAttribute("aria-setsize", this.#items.length);
    cell.setAttribute("aria-posinset", place + 1);
    this.#mark(cell, place);
    this.#cells.set(place, cell);
    this.space.append(cell);
  }

  #put(element, place, right, down) {
    const x = (place % this.#columns) * this.#side + right, y = Math.floor(place / this.#columns) * this.#height + down;
    element.style.transform = `translate(${x}px, ${y}px)`;
  }

  /** The frames around the pairs between two places. */
  #framePairs(first, last) {
    for (const [place, frame] of this.#frames) {
      if (place >= first && place < last) continue;
      frame.remove();
      this.#frames.delete(place);
    }
    for (let place = first; this.#isPaired && place < last; place += 2) {
      if (this.#frames.has(place)) continue;
      const frame = h("div", { class: "pair", "aria-hidden": "true" }, this.options.pair(place / 2));
      frame.style.width = `${2 * this.#side - 4}px`;
      frame.style.height = `${this.#height - 4}px`;
      this.#put(frame, place, 2, 2);
      this.#frames.set(place, frame);
      this.space.append(frame);
    }
  }

  #mark(cell, place) {
    const item = this.#items[place];
    const { text, kind } = this.options.badge(item);
    cell.className = `cell ${kind ?? ""}${place === this.#active ? " active" : ""}`;
    cell.setAttribute("aria-selected", String(this.options.selected.has(item)));
    cell.children[1].textContent = text ?? "";
    cell.children[2].textContent = this.options.label(item);
    cell.title = this.#isPaired ? `${this.options.label(item)}; ${this.options.pair(Math.floor(place / 2))}` : this.options.label(item);
  }

  #load(most = Infinity) {
    const images = [...this.#cells].map(([place, cell]) => [place, cell.firstChild]);
    let loading = images.filter(([, image]) => image.hasAttribute("src") && !image.complete).length;
    for (const [place, image] of images) {
      if (loading >= most) return;
      if (image.hasAttribute("src")) continue;
      image.src = this.options.source(this.#items[place]);
      loading += 1;
    }
  }

  #clear() {
    this.space.replaceChildren();
    this.#cells.clear();
    this.#frames.clear();
  }

  // --- choosing
  #go(place, { extend = false, toggle = false, keep = false } = {}) {
    if (this.#items.length === 0) return;
    const { selected } = this.options;
    this.#active = Math.max(0, Math.min(this.#items.length - 1, place));
    if (extend) {
      selected.clear();
      const [low, high] = [Math.min(this.#anchor, this.#active), Math.max(this.#anchor, this.#active)];
      for (let each = low; each <= high; each += 1) selected.add(this.#items[each]);
    } else {
      this.#anchor = this.#active;
      const item = this.active;
      if (toggle && selected.has(item)) selected.delete(item);
      else {
        if (!toggle && !keep) selected.clear();
        if (!keep) selected.add(item);
      }
    }
    this.#reveal();
    this.refresh();
    this.element.setAttribute("aria-activedescendant", `cell-${this.#active}`);
    this.options.onchange();
  }

  #reveal() {
    const top = Math.floor(this.#active / this.#columns) * this.#height;
    const { scrollTop, clientHeight } = this.element;
    if (top < scrollTop) this.element.scrollTop = top;
    else if (top + this.#height > scrollTop + clientHeight) this.element.scrollTop = top + this.#height - clientHeight;
    this.#draw();
  }

  #point(event) {
    const cell = event.target.closest(".cell");
    if (!cell || event.button !== 0) return;
    const place = Number(cell.id.slice("cell-".length));
    this.#go(place, { extend: event.shiftKey, toggle: event.ctrlKey || event.metaKey });
  }

  #press(event) {
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.#height)) * this.#columns;
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.#columns, ArrowDown: this.#columns, PageUp: -page, PageDown: page, Home: -Infinity, End: Infinity };
    const isCommand = event.ctrlKey || event.metaKey;
    if (event.key in steps) {
      this.#go(Math.max(0, Math.min(this.#items.length - 1, this.#active + steps[event.key])), { extend: event.shiftKey, keep: isCommand });
    } else if (event.key === " ") this.#go(this.#active, { toggle: true });
    else if (event.key === "a" && isCommand) {
      for (const item of this.#items) this.options.selected.add(item);
      this.refresh();
      this.options.onchange();
    } else if (event.key === "Enter" && this.#items.length) this.options.onopen(this.active);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
