// The way forward from a unit: the units of the next layer that read it most, as links to their pages.
import { get, part } from "./api.js";
import { fill, h } from "./dom.js";
import { short, signed } from "./paint.js";
import { address } from "./router.js";

/** Fill an element with the units that read one; `query` names an image as the server takes it, without one only weights count. */
export async function showNextUnits(root, run, layer, number, { query = "", heading = "h3" } = {}) {
  const read = await get(`runs/${part(run)}/next/${part(layer)}/${number}?${query}`).catch((error) => ({ fault: error.message }));
  if (read.fault) fill(root, h("p", { class: "fault" }, read.fault));
  if (!read.layer) return; // a unit of the last layer is a class
  const unit = (each) => h("a", { href: address("run", [run, "unit", read.layer, each.number]) }, each.class ?? `${read.layer}/${each.number}`);
  const added = (each) => {
    const text = signed(each.contribution), { cells, ...image } = Object.fromEntries(new URLSearchParams(query));
    const [row, column] = each.place ?? [], title = each.place ? `in its map, row ${row}, column ${column}` : "its sum, on this image";
    return h("a", { href: address("inside", [run, read.layer, each.number], { ...image, row, column }), title }, text);
  };
  const list = (units, value) => h("ul", { class: "readers" }, units.map((each) => h("li", {}, unit(each), " ", value(each))));
  fill(root, h(heading, {}, `Read by ${read.layer}`),
    read.by_contribution.length > 0 && [h("p", { class: "soft" }, `Of its ${read.num_units} units those to which ${layer}/${number} adds most on this image, ${read.by_contribution[0].place ? "each at the place where it adds most, " : ""}before bias and activation:`),
      list(read.by_contribution, added)],
    h("p", { class: "soft" }, `${read.by_contribution.length > 0 ? "Those" : `Of its ${read.num_units} units those`} with the largest weights for ${layer}/${number}, by the norm of these:`),
    list(read.by_weight, (each) => short(each.weight)));
}
