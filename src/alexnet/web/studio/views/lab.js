// Convolution: the lab, on drawn images, those of the folders, or the camera, with the kernels of a run where one is
// chosen. What is set is in the address.
import "../../convolution-lab.js";
import { get, part } from "../api.js";
import { fill, h } from "../dom.js";
import { ImagePicker } from "../image-picker.js";
import { KernelSwatches } from "../kernel-swatches.js";
import { LiveCamera } from "../live-camera.js";
import { listenForImages } from "../own-image.js";
import { address, go } from "../router.js";

export const name = "lab";
export const title = "Convolution";
export const key = "c";
export const keys = [["← ↑ ↓ →", "on the output: to another cell"], ["Tab", "to the next cell of image or kernel"]];

const SETTINGS = { operation: ["convolution", "correlation"], size: ["valid", "same", "full"], border: ["zero", "reflect", "replicate", "circular"], stride: [1, 2, 3, 4, 5, 6, 7, 8], color: [true, false] };
const LISTS = { image: ".image", kernel: ".gallery" };
const FRAME_SIDE = 160; // px of a frame of the camera
const MOST_VALUES = 144; // of an edited image or kernel that the address holds

export async function open(root, place, studio) {
  const page = new Page(root, place, studio);
  await page.start(await studio.here());
  return page;
}

class Page {
  #isClosed = false; #turn = 0; #picked = null; // {folder, file}, where an image of a folder is shown

  constructor(root, place, studio) {
    this.root = root; this.run = place.parts[0] ?? ""; this.query = place.query; this.studio = studio;
    this.lab = h("convolution-lab", { hidden: true });
    this.swatches = new KernelSwatches((name) => { this.lab.kernel = name; });
  }

  async start({ runs, folders }) {
    const { lab, run, query } = this;
    const finished = runs.filter((each) => each.status === "finished").map((each) => each.name);
    const choose = this.choose = h("select", { onchange: () => this.#use(choose.value) }, h("option", { value: "" }, "kernels with a name"),
      finished.map((each) => h("option", { value: each }, `and conv1 of ${each}`)));
    choose.value = run;
    this.picker = new ImagePicker({ folders: folders.map((each) => each.name), chosen: (image) => this.#take(image), say: this.studio.say });
    this.camera = new LiveCamera({ otherwise: "choose an image", begun: () => this.#leave(), stopped: () => this.#remember(),
      show: (camera) => { const frame = camera.square(FRAME_SIDE); if (frame) lab.frame(frame); } });
    fill(this.root, h("h1", {}, "Convolution"),
      h("p", { class: "soft" }, "Edit a cell of the image or of the kernel; point at an output, or move there with the arrow keys, to see what it is the sum of. Without the flip it is correlation, which is what networks compute."),
      h("div", { class: "begin" }, finished.length > 0 && h("label", {}, "Kernels: ", choose), this.camera.root), this.swatches.root, this.picker.root, lab);
    const data = await get(`lab${run ? `?run=${part(run)}` : ""}`);
    lab.data = { ...data, kernel: query.get("kernel") ?? data.kernel, image: query.get("image") ?? data.image };
    const settings = settingsOf(query);
    lab.state = settings;
    for (const each of Object.keys(LISTS)) if (settings[each]) listOf(lab, each).value = ""; // edited
    this.swatches.show(data.kernels);
    this.swatches.mark(lab.kernel);
    lab.hidden = false;
    lab.addEventListener("imagechange", () => { this.#leave(); this.camera.stop(); });
    this.deaf = listenForImages(this.root, (file) => this.#takeFile(file));
    if (query.get("folder")) await this.picker.open(query.get("folder"), query.get("file") ?? "");
    lab.addEventListener("statechange", () => setTimeout(() => this.#remember(), 0)); // when its lists show what was chosen
  }

  /** Show an image of a folder. */
  async #take({ folder, file, source }) {
    this.camera.stop();
    this.#picked = { folder, file };
    try {
      await this.lab.take({ name: file.split("/").at(-1), source });
      this.#remember();
    } catch { this.studio.say(`${file}: cannot be shown; choose another image.`); }
  }
  #leave() {
    this.#picked = null;
    this.picker.leave();
  }

  async #takeFile(file) {
    const source = URL.createObjectURL(file);
    this.camera.stop();
    this.#leave();
    try { await this.lab.take({ name: file.name, source }); }
    catch { this.studio.say(`${file.name}: this browser cannot read it; choose a JPEG or PNG.`); }
    finally { URL.revokeObjectURL(source); }
  }

  /** Offer the kernels of another run, or of none; image and camera stay. */
  async #use(run) {
    const turn = this.#turn += 1, from = this.run;
    try {
      const { kernels } = await get(`lab${run ? `?run=${part(run)}` : ""}`);
      if (turn !== this.#turn) return; // another one was chosen meanwhile
      this.run = run;
      this.swatches.show(kernels);
      this.lab.kernels = kernels;
      this.#remember(from);
    } catch (error) { if (turn === this.#turn) this.#refuse(error.message); }
  }

  /** The kernels of a run cannot be had: those that are shown stay. */
  #refuse(fault) {
    this.choose.value = this.run;
    this.studio.say(fault);
  }

  /** Keep what is set in the address, which names another run so far where `from` is given. */
  #remember(from = undefined) {
    if (this.#isClosed) return;
    const values = valuesOf(this.lab);
    this.swatches.mark(this.lab.kernel);
    if (this.#picked) { delete values.image; delete values["image-values"]; }
    go(address("lab", this.run ? [this.run] : [], { ...values, ...this.#picked }), { replace: true, from });
  }

  close() {
    this.#isClosed = true;
    this.camera?.close();
    this.picker?.close();
    this.deaf?.();
  }
}

/** What the address says besides names: settings, and an edited image or kernel as `1,2,1;0,0,0`. */
function settingsOf(query) {
  const settings = {};
  for (const [each, choices] of Object.entries(SETTINGS)) {
    const chosen = choices.find((value) => String(value) === query.get(each));
    if (chosen !== undefined) settings[each] = chosen;
  }
  for (const each of Object.keys(LISTS)) {
    const rows = (query.get(`${each}-values`) ?? "").split(";").map((row) => row.split(",").map((value) => (value === "" ? NaN : Number(value))));
    if (rows.flat().every(Number.isFinite) && rows.every((row) => row.length === rows[0].length)) settings[each] = rows;
  }
  return settings;
}

const listOf = (lab, each) => lab.shadowRoot.querySelector(LISTS[each]);

function valuesOf(lab) {
  const { state } = lab, values = Object.fromEntries(Object.keys(SETTINGS).map((each) => [each, state[each]]));
  for (const each of Object.keys(LISTS)) {
    const chosen = listOf(lab, each).selectedOptions[0], rows = state[each];
    if (chosen?.value) values[each] = chosen.text;
    else if (rows.length * rows[0].length <= MOST_VALUES) values[`${each}-values`] = rows.map((row) => row.join(",")).join(";");
  }
  return values;
}
