// The images that broke a network, the surest mistake first; and what they are good for: they measure, and train.
import { get, part, post } from "./api.js";
import { fill, h, keepFocus, numberOf, percent } from "./dom.js";
import { certainty, ended, retrainLine } from "./retrain.js";
import { address } from "./router.js";

const PERIOD = 1000; // ms between two looks at a training

export class HardBoard {
  #timer = 0; #isClosed = false; #turn = 0; #line = null;

  constructor(run, say) {
    this.run = run; this.say = say; this.path = `runs/${part(run)}/break`;
    this.list = h("section", { class: "board" });
    this.measure = h("section", { class: "measure" });
    this.result = h("div");
    this.start = h("button", { type: "button", onclick: () => this.#retrain() }, "Train on half of them, and measure");
  }

  /** Draw the board anew; `values` as the server answers them. */
  async draw(values = null) {
    const board = values ?? await get(this.path);
    if (this.#isClosed) return;
    this.board = board;
    this.#drawList(board);
    this.#drawMeasure(board);
  }
  close() {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  #drawList({ entries, folder, version }) {
    fill(this.list, h("h2", {}, "The board"),
      entries.length === 0 ? h("p", { class: "soft" }, "No image is on the board yet.") : h("ol", { class: "mistakes" }, entries.map(({ file, place, true: label, predicted, probability, is_trained: isTrained }) =>
        h("li", {}, h("img", { src: `/api/folders/${part(folder)}/thumbnails/${place}?v=${version}`, alt: `${label}, predicted ${predicted}`, loading: "lazy" }),
          h("span", {}, `true ${label}`), h("span", { class: "wrong" }, `${predicted} ${percent(probability)}`), isTrained && h("span", { class: "soft" }, "used for training"),
          h("button", { type: "button", "aria-label": `remove ${file}`, title: "Wrong class, or not worth keeping: delete this copy", onclick: () => this.#remove(file) }, "remove")))));
  }

  async #remove(file) {
    try {
      await post(`${this.path}/remove`, { file });
      this.say("Removed from the board; your own file stays.");
      await this.draw();
    } catch (error) { this.say(error.message); }
  }

  // --- what they are good for
  #drawMeasure({ folder, num_images: num, num_trained: trained, measured, needed, hard_path: path, shell_path: run, retrained }) {
    if (!folder || num === 0) { fill(this.measure); return; }
    const wrong = measured.num === 0 ? null : measured.num_wrong / measured.num;
    const command = (text) => h("code", {}, text);
    keepFocus(this.measure, () => fill(this.measure, h("h2", {}, "What they are good for"),
      h("p", {}, h("b", {}, "They are a test set. "), `${this.run} gets ${measured.num_wrong} of ${measured.num} wrong (${percent(wrong)}). They were chosen for that: another network does better on them for this reason alone. `,
        trained > 0 && `The ${numberOf(trained, "image")} set aside for training are not counted. `, "They are in ", h("a", { href: address("data", [folder]) }, folder), "; ",
        command(`alexnet evaluate ${run} --data ${path}`), " measures this run or another on them."),
      h("p", {}, h("b", {}, "Half of them can be trained on. "), num < needed
        ? `${needed} are needed for that, half to train on and half to measure with: collect ${needed - num} more.`
        : ["The last layer is trained again on the training images and half of these; the other half measures. Images painted from a test image are only used to measure. ", command(`alexnet retrain ${run} --hard ${path}`), " does the same."]),
      num >= needed && h("p", {}, this.start),
      this.result));
    if (retrained) this.#follow(retrained);
  }

  async #retrain() {
    this.start.disabled = true; // one at a time
    try {
      const { run } = await post(`${this.path}/retrain`);
      this.isFollowing = true;
      await this.#follow(run);
    } catch (error) {
      fill(this.result, h("p", { class: "fault", role: "alert" }, error.message));
      this.start.disabled = false;
    }
  }

  async #follow(run) {
    const turn = this.#turn += 1;
    clearTimeout(this.#timer);
    try {
      const answer = await get(`runs/${part(run)}/retrained`), { job, result } = answer;
      if (this.#isClosed || turn !== this.#turn) return;
      this.start.disabled = job.is_alive;
      if (job.is_alive) {
        if (this.#line?.run !== run) this.#line = { run, ...retrainLine(run) };
        this.#line.show(job);
        if (!this.#line.element.isConnected) fill(this.result, h("p", {}, this.#line.element));
        this.isFollowing = true;
        this.#timer = setTimeout(() => this.#follow(run), PERIOD);
        return;
      }
      fill(this.result, result ? showHardened(run, result) : ended(run, answer));
      if (this.isFollowing) { // the images have another place now
        this.isFollowing = false;
        await this.draw();
      }
    } catch (error) {
      if (this.#isClosed || turn !== this.#turn) return;
      this.start.disabled = error.isAway === true;
      fill(this.result, error.status !== 404 && h("p", { class: "fault", role: "status" }, error.message)); // 404: that run was deleted
      if (error.isAway) this.#timer = setTimeout(() => this.#follow(run), PERIOD);
    }
  }
}

/** What half of the hard images have changed, as `alexnet retrain --hard --json` tells it. */
export function showHardened(run, { num_trained: trained, hard_before: before, hard_control: control, hard_after: after, gain, alone, test_before: own, test_after: ownAfter, test }) {
  const row = (name, ...cells) => h("tr", {}, h("th", { scope: "row" }, name), cells.map((each) => h("td", { class: "n" }, each && [h("b", {}, percent(each.top1_error)), ` ${numberOf(each.num_mistakes, "mistake")}`])));
  return [h("h3", {}, "Before and after"),
    h("div", { class: "scroll" }, h("table", {}, h("thead", {}, h("tr", {}, ["error on", "before", "new last layer without them", "with half of them"].map((each) => h("th", { scope: "col" }, each)))),
      h("tbody", {}, row(`the ${numberOf(after.num_images, "hard image")} held out`, before, control, after), row(`the ${numberOf(ownAfter.num_images, "test image")}`, own, null, ownAfter)))),
    h("p", {}, `${numberOf(trained, "hard image")} trained; none of them is counted.`),
    h("p", {}, h("b", {}, "Hard images, before to after: "), certainty(gain, "hard image")),
    h("p", {}, h("b", {}, "Of that, by the hard images alone: "), certainty(alone, "hard image")),
    h("p", {}, h("b", {}, "Test images, before to after: "), certainty(test)),
    h("p", {}, h("a", { href: address("run", [run]) }, `See ${run}`), ", or ", h("a", { href: address("break", [run]) }, "break it"), ".")];
}
