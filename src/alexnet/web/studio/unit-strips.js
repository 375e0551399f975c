// The fully connected layers on an image's way: of each a grid of its units, and its strongest ones by name.
import { MOST } from "./class-bars.js";
import { fill, h, numberOf } from "./dom.js";
import { HeatGrid } from "./heat-grid.js";
import { short } from "./paint.js";

/** The numbers that the server sends as base64 of 32-bit numbers. */
export function readValues(values) {
  const letters = atob(values), bytes = new Uint8Array(letters.length);
  for (let n = 0; n < letters.length; n++) bytes[n] = letters.charCodeAt(n);
  return new Float32Array(bytes.buffer);
}

export class UnitStrips {
  #sections = new Map(); // layer → what shows it

  /** `open` is called with the layer and the number of a unit that is chosen. */
  constructor(open) { this.open = open; this.stages = []; this.root = h("div", { class: "unit-strips" }); }

  /** Addresses of the units that are named, as the server takes them. */
  get units() { return this.stages.flatMap(({ layer, shown }) => shown.map((number) => `${layer}/${number}`)).join(","); }

  /** The name of the last layer. */
  get last() { return this.stages.at(-1)?.layer; }

  has(layer) { return this.stages.some((stage) => stage.layer === layer); }

  /** Show the layers as the server sends them. The classes of the last one are named elsewhere: if few, it is left out. */
  show(stages, classes) {
    const layers = stages.map(({ layer, shown }) => `${layer} ${shown}`).join();
    this.stages = stages; this.classes = classes;
    if (layers !== this.layers) { this.layers = layers; this.#build(); }
    for (const stage of stages) if (this.#sections.has(stage.layer)) this.#paint(stage);
  }

  /** The button of a unit, or the grid that it is in. */
  tile(layer, number) { return this.#sections.get(layer)?.buttons.get(number) ?? this.#sections.get(layer)?.grid.canvas; }

  /** Mark one unit as the one that is open. */
  mark(layer, number) {
    for (const [name, { grid, buttons }] of this.#sections) {
      grid.mark(name === layer ? number : -1);
      for (const [each, button] of buttons) button.setAttribute("aria-pressed", String(name === layer && each === number));
    }
  }

  close() { for (const { grid } of this.#sections.values()) grid.close(); }

  #build() {
    this.close();
    this.#sections.clear();
    const last = this.stages.at(-1);
    fill(this.root, this.stages.filter((stage) => stage !== last || this.classes.length > MOST).map((stage) => {
      const { layer } = stage, shown = stage === last ? [] : stage.shown, about = h("span", { class: "soft" });
      const name = (number) => `${layer}/${number}${stage === last ? `, ${this.classes[number]}` : ""}`;
      const grid = new HeatGrid(layer, { name, open: (number) => this.open(layer, number) });
      const buttons = new Map(shown.map((number) => [number, h("button", { type: "button", "data-unit": `${layer}/${number}`, onclick: () => this.open(layer, number) })]));
      this.#sections.set(layer, { about, grid, buttons });
      return h("section", {}, h("h3", {}, layer, about), grid.root, h("div", { class: "named" }, [...buttons.values()]));
    }));
  }

  #paint({ layer, activation, num_active: active, values }) {
    const { about, grid, buttons } = this.#sections.get(layer), numbers = readValues(values);
    about.textContent = ` fully connected, ${numberOf(numbers.length, "unit")}${activation ? ` behind ${activation}` : ""}, ${active.toLocaleString("en")} of them not 0`;
    grid.show(numbers);
    for (const [number, button] of buttons) {
      const text = short(numbers[number]);
      button.textContent = `${number}: ${text}`;
      button.setAttribute("aria-label", `unit ${number} of ${layer}: ${text}`);
    }
  }
}
