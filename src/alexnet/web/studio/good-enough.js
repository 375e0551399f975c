// Is this folder good enough? Two questions about its images, each answered by a command that runs in the background.
import { get, part, post } from "./api.js";
import { duration, fill, h, keepFocus, numberOf, percent } from "./dom.js";
import { figureImage } from "./figure-image.js";
import { endLine, jobLine } from "./job-line.js";
import { plannedStart } from "./planned-start.js";

const PERIOD = 1000; // ms between two looks whether an answer is there

/** `opened(isOpen)` hears when the box is unfolded or folded. */
export function goodEnoughBox({ folder, isOpen, opened }) {
  const base = `folders/${part(folder)}`, questions = [enough(`${base}/enough`), shortcuts(`${base}/shortcuts`)];
  const element = h("details", { class: "good-enough", open: isOpen, ontoggle: () => {
    for (const each of questions) if (element.open) each.look(); else each.rest();
    if (element.open !== isOpen) opened(isOpen = element.open);
  } }, h("summary", {}, "Is this folder good enough?"), questions.map((each) => each.element));
  return { element, stop: () => questions.forEach((each) => each.stop()) };
}

const enough = (path) => new Question(path, {
  title: "Are there enough images?",
  about: "Trains on an eighth, a quarter, half and all of the training images with the recipe fast, and reads from the test errors what twice as many would bring.",
  working: "training on parts of the images",
  isLong: true,
  words: ({ result, version }) => [
    h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Learning curves" }, figureImage(`${path}/figure/${version}`,
      `Test error by number of training images: ${result.sizes.map((size) => `${percent(size.top1_error)} with ${size.num_images.toLocaleString("en")}`).join(", ")}.`)),
    h("ul", {}, result.sentences.map((sentence) => h("li", {}, sentence)))],
});

const shortcuts = (path) => new Question(path, {
  title: "Can the classes be recognized without the object?",
  about: "Small classifiers see only the border, the colors, the brightness, the size or the file of an image. Where they do well, a network may learn that instead of the object.",
  working: "looking for shortcuts",
  isLong: false,
  words: ({ result }) => [alarms(result), probes(result)],
});

function alarms({ alarms: list, num_images: count }) {
  if (list.length === 0) return h("p", {}, h("b", {}, "No alarm"), `: in these ${numberOf(count, "image")} no class is recognized from any of these alone.`);
  return h("ul", {}, list.map(({ sentence }) => h("li", {}, h("b", { class: "fault" }, "Alarm: "), sentence)));
}

function probes({ probes: list, alarms: raised, num_test: count }) {
  const isRaised = (probe) => raised.some((alarm) => alarm.probe === probe);
  const row = ({ probe, sees, accuracy, interval: [low, high], chance, test_accuracy: tested }) => h("tr", {},
    h("th", { scope: "row" }, probe, h("span", { class: "soft" }, `: ${sees}${probe === "center" ? ", for comparison" : ""}`), isRaised(probe) && h("b", { class: "fault" }, " alarm")),
    [percent(accuracy), `${percent(low)} to ${percent(high)}`, percent(chance), percent(tested)].map((text) => h("td", { class: "n" }, text)));
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Probes" }, h("table", {},
    h("thead", {}, h("tr", {}, ["what it sees", "accuracy", "95 % interval", "chance", `of ${numberOf(count, "test image")}`].map((text, place) => h("th", { scope: "col", class: place ? "n" : null }, text)))),
    h("tbody", {}, list.map(row))));
}

/** A question about the folder, at an address below /api/: what it is, how far its command is, and what it found. */
class Question {
  #state = null; #fault = ""; #offered = null; #timer = 0; #isOpen = true; #progress; #shown = "";

  constructor(path, words) {
    this.path = path; this.words = words;
    this.#progress = jobLine(words.working, () => post(`${path}/stop`));
    this.body = h("div");
    this.element = h("section", { "aria-label": words.title }, h("h2", {}, words.title), h("p", { class: "soft" }, words.about), this.body);
  }

  stop() { this.#isOpen = false; this.rest(); }

  rest() { clearTimeout(this.#timer); }

  /** Ask how it stands, and again while its command runs. */
  look() { return this.#take(get(this.path)); }

  async #take(asked) {
    this.rest();
    try {
      this.#state = await asked;
      this.#fault = "";
    } catch (error) {
      this.#fault = error.message;
    }
    if (!this.#isOpen) return;
    this.rest(); // another look may have begun meanwhile
    if (this.#state?.job.is_alive) {
      this.#timer = setTimeout(() => this.look(), PERIOD); // the next look may succeed where this one did not
      this.#progress.show(this.#fault ? { line: this.#fault, done: null } : this.#state.job);
    }
    this.#draw();
  }

  #draw() {
    const state = this.#state, shown = JSON.stringify([state?.result, state?.is_old, state?.job.is_alive, state?.job.fault, state?.job.is_stopped, this.#fault]);
    if (shown === this.#shown) return; // the bar moves by itself
    this.#shown = shown;
    const isAlive = state?.job.is_alive, fault = isAlive ? "" : this.#fault || state?.job.fault;
    if (isAlive) this.#offered = null;
    else this.#progress.rest();
    keepFocus(this.body, () => fill(this.body,
      state?.result && this.words.words(state),
      state?.num_corrections > 0 && h("p", { class: "soft" }, `With ${numberOf(state.num_corrections, "correction")}.`),
      state?.is_old && h("p", { class: "soft" }, "The folder or its corrections have changed since."),
      isAlive ? h("p", {}, this.#progress.element, h("span", { class: "soft" }, " It goes on when this page is closed.")) : state && (!state.result || state.is_old) && this.#offer(),
      !isAlive && state?.job.is_stopped && h("p", {}, endLine(state.job, { keeps: this.words.isLong })),
      fault && h("p", { class: "fault", role: "alert" }, fault)));
  }

  #offer() {
    const start = () => this.#take(post(this.path));
    if (!this.words.isLong) return h("p", {}, h("button", { type: "button", onclick: start }, this.#state.result ? "Look again" : "Look for shortcuts"));
    this.#offered ??= plannedStart({ ask: "How long will it take?", path: `${this.path}/plan`, words: ({ seconds }) => `Start (about ${duration(seconds)})`, start });
    return h("p", {}, this.#offered.element);
  }
}
