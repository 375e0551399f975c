// Convolution: the lab, with the kernels of a run where one is chosen.
import "../../convolution-lab.js";
import { get, part } from "../api.js";
import { fill, h } from "../dom.js";
import { address, go } from "../router.js";

export const name = "lab";
export const title = "Convolution";
export const key = "c";
export const keys = [["← ↑ ↓ →", "on the output: to another cell"], ["Tab", "to the next cell of image or kernel"]];

export async function open(root, place, studio) {
  const run = place.parts[0] ?? "";
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
  lab.data = { ...data, kernel: place.query.get("kernel") ?? data.kernel, image: place.query.get("image") ?? data.image };
  lab.hidden = false;
}
