// The image of Inside on a canvas: parts are covered by pointer or by a brush that the arrow keys move.
import { h } from "./dom.js";

const CELLS = 24; // a side, in which the image is covered
const BRUSH = 1; // cells around the pointer
const MOVES = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
const NAME = "the image as the network gets it; drag to cover parts, or move the brush with the arrow keys, "
  + "cover with Space, uncover all with Escape";

export class CoveredImage {
  #source = null; #field = null; #isBrushShown = false; #isDrawing = false;
  #brush = [CELLS / 2, CELLS / 2]; // its middle cell, x and y, when the keyboard moves it

  /** `changed` is called when other cells are covered; `say` with a line that is announced. */
  constructor(changed, say) {
    this.changed = changed; this.say = say;
    this.covered = new Set(); // numbers of cells, row by row
    this.canvas = h("canvas", { class: "own", tabindex: 0, role: "application", "aria-roledescription": "image", "aria-label": NAME });
    this.#listen();
  }

  /** Show an image, {width, height} as a canvas draws it; what is covered stays covered. */
  show(source) { this.#source = source; this.#draw(); }
  /** Show the address of an image; resolves when it is drawn. */
  async load(address) {
    const image = new Image();
    image.src = address;
    await image.decode();
    this.show(image);
  }
  /** Draw a frame around [top, left, bottom, right], px of the image; null draws none. */
  outline(field) { this.#field = field; this.#draw(); }
  uncover() {
    if (this.covered.size === 0) return;
    this.covered.clear();
    this.#draw(); this.changed();
  }

  #draw() {
    const { canvas } = this, pen = canvas.getContext("2d");
    if (!this.#source) return;
    canvas.width = canvas.height = this.#source.width;
    pen.drawImage(this.#source, 0, 0);
    pen.fillStyle = "rgb(128 128 128)";
    const side = canvas.width / CELLS;
    for (const cell of this.covered) {
      pen.fillRect((cell % CELLS) * side, Math.floor(cell / CELLS) * side, side + 0.5, side + 0.5);
    }
    if (this.#field) {
      const [top, left, bottom, right] = this.#field;
      pen.strokeStyle = "#e69f00"; pen.lineWidth = 1;
      pen.strokeRect(left + 0.5, top + 0.5, right - left - 1, bottom - top - 1);
    }
    if (this.#isBrushShown) this.#drawBrush(pen, side);
  }
  #drawBrush(pen, side) {
    const [x, y] = this.#brush.map((at) => Math.round((at - BRUSH) * side)), width = Math.round((2 * BRUSH + 1) * side);
    pen.lineWidth = 1; // a dark ring within a light one is seen on any image
    for (const out of [0.5, -0.5]) {
      pen.strokeStyle = out > 0 ? "#ffffff" : "#000000";
      pen.strokeRect(x - out, y - out, width + 2 * out, width + 2 * out);
    }
  }

  #cover(event) {
    const box = this.canvas.getBoundingClientRect();
    const place = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    const before = this.covered.size;
    for (const cell of under(...place.map((each) => Math.floor(each * CELLS)))) this.covered.add(cell);
    if (this.covered.size === before) return;
    this.#draw(); this.changed();
  }
  /** Cover what is under the brush; uncover it where all of it is covered. */
  #coverOrUncover() {
    const cells = under(...this.#brush), isCovered = cells.every((cell) => this.covered.has(cell));
    for (const cell of cells) this.covered[isCovered ? "delete" : "add"](cell);
    this.say(`${isCovered ? "Uncovered" : "Covered"} at ${this.#place()}.`);
    this.#draw(); this.changed();
  }
  #place() { return `row ${this.#brush[1] + 1}, column ${this.#brush[0] + 1} of ${CELLS}`; }
  #press(event) {
    const move = MOVES[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey || !this.#source) return;
    if (move) {
      this.#brush = this.#brush.map((at, axis) => Math.max(0, Math.min(CELLS - 1, at + move[axis])));
      this.say(`Brush at ${this.#place()}.`);
    } else if (event.key === " ") this.#coverOrUncover();
    else if (event.key === "Escape") this.uncover();
    else return;
    event.preventDefault();
    this.#showBrush(true);
  }
  #showBrush(isShown) { this.#isBrushShown = isShown; this.#draw(); }

  #listen() {
    const { canvas } = this;
    canvas.addEventListener("keydown", (event) => this.#press(event));
    canvas.addEventListener("focus", () => this.#showBrush(canvas.matches(":focus-visible")));
    canvas.addEventListener("blur", () => this.#showBrush(false));
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.#isDrawing = true;
      this.#cover(event);
    });
    canvas.addEventListener("pointermove", (event) => this.#isDrawing && this.#cover(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { this.#isDrawing = false; });
  }
}

/** The cells under the brush around a cell, as far as they are on the image. */
function under(x, y) {
  const around = (at) => Array.from({ length: 2 * BRUSH + 1 }, (_, n) => at + n - BRUSH).filter((each) => each >= 0 && each < CELLS);
  return around(y).flatMap((row) => around(x).map((column) => row * CELLS + column));
}
