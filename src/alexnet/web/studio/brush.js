// A brush on the canvas of an image: moved by the pointer or, cell by cell, by the arrow keys.

export const CELLS = 24; // a side, through which the arrow keys move

const MOVES = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };

export class Brush {
  #cell = [CELLS / 2, CELLS / 2]; #isShown = false; #isDown = false;

  /**
   * `draw` gets a place, x and y as fractions of the image, and whether a stroke begins there; `press` is Space, `clear`
   * Escape, `say` announces a line, `changed` is called when the brush has moved or is shown; `isReady` tells whether
   * there is an image.
   */
  constructor(canvas, { draw, press, clear, say, changed, isReady }) {
    this.canvas = canvas; this.say = say; this.changed = changed;
    canvas.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !isReady()) return;
      if (MOVES[event.key]) this.#move(MOVES[event.key]);
      else if (event.key === " ") press();
      else if (event.key === "Escape") clear();
      else return;
      event.preventDefault();
      this.#show(true);
    });
    canvas.addEventListener("focus", () => this.#show(canvas.matches(":focus-visible")));
    canvas.addEventListener("blur", () => this.#show(false));
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      this.#isDown = true;
      draw(this.#under(event), true);
    });
    canvas.addEventListener("pointermove", (event) => this.#isDown && draw(this.#under(event), false));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { this.#isDown = false; });
  }

  /** Column and row of its cell. */
  get cell() { return this.#cell; }
  /** The middle of its cell, as fractions of the image. */
  get place() { return this.#cell.map((at) => (at + 0.5) / CELLS); }
  get words() { return `row ${this.#cell[1] + 1}, column ${this.#cell[0] + 1} of ${CELLS}`; }

  /** Draw its outline, where the keyboard moves it: `radius` is a fraction of the side. */
  outline(pen, radius, isRound = false) {
    if (!this.#isShown) return;
    const side = this.canvas.width, [x, y] = this.place.map((at) => Math.round(at * side)), reach = Math.round(radius * side);
    pen.lineWidth = 1; // a dark ring within a light one is seen on any image
    for (const out of [0.5, -0.5]) {
      pen.strokeStyle = out > 0 ? "#ffffff" : "#000000";
      pen.beginPath();
      if (isRound) pen.arc(x, y, Math.max(0.5, reach + out), 0, 2 * Math.PI);
      else pen.rect(x - reach - out, y - reach - out, 2 * (reach + out), 2 * (reach + out));
      pen.stroke();
    }
  }

  #move(by) {
    this.#cell = this.#cell.map((at, axis) => Math.max(0, Math.min(CELLS - 1, at + by[axis])));
    this.say(`Brush at ${this.words}.`);
  }
  #under(event) {
    const box = this.canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }
  #show(isShown) { this.#isShown = isShown; this.changed(); }
}
