// Inside: one image on its way through a network; a layer, a map, a cell and what it is the sum of; cover parts and watch.
import { get, part, post, upload } from "../api.js";
import { Cell } from "../cell.js";
import { fill, h, percent } from "../dom.js";
import { paintMap } from "../paint.js";
import { address, go } from "../router.js";

export const name = "inside";
export const title = "Inside";
export const key = "i";
export const keys = [["← ↑ ↓ →", "on a map: to another cell; on the image: move the brush"], ["Space", "on the image: cover what is under the brush, or uncover it"],
  ["Esc", "on the image: cover nothing"], ["c", "cover nothing"], ["v", "paste an image with Ctrl-V"]];

const CELLS = 24; // a side, in which the image is covered
const BRUSH = 1; // cells around the pointer
const MOVES = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };

export async function open(root, place, studio) {
  const run = place.parts[0];
  if (!run) return choose(root, studio);
  const page = new Page(root, run, studio);
  await page.start(place.query);
  return page;
}

async function choose(root, studio) {
  const runs = (await studio.here()).runs.filter((each) => each.status === "finished");
  fill(root, h("h1", {}, "Inside"), runs.length === 0
    ? h("p", {}, "No training has finished yet. ", h("a", { href: address("train") }, "Start one"), ".")
    : [h("p", {}, "Choose a network."), h("ul", {}, runs.map((each) => h("li", {}, h("a", { href: address("inside", [each.name]) }, each.name))))]);
}

class Page {
  #covered = new Set(); #asking = false; #again = false;
  #brush = [CELLS / 2, CELLS / 2]; #isBrushShown = false; // its middle cell, x and y, when the keyboard moves it

