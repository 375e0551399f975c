// Inside: one image on its way through a network; a layer, a map, a cell and what it is the sum of; cover parts and watch.
import { get, part, post, upload } from "../api.js";
import { Cell } from "../cell.js";
import { fill, h, percent } from "../dom.js";
import { paintMap } from "../paint.js";
import { address, go } from "../router.js";

export const name = "inside";
export const title = "Inside";
export const key = "i";
export const keys = [["← ↑ ↓ →", "on a map: to another cell"], ["c", "cover nothing"], ["v", "paste an image with Ctrl-V"]];

const CELLS = 24; // a side, in which the image is covered
const BRUSH = 1; // cells around the pointer

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

  constructor(root, run, studio) {
    Object.assign(this, { root, run, studio, path: `runs/${part(run)}` });
    this.image = h("canvas", { class: "own", role: "img", "aria-label": "the image as the network gets it; drag to cover parts" });
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
      h("p", { class: "soft" }, "Choose an image below, drop one, or paste one. Drag over it to cover parts."),
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
    for (let dy = -BRUSH; dy <= BRUSH; dy++) for (let dx = -BRUSH; dx <= BRUSH; dx++) {
      if (x + dx >= 0 && x + dx < CELLS && y + dy >= 0 && y + dy < CELLS) this.#covered.add((y + dy) * CELLS + x + dx);
    }
    this.#drawImage(); this.#ask();
  }
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
