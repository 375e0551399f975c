// Logits turned into probabilities, in numbers: a row for each class, which can be opened as a unit of the last layer.
import { MOST, shownClasses } from "./class-bars.js";
import { fill, h, percent } from "./dom.js";
import { exact } from "./paint.js";

export class SoftmaxTable {
  #rows = []; // the cells of each row, written anew in place while the image changes

  /** `open` is called with the number of a class that is chosen. */
  constructor(open) {
    this.open = open;
    this.body = h("tbody", {}); this.foot = h("tfoot", {});
    this.root = h("table", { class: "softmax" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "class"), ["logit", "exp(logit − largest)", "probability"].map((name) => h("th", { scope: "col", class: "n" }, name)))), this.body, this.foot);
  }

  /** Show the softmax as the server sends it; `before` are the probabilities of the image as it was, or null. */
  show({ logits, exponentials, total, probabilities }, classes, before) {
    const shown = shownClasses(probabilities, before), best = probabilities.indexOf(Math.max(...probabilities));
    if (this.#rows.length !== shown.length) this.#build(shown.length);
    shown.forEach((number, n) => {
      const { row, button, cells } = this.#rows[n];
      row.className = number === best ? "best" : "";
      if (button.textContent !== classes[number]) button.textContent = classes[number];
      button.dataset.number = String(number);
      [exact(logits[number]), fixed(exponentials[number]), percent(probabilities[number])].forEach((text, place) => { cells[place].textContent = text; });
    });
    const rest = total - shown.reduce((sum, number) => sum + exponentials[number], 0), others = classes.length - shown.length;
    fill(this.foot, others > 0 && line(`the other ${others}`, fixed(rest), percent(rest / total)), line("sum", fixed(total), percent(1)));
  }

  #build(count) {
    this.#rows = Array.from({ length: Math.min(count, MOST) }, () => {
      const button = h("button", { type: "button", class: "link", onclick: () => this.open(Number(button.dataset.number)) });
      const cells = [0, 1, 2].map(() => h("td", { class: "n" })), row = h("tr", {}, h("th", { scope: "row" }, button), cells);
      return { row, button, cells };
    });
    fill(this.body, this.#rows.map(({ row }) => row));
  }
}

const line = (name, exponential, fraction) => h("tr", {}, h("th", { scope: "row" }, name), h("td", { class: "n" }), h("td", { class: "n" }, exponential), h("td", { class: "n" }, fraction));

const fixed = (value) => (value !== 0 && value < 0.0001 ? value.toExponential(1) : value.toFixed(4));