  constructor(root, run, studio) {
    Object.assign(this, { root, run, studio, path: `runs/${part(run)}` });
    this.image = h("canvas", { class: "own", tabindex: 0, role: "application", "aria-roledescription": "image", "aria-label": "the image as the network gets it; drag to cover parts, or move the brush with the arrow keys, cover with Space, uncover all with Escape" });
    this.bars = h("dl", { class: "bars" });
    this.layers = h("div", { class: "layers" });
    this.samples = h("div", { class: "samples" });
    this.about = h("p", { class: "soft" });
    this.cell = new Cell(run, (row, column) => this.#remember({ row, column }), (field) => this.#outline(field));
    this.listen();
  }

  async start(query) {
    const file = h("input", { type: "file", accept: "image/*", "aria-label": "an image of your own" });
    file.addEventListener("change", () => file.files[0] && this.#send(file.files[0]));
    fill(this.root, h("h1", {}, `Inside ${this.run}`),
      h("p", { class: "soft" }, "Choose an image below, drop one, or paste one. Drag over it to cover parts, or move the brush with the arrow keys and press Space."),
      this.samples, h("p", {}, h("label", {}, "your own: ", file), " ", h("button", { type: "button", onclick: () => this.#clear() }, "cover nothing")),
      h("div", { class: "split" }, h("div", {}, this.image, this.about), h("div", {}, this.bars)),
      h("h2", {}, "The way through the network"),
      h("p", { class: "soft" }, "Of each layer the strongest maps, largest first; each map on its own scale from 0 (dark) to its maximum. Choose a map, then a cell of it."),
      this.cell.root, this.layers);
    const { samples } = await get(`${this.path}/samples`);
    fill(this.samples, samples.map((one) => h("button", { type: "button", title: `${one.file}: true ${one.true}, predicted ${one.predicted}`, class: one.true === one.predicted ? "" : "wrong", onclick: () => this.load(one.file) },
      h("img", { src: `/api/${this.path}/mistakes/${one.number}/image`, alt: `${one.true}${one.true === one.predicted ? "" : `, predicted ${one.predicted}`}` }))));
    this.query = { layer: query.get("layer"), map: query.get("map"), row: query.get("row"), column: query.get("column") };
    await this.load(query.get("image") ?? samples[0]?.file, this.query);
  }

  async load(image, query = {}) {
    if (!image) return;
    this.name = image;
    this.query = { image, ...query };
    const shown = await get(`${this.path}/inside?image=${part(image)}`).catch((error) => { this.studio.say(error.message); return null; });
    if (!shown) return;
    this.shown = shown;
    this.#covered.clear();
    this.source = new Image();
    this.source.src = shown.source;
    await this.source.decode();
    this.#drawImage();
    this.#drawBars(shown.probabilities);
    fill(this.about, image.startsWith("sent:") ? "your own image" : image);
    fill(this.layers, shown.layers.map((layer) => this.#layer(layer)));
    this.cell.clear(image);
    if (query.layer && query.map !== null && query.map !== undefined) await this.#open(query.layer, Number(query.map), query);
    this.#remember({});
  }

  #layer(layer) {
    return h("section", {}, h("h3", {}, layer.layer, h("span", { class: "soft" }, ` ${layer.kind}, ${layer.num_maps} maps of ${layer.maps[0].shape.join(" × ")}`)),
      h("div", { class: "strip" }, layer.maps.map((map) => {
        const canvas = h("canvas", {});
        paintMap(canvas, map);
        return h("button", { type: "button", "data-unit": `${layer.layer}/${map.number}`, "aria-label": `map ${map.number} of ${layer.layer}, at most ${map.maximum.toPrecision(3)}`, onclick: () => this.#open(layer.layer, map.number, {}) },
          canvas, h("span", {}, `${map.number}: ${map.maximum.toPrecision(3)}`));
      })));
  }

  async #open(layer, number, { row, column }) {
    const known = this.shown.layers.find((each) => each.layer === layer);
    const map = known?.maps.find((each) => each.number === number) ?? await get(`${this.path}/inside/${part(layer)}/maps/${number}?image=${part(this.name)}`);
    for (const button of this.layers.querySelectorAll("[data-unit]")) button.setAttribute("aria-pressed", String(button.dataset.unit === `${layer}/${number}`));
    this.query = { image: this.name, layer, map: number };
    await this.cell.open(layer, map, row === undefined || row === null ? null : [Number(row), Number(column)]);
  }

  #remember(values) {
    this.query = { ...this.query, ...values };
    go(address("inside", [this.run], this.query), { replace: true });
  }

  // --- the image, covered or not
  #drawImage() {
    const { image, source } = this, pen = image.getContext("2d");
    image.width = image.height = source.naturalWidth;
    pen.drawImage(source, 0, 0);
    pen.fillStyle = "rgb(128 128 128)";
    const side = image.width / CELLS;
    for (const cell of this.#covered) pen.fillRect((cell % CELLS) * side, Math.floor(cell / CELLS) * side, side + 0.5, side + 0.5);
    if (this.field) { const [top, left, bottom, right] = this.field; pen.strokeStyle = "#e69f00"; pen.lineWidth = 1; pen.strokeRect(left + 0.5, top + 0.5, right - left - 1, bottom - top - 1); }
    if (this.#isBrushShown) this.#drawBrush(pen, side);
  }
  #drawBrush(pen, side) {
    const [x, y] = this.#brush.map((at) => Math.round((at - BRUSH) * side)), width = Math.round((2 * BRUSH + 1) * side);
    pen.lineWidth = 1; // a dark ring within a light one is seen on any image
    for (const [color, out] of [["#ffffff", 0.5], ["#000000", -0.5]]) { pen.strokeStyle = color; pen.strokeRect(x - out, y - out, width + 2 * out, width + 2 * out); }
  }
  #outline(field) { this.field = field; if (this.source) this.#drawImage(); }
  #drawBars(probabilities) {
    const rows = this.shown.classes.map((each, k) => ({ name: each, before: this.shown.probabilities[k], now: probabilities[k] }));
    const kept = rows.sort((a, b) => b.before - a.before).slice(0, 12);
    fill(this.bars, kept.map((row) => {
      const bar = h("i", {}), mark = h("u", {});
      bar.style.width = `${100 * row.now}%`; mark.style.left = `${100 * row.before}%`;
      return [h("dt", {}, row.name), h("dd", { class: "bar", "aria-hidden": "true" }, bar, mark), h("dd", { class: "n" }, percent(row.now))];
    }));
  }
  #clear() { this.#covered.clear(); this.#drawImage(); this.#drawBars(this.shown.probabilities); }
  #cover(event) {
    const box = this.image.getBoundingClientRect();
    const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height].map((each) => Math.floor(each * CELLS));
    for (const cell of under(x, y)) this.#covered.add(cell);
    this.#drawImage(); this.#ask();
  }

  /** Cover what is under the brush; uncover it where all of it is covered. */
  #coverOrUncover() {
    const cells = under(...this.#brush), isCovered = cells.every((cell) => this.#covered.has(cell));
    for (const cell of cells) this.#covered[isCovered ? "delete" : "add"](cell);
    this.studio.say(`${isCovered ? "Uncovered" : "Covered"} at ${this.#place()}.`);
    if (this.#covered.size === 0) { this.#clear(); return; }
    this.#drawImage(); this.#ask();
  }
  #place() { return `row ${this.#brush[1] + 1}, column ${this.#brush[0] + 1} of ${CELLS}`; }
  #paint(event) {
    const move = MOVES[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey || !this.source) return;
    if (move) {
      this.#brush = this.#brush.map((at, axis) => Math.max(0, Math.min(CELLS - 1, at + move[axis])));
      this.studio.say(`Brush at ${this.#place()}.`);
    } else if (event.key === " ") this.#coverOrUncover();
    else if (event.key === "Escape") this.#clear();
    else return;
    event.preventDefault();
    this.#showBrush(true);
  }
  #showBrush(isShown) { this.#isBrushShown = isShown; if (this.source) this.#drawImage(); }
  async #ask() {
    if (this.#asking) { this.#again = true; return; }
    this.#asking = true;
    try {
      do {
        this.#again = false;
        const { probabilities } = await post(`${this.path}/inside/covered`, { image: this.name, cells: [...this.#covered] });
        if (this.#covered.size > 0) this.#drawBars(probabilities); // else everything was uncovered meanwhile
      } while (this.#again && this.#covered.size > 0);
    } catch (error) { this.studio.say(error.message); }
    this.#asking = false;
  }

  async #send(file) {
    try { await this.load((await upload("images", file)).image); } catch (error) { this.studio.say(error.message); }
  }

  listen() {
    this.image.addEventListener("keydown", (event) => this.#paint(event));
    this.image.addEventListener("focus", () => this.#showBrush(this.image.matches(":focus-visible")));
    this.image.addEventListener("blur", () => this.#showBrush(false));
    this.image.addEventListener("pointerdown", (event) => { this.image.setPointerCapture(event.pointerId); this.drawing = true; this.#cover(event); });
    this.image.addEventListener("pointermove", (event) => this.drawing && this.#cover(event));
    for (const each of ["pointerup", "pointercancel"]) this.image.addEventListener(each, () => { this.drawing = false; });
    this.pasted = (event) => { const [file] = event.clipboardData?.files ?? []; if (file) this.#send(file); };
    this.dropped = (event) => { event.preventDefault(); const [file] = event.dataTransfer?.files ?? []; if (event.type === "drop" && file) this.#send(file); };
    addEventListener("paste", this.pasted);
    this.root.addEventListener("dragover", this.dropped);
    this.root.addEventListener("drop", this.dropped);
  }
  close() { removeEventListener("paste", this.pasted); }
  press(event) { if (event.key === "c") this.#clear(); }
}

/** The cells under the brush around a cell, as far as they are on the image. */
function under(x, y) {
  const around = (at) => Array.from({ length: 2 * BRUSH + 1 }, (_, n) => at + n - BRUSH).filter((each) => each >= 0 && each < CELLS);
  return around(y).flatMap((row) => around(x).map((column) => row * CELLS + column));
}
