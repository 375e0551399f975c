// Inside: one image on its way through a network; change it, cover parts, or take the camera, and watch; choose a cell of
// a map, or a unit of a fully connected layer, to see what it is the sum of.
import { term } from "../../words/terms.js";
import { get, part, upload } from "../api.js";
import { openCamera } from "../camera.js";
import { Cell } from "../cell.js";
import { drawBars, largest } from "../class-bars.js";
import { CoveredImage } from "../covered-image.js";
import { Decision } from "../decision.js";
import { fill, h, percent } from "../dom.js";
import { fileButton } from "../file-button.js";
import { ImageChanges } from "../image-changes.js";
import { LayerStrips } from "../layer-strips.js";
import { moveFocus } from "../move-focus.js";
import { imageName, isOwn } from "../own-image.js";
import { address, go } from "../router.js";
import { chooseRun, runHead } from "../run-head.js";
import { SoftmaxTable } from "../softmax-table.js";
import { imageByName, missingWords, sampleButtons } from "../test-images.js";
import { UnitStrips } from "../unit-strips.js";
import { UnitSum } from "../unit-sum.js";

export const name = "inside";
export const title = "Inside";
export const key = "i";
export const of = "run";
export const keys = [
  ["← ↑ ↓ →", "on a small map: to another one; on an open map: to another cell; on units: to another unit; on the image: move the brush; on a slider: change the image"],
  ["Enter", "on a small map or a unit: open it"],
  ["Space", "on the image: cover what is under the brush, or uncover it"], ["Esc", "in what is open: back to where it was chosen; on the image: uncover all"],
  ["c", "uncover all"], ["r", "reset the changes"], ["v", "paste an image with Ctrl-V"],
];

const FRAME_SIDE = 256; // px of a frame as it is sent
const REST = 200; // ms without a change, after which the numbers of the cell and the address follow
const KEPT_TIMES = 20; // frames over which the rate is taken

export async function open(root, place, studio) {
  const run = place.parts[0];
  if (!run) return chooseRun(root, { name, title }, "Choose a network.", studio);
  const page = new Page(root, run, studio);
  try { await page.start(place); } catch (error) { page.close(); throw error; }
  return page;
}

class Page {
  #isAsking = false; #again = false; #resting = 0; #camera = null; #isClosed = false;

