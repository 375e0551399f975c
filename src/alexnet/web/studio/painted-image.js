// An image that is painted on: strokes of a color and a width, or that restore the image; undone and redone one by one.
import { Brush } from "./brush.js";
import { fill, h } from "./dom.js";

const SIDE = 320; // px of the longest side: more than any network here gets
const NAME = "the image; drag to paint on it, or move the brush with the arrow keys, press Space to put it down and "
  + "again to lift it; Escape takes all away";
const COLORS = [["gray", "#808080"], ["black", "#000000"], ["white", "#ffffff"], ["red", "#d7191c"], ["yellow", "#f0c808"], ["green", "#1a9641"], ["blue", "#2b6cd4"]];
const RESTORE = "restore";

export class PaintedImage {
  #base = null; #turn = 0; #strokes = []; #undone = []; #isDown = false; // the brush, by keyboard

  /** `changed` is called when what is painted has changed; `say` with a line that is announced. */
  constructor(changed, say) {
    this.changed = changed; this.say = say;
    this.color = COLORS[0][1]; this.width = 0.15; // of the side
    this.canvas = h("canvas", { class: "own", tabindex: 0, role: "application", "aria-roledescription": "image", "aria-label": NAME });
    this.brush = new Brush(this.canvas, { draw: (place, isFirst) => this.#paint(place, isFirst), press: () => this.#putDown(), clear: () => this.clear(),
      say, changed: () => this.#moved(), isReady: () => this.#base !== null });
    this.tools = h("div", { class: "paint-tools", role: "group", "aria-label": "brush" });
    this.#buildTools();
  }

  get isPainted() { return this.#strokes.length > 0; }
  get isReady() { return this.#base !== null; }

  /** Show the middle square of an image, of `width` and `height` px as a canvas draws it; nothing is painted on it. */
  show(source, width, height) {
    const most = Math.min(width, height), side = Math.min(SIDE, most);
    this.#turn += 1;
    this.#base = h("canvas", { width: side, height: side });
    const pen = this.#base.getContext("2d");
    pen.imageSmoothingQuality = "high";
    pen.drawImage(source, (width - most) / 2, (height - most) / 2, most, most, 0, 0, side, side);
    this.#strokes = []; this.#undone = []; this.#isDown = false;
    this.#draw();
  }
  /** The same of the address of an image; resolves when it is drawn, or is not to be drawn any more, since another was shown. */
  async load(address) {
    const image = new Image(), turn = this.#turn += 1;
    image.src = address;
    try { await image.decode(); } catch (error) { if (turn === this.#turn) throw error; }
    if (turn === this.#turn) this.show(image, image.naturalWidth, image.naturalHeight);
  }

  /** The image with what is painted on it, as a PNG. */
  file() {
    const canvas = h("canvas", { width: this.#base.width, height: this.#base.width });
    this.#compose(canvas.getContext("2d"));
    return new Promise((answer) => { canvas.toBlob(answer, "image/png"); });
  }

  undo() { this.#shift(this.#strokes, this.#undone, "undo"); }
  redo() { this.#shift(this.#undone, this.#strokes, "redo"); }
  clear() {
    if (!this.isPainted) return;
    this.#strokes = []; this.#undone = []; this.#isDown = false;
    this.say("The painting was cleared.");
    this.#draw(); this.changed();
  }

  #shift(from, to, what) {
    this.#isDown = false;
    if (from.length === 0) { this.say(`There is nothing to ${what}.`); return; }
    to.push(from.pop());
    this.#draw(); this.changed();
  }

  // --- painting
  #paint(place, isFirst) {
    if (!this.#base) return;
    if (isFirst) {
      this.#strokes.push({ color: this.color, width: this.width, places: [place] });
      this.#undone = []; this.#isDown = false;
    } else this.#strokes.at(-1)?.places.push(place);
    this.#draw(); this.changed();
  }
  #putDown() {
    if (this.#isDown) { this.#isDown = false; this.say(`Brush lifted at ${this.brush.words}.`); return; }
    this.#paint(this.brush.place, true);
    this.#isDown = true;
    this.say(`Brush put down at ${this.brush.words}; the arrow keys paint.`);
  }
  /** The brush has moved or appeared: where it is down, it has painted. */
  #moved() {
    const last = this.#strokes.at(-1)?.places.at(-1), { place } = this.brush;
    if (this.#isDown && (last[0] !== place[0] || last[1] !== place[1])) this.#paint(place, false);
    else this.#draw();
  }

  #draw() {
    if (!this.#base) return;
    const { canvas } = this, pen = canvas.getContext("2d");
    if (canvas.width !== this.#base.width) canvas.width = canvas.height = this.#base.width;
    this.#compose(pen);
    this.brush.outline(pen, this.width / 2, true);
    this.undoButton.disabled = this.clearButton.disabled = !this.isPainted;
    this.redoButton.disabled = this.#undone.length === 0;
  }
  #compose(pen) {
    const base = this.#base, side = base.width;
    pen.drawImage(base, 0, 0);
    pen.lineCap = pen.lineJoin = "round";
    for (const { color, width, places } of this.#strokes) {
      pen.strokeStyle = color === RESTORE ? pen.createPattern(base, "no-repeat") : color;
      pen.lineWidth = Math.max(1, width * side);
      pen.beginPath();
      for (const [x, y] of [places[0], ...places]) pen.lineTo(x * side, y * side); // one place twice is a dot
      pen.stroke();
    }
  }

  // --- tools
  #buildTools() {
    const own = h("input", { type: "color", value: "#ff8800", "aria-label": "a color of your own", oninput: () => this.#take(own.value) });
    this.colors = [...COLORS, ["restore the image", RESTORE]].map(([name, color]) => {
      const button = h("button", { type: "button", "aria-label": name, title: name, "data-color": color, onclick: () => this.#take(color) }, color === RESTORE ? "restore" : h("i", {}));
      if (color !== RESTORE) button.firstChild.style.background = color;
      return button;
    });
    const size = h("input", { type: "range", id: "brush-size", min: 2, max: 60, step: 1, oninput: () => { this.width = Number(size.value) / 100; tell(); this.#draw(); } });
    const percent = h("output", { for: "brush-size" });
    const tell = () => { percent.textContent = `${Math.round(100 * this.width)} %`; size.setAttribute("aria-valuetext", `${percent.textContent} of the side`); };
    size.value = String(100 * this.width);
    tell();
    const button = (text, key, act) => h("button", { type: "button", disabled: true, title: key, onclick: act }, text);
    this.undoButton = button("undo", "u", () => this.undo());
    this.redoButton = button("redo", "Shift U", () => this.redo());
    this.clearButton = button("clear the painting", "Esc on the image", () => this.clear());
    fill(this.tools, h("div", { class: "colors" }, this.colors, own), h("div", { class: "begin" }, h("label", { for: "brush-size" }, "brush size"), size, percent),
      h("div", { class: "begin" }, this.undoButton, this.redoButton, this.clearButton));
    this.#take(this.color);
  }
  #take(color) {
    this.color = color;
    for (const button of this.colors) button.setAttribute("aria-pressed", String(button.dataset.color === color));
  }
}
