// The arithmetic of one output as tables: a patch times weights, and what becomes of the sum in the layers that follow.
import { h } from "./dom.js";
import { brief, short } from "./paint.js";
import { term } from "../words/terms.js";

/** A patch, the weights for it and their products, each [h][w]; without weights the patch alone. */
export function factors(name, patch, weights, products) {
  return h("div", { class: "factors", tabindex: 0, role: "group", "aria-label": weights ? `patch times ${name}` : "values" },
    grid("patch", patch), weights && [h("span", {}, "×"), grid(name, weights), h("span", {}, "="), grid("products", products)]);
}

/** The value of an output of a layer, and what each layer without weights behind it makes of it. */
export function afterwards(layer, value, after) {
  return h("ol", { class: "after" }, h("li", {}, `${layer}: `, h("b", {}, short(value))),
    after.map((each) => h("li", {}, `${each.layer} (${each.kind}): ${each.equation.length > 160 ? "" : each.equation} → `, h("b", {}, short(each.value)), each.kind === "normalization" && [" ", term("LRN")])));
}

function grid(name, rows) {
  const isTight = rows[0].length > 5;
  return h("figure", {}, h("table", { class: isTight ? "tight" : "" }, h("tbody", {}, rows.map((row) => h("tr", {}, row.map((value) => h("td", {}, isTight ? brief(value) : short(value))))))), h("figcaption", {}, name));
}
