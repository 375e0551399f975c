// What a unit makes of an image: its map, or of a fully connected layer its value.
import { get, part, upload } from "./api.js";
import { fill, h } from "./dom.js";
import { fileButton } from "./file-button.js";
import { moveFocus } from "./move-focus.js";
import { imageName, listenForImages } from "./own-image.js";
import { paintMap, short } from "./paint.js";
import { address } from "./router.js";
import { imageByName, missingWords, sampleButtons } from "./test-images.js";
import { readValues } from "./unit-strips.js";

export class UnitOnImage {
  #isClosed = false;

  /** `changed` is called with the name of the image that is shown, as an address holds it. */
  constructor(run, layer, number, { say, changed }) {
    this.run = run; this.layer = layer; this.number = number; this.say = say; this.changed = changed;
    this.path = `runs/${part(run)}`;
    this.name = "";
    this.samples = h("div", { class: "samples" });
    this.choices = h("div", { class: "begin" });
    this.shown = h("div", { class: "on-image", role: "status" }, h("p", { class: "soft" }, "Choose a test image, or one of your own: drop it here or paste it."));
    this.root = h("section", {}, h("h2", {}, "On an image"), this.samples, this.choices, this.shown);
    this.root.addEventListener("keydown", (event) => moveFocus(event, [...this.samples.querySelectorAll("button")]));
  }

  /** Offer images, and show the one of the address. */
  async start(image) {
    const shown = image ? this.load(image) : null;
    this.stop = listenForImages(this.root, (file) => this.#send(file));
    try {
      const { samples, missing, ...listed } = await get(`${this.path}/samples`), load = (file) => this.load(file);
      fill(this.samples, missing ? missingWords(missing) : sampleButtons(samples, this.path, load));
      fill(this.choices, imageByName(listed, this.path, load, this.say), fileButton("an image of your own", ([file]) => this.#send(file)));
    } catch (error) { this.say(error.message); }
    await shown;
  }

  async load(image) {
    this.name = image;
    const query = new URLSearchParams({ image, units: `${this.layer}/${this.number}` });
    const answer = await get(`${this.path}/inside?${query}`).catch((error) => { this.say(error.message); return null; });
    if (this.#isClosed || this.name !== image) return;
    if (answer === null) { this.name = ""; return; }
    this.#show(answer);
    this.changed(image);
  }

  #show({ source, layers, units }) {
    const map = layers.find(({ layer }) => layer === this.layer)?.maps[0], values = units.find(({ layer }) => layer === this.layer)?.values;
    const name = imageName(this.name);
    const canvas = h("canvas", { role: "img", "aria-label": `map of ${this.layer}/${this.number} for ${name}` });
    if (map) paintMap(canvas, map);
    fill(this.shown,
      h("figure", {}, h("img", { src: source, alt: name }), h("figcaption", {}, name)),
      map ? h("figure", {}, canvas, h("figcaption", {}, `its map, ${map.shape.join(" × ")}; the largest value is `, h("b", {}, short(map.maximum))))
        : values && h("p", {}, "its value: ", h("b", {}, short(readValues(values)[this.number]))),
      h("p", {}, h("a", { href: address("inside", [this.run, this.layer, this.number], { image: this.name }) }, "How it comes about")));
  }

  async #send(file) {
    try { await this.load((await upload("images", file)).image); } catch (error) { this.say(error.message); }
  }

  close() { this.#isClosed = true; this.stop?.(); }
}
