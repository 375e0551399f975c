// A unit of a run: its kernel, the patches of training images at several fractions of its largest activation, its map of an
// image (`?image=` in the address), and what happens without it.
import { get, part } from "./api.js";
import { fill, h } from "./dom.js";
import { drawingLinks } from "./file-links.js";
import { showNextUnits } from "./next-units.js";
import { isOwn } from "./own-image.js";
import { address, go } from "./router.js";
import { runHead } from "./run-head.js";
import { UnitOnImage } from "./unit-on-image.js";
import { UnitRemoval } from "./unit-removal.js";
import { term } from "../words/terms.js";

export async function openUnit(root, run, [layer, number], studio, query) {
  const at = Number(number);
  const here = (step = 0, image = onImage.name) => address("run", [run, "unit", layer, Math.max(0, at + step)], { image });
  const links = [-1, 1].map((step) => h("a", {}, step < 0 ? "previous" : "next")), toInside = h("a", {}, "on an image, with every layer");
  const linkOn = () => { // the image is kept from one unit to the next
    links.forEach((link, place) => { link.href = here(2 * place - 1); });
    toInside.href = address("inside", [run, layer, number], { image: onImage.name });
  };
  const onImage = new UnitOnImage(run, layer, at, { say: studio.say, changed: () => { go(here(), { replace: true }); linkOn(); } });
  const removal = new UnitRemoval(run, layer, at, () => onImage.name);
  const head = runHead(`${layer}/${number} of ${run}`, run, studio, (other, isSame) => address("run", [other, "unit", layer, number], isSame || isOwn(onImage.name) ? { image: onImage.name } : {}));
  fill(root, head, h("p", { class: "soft loading", role: "status" }, "looking at the images of the run; the first time this takes a while ..."));
  const path = `runs/${part(run)}/units/${part(layer)}/${part(number)}`;
  const unit = await get(path);
  const forward = h("div", { class: "forward" });
  onImage.name = query.get("image") ?? "";
  linkOn();
  fill(root,
    head,
    h("p", {}, h("a", { href: address("run", [run]) }, run), " · ", at > 0 && links[0], at > 0 && " · ", links[1], " · ", toInside),
    h("p", {}, unit.title, ". ", unit.notes.join(" ")),
    unit.kernel && h("figure", {}, h("img", { class: "kernel", src: unit.kernel, alt: `kernel of ${layer}/${number}` }), h("figcaption", {}, layer === "conv1" ? "its kernel as a color image, on its own scale; gray is a weight of 0" : "its kernel, the mean over the input maps, on its own scale; gray is a weight of 0")),
    unit.classes.length > 0 && h("p", {}, "Its strongest images: ", unit.classes.slice(0, 4).map((each, n) => [n > 0 && ", ", `${each.name} ${Math.round(100 * each.fraction)} % (of all ${Math.round(100 * each.fraction_of_all)} %)`]), "."),
    onImage.root,
    removal.root,
    forward,
    unit.strips.map((strip) => [h("h2", {}, strip.level === 1 ? "strongest" : `nearest to ${Math.round(100 * strip.level)} % of the largest activation`),
      h("ol", { class: "patches" }, strip.patches.map((patch) => h("li", { title: patch.file }, h("a", { href: address("inside", [run, layer, number], { image: patch.file }) }, h("img", { src: patch.source, alt: patch.file })), h("span", { class: "name", title: patch.label }, patch.label), " ", h("span", {}, patch.activation.toPrecision(3)))))]),
    h("p", { class: "soft" }, "Patches are cut to what the unit sees, its receptive field ", term("receptive field"), "; gray lies outside the image. Again: ", h("code", {}, `alexnet unit ${unit.shell_path} ${layer}/${number}`), ". ", drawingLinks(`${path}/figure`, `${layer}/${number}`, `${path}/table`)));
  studio.say("");
  onImage.start(onImage.name);
  showNextUnits(forward, run, layer, at, { heading: "h2" });
  return { keys: [["← →", "the unit before or after it"], ["Esc", "back to the run"]], close() { onImage.close(); removal.close(); },
    press(event) { if (event.defaultPrevented) return; if (event.key === "ArrowRight") go(here(1)); else if (event.key === "ArrowLeft" && at > 0) go(here(-1)); else if (event.key === "Escape") go(address("run", [run])); } };
}
