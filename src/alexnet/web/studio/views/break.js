// Break it: find or paint an image that a network gets confidently wrong. The best ones are on the board, and are kept.
import { get, part, upload } from "../api.js";
import { drawBars, largest } from "../class-bars.js";
import { fill, h, percent } from "../dom.js";
import { fileButton } from "../file-button.js";
import { HardBoard } from "../hard-board.js";
import { ImagePicker } from "../image-picker.js";
import { LiveCamera } from "../live-camera.js";
import { listenForImages } from "../own-image.js";
import { PaintedImage } from "../painted-image.js";
import { address, go } from "../router.js";
import { chooseRun, runHead } from "../run-head.js";

export const name = "break";
export const title = "Break it";
export const key = "b";
export const of = "run";
export const keys = [
  ["← ↑ ↓ →", "on the image: move the brush"], ["Space", "on the image: put the brush down, or lift it"], ["Esc", "on the image: take all that is painted away"],
  ["u", "undo the last stroke"], ["Shift U", "redo it"], ["Enter", "on the button of the camera: take an image"], ["v", "paste an image with Ctrl-V"],
];

const FRAME_SIDE = 320; // px of a frame of the camera

export async function open(root, place, studio) {
  const run = place.parts[0];
  if (run) {
    const here = await studio.here(), page = new Page(root, run, studio, here.folders.map((each) => each.name));
    try { await page.start(place.query); } catch (error) { page.close(); throw error; }
    return page;
  }
  await chooseRun(root, { name, title }, "Choose a run to break.", studio);
  return {};
}

class Page {
  #isAsking = false; #again = false; #isClosed = false;

