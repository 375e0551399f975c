// The image of Inside on a canvas: parts are covered by pointer or by a brush that the arrow keys move.
import { Brush, CELLS } from "./brush.js";
import { h } from "./dom.js";

const REACH = 1; // cells around the brush
const NAME = "the image as the network gets it; drag to cover parts, or move the brush with the arrow keys, "
  + "cover with Space, uncover all with Escape";

export class CoveredImage {
  #source = null; #field = null; #turn = 0;

  /** `changed` is called when other cells are covered; `say` with a line that is announced. */
  constructor(changed, say) {
    this.changed = changed; this.say = say;
    this.covered = new Set(); // numbers of cells, row by row
    this.canvas = h("canvas", { class: "own", tabindex: 0, role: "application", "aria-roledescription": "image", "aria-label": NAME });
    this.brush = new Brush(this.canvas, { draw: (place) => this.#cover(place), press: () => this.#coverOrUncover(), clear: () => this.uncover(),
      say, changed: () => this.#draw(), isReady: () => this.#source !== null });
  }

  /** Show an image, {width, height} as a canvas draws it; what is covered stays covered. */
  show(source) { this.#source = source; this.#draw(); }
  /** Show the address of an image, unless another is shown before it is there; resolves when it is drawn. */
  async load(address) {
    const image = new Image(), turn = this.#turn += 1;
    image.src = address;
    await image.decode();
    if (turn === this.#turn) this.show(image);
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
    this.brush.outline(pen, (REACH + 0.5) / CELLS);
  }

  #cover(place) {
    const before = this.covered.size;
    for (const cell of around(...place.map((each) => Math.floor(each * CELLS)))) this.covered.add(cell);
    if (this.covered.size === before) return;
    this.#draw(); this.changed();
  }
  /** Cover what is under the brush; uncover it where all of it is covered. */
  #coverOrUncover() {
    const cells = around(...this.brush.cell), isCovered = cells.every((cell) => this.covered.has(cell));
    for (const cell of cells) this.covered[isCovered ? "delete" : "add"](cell);
    this.say(`${isCovered ? "Uncovered" : "Covered"} at ${this.brush.words}.`);
    this.#draw(); this.changed();
  }
}

/** The cells under the brush around a cell, as far as they are on the image. */
function around(x, y) {
  const near = (at) => Array.from({ length: 2 * REACH + 1 }, (_, n) => at + n - REACH).filter((each) => each >= 0 && each < CELLS);
  return near(y).flatMap((row) => near(x).map((column) => row * CELLS + column));
}
