// The kernels of the first layer from the start of training through every epoch: a slider, and a button that plays them.
import { part } from "./api.js";
import { fill, h } from "./dom.js";

const PERIOD = 500; // ms that an epoch is shown

/** The images of a run's kernels; on the common scale one depends on the last epoch that there is. */
export const sheetOf = (run) => (epoch, scale, last) => `/api/runs/${part(run)}/kernels/${epoch}${scale === "common" ? `?common=${last}` : ""}`;

export class KernelFilm {
  #chosen = null; // the epoch that is shown; null follows the newest
  #timer = 0; #frames = new Map();

  /** `sheet(epoch, scale, last)` is the address of an image, see `sheetOf`; `numbers`, epoch → a line, may be missing. */
  constructor(sheet, numbers = {}) {
    this.sheet = sheet; this.numbers = numbers; this.epochs = [];
    this.isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.image = h("img", { alt: "" }); // named when there is something to see
    this.slider = h("input", { type: "range", min: 0, "aria-label": "epoch of the kernels", oninput: () => { this.stop(); this.#choose(Number(this.slider.value)); } });
    this.button = h("button", { type: "button", onclick: () => this.#play() });
    const common = h("input", { type: "checkbox", onchange: () => { this.scale = common.checked ? "common" : "own"; this.#draw(); } });
    this.scale = "own";
    this.words = h("p", { class: "soft" });
    this.root = h("div", { class: "film" }, this.image, this.slider,
      h("p", {}, this.button, h("label", {}, common, " all kernels and epochs on one scale")), this.words);
    this.#name();
  }

  /** The epochs of which there are kernels, ascending; 0 is the start. */
  show(epochs) {
    this.epochs = epochs;
    this.root.hidden = epochs.length === 0;
    if (epochs.length > 0) this.#draw();
  }

  /** One epoch on, or with -1 one back. */
  step(by) { this.stop(); this.#choose(this.#place() + by); }

  stop() { clearTimeout(this.#timer); this.#timer = 0; this.#name(); }

  #name() { this.button.textContent = this.isStill ? "Next epoch" : this.#timer ? "Pause" : "Play"; }

  /** Play from here, or from the start where this is the end; where motion is not wanted, go on by one epoch. */
  #play() {
    if (this.#timer) { this.stop(); return; }
    const isEnd = this.#place() === this.epochs.length - 1;
    if (this.isStill) { this.#choose(isEnd ? 0 : this.#place() + 1); return; }
    if (isEnd) this.#choose(0);
    const next = async () => {
      const timer = this.#timer;
      await this.#choose(this.#place() + 1);
      if (timer !== this.#timer || !this.root.isConnected) return; // stopped, or no longer on the page
      this.#timer = this.#place() === this.epochs.length - 1 ? 0 : setTimeout(next, PERIOD);
      this.#name();
    };
    this.#timer = setTimeout(next, PERIOD);
    this.#name();
  }

  #place() {
    const place = this.epochs.indexOf(this.#chosen);
    return place < 0 ? this.epochs.length - 1 : place;
  }

  #choose(place) {
    const kept = Math.max(0, Math.min(this.epochs.length - 1, place));
    this.#chosen = kept === this.epochs.length - 1 ? null : this.epochs[kept];
    return this.#draw();
  }

  async #draw() {
    const place = this.#place(), epoch = this.epochs[place];
    const when = epoch === 0 ? "At the start" : `After epoch ${epoch}`;
    this.slider.max = this.epochs.length - 1;
    this.slider.value = place;
    this.slider.setAttribute("aria-valuetext", when);
    const scale = this.scale === "own" ? "Each kernel is drawn on a scale of its own" : "All are drawn on one scale";
    fill(this.words, [when, this.numbers[epoch]].filter(Boolean).join(": "), `. ${scale}; gray is 0.`);
    const source = this.sheet(epoch, this.scale, this.epochs.at(-1));
    this.source = source;
    const frame = await this.#frame(source).catch(() => null);
    if (!frame || source !== this.source) return; // another one is shown meanwhile
    this.image.src = frame.src;
    this.image.alt = `Kernels of conv1, ${when.toLowerCase()}`;
  }

  /** The image of an address, loaded before it is shown; one that failed is loaded again. */
  async #frame(source) {
    if (!this.#frames.has(source)) {
      const image = new Image();
      image.src = source;
      this.#frames.set(source, image.decode().then(() => image, (error) => { this.#frames.delete(source); throw error; }));
    }
    return this.#frames.get(source);
  }
}