  constructor(root, run, studio, folders) {
    this.root = root; this.run = run; this.studio = studio; this.path = `runs/${part(run)}/break`;
    this.image = null; // {name, file, folder, source}: of a file its bytes, of a folder its name and that of the image in it
    this.painted = null; // the one that the canvas shows: another is chosen before it is loaded
    this.before = this.now = null; // probabilities of the image as it was, and as it is
    this.painting = new PaintedImage(() => this.#ask(), (text) => studio.say(text));
    this.board = new HardBoard(run, studio.say);
    this.picker = new ImagePicker({ folders, chosen: (image) => this.#pick(image), say: studio.say });
    this.camera = new LiveCamera({ otherwise: "choose a file", begun: () => this.#begin(), show: (camera) => this.#watch(camera), stopped: () => this.#stop() });
    this.bars = h("dl", { class: "bars" });
    this.verdict = h("p", { class: "verdict", role: "status" }, "Choose an image, drop or paste one, or use the camera.");
    this.keep = h("button", { type: "button", class: "primary", disabled: true, onclick: () => this.#keep() }, "Put it on the board");
    this.deaf = listenForImages(root, (file) => this.#open(file));
  }

  async start(query) {
    const values = await get(this.path);
    this.classes = values.classes;
    this.label = h("select", { id: "true-class", onchange: () => this.#judge() }, h("option", { value: "" }, "choose a class"), values.classes.map((each) => h("option", {}, each)));
    const pick = fileButton("choose a file", ([file]) => this.#open(file), { id: "attack" });
    fill(this.root, runHead(`Break ${this.run}`, this.run, this.studio, (other) => address("break", [other])),
      h("p", {}, "Find an image that the network gets wrong with a high probability: choose one, paint on it or cover a part of it, and say what it shows. A person must still recognize it."),
      this.picker.root, h("div", { class: "begin" }, "or ", pick, this.camera.root),
      h("div", { class: "attack" }, h("div", {}, this.painting.canvas, this.painting.tools),
        h("div", {}, this.bars, h("p", {}, h("label", { for: "true-class" }, "It shows "), this.label), this.verdict, this.keep), this.board.list, this.board.measure));
    await this.board.draw(values);
    const folder = query.get("folder") ?? values.data; // there is something to choose at once
    if (folder) await this.picker.open(folder, query.get("file") ?? "");
  }

  // --- the image
  async #pick({ folder, file, className, source }) {
    const isShown = await this.#load({ name: file.split("/").at(-1), folder, source: file }, source, `${file}: cannot be shown; choose another image.`);
    if (!isShown) return;
    go(address("break", [this.run], { folder, file }), { replace: true });
    this.#start(className);
  }
  async #open(file) {
    const source = URL.createObjectURL(file);
    this.#leave();
    const isShown = await this.#load({ name: file.name, file }, source, `${file.name}: this browser cannot read it; choose a JPEG or PNG.`);
    URL.revokeObjectURL(source);
    if (isShown) this.#start("");
  }
  /** Show an image to paint on; answers whether it is, and not another one that was chosen meanwhile. Until then nothing is asked. */
  async #load(image, source, otherwise) {
    this.image = image;
    this.now = null;
    this.keep.disabled = true;
    this.camera.stop();
    try { await this.painting.load(source); } catch {
      this.studio.say(otherwise);
      this.image = this.painted;
      if (this.image) this.#ask();
      return false;
    }
    if (this.image !== image) return false;
    this.painted = image;
    return true;
  }
  /** Another image is shown, on which nothing is painted. */
  #start(className) {
    this.before = this.now = null;
    this.label.value = this.classes.includes(className) ? className : "";
    this.#ask();
  }
  #leave() {
    this.picker.leave();
    go(address("break", [this.run]), { replace: true });
  }

  // --- what the network makes of it
  /** Ask about the image as it is now; while an answer is awaited, only the last change counts. */
  async #ask() {
    if (this.image !== this.painted) return;
    if (this.#isAsking) { this.#again = true; return; }
    this.#isAsking = true;
    try {
      do {
        this.#again = false;
        const { image } = this, isPainted = this.painting.isPainted;
        const { probabilities } = await upload(`${this.path}/look`, await this.#file());
        if (this.#isClosed || this.camera.isOn) break;
        if (image !== this.image) continue;
        if (!isPainted) this.before = probabilities;
        this.#show(probabilities);
      } while (this.#again);
    } catch (error) {
      this.now = null;
      fill(this.verdict, h("span", { class: "fault" }, error.message));
      this.keep.disabled = true;
    }
    this.#isAsking = false;
  }
  /** The file as it is judged: painted on, or as it was chosen. */
  #file() { return this.image.file && !this.painting.isPainted ? this.image.file : this.painting.file(); }

  #show(probabilities) {
    this.now = probabilities;
    drawBars(this.bars, this.classes, probabilities, this.before);
    this.#judge();
  }
  /** Say whether it is broken, as far as the class that it shows is known. */
  #judge() {
    if (!this.now) return;
    const predicted = this.classes[largest(this.now)], label = this.label.value, isWrong = label !== "" && predicted !== label;
    const isOwn = Boolean(this.image?.folder) && !this.painting.isPainted;
    const words = label === "" ? [h("b", {}, `Predicted: ${predicted}.`), " What does it show? Choose the class."]
      : isWrong ? [h("b", { class: "wrong" }, `✗ Wrong: ${predicted}.`), isOwn ? ` It is in ${this.image.folder} as it is; paint on one that the network gets right.` : ""]
        : [h("b", {}, `✓ Still correct: ${predicted}.`), " Paint on it, or cover what the network looks at."];
    const line = h("span", {}, words);
    if (this.verdict.textContent !== line.textContent) fill(this.verdict, line);
    this.keep.disabled = !isWrong || isOwn || this.camera.isOn;
  }

  async #keep() {
    const { image } = this, label = this.label.value, [stem] = image.name.split(/\.[^.]*$/);
    const query = new URLSearchParams({ class: label, file: this.painting.isPainted ? `${stem}-painted.png` : image.name, ...(image.folder ? { folder: image.folder, source: image.source } : {}) });
    this.keep.disabled = true;
    try {
      const { is_broken: isBroken, predicted, probability } = await upload(`${this.path}?${query}`, await this.#file());
      this.studio.say(isBroken ? `On the board: predicted ${predicted}, ${percent(probability)}; it is ${label}.` : `Still correct: ${predicted}, ${percent(probability)}.`);
      await this.board.draw();
    } catch (error) {
      fill(this.verdict, h("span", { class: "fault" }, error.message));
      this.keep.disabled = image !== this.image || label !== this.label.value;
    }
  }

  // --- the camera
  #begin() {
    this.#leave();
    this.image = this.painted = { name: `camera-${Date.now()}.jpg` };
    this.before = null;
    this.keep.disabled = true;
  }
  async #watch(camera) {
    const square = camera.square(FRAME_SIDE);
    if (!square) return;
    try {
      const { probabilities } = await upload(`${this.path}/look`, await new Promise((answer) => { square.toBlob(answer, "image/jpeg", 0.92); }));
      if (!this.camera.isOn) return;
      this.painting.show(square, square.width, square.height);
      this.#show(probabilities);
    } catch (error) {
      this.studio.say(error.message);
      this.camera.stop();
    }
  }
  #stop() { if (this.painting.isReady && this.image && !this.image.folder && !this.image.file) this.#ask(); }

  press(event) {
    if (event.key === "u") this.painting.undo();
    else if (event.key === "U") this.painting.redo();
    else return;
    event.preventDefault();
  }
  close() {
    this.#isClosed = true;
    this.camera.close();
    this.picker.close();
    this.board.close();
    this.deaf();
  }
}
