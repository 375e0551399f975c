// One unit of a fully connected layer in numbers: what it reads times its weights, the bias, and what becomes of the sum.
import { get, part } from "./api.js";
import { fill, h, numberOf } from "./dom.js";
import { afterwards, factors } from "./factors.js";
import { showNextUnits } from "./next-units.js";
import { exact, exactSigned, signed } from "./paint.js";
import { address } from "./router.js";

const WRITTEN_OUT = 3; // maps of which all products are listed

export class UnitSum {
  #asked = 0;

  constructor(run) { this.run = run; this.root = h("div", { class: "unit-sum" }); }

  get isOpen() { return this.layer !== null && this.layer !== undefined; }

  clear() { this.#asked++; this.layer = null; fill(this.root); }

  /** Show a unit; `query` names the image as the server takes it. */
  async open(layer, number, query) {
    this.layer = layer; this.number = number; this.query = query;
    const mine = ++this.#asked;
    try {
      const answer = await get(`runs/${part(this.run)}/inside/${part(layer)}/units/${number}?${query}`);
      if (mine === this.#asked) await this.#tell(answer);
    } catch (error) { if (mine === this.#asked) fill(this.root, h("p", { class: "fault" }, error.message)); }
  }

  /** The numbers of the same unit once more, for an image that has changed. */
  async again(query) { if (this.isOpen) await this.open(this.layer, this.number, query); }

  async #tell({ sum, class: name, after }) {
    const { layer, number } = this, isMaps = sum.terms.some((term) => term.factors);
    const forward = this.root.querySelector(".forward") ?? h("div", { class: "forward" }); // stays while the image changes
    fill(this.root, h("h3", {}, h("a", { href: address("run", [this.run, "unit", layer, number]) }, `${layer}/${number}`), name && `: ${name}`,
      h("span", { class: "soft" }, ` the sum over ${numberOf(sum.num_sources, isMaps ? "map" : "unit")} of ${sum.terms[0].layer}, ${sum.num_active.toLocaleString("en")} of them not 0`)),
    h("div", { class: "parts" }, h("div", { role: "status" }, this.#terms(sum, isMaps), afterwards(layer, sum.layer_value, after)),
      h("div", {}, this.#maps(sum), forward)));
    await showNextUnits(forward, this.run, layer, number, { query: this.query });
  }

  #terms(sum, isMaps) {
    const most = Math.max(...sum.terms.map((term) => Math.abs(term.contribution))), count = sum.num_sources - sum.terms.length;
    const row = (from, middle, value, end = null) => h("tr", {}, h("th", { scope: "row" }, from), h("td", { class: "n" }, middle), h("td", { class: "n" }, exactSigned(value)), h("td", { class: "extent", "aria-hidden": "true" }, end));
    const bar = (value) => { const one = h("i", { class: value < 0 ? "below" : "" }); one.style.width = `${(100 * Math.abs(value)) / most}%`; return one; };
    const product = (term) => [`${exact(term.input)} × ${exact(term.weight)}`, hasPlaces(term) && [" at ", this.#link(term, `(${term.place.join(", ")})`)]];
    const heads = isMaps ? ["map", sum.terms.some(hasPlaces) ? "largest product, at (row, column)" : "value × weight", "the map adds"] : ["unit", "value × weight", "adds"];
    return h("div", { class: "scroll" }, h("table", { class: "terms" },
      h("thead", {}, h("tr", {}, heads.map((head, n) => h("th", { scope: "col", class: n ? "n" : "" }, head)), h("td"))),
      h("tbody", {}, sum.terms.map((term) => row(this.#link(term, term.source), product(term), term.contribution, bar(term.contribution)))),
      h("tfoot", {}, count > 0 && row(`the other ${count.toLocaleString("en")}`, "", sum.rest), row("bias", "", sum.bias), row("sum", `the network computes ${exact(sum.layer_value)}`, sum.value))));
  }

  #link(term, text) {
    const { cells, ...image } = Object.fromEntries(new URLSearchParams(this.query)), [row, column] = term.place ?? [];
    return h("a", { href: address("inside", [this.run, term.layer, term.number], { ...image, row, column }) }, text);
  }

  /** Of the maps that add most, all products. */
  #maps({ terms }) {
    return terms.filter(hasPlaces).slice(0, WRITTEN_OUT).map((term, n) => h("details", { open: n === 0 }, h("summary", {}, `${term.source}: ${signed(term.contribution)}`),
      factors("weights", term.factors.patch, term.factors.weights, term.factors.products)));
  }
}

/** Whether a term is of a map with more than one place. */
const hasPlaces = ({ factors: all }) => all !== null && all.patch.length * all.patch[0].length > 1;
