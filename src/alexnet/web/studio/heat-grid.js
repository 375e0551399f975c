// The units of a fully connected layer as a grid of colors, one cell each, row by row. The mouse or the arrow keys look
// at a unit, a click or Enter opens it.
import { fill, h } from "./dom.js";
import { extremes, paintValues, short } from "./paint.js";
import { whenSeen } from "./when-seen.js";

const NARROW = matchMedia("(max-width: 48rem)");
const CELL = 16; // px of a unit, at most

export class HeatGrid {
  #left = new AbortController(); #number = 0; #isLooking = false; #chosen = -1;

  /** `name` is the name of a unit by its number; `open` is called with the number of one that is chosen. */
  constructor(layer, { name, open }) {
    this.name = name; this.values = new Float32Array();
    this.canvas = h("canvas", { tabindex: 0, role: "application", "aria-roledescription": "grid of units", "aria-label": `the units of ${layer}; the arrow keys look at one, Enter opens it` });
    this.at = h("i", { class: "at", hidden: true });
    this.mine = h("i", { class: "chosen", hidden: true });
    this.line = h("p", { class: "looked soft", role: "status" });
    this.frame = h("div", { class: "heat" }, this.canvas, this.mine, this.at);
    this.root = h("div", {}, this.frame, this.line);
    this.draw = whenSeen(this.frame, () => this.#draw());
    const { canvas } = this;
    canvas.addEventListener("mousemove", (event) => this.#look(this.#under(event)));
    canvas.addEventListener("mouseleave", () => this.#leave());
    canvas.addEventListener("blur", () => this.#leave());
    canvas.addEventListener("focus", () => canvas.matches(":focus-visible") && this.#look(this.#number));
    canvas.addEventListener("click", (event) => { const number = this.#under(event); if (number < this.values.length) open(number); });
    canvas.addEventListener("keydown", (event) => this.#press(event, open));
    NARROW.addEventListener("change", () => { this.#size(); this.draw(); }, { signal: this.#left.signal });
  }

  /** The grid is not shown any more. */
  close() { this.#left.abort(); }

  /** Show the values of the units, in their order. */
  show(values) {
    const isNew = values.length !== this.values.length;
    this.values = values;
    if (isNew) this.#size();
    this.draw();
  }

  /** Mark a unit as the one that is open; -1 marks none. */
  mark(number) {
    this.#chosen = number;
    if (number >= 0) this.#number = number;
    this.#place(this.mine, number);
  }

  get columns() {
    const { length } = this.values, width = NARROW.matches ? length : 4 * length;
    return 2 ** Math.ceil(Math.log2(Math.sqrt(width))); // a power of two: rows can be counted
  }
  get rows() { return Math.ceil(this.values.length / this.columns); }

  #under({ offsetX, offsetY }) {
    const { canvas, columns, rows } = this;
    const column = Math.min(columns - 1, Math.max(0, Math.floor((offsetX / canvas.clientWidth) * columns)));
    return Math.max(0, Math.floor((offsetY / canvas.clientHeight) * rows)) * columns + column;
  }

  #press(event, open) {
    const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.columns, ArrowDown: this.columns };
    const places = { Home: 0, End: this.values.length - 1 };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in moves || event.key in places) {
      const to = places[event.key] ?? this.#number + moves[event.key];
      if (to >= 0 && to < this.values.length) this.#look(to);
    } else if (event.key === "Enter" || event.key === " ") open(this.#number);
    else return;
    event.preventDefault();
  }

  #look(number) {
    if (number >= this.values.length) { this.#leave(); return; } // behind the last unit
    this.#number = number; this.#isLooking = true;
    this.#place(this.at, number);
    this.#tell();
  }
  #leave() { this.#isLooking = false; this.at.hidden = true; this.#tell(); }
  #tell() {
    const text = this.#isLooking ? `${this.name(this.#number)}: ${short(this.values[this.#number])}` : scale(this.values);
    if (this.line.textContent !== text) fill(this.line, text);
  }

  #place(mark, number) {
    const { columns, rows } = this;
    mark.hidden = number < 0 || number >= this.values.length;
    Object.assign(mark.style, { left: `${(100 * (number % columns)) / columns}%`, top: `${(100 * Math.floor(number / columns)) / rows}%`, width: `${100 / columns}%`, height: `${100 / rows}%` });
  }

  /** Take the room of the grid before it is drawn. */
  #size() {
    Object.assign(this.canvas, { width: this.columns, height: this.rows });
    this.frame.style.maxWidth = `${CELL * this.columns}px`;
  }

  #draw() {
    if (this.values.length === 0) return;
    paintValues(this.canvas, this.values, this.columns);
    this.#place(this.mine, this.#chosen);
    if (this.#isLooking) this.#place(this.at, this.#number);
    this.#tell();
  }
}

/** What the colors of the values mean. */
function scale(values) {
  const [least, most] = extremes(values), size = short(Math.max(-least, most));
  return least < 0 ? `from \u2212${size} (blue) over 0 (white) to ${size} (red)` : `from 0 (dark) to ${size} (bright)`;
}
