// Break it: find an image that a network gets confidently wrong. The best ones are on the board, and are kept.
import { get, part, post, upload } from "../api.js";
import { openCamera } from "../camera.js";
import { fill, h, numberOf, percent } from "../dom.js";
import { fileButton } from "../file-button.js";
import { address } from "../router.js";
import { chooseRun, runHead } from "../run-head.js";

export const name = "break";
export const title = "Break it";
export const key = "b";
export const of = "run";
export const keys = [["Enter", "on the button of the camera: take an image"]];

export async function open(root, place, studio) {
  const run = place.parts[0];
  if (run) return new Board(root, run, studio).start();
  await chooseRun(root, { name, title }, "Choose a network to attack.", studio);
  return {};
}

class Board {
  constructor(root, run, studio) {
    this.root = root; this.run = run; this.studio = studio;
    this.verdict = h("p", { class: "verdict", role: "status" });
    this.board = h("div");
    this.camera = h("div", { class: "camera" });
  }

  async start() {
    const { classes } = await get(`runs/${part(this.run)}/break`);
    this.label = h("select", { id: "true-class", onchange: () => this.waiting && this.#attempt(...this.waiting) }, [h("option", { value: "" }, "choose a class"), ...classes.map((each) => h("option", {}, each))]);
    const pick = fileButton("choose a file", ([file]) => this.#attempt(file, file.name), { id: "attack" });
    const drop = h("div", { class: "drop" }, "Drop an image here");
    drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
    drop.addEventListener("dragleave", () => drop.classList.remove("over"));
    drop.addEventListener("drop", (event) => {
      event.preventDefault();
      drop.classList.remove("over");
      const [file] = event.dataTransfer.files;
      if (file) this.#attempt(file, file.name);
    });
    this.#rest();
    fill(this.root, runHead(`Break ${this.run}`, this.run, this.studio, (other) => address("break", [other])),
      h("p", {}, "Find an image that the network gets wrong, the surer the better. Say first what the image shows; whoever looks at it must agree."),
      h("div", { class: "split" },
        h("div", {}, h("p", {}, h("label", { for: "true-class" }, "It shows "), this.label), drop,
          h("p", {}, "or ", pick), this.camera, this.verdict),
        this.board));
    await this.#draw();
    return { close: () => this.#off() };
  }

  async #attempt(file, fileName) {
    if (!this.label.value) {
      this.verdict.textContent = "Choose the class that it shows; then the network is asked.";
      this.waiting = [file, fileName];
      this.label.focus();
      return;
    }
    this.waiting = null;
    this.verdict.textContent = "looking ...";
    try {
      const path = `runs/${part(this.run)}/break?class=${part(this.label.value)}&file=${part(fileName)}`;
      const { is_broken: isBroken, predicted, probability } = await upload(path, file);
      fill(this.verdict, isBroken
        ? [h("b", { class: "wrong" }, `Broken: ${predicted}, ${percent(probability)} sure.`), " It is on the board."]
        : [h("b", {}, `It holds: ${predicted}, ${percent(probability)} sure.`), " Try another."]);
      if (isBroken) await this.#draw();
    } catch (error) {
      fill(this.verdict, h("span", { class: "fault" }, error.message));
    }
  }

  async #draw() {
    const { entries, folder, version, num_images: num } = await get(`runs/${part(this.run)}/break`);
    fill(this.board, h("h2", {}, "The board"),
      entries.length === 0 ? h("p", { class: "soft" }, "Nobody has broken it yet.") : h("ol", { class: "mistakes" }, entries.map(({ file, place, true: label, predicted, probability }) =>
        h("li", {}, h("img", { src: `/api/folders/${part(folder)}/thumbnails/${place}?v=${version}`, alt: `${label}, predicted ${predicted}`, loading: "lazy" }),
          h("span", {}, `true ${label}`), h("span", { class: "wrong" }, `${predicted} ${percent(probability)}`),
          h("button", { type: "button", "aria-label": `remove ${file}`, title: "It is not what was said, or not worth keeping: delete this copy", onclick: () => this.#remove(file) }, "remove")))),
      folder && h("p", {}, `${numberOf(num, "hard image")} in `, h("a", { href: address("data", [folder]) }, folder), ": move them to your images and train again, or measure another run on them with ",
        h("code", {}, `alexnet evaluate RUN --data ${folder}`), "."));
  }

  async #remove(file) {
    try {
      await post(`runs/${part(this.run)}/break/remove`, { file });
      this.studio.say("Removed from the board; your own file stays.");
      await this.#draw();
    } catch (error) { this.studio.say(error.message); }
  }

  // --- camera
  #rest() { fill(this.camera, h("button", { type: "button", onclick: () => this.#on() }, "Use the camera")); }

  #off() {
    this.opened?.stop();
    this.opened = null;
  }

  async #on() {
    try { this.opened = await openCamera("choose a file"); } catch (error) {
      fill(this.verdict, h("span", { class: "fault" }, error.message));
      return;
    }
    const { opened } = this;
    const take = h("button", { type: "button", class: "primary", onclick: () => this.#take(opened) }, "Try this image");
    fill(this.camera, opened.video, h("p", {}, take, " ", h("button", { type: "button", onclick: () => { this.#off(); this.#rest(); } }, "Camera off")));
  }

  async #take(opened) {
    const blob = await opened.jpeg();
    if (blob) await this.#attempt(blob, `camera-${Date.now()}.jpg`);
  }
}
