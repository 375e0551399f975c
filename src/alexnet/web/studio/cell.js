// A map, enlarged, and one cell of it in numbers: patch, kernel, products, sum, bias, and what becomes of it afterwards.
import { get, part } from "./api.js";
import { fill, h } from "./dom.js";
import { afterwards, factors } from "./factors.js";
import { showNextUnits } from "./next-units.js";
import { paintMap, short } from "./paint.js";
import { address } from "./router.js";

const MOST_KEPT = 600; // answers about cells of the shown map
const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

export class Cell {
  /** The answers about cells are there before they are asked for.
   * @type {Map<string, Promise<any>>} */
  #answers = new Map();

  /** `chosen` is called with row and column of a cell, `outline` with the receptive field on the image or null. */
  constructor(run, chosen, outline) {
    this.run = run; this.chosen = chosen; this.outline = outline;
    this.root = h("div", { class: "output-cell" });
  }

  /** Show no map; `query` names the image of the next one, as the server takes it. */
  clear(query) { this.query = query; this.map = null; this.#forget(); this.outline(null); fill(this.root); }

  /** The same map of an image that has changed; `query` names it. */
  repaint(map, query) { this.map = map; this.query = query; this.#forget(); this.#draw(); }
  /** The numbers of the same cell once more. */
  async again() {
    if (!this.map) return;
    this.seen = null;
    await this.#look(this.at);
    await this.#forward();
    this.#askAhead();
  }
  #forget() { this.#answers = new Map(); }
  /** Ask for the cells of a map at rest, one after the other, the nearest first: the mouse finds their numbers there. */
  async #askAhead() {
    const answers = this.#answers, [height, width] = this.map?.shape ?? [0, 0];
    /** @param {[number, number]} place */
    const far = ([row, column]) => (row - this.at[0]) ** 2 + (column - this.at[1]) ** 2;
    /** @type {[number, number][]} */
    const places = Array.from({ length: height * width }, (_, n) => [Math.floor(n / width), n % width]);
    for (const place of places.sort((a, b) => far(a) - far(b)).slice(0, MOST_KEPT / 2)) {
      if (answers !== this.#answers || !this.root.isConnected) return;
      await this.#ask(place).catch(() => {});
    }
  }
  #forward() { return showNextUnits(this.forward, this.run, this.layer, this.map.number, { query: this.query }); }

  async open(layer, map, at) {
    this.layer = layer; this.map = map;
    this.#forget();
    this.canvas = h("canvas", { class: "large", tabindex: 0, role: "application", "aria-roledescription": "map", "aria-label": `map ${map.number} of ${layer}; the mouse looks at a cell, a click or the arrow keys choose one` });
    this.numbers = h("div", { class: "numbers", role: "status" });
    this.forward = h("div", { class: "forward" });
    const { canvas } = this;
    /** @returns {[number, number]} */
    const under = (event) => [Math.floor((event.offsetY / canvas.clientHeight) * map.shape[0]), Math.floor((event.offsetX / canvas.clientWidth) * map.shape[1])];
    canvas.addEventListener("click", (event) => this.#go(under(event)));
    canvas.addEventListener("mousemove", (event) => this.#look(under(event)));
    canvas.addEventListener("mouseleave", () => this.#look(this.at));
    canvas.addEventListener("keydown", (event) => {
      const move = MOVES[event.key];
      if (move) { event.preventDefault(); this.#go([this.at[0] + move[0], this.at[1] + move[1]]); }
    });
    fill(this.root, h("div", {}, h("h3", {}, h("a", { href: address("run", [this.run, "unit", layer, map.number]) }, `${layer}/${map.number}`), h("span", { class: "soft" }, ` at most ${short(map.maximum)}`)), canvas), h("div", {}, this.numbers, this.forward));
    await this.#go(at ?? peak(map));
    if (map === this.map) await this.#forward();
    if (map === this.map) this.#askAhead();
  }

  /** Choose a cell. @param {[number, number]} place */
  async #go(place) {
    this.at = this.#inside(place);
    this.#draw();
    if (await this.#look(this.at)) this.chosen(...this.at);
  }

  /** The cell nearest to a place. @returns {[number, number]} */
  #inside([row, column]) {
    const [height, width] = this.map.shape;
    return [Math.max(0, Math.min(row, height - 1)), Math.max(0, Math.min(column, width - 1))];
  }

  /** Show the numbers of a cell; answers whether they are still wanted when they come. */
  async #look(place) {
    const { map, layer } = this, asked = this.#inside(place);
    if (this.seen?.map === map && `${this.seen.place}` === `${asked}`) return true;
    this.seen = { map, place: asked };
    this.#draw();
    const isWanted = () => this.seen?.place === asked && layer === this.layer && map.number === this.map?.number;
    try {
      const answer = await this.#ask(asked);
      if (isWanted()) { this.#tell(answer); this.outline(answer.field); }
    } catch (error) { if (isWanted()) fill(this.numbers, h("p", { class: "fault" }, error.message)); }
    if (isWanted()) for (const [down, right] of Object.values(MOVES)) this.#ask(this.#inside([asked[0] + down, asked[1] + right])).catch(() => {});
    return isWanted();
  }

  #ask([row, column]) {
    const path = `runs/${part(this.run)}/inside/${part(this.layer)}/cell?${this.query}&map=${this.map.number}&row=${row}&column=${column}`;
    if (!this.#answers.has(path)) {
      if (this.#answers.size >= MOST_KEPT) this.#answers.clear();
      const answer = get(path), answers = this.#answers;
      answers.set(path, answer);
      answer.catch(() => answers.delete(path));
    }
    return this.#answers.get(path);
  }

  #draw() {
    const { canvas, map } = this, by = Math.max(1, Math.round(260 / Math.max(...map.shape)));
    const small = document.createElement("canvas"), pen = canvas.getContext("2d");
    paintMap(small, map);
    canvas.width = small.width * by; canvas.height = small.height * by;
    pen.imageSmoothingEnabled = false;
    pen.drawImage(small, 0, 0, canvas.width, canvas.height);
    const outline = ([row, column], color, width) => { pen.strokeStyle = color; pen.lineWidth = width; pen.strokeRect(column * by, row * by, by, by); };
    outline(this.at, "#ffffff", 4);
    outline(this.at, "#d55e00", 2);
    if (this.seen) outline(this.seen.place, "#ffffff", 2);
  }

  #tell({ step, after }) {
    const isSum = step.kind === "convolution";
    fill(this.numbers,
      h("p", {}, h("b", {}, `${step.layer}, map ${step.map}, row ${step.place[0]}, column ${step.place[1]}`), `: ${step.kind}`),
      h("p", { class: "equation" }, step.equation),
      isSum && h("p", { class: "soft" }, "What a layer calls convolution does not flip the kernel. ", step.num_channels > step.chosen.length ? `Written out are the ${step.chosen.length} of ${step.num_channels} channels that add most.` : ""),
      step.chosen.map((channel, n) => h("details", { open: n === 0 }, h("summary", {}, `channel ${step.channels[0] + channel}${isSum ? `: ${short(step.channel_sums[channel])}` : ""}`),
        factors("kernel", step.patch[n], isSum ? step.weights?.[n] : null, step.products[n]))),
      afterwards(step.layer, step.layer_value, after));
  }
}

/** Where a map is largest. @returns {[number, number]} */
function peak(map) {
  const bytes = atob(map.values);
  let best = 0;
  for (let n = 1; n < bytes.length; n++) if (bytes.charCodeAt(n) > bytes.charCodeAt(best)) best = n;
  return [Math.floor(best / map.shape[1]), best % map.shape[1]];
}
