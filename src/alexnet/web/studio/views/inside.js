// Inside: one image on its way through a network; change it, cover parts, or take the camera, and watch; choose a map
// and a cell of it to see what it is the sum of.
import { get, part, upload } from "../api.js";
import { openCamera } from "../camera.js";
import { Cell } from "../cell.js";
import { drawBars, largest } from "../class-bars.js";
import { CoveredImage } from "../covered-image.js";
import { fill, h, percent } from "../dom.js";
import { ImageChanges } from "../image-changes.js";
import { LayerStrips } from "../layer-strips.js";
import { address, go } from "../router.js";

export const name = "inside";
export const title = "Inside";
export const key = "i";
export const keys = [
  ["← ↑ ↓ →", "on a map: to another cell; on the image: move the brush; on a slider: change the image"],
  ["Space", "on the image: cover what is under the brush, or uncover it"], ["Esc", "on the image: cover nothing"],
  ["c", "cover nothing"], ["r", "reset the changes"], ["v", "paste an image with Ctrl-V"],
];

const FRAME_SIDE = 256; // px of a frame as it is sent
const REST = 200; // ms without a change, after which the numbers of the cell and the address follow
const KEPT_TIMES = 20; // frames over which the rate is taken

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
  #isAsking = false; #again = false; #resting = 0; #camera = null; #isClosed = false;

  constructor(root, run, studio) {
    this.root = root; this.run = run; this.studio = studio;
    this.path = `runs/${part(run)}`;
    this.before = null; // what the network makes of the image without changes
    this.chosen = {}; // layer, map, row and column of the cell
    this.image = new CoveredImage(() => this.#ask(), (text) => studio.say(text));
    this.bars = h("dl", { class: "bars" });
    this.verdict = h("p", { class: "told", role: "status" });
    this.layers = new LayerStrips((layer, number) => this.#open(layer, number).then(() => this.cell.root.scrollIntoView({ block: "nearest" })));
    this.samples = h("div", { class: "samples" });
    this.about = h("p", { class: "soft" });
    this.live = h("div", {});
    this.cell = new Cell(run, (row, column) => this.#remember({ row, column }), (field) => this.image.outline(field));
    this.#listen();
  }

  async start(query) {
    const [{ changes }, { samples, files }] = await Promise.all([get("image-changes"), get(`${this.path}/samples`)]);
    this.changes = new ImageChanges(changes, Object.fromEntries(query), () => this.#ask());
    const file = h("input", { type: "file", accept: "image/*", "aria-label": "an image of your own" });
    file.addEventListener("change", () => file.files[0] && this.#send(file.files[0]));
    this.#offerCamera();
    fill(this.root, h("h1", {}, `Inside ${this.run}`),
      h("p", { class: "soft" }, "Choose an image below, drop one, or paste one. Change it, or drag over it to cover parts, and watch what the network makes of it."),
      this.samples, h("div", { class: "begin" }, this.#byName(files), h("label", {}, "your own: ", file), this.live, h("button", { type: "button", onclick: () => this.image.uncover() }, "cover nothing")),
      h("div", { class: "split" }, h("div", {}, this.image.canvas, this.about), this.changes.root, h("div", {}, this.bars, this.verdict)),
      h("h2", {}, "The way through the network"),
      h("p", { class: "soft" }, "Of each layer the maps that are strongest for the image as it was, largest first; each on its own scale from 0 (dark) to its maximum. Choose a map, then a cell of it."),
      this.cell.root, this.layers.root);
    fill(this.samples, samples.map((one) => this.#sample(one)));
    const [layer, map, row, column] = ["layer", "map", "row", "column"].map((each) => query.get(each));
    const place = row === null || column === null ? {} : { row: Number(row), column: Number(column) };
    await this.load(query.get("image") ?? samples[0]?.file, layer && map !== null ? { layer, map: Number(map), ...place } : {});
    if (this.before && layer && map !== null) await this.#open(layer, Number(map), row === null || column === null ? null : [Number(row), Number(column)]);
  }

  /** Any test image, by its name. */
  #byName(files) {
    const known = new Set(files);
    const find = h("input", { type: "search", list: "test-images", placeholder: "a part of its name", size: 18 });
    find.addEventListener("change", () => {
      const name = known.has(find.value) ? find.value : files.find((each) => find.value && each.includes(find.value));
      if (name) { find.value = name; this.load(name); } else if (find.value) this.studio.say(`No test image has "${find.value}" in its name.`);
    });
    return h("label", {}, "a test image: ", find, h("datalist", { id: "test-images" }, files.map((value) => h("option", { value }))));
  }

  #sample({ number, file, true: label, predicted }) {
    const isCorrect = label === predicted;
    return h("button", { type: "button", title: `${file}: true ${label}, predicted ${predicted}`, class: isCorrect ? "" : "wrong", onclick: () => this.load(file) },
      h("img", { src: `/api/${this.path}/mistakes/${number}/image`, alt: isCorrect ? label : `${label}, predicted ${predicted}` }));
  }

  /** Show another image, changed as the sliders say; `chosen` is the map that is opened next, so that the address keeps it. */
  async load(image, chosen = {}) {
    if (!image) return;
    this.#stopCamera();
    this.name = image;
    const before = await get(`${this.path}/inside?image=${part(image)}`).catch((error) => { this.studio.say(error.message); return null; });
    if (!before || this.name !== image || this.#isClosed) return;
    this.before = before;
    this.image.covered.clear();
    fill(this.about, image.startsWith("sent:") ? "your own image" : image);
    this.cell.clear(this.#query());
    this.chosen = chosen;
    await this.#show(before);
    if (this.changes.isChanged) await this.#ask();
    this.#remember();
  }

  /** What the server is asked about: the image with its changes, and what is covered. */
  #query(more = {}) {
    const { covered } = this.image;
    const cells = covered.size > 0 ? { cells: [...covered].join(",") } : {};
    return new URLSearchParams({ ...(this.#camera ? {} : { image: this.name }), ...this.changes.amounts, ...cells, ...more }).toString();
  }

  async #show({ source, classes, probabilities, layers }) {
    const before = this.#camera ? null : this.before.probabilities;
    await this.image.load(source);
    drawBars(this.bars, classes, probabilities, before);
    this.layers.show(layers);
    this.layers.mark(this.chosen.layer, this.chosen.map);
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
        const answer = await get(`${this.path}/inside?${query}&units=${this.layers.units}`);
        if (this.#isClosed || this.#camera || image !== this.name) break;
        await this.#show(answer);
        const map = this.cell.map && this.layers.map(this.chosen.layer, this.chosen.map);
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
  }

  async #open(layer, number, at = null) {
    if (this.#camera) await this.#freeze();
    if (!this.layers.map(layer, number)) await this.#add(layer, number);
    const map = this.layers.map(layer, number);
    if (!map) return;
    this.layers.mark(layer, number);
    this.chosen = { layer, map: number };
    this.cell.clear(this.#query());
    await this.cell.open(layer, map, at);
  }
  /** One more map among those that are shown. */
  async #add(layer, number) {
    try {
      await this.#show(await get(`${this.path}/inside?${this.#query()}&units=${this.layers.units},${part(`${layer}/${number}`)}`));
      if (!this.layers.map(layer, number)) this.studio.say(`${layer} has no maps.`);
    } catch (error) { this.studio.say(error.message); }
  }

  #remember(place = {}) {
    if (this.#isClosed || this.#camera) return;
    this.chosen = { ...this.chosen, ...place };
    go(address("inside", [this.run], { image: this.name, ...this.changes.amounts, ...this.chosen }), { replace: true });
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
    this.chosen = {};
    this.cell.clear("");
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
          units = this.layers.units;
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
    this.root.addEventListener("dragover", this.dropped);
    this.root.addEventListener("drop", this.dropped);
  }
  close() {
    this.#isClosed = true;
    clearTimeout(this.#resting);
    this.#camera?.stop();
    this.#camera = null;
    removeEventListener("paste", this.pasted);
  }
  press(event) {
    if (event.key === "c") this.image.uncover();
    else if (event.key === "r") this.changes?.reset();
  }
}

/** Say how many images a second there were lately. */
function tell(rate, times) {
  times.push(performance.now());
  if (times.length > KEPT_TIMES) times.shift();
  if (times.length > 1) rate.textContent = `${Math.round((1000 * (times.length - 1)) / (times.at(-1) - times[0]))} images a second`;
}
