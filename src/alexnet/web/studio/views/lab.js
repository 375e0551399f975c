// Convolution: the lab, with the kernels of a run where one is chosen. What is set is in the address.
import "../../convolution-lab.js";
import { get, part } from "../api.js";
import { fill, h } from "../dom.js";
import { address, go } from "../router.js";

export const name = "lab";
export const title = "Convolution";
export const key = "c";
export const keys = [["← ↑ ↓ →", "on the output: to another cell"], ["Tab", "to the next cell of image or kernel"]];

const SETTINGS = { operation: ["convolution", "correlation"], size: ["valid", "same", "full"], border: ["zero", "reflect", "replicate", "circular"], stride: [1, 2, 3, 4, 5, 6, 7, 8] };
const LISTS = { image: ".image", kernel: ".gallery" };
const MOST_VALUES = 144; // of an edited image or kernel that the address holds

export async function open(root, place, studio) {
  const run = place.parts[0] ?? "", { query } = place;
  const here = await studio.here();
  const runs = here.runs.filter((each) => each.status === "finished").map((each) => each.name);
  const lab = h("convolution-lab", { hidden: true });
  const choose = h("select", { onchange: () => go(address("lab", choose.value ? [choose.value] : [])) },
    h("option", { value: "" }, "kernels with a name"), runs.map((each) => h("option", { value: each }, `and conv1 of ${each}`)));
  choose.value = run;
  fill(root, h("h1", {}, "Convolution"),
    h("p", { class: "soft" }, "Edit a cell of the image or of the kernel; point at an output, or move there with the arrow keys, to see what it is the sum of. Without the flip it is correlation, which is what networks compute."),
    runs.length > 0 && h("p", {}, h("label", {}, "Kernels: ", choose)), lab);
  const data = await get(`lab${run ? `?run=${part(run)}` : ""}`);
  lab.data = { ...data, kernel: query.get("kernel") ?? data.kernel, image: query.get("image") ?? data.image };
  const settings = settingsOf(query);
  lab.state = { ...lab.state, ...settings };
  for (const each of Object.keys(LISTS)) if (settings[each]) listOf(lab, each).value = ""; // edited
  lab.hidden = false;
  let isClosed = false;
  const remember = () => { if (!isClosed) go(address("lab", run ? [run] : [], valuesOf(lab)), { replace: true }); };
  lab.addEventListener("statechange", () => setTimeout(remember, 0)); // when its lists show what was chosen
  return { close: () => { isClosed = true; } };
}

/** What the address says besides names: settings, and an edited image or kernel as `1,2,1;0,0,0`. */
function settingsOf(query) {
  const settings = {};
  for (const [each, choices] of Object.entries(SETTINGS)) {
    const chosen = choices.find((value) => String(value) === query.get(each));
    if (chosen !== undefined) settings[each] = chosen;
  }
  for (const each of Object.keys(LISTS)) {
    const rows = (query.get(`${each}-values`) ?? "").split(";").map((row) => row.split(",").map((value) => (value === "" ? NaN : Number(value))));
    if (rows.flat().every(Number.isFinite) && rows.every((row) => row.length === rows[0].length)) settings[each] = rows;
  }
  return settings;
}

const listOf = (lab, each) => lab.shadowRoot.querySelector(LISTS[each]);

function valuesOf(lab) {
  const { state } = lab, values = Object.fromEntries(Object.keys(SETTINGS).map((each) => [each, state[each]]));
  for (const each of Object.keys(LISTS)) {
    const chosen = listOf(lab, each).selectedOptions[0], rows = state[each];
    if (chosen?.value) values[each] = chosen.text;
    else if (rows.length * rows[0].length <= MOST_VALUES) values[`${each}-values`] = rows.map((row) => row.join(",")).join(";");
  }
  return values;
}