  constructor(root, run, studio) {
    this.root = root; this.run = run; this.studio = studio;
    this.path = `runs/${part(run)}`;
    this.before = null; // what the network makes of the image without changes
    /** @type {{layer?: string, number?: number, row?: number, column?: number}} */
    this.chosen = {}; // layer and number of a map or a unit, and of a map row and column of the cell
    this.between = ""; // two classes by their numbers, as the server takes them
    this.image = new CoveredImage(() => this.#ask(), (text) => studio.say(text));
    this.bars = h("dl", { class: "bars" });
    this.verdict = h("p", { class: "told", role: "status" });
    const open = (layer, number) => this.#open({ layer, number }, { focus: true });
    this.layers = new LayerStrips(open);
    this.units = new UnitStrips(open);
    this.softmax = new SoftmaxTable((number) => open(this.units.last, number));
    this.decision = new Decision((unit) => open(...addressOf(unit)), (classes) => this.#decide(classes));
    this.last = h("h3", {}); this.ending = h("section", { hidden: true });
    this.samples = h("div", { class: "samples" });
    this.about = h("p", { class: "soft" });
    this.live = h("div", {});
    this.cell = new Cell(run, (row, column) => this.#remember({ row, column }), (field) => this.image.outline(field));
    this.sum = new UnitSum(run);
    this.panel = h("div", { class: "panel", tabindex: -1 }, this.cell.root, this.sum.root);
    this.#listen();
  }

  async start({ parts, query }) {
    const [{ changes }, { samples, missing, ...listed }] = await Promise.all([get("image-changes"), get(`${this.path}/samples`)]);
    this.changes = new ImageChanges(changes, Object.fromEntries(query), () => this.#ask());
    this.#offerCamera();
    const sameImage = (isSame) => (isSame || isOwn(this.name) ? { image: this.name, ...this.changes.amounts } : {});
    fill(this.root, runHead(`Inside ${this.run}`, this.run, this.studio, (other, isSame) => address("inside", [other], sameImage(isSame))),
      h("p", { class: "soft" }, "Choose an image below, drop one, or paste one. Change it, or drag over it to cover parts, and watch what the network makes of it."),
      this.samples, h("div", { class: "begin" }, imageByName(listed, this.path, (name) => this.load(name), (text) => this.studio.say(text)), fileButton("an image of your own", ([file]) => this.#send(file)), this.live, h("button", { type: "button", onclick: () => this.image.uncover() }, "uncover all")),
      h("div", { class: "split" }, h("div", {}, this.image.canvas, this.about), this.changes.root, h("div", {}, this.bars, this.verdict)),
      h("h2", {}, "The way through the network"),
      h("p", { class: "soft" }, "Of each layer the maps that are strongest for the image as it was, largest first; each on its own scale from 0 (dark) to its maximum. Choose a map, then a cell of it; of a fully connected layer, a unit."),
      this.panel, this.layers.root, this.units.root, this.ending);
    fill(this.ending, this.last, h("p", { class: "soft" }, "Softmax ", term("softmax"), " turns the logits ", term("logit"), " into probabilities: exp(logit − largest logit), divided by the sum of these over all classes."), h("div", { class: "scroll" }, this.softmax.root), this.decision.root);
    fill(this.samples, missing ? missingWords(missing) : sampleButtons(samples, this.path, (file) => this.load(file)));
    this.between = query.get("between") ?? "";
    await this.load(query.get("image") ?? (missing ? "" : samples[0]?.file), choice(parts, query));
  }

  /** Another address of the same run: a map or unit is opened where the image is the same. */
  update({ parts, query }) {
    const isSame = query.get("image") === this.name && this.changes?.changes.every(({ name, identity }) => Number(query.get(name) ?? identity) === (this.changes.amounts[name] ?? identity));
    if (!isSame || !this.before || this.#camera || (query.get("between") ?? "") !== this.between) return false;
    const { layer, ...rest } = choice(parts, query);
    if (layer) this.#open({ layer, ...rest }, { focus: true });
    else this.#close();
    return true;
  }

  /** Put the focus on the map, whose cells the arrow keys choose, or on the numbers, and scroll there unless they begin on the screen. */
  #reveal() {
    const { top } = this.panel.getBoundingClientRect(), map = this.panel.querySelector("canvas");
    (map ?? this.panel).focus({ preventScroll: true });
    if (top < 0 || top > innerHeight / 2) this.panel.scrollIntoView({ block: "start" });
  }
  /** From the numbers back to the tile, or the grid, where they were chosen. */
  #back() {
    const { layer, number } = this.chosen, tile = this.layers.tile(layer, number) ?? this.units.tile(layer, number);
    tile?.focus({ preventScroll: true });
    tile?.scrollIntoView({ block: "nearest" });
  }

  /** Show another image, changed as the sliders say, and on it the map or unit that is chosen. */
  async load(image, chosen = this.chosen) {
    if (!image) return;
    this.#stopCamera();
    this.name = image;
    let before;
    try { before = await get(`${this.path}/inside?${new URLSearchParams({ image, between: this.between })}`); } catch (error) {
      if (this.name === image) this.#keepFormer(error.message);
      return;
    }
    if (this.name !== image || this.#isClosed) return;
    this.before = before;
    this.former = image;
    this.image.covered.clear();
    fill(this.about, imageName(image));
    this.#close();
    this.chosen = chosen;
    await this.#show(before);
    if (this.changes.isChanged) await this.#ask();
    if (chosen.layer) await this.#open(chosen);
    this.#remember();
  }

  /** An image cannot be shown: the one before stays, or what to do is said in its place. */
  #keepFormer(fault) {
    this.name = this.former;
    this.studio.say(fault);
    if (!this.before) fill(this.about, h("span", { class: "fault" }, fault));
  }

  /** What the server is asked about: the image with its changes, and what is covered. */
  #query(more = {}) {
    const { covered } = this.image;
    const cells = covered.size > 0 ? { cells: [...covered].join(",") } : {};
    return new URLSearchParams({ ...(this.#camera ? {} : { image: this.name }), ...this.changes.amounts, ...cells, ...(this.between && { between: this.between }), ...more }).toString();
  }

  async #show({ source, classes, probabilities, layers, units, softmax, decision }) {
    const before = this.#camera ? null : this.before.probabilities;
    await this.image.load(source);
    drawBars(this.bars, classes, probabilities, before);
    this.layers.show(layers);
    this.units.show(units, classes);
    this.#mark();
    this.ending.hidden = units.length === 0;
    this.last.textContent = `${this.units.last}: a unit for each class, whose value is its logit`;
    this.softmax.show(softmax, classes, before);
    this.decision.show(decision, classes, this.between !== "");
    const [was, is] = [before ?? probabilities, probabilities].map(largest);
    const text = was === is ? "" : `Now predicted: ${classes[is]}, ${percent(probabilities[is])}. The image as it was: ${classes[was]}, ${percent(before[was])}.`;
    if (this.verdict.textContent !== text) this.verdict.textContent = text;
  }

  /** Ask what the network makes of the image as it is now; while an answer is awaited, only the last change counts. */
  async #ask() {
    if (this.#camera || !this.before) return; // the next frame is sent with the changes
    if (this.#isAsking) { this.#again = true; return; }
    this.#isAsking = true;
    try {
      do {
        this.#again = false;
        const image = this.name, query = this.#query();
        const answer = await get(`${this.path}/inside?${query}&units=${this.#shown}`);
        if (this.#isClosed || this.#camera || image !== this.name) break;
        await this.#show(answer);
        const map = this.cell.map && this.layers.map(this.chosen.layer, this.chosen.number);
        if (map) this.cell.repaint(map, query);
      } while (this.#again);
    } catch (error) { this.studio.say(error.message); }
    this.#isAsking = false;
    clearTimeout(this.#resting);
    this.#resting = setTimeout(() => this.#rest(), REST);
  }
  #rest() {
    if (this.#isClosed || this.#camera) return;
    this.#remember();
    this.cell.again();
    this.sum.again(this.#query());
  }

  /** Addresses of the maps and units that are shown. */
  get #shown() { return [this.layers.units, this.units.units].filter(Boolean).join(","); }
  #mark() {
    this.layers.mark(this.chosen.layer, this.chosen.number);
    this.units.mark(this.chosen.layer, this.chosen.number);
  }

  /** Look at the decision between two classes by their numbers; null: between the two most probable. */
  async #decide(classes) {
    this.between = classes?.join(",") ?? "";
    await this.#ask();
  }

  /** Open a map, at a cell if row and column are given, or a unit of a fully connected layer.
   * @param {{layer?: string, number?: number, row?: number, column?: number}} place */
  async #open({ layer, number, row, column }, { focus = false } = {}) {
    if (this.#camera) await this.#freeze();
    const isUnit = this.units.has(layer);
    if (!isUnit && !this.layers.map(layer, number)) await this.#add(layer, number);
    const map = this.layers.map(layer, number);
    if (!isUnit && !map) return;
    this.#close();
    this.chosen = { layer, number };
    this.#mark();
    if (isUnit) this.#remember();
    const opened = isUnit ? this.sum.open(layer, number, this.#query()) : this.cell.open(layer, map, row === undefined ? null : [row, column]);
    if (focus) this.#reveal();
    await opened;
  }
  #close() {
    this.chosen = {};
    this.#mark();
    this.cell.clear(this.#query());
    this.sum.clear();
  }
  /** One more map among those that are shown. */
  async #add(layer, number) {
    try {
      await this.#show(await get(`${this.path}/inside?${this.#query()}&units=${this.#shown},${part(`${layer}/${number}`)}`));
      if (!this.layers.map(layer, number)) this.studio.say(`${layer} has no maps.`);
    } catch (error) { this.studio.say(error.message); }
  }

  #remember(place = {}) {
    if (this.#isClosed || this.#camera) return;
    this.chosen = { ...this.chosen, ...place };
    const { layer, number, row, column } = this.chosen;
    go(address("inside", layer ? [this.run, layer, number] : [this.run], { image: this.name, ...this.changes.amounts, between: this.between, row, column }), { replace: true });
  }

  async #send(file) {
    try { await this.load((await upload("images", file)).image); } catch (error) { this.studio.say(error.message); }
  }

  // --- the camera
  #offerCamera() {
    fill(this.live, h("button", { type: "button", onclick: () => this.#startCamera() }, "Use the camera"));
  }

  async #startCamera() {
    let camera;
    try { camera = await openCamera("choose an image"); } catch (error) {
      this.#offerCamera();
      this.live.append(" ", h("span", { class: "fault", role: "alert" }, error.message));
      return;
    }
    if (this.#isClosed) { camera.stop(); return; }
    this.#stopCamera();
    this.#camera = camera;
    this.#close();
    fill(this.about, "live");
    const rate = h("span", { class: "rate" });
    fill(this.live, h("button", { type: "button", class: "primary", onclick: () => this.#freeze() }, "Stop at this image"), " ", rate);
    await this.#watch(camera, rate);
  }

  async #watch(camera, rate) {
    const times = [];
    let units = ""; // at first the strongest maps, from then on the same ones
    let next = camera.jpeg(FRAME_SIDE); // encoded while the answer to the one before is awaited
    while (this.#camera === camera) {
      const blob = await next;
      next = camera.jpeg(FRAME_SIDE);
      try {
        const answer = blob && await upload(`${this.path}/inside/frame?${this.#query(units && { units })}`, blob);
        if (this.#camera !== camera) return;
        if (answer) {
          this.frame = blob;
          await this.#show(answer);
          units = this.#shown;
          tell(rate, times);
        } else await new Promise(requestAnimationFrame); // it has no image yet
      } catch (error) { this.studio.say(error.message); this.#stopCamera(); return; }
    }
  }

  /** Turn the camera off and keep its last image, to be looked at. */
  async #freeze() {
    const { frame } = this;
    this.#stopCamera();
    if (frame) await this.#send(frame);
  }
  #stopCamera() {
    this.#camera?.stop();
    this.#camera = null;
    this.frame = null;
    this.#offerCamera();
  }

  #listen() {
    this.pasted = (event) => { const [file] = event.clipboardData?.files ?? []; if (file) this.#send(file); };
    this.dropped = (event) => {
      event.preventDefault();
      const [file] = event.dataTransfer?.files ?? [];
      if (event.type === "drop" && file) this.#send(file);
    };
    addEventListener("paste", this.pasted);
    this.root.addEventListener("keydown", (event) => {
      for (const tiles of [".samples button", ".strip button, .named button"]) moveFocus(event, [...this.root.querySelectorAll(tiles)]);
    });
    this.root.addEventListener("dragover", this.dropped);
    this.root.addEventListener("drop", this.dropped);
  }
  close() {
    this.#isClosed = true;
    clearTimeout(this.#resting);
    this.#camera?.stop();
    this.#camera = null;
    this.units.close();
    removeEventListener("paste", this.pasted);
  }
  press(event) {
    if (event.key === "Escape" && this.panel.contains(document.activeElement)) this.#back();
    else if (event.key === "c") this.image.uncover();
    else if (event.key === "r") this.changes?.reset();
  }
}

/** Say how many images a second there were lately. */
function tell(rate, times) {
  times.push(performance.now());
  if (times.length > KEPT_TIMES) times.shift();
  if (times.length > 1) rate.textContent = `${Math.round((1000 * (times.length - 1)) / (times.at(-1) - times[0]))} images a second`;
}

/** The map or unit, and of a map the cell, that an address names: `#/inside/RUN/conv2/5?row=3&column=4`. */
function choice([, layer, number], query) {
  const [at, row, column] = [number ?? query.get("map"), query.get("row"), query.get("column")];
  if (!(layer ?? query.get("layer")) || !/^\d{1,6}$/.test(at ?? "")) return {};
  const place = row === null || column === null ? {} : { row: Number(row), column: Number(column) };
  return { layer: layer ?? query.get("layer"), number: Number(at), ...place };
}

/** Layer and number of a unit's address. */
function addressOf(unit) {
  const cut = unit.lastIndexOf("/");
  return /** @type {[string, number]} */ ([unit.slice(0, cut), Number(unit.slice(cut + 1))]);
}
