// What happens if a unit is removed: the test without it, the classes that suffer, the images fixed and broken.
import { get, part } from "./api.js";
import { drawBars } from "./class-bars.js";
import { fill, h, numberOf, percent, points } from "./dom.js";
import { imageName } from "./own-image.js";
import { address } from "./router.js";

export class UnitRemoval {
  #asking = new AbortController();

  /** `image` gives the name of the image that is shown, or "". */
  constructor(run, layer, number, image) {
    this.run = run; this.unit = `${layer}/${number}`; this.image = image;
    this.path = `runs/${part(run)}/units/${part(layer)}/${number}/without`;
    this.button = h("button", { type: "button", onclick: () => this.#ask() }, "What if it is removed?");
    this.result = h("div", { role: "status" });
    this.root = h("section", { class: "removal" }, h("h2", {}, "Without it"), this.button, this.result);
  }

  async #ask() {
    this.#asking.abort();
    const { signal } = (this.#asking = new AbortController()), image = this.image();
    fill(this.result, h("p", { class: "soft" }, "testing the network with it and without it, on every test image ..."));
    try {
      const answer = await get(`${this.path}?${new URLSearchParams(image ? { image } : {})}`, { signal });
      this.#show(answer, image);
    } catch (error) {
      if (error.name !== "AbortError") fill(this.result, h("p", { class: "fault" }, error.message));
    }
  }

  #show(answer, image) {
    const { error, difference, interval: [low, high], baseline_error: baseline, num_images: count, views, own } = answer;
    fill(this.result,
      h("p", {}, "Test error ", h("b", {}, percent(error)), ", ", h("b", {}, `${points(difference)} percentage points`),
        ` (95 % interval ${points(low)} to ${points(high)}); with every unit ${percent(baseline)} (${numberOf(count, "image")}, ${views}).`,
        own && ` The run's test error, ${percent(own.error)}, is by ${own.views}.`),
      this.#classes(answer.classes),
      this.#images("broken", "classified correctly only with it", answer.num_broken, answer.broken),
      this.#images("fixed", "classified correctly only without it", answer.num_fixed, answer.fixed),
      answer.image && this.#probabilities(answer.image, image),
      h("p", { class: "soft" }, "Again: ", h("code", {}, `alexnet ablate ${answer.shell_path} --off ${this.unit}`)));
  }

  #classes(classes) {
    if (classes.length === 0) return h("p", {}, "The recall of no class changes.");
    const header = ["test images", "recall with it", "without", "change, percentage points"];
    return h("div", { class: "scroll" }, h("table", {}, h("thead", {}, h("tr", {}, h("th", {}, "class"), header.map((text) => h("th", { class: "n" }, text)))),
      h("tbody", {}, classes.map((each) => h("tr", {}, h("th", { scope: "row" }, each.name),
        [each.num_images, percent(each.recall - each.difference), percent(each.recall), points(each.difference)].map((text) => h("td", { class: "n" }, text)))))));
  }

  #images(word, words, count, images) {
    if (count === 0) return h("p", {}, `No image is ${word}.`);
    const more = images.length < count ? `; the first ${images.length}` : "";
    const link = ({ file, number }) => h("a", { href: address("inside", [this.run], { image: file }), title: file },
      h("img", { src: `/api/runs/${part(this.run)}/mistakes/${number}/image`, alt: file }));
    return h("section", { class: word }, h("h3", {}, `${numberOf(count, "image")} ${word}`, h("span", { class: "soft" }, `, ${words}${more}`)), h("div", { class: "samples" }, images.map(link)));
  }

  #probabilities({ classes, before, after }, name) {
    const list = h("dl", { class: "bars" });
    drawBars(list, classes, after, before);
    return h("section", {}, h("h3", {}, imageName(name), h("span", { class: "soft" }, ", without it; a mark shows what was with it")), list);
  }

  close() { this.#asking.abort(); }
}
