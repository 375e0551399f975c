// Of each layer some maps side by side; painted anew in place while the image changes.
import { fill, h } from "./dom.js";
import { paintMap } from "./paint.js";

export class LayerStrips {
  #buttons = new Map(); // unit → its button

  /** `open` is called with the layer and the number of a map that is chosen. */
  constructor(open) { this.open = open; this.layers = []; this.root = h("div", { class: "layers" }); }

  /** Addresses of the maps that are shown, as the server takes them. */
  get units() { return [...this.#buttons.keys()].join(","); }

  map(layer, number) { return this.layers.find((each) => each.layer === layer)?.maps.find((each) => each.number === number); }

  /** The button of a map. */
  tile(layer, number) { return this.#buttons.get(`${layer}/${number}`); }

  show(layers) {
    this.layers = layers;
    const units = layers.flatMap(({ layer, maps }) => maps.map((map) => `${layer}/${map.number}`)).join(",");
    if (units !== this.units) this.#build();
    for (const { layer, maps } of layers) for (const map of maps) this.#paint(layer, map);
  }

  /** Mark one map as the one that is open. */
  mark(layer, number) {
    for (const [unit, button] of this.#buttons) button.setAttribute("aria-pressed", String(unit === `${layer}/${number}`));
  }

  #build() {
    this.#buttons.clear();
    fill(this.root, this.layers.map(({ layer, kind, num_maps: num, maps }) => h("section", {},
      h("h3", {}, layer, h("span", { class: "soft" }, ` ${kind}, ${num} maps of ${maps[0].shape.join(" × ")}`)),
      h("div", { class: "strip" }, maps.map(({ number }) => {
        const unit = `${layer}/${number}`;
        const button = h("button", { type: "button", "data-unit": unit, onclick: () => this.open(layer, number) }, h("canvas", {}), h("span", {}));
        this.#buttons.set(unit, button);
        return button;
      })))));
  }

  #paint(layer, map) {
    const button = this.#buttons.get(`${layer}/${map.number}`), [canvas, words] = button.children;
    const text = map.maximum.toPrecision(3);
    paintMap(canvas, map);
    words.textContent = `${map.number}: ${text}`;
    button.setAttribute("aria-label", `map ${map.number} of ${layer}, at most ${text}`);
  }
}
