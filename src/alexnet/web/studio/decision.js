// Why one class rather than another: the units of the last hidden layer that push the one logit or the other.
import { fill, h, numberOf } from "./dom.js";
import { exact, exactSigned, short, signed } from "./paint.js";

export class Decision {
  #sides = [];

  /** `open` is called with a unit's address that is chosen, `between` with the numbers of two classes or null. */
  constructor(open, between) {
    this.open = open; this.between = between;
    const select = (name) => h("select", { "aria-label": name, onchange: () => this.#choose() });
    this.first = select("the class that is explained"); this.second = select("the class that it is compared with");
    this.reset = h("button", { type: "button", onclick: () => between(null) }, "the two most probable");
    this.line = h("p", {});
    this.tables = h("div", { class: "pushes" });
    this.root = h("section", { class: "decision" },
      h("h3", {}, "Why ", this.first, " rather than ", this.second, " ", this.reset), this.line, this.tables);
  }

  /** Show a decision as the server sends it; `isChosen` tells whether its classes were chosen here. */
  show(decision, classes, isChosen) {
    const { winner, runner_up: other, between } = decision;
    this.#offer(classes);
    [this.first.value, this.second.value] = between.map(String);
    this.reset.disabled = !isChosen;
    const ahead = decision.logit_difference < 0 ? "smaller" : "larger";
    this.line.textContent = `The logit of ${winner} is ${ahead} than that of ${other} by ${short(Math.abs(decision.logit_difference))}: ${signed(decision.total)} from the ${numberOf(decision.num_units, "unit")} before ${decision.layer}, each its value times the difference of its two weights, and ${signed(decision.bias_difference)} from the biases.`;
    const pushes = [decision.towards_winner, decision.towards_runner_up];
    if (this.#sides.length === 0) this.#build(Math.max(...pushes.map((side) => side.length), 6));
    const most = Math.max(...pushes.flat().map((push) => Math.abs(push.contribution)));
    pushes.forEach((side, n) => this.#fill(this.#sides[n], side, n ? other : winner, most));
  }

  #offer(classes) {
    if (this.classes === classes.join("\n")) return;
    this.classes = classes.join("\n");
    for (const select of [this.first, this.second]) fill(select, classes.map((name, number) => h("option", { value: number }, name)));
  }

  #choose() {
    const chosen = [Number(this.first.value), Number(this.second.value)];
    if (chosen[0] !== chosen[1]) this.between(chosen);
  }

  /** Rows that are written anew in place: a unit that has the focus keeps it while the image changes. */
  #build(count) {
    this.#sides = [0, 1].map(() => {
      const caption = h("caption", {});
      const rows = Array.from({ length: count }, () => {
        const button = h("button", { type: "button", class: "link", onclick: () => this.open(button.textContent) });
        const cells = [0, 1, 2].map(() => h("td", { class: "n" })), bar = h("i", {});
        return { button, cells, bar, row: h("tr", {}, h("th", { scope: "row" }, button), cells, h("td", { class: "extent", "aria-hidden": "true" }, bar)) };
      });
      const head = ["unit", "value", "× weight difference", "= push", ""].map((name) => h(name ? "th" : "td", name ? { scope: "col", class: name === "unit" ? "" : "n" } : {}, name));
      const table = h("table", {}, caption, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows.map(({ row }) => row)));
      return { table, caption, rows };
    });
    fill(this.tables, this.#sides.map(({ table }) => h("div", { class: "scroll" }, table)));
  }

  #fill({ caption, rows }, pushes, name, most) {
    caption.textContent = pushes.length > 0 ? `towards ${name}` : `nothing pushes towards ${name}`;
    rows.forEach(({ row, button, cells, bar }, n) => {
      const push = pushes[n];
      row.hidden = !push;
      if (!push) return;
      if (button.textContent !== push.unit) button.textContent = push.unit;
      [exact(push.activation), exactSigned(push.weight_difference), exactSigned(push.contribution)].forEach((text, place) => { cells[place].textContent = text; });
      bar.style.width = `${(100 * Math.abs(push.contribution)) / most}%`;
    });
  }
}
