// A unit of a run: its kernel, and the patches of training images at several fractions of its largest activation.
import { get, part } from "./api.js";
import { fill, h } from "./dom.js";
import { showNextUnits } from "./next-units.js";
import { address, go } from "./router.js";
import { runHead } from "./run-head.js";

export async function openUnit(root, run, [layer, number], studio) {
  const at = Number(number);
  const head = runHead(`${layer}/${number} of ${run}`, run, studio, (other) => address("run", [other, "unit", layer, number]));
  fill(root, head, h("p", { class: "soft" }, "looking at the images of the run; the first time this takes a while ..."));
  const unit = await get(`runs/${part(run)}/units/${part(layer)}/${part(number)}`);
  const forward = h("div", { class: "forward" });
  const to = (step) => address("run", [run, "unit", layer, Math.max(0, at + step)]);
  fill(root,
    head,
    h("p", {}, h("a", { href: address("run", [run]) }, run), " · ", at > 0 && h("a", { href: to(-1) }, "previous"), at > 0 && " · ", h("a", { href: to(1) }, "next"), " · ",
      h("a", { href: address("inside", [run, layer, number]) }, "on an image")),
    h("p", {}, unit.title, ". ", unit.notes.join(" ")),
    unit.kernel && h("figure", {}, h("img", { class: "kernel", src: unit.kernel, alt: `kernel of ${layer}/${number}` }), h("figcaption", {}, layer === "conv1" ? "its kernel as a color image, on its own scale; gray is a weight of 0" : "its kernel, the mean over the input maps, on its own scale; gray is a weight of 0")),
    unit.classes.length > 0 && h("p", {}, "Its strongest images: ", unit.classes.slice(0, 4).map((each, n) => [n > 0 && ", ", `${each.name} ${Math.round(100 * each.fraction)} % (of all ${Math.round(100 * each.fraction_of_all)} %)`]), "."),
    forward,
    unit.strips.map((strip) => [h("h2", {}, `at ${Math.round(100 * strip.level)} % of the largest activation`),
      h("ol", { class: "patches" }, strip.patches.map((patch) => h("li", { title: patch.file }, h("a", { href: address("inside", [run, layer, number], { image: patch.file }) }, h("img", { src: patch.source, alt: patch.file })), `${patch.label} ${patch.activation.toPrecision(3)}`)))]),
    h("p", { class: "soft" }, "Patches are cut to what the unit sees; gray lies outside the image. Again: ", h("code", {}, `alexnet unit ${unit.shell_path} ${layer}/${number}`)));
  studio.say("");
  showNextUnits(forward, run, layer, at, { heading: "h2" });
  return { keys: [["← →", "the unit before or after it"], ["Esc", "back to the run"]], press(event) { if (event.key === "ArrowRight") go(to(1)); else if (event.key === "ArrowLeft" && at > 0) go(to(-1)); else if (event.key === "Escape") go(address("run", [run])); } };
}
