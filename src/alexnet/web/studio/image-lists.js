// Lists about the images of a folder that are computed first: how odd each image is, and which are near duplicates.
import { get, part, post } from "./api.js";
import { fill, h } from "./dom.js";
import { endLine, jobLine } from "./job-line.js";

export const LISTED = [["odd", "by oddity in its class"], ["odd-all", "by oddity among all"], ["twins", "near duplicates"]];

const PERIOD = 1000; // ms between two looks whether a list is there
const NO_NETWORK = "none";

/**
 * `shown` has the order, `by` (a run, or "none" for colors and edges) and `kind` of near duplicates; `choose(key, value)` changes
 * one of them; `changed(version)` hears that a list has arrived, and of which version of the folder.
 */
export class ImageLists {
  #known = new Map(); #loading = new Map(); #faults = new Map(); #timer = 0; #progress = null; #isOpen = true;

  constructor({ folder, runs, shown, studio, choose, changed }) {
    this.folder = folder; this.runs = runs; this.shown = shown; this.studio = studio; this.choose = choose; this.changed = changed;
    this.element = h("div", { class: "listed" });
  }

  stop() { this.#isOpen = false; clearInterval(this.#timer); }

  /** Whether the order needs a list. */
  get isNeeded() { return LISTED.some(([order]) => order === this.shown.order); }

  get isTwins() { return this.shown.order === "twins"; }

  /** The list of the order that is shown; null while it is not known. */
  get list() { return this.isNeeded ? this.#known.get(this.#path)?.list ?? null : null; }

  get kinds() { return this.#known.get(this.#path)?.kinds ?? []; }

  /** The network that is compared by: the one that was chosen, or the newest that was trained on the folder. */
  get #run() {
    if (this.shown.by === NO_NETWORK) return "";
    return this.runs.find((run) => run.name === this.shown.by)?.name ?? this.runs.find((run) => run.folder === this.folder)?.name ?? "";
  }

  get #path() {
    const base = `folders/${part(this.folder)}`;
    return this.isTwins ? `${base}/twins` : `${base}/odd?run=${encodeURIComponent(this.#run)}`;
  }

  /** Show the line of the order; a list that is not known is asked for, and made where `mayStart`. */
  async show({ mayStart = false } = {}) {
    const path = this.#path;
    this.element.hidden = !this.isNeeded;
    clearInterval(this.#timer);
    if (!this.isNeeded) return;
    if (!this.#known.has(path)) await this.#load(path);
    if (!this.#isOpen || path !== this.#path) return; // the view was left, or another order chosen meanwhile
    const state = this.#known.get(path);
    if (mayStart && state && state.list === null && !state.job.is_alive) await this.#start(path);
    else this.#draw();
  }

  /** Forget what is known: the folder has changed. */
  forget() { this.#known.clear(); this.#faults.clear(); }

  async #load(path) {
    if (!this.#loading.has(path)) this.#loading.set(path, this.#take(path, get(path)).finally(() => this.#loading.delete(path)));
    await this.#loading.get(path);
  }

  async #start(path) {
    const [route] = path.split("?");
    await this.#take(path, post(route, this.isTwins ? {} : { run: this.#run }));
    this.#draw();
  }

  async #take(path, asked) {
    try {
      const state = await asked;
      this.#known.set(path, state);
      this.#faults.delete(path);
      if (this.#isOpen && path === this.#path) this.changed(state.version);
    } catch (error) {
      this.#faults.set(path, error.message);
    }
  }

  #draw() {
    const path = this.#path, state = this.#known.get(path);
    clearInterval(this.#timer);
    if (!this.isNeeded || !this.#isOpen) return;
    const fault = this.#faults.has(path) && h("p", { class: "fault", role: "alert" }, this.#faults.get(path));
    if (!state) {
      fill(this.element, fault && [fault, h("button", { type: "button", onclick: () => this.show() }, "Try again")]);
      return;
    }
    const { list, job, is_old: isOld } = state;
    if (job.is_alive) {
      this.#timer = setInterval(() => this.#look(path), PERIOD);
      const run = this.#run, [route] = path.split("?"), values = this.isTwins ? {} : { run };
      this.#progress = jobLine(this.isTwins ? "looking for near duplicates" : "comparing the images", () => post(`${route}/stop`, values));
      this.#progress.show(job);
    }
    const focused = this.element.contains(document.activeElement) && document.activeElement.id;
    const again = (words) => h("button", { type: "button", onclick: () => this.#start(path) }, words);
    fill(this.element,
      this.isTwins ? this.#twins(state) : this.#oddity(state),
      job.is_alive ? this.#progress.element : [
        list === null && again(this.isTwins ? "Look for near duplicates" : "Compare the images"),
        isOld && [h("span", { class: "soft" }, "The folder has changed since. "), again("Look again")],
        endLine(job)], fault);
    if (focused) this.element.querySelector(`#${focused}`)?.focus();
  }

  async #look(path) {
    try {
      const state = await get(path);
      if (!this.#isOpen || path !== this.#path) return;
      this.#known.set(path, state);
      if (state.job.is_alive) this.#progress.show(state.job);
      else {
        this.changed(state.version);
        this.#draw();
      }
    } catch (error) {
      this.#progress.show({ line: error.message, done: null }); // the next look may succeed
    }
  }

  #oddity({ list }) {
    const option = (value, text) => h("option", { value, selected: value === (this.#run || NO_NETWORK) }, text);
    const own = this.runs.filter((run) => run.folder === this.folder), others = this.runs.filter((run) => run.folder !== this.folder);
    const usual = list && (this.shown.order === "odd" ? list.usual_in_class : list.usual_among_all);
    return h("span", {}, h("label", {}, `Mean distance to the five nearest images${this.shown.order === "odd" ? " of the class" : ""}, by `,
      h("select", { id: "by", onchange: (event) => this.choose("by", event.target.value) },
        own.map((run) => option(run.name, `the features of ${run.name}`)),
        option(NO_NETWORK, "colors and edges, without a network"),
        others.length > 0 && h("optgroup", { label: "trained on other images" }, others.map((run) => option(run.name, `the features of ${run.name}`))))),
    usual !== null && usual !== undefined && h("span", { class: "soft" }, ` Median: ${usual.toFixed(2)}.`));
  }

  #twins({ list, kinds }) {
    if (list === null) return h("span", {}, "Pairs of nearly identical images: crops, mirror images, other encodings or brightness. ");
    const counts = kinds.map((_, number) => list.filter((pair) => pair[3] === number).length);
    const option = (value, text) => h("option", { value, selected: value === this.shown.kind }, text);
    return h("label", {}, "Pairs ", h("select", { id: "kind", onchange: (event) => this.choose("kind", event.target.value) },
      option("", `of every kind (${list.length.toLocaleString("en")})`), kinds.map((kind, number) => option(kind, `${kind} (${counts[number].toLocaleString("en")})`))));
  }
}

/** What a pair of near duplicates is, in words. */
export const twinWords = ([, , distance, kind], kinds) => `distance ${distance === 0 ? 0 : distance.toFixed(4)}, ${kinds[kind]}`;

/** How odd an image is, in words: for the side. */
export function oddWords(list, item, className) {
  const line = (value, usual, words) => value !== null && h("p", {}, "Mean distance ", h("b", {}, value.toFixed(2)), ` ${words}; median ${usual.toFixed(2)}.`);
  return [line(list.in_class[item], list.usual_in_class, `to the five nearest of ${className}`), line(list.among_all[item], list.usual_among_all, "to the five nearest of all"),
    list.in_class[item] === null && list.among_all[item] === null && h("p", { class: "soft" }, "This image was not compared: it is newer than the list, or cannot be used.")];
}

