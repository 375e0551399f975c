// Kernels of three channels as small images, each a button.
import { swatchOf } from "../convolution/swatches.js";
import { fill, h } from "./dom.js";

export class KernelSwatches {
  /** `chosen` gets the name of a kernel. */
  constructor(chosen) {
    this.chosen = chosen;
    this.root = h("div", { class: "swatches", role: "group", "aria-label": "the kernels of the first layer" });
    this.show([]);
  }

  /** Show the kernels, {name, channels}, that have channels. */
  show(kernels) {
    const learned = kernels.filter((kernel) => kernel.channels);
    this.root.hidden = learned.length === 0;
    fill(this.root, learned.map(({ name, channels }) => h("button", { type: "button", title: name, "aria-label": name, "data-name": name, "aria-pressed": "false", onclick: () => this.chosen(name) }, swatchOf(channels, ""))));
    for (const canvas of this.root.querySelectorAll("canvas")) canvas.removeAttribute("role");
  }

  /** Mark the chosen one. */
  mark(name) {
    for (const button of this.root.children) button.setAttribute("aria-pressed", String(button.dataset.name === name));
  }
}
