// Sliders that change an image: turn, shift, scale, brightness and color, as `alexnet edit` defines them.
import { fill, h } from "./dom.js";

const WORDS = { "shift-x": "shift right", "shift-y": "shift down" };
const STEPS = { degrees: 1, "of the side": 0.01, times: 0.05 };

export class ImageChanges {
  /** `changes` as the server describes them; `amounts` to begin with; `changed` is called when one has changed. */
  constructor(changes, amounts, changed) {
    this.changes = changes; this.changed = changed; this.amounts = {};
    this.root = h("div", { class: "changes", role: "group", "aria-label": "change the image" });
    for (const { name, least, most, identity } of changes) {
      const amount = Number(amounts[name] ?? identity);
      if (amount !== identity && amount >= least && amount <= most) this.amounts[name] = amount;
    }
    this.#draw();
  }

  get isChanged() { return Object.keys(this.amounts).length > 0; }

  /** All changes taken back. */
  reset() {
    if (!this.isChanged) return;
    this.amounts = {};
    if (document.activeElement === this.button) this.root.querySelector("input").focus(); // there is nothing to reset any more
    for (const rest of this.rests) rest();
    this.button.disabled = true;
    this.changed();
  }

  #draw() {
    this.button = h("button", { type: "button", disabled: !this.isChanged, title: "r", onclick: () => this.reset() }, "reset the changes");
    this.rests = []; // of each slider, what puts it back
    fill(this.root, this.changes.map((change) => this.#row(change)), h("p", {}, this.button));
  }

  #row({ name, unit, about, least, most, identity }) {
    const id = `change-${name}`, words = h("output", { for: id });
    const slider = h("input", { type: "range", id, min: least, max: most, step: STEPS[unit] ?? 0.01, title: about,
      oninput: () => this.#set(name, Number(slider.value), identity, tell) });
    const tell = () => {
      const text = unit === "degrees" ? `${slider.value}°` : unit === "times" ? `× ${Number(slider.value).toFixed(2)}` : `${Math.round(100 * slider.value)} %`;
      words.textContent = text;
      slider.setAttribute("aria-valuetext", text);
    };
    const put = (amount) => { slider.value = amount; tell(); };
    put(this.amounts[name] ?? identity);
    this.rests.push(() => put(identity));
    return [h("label", { for: id }, WORDS[name] ?? name), slider, words];
  }

  #set(name, amount, identity, tell) {
    if (amount === identity) delete this.amounts[name];
    else this.amounts[name] = amount;
    this.button.disabled = !this.isChanged;
    tell();
    this.changed();
  }
}
