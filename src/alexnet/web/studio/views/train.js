// Train: choose images and a recipe, see what it will take, start. With the name of a run: that training, live.
import { get, part, post } from "../api.js";
import { bytes, duration, fill, h, numberOf } from "../dom.js";
import { field } from "../form.js";
import { recipeAddress, settingsOf } from "../recipe-address.js";
import { address, go } from "../router.js";
import { openTraining } from "../training.js";
import { queueBox } from "../training-queue.js";

export const name = "train";
export const title = "Train";
export const key = "t";
export const keys = [["Enter", "in a field: take the value over"], ["← →", "on the kernels: an epoch back, an epoch on"]];

const WAIT = 700; // ms after the last change before the estimate is made
const IMAGENET = "imagenet";

export async function open(root, place, studio) {
  if (place.parts[0]) return openTraining(root, place.parts[0], studio);
  const [form, here] = await Promise.all([get("recipes"), studio.here()]);
  if (here.folders.length === 0) {
    fill(root, h("h1", {}, "Train"), h("p", {}, "There are no images yet. ", h("a", { href: address("home") }, "The first page"), " says how to begin."));
    return {};
  }
  return new Form(root, form, here, place.query, studio).page();
}

class Form {
  #timer = 0; #request = null;

  constructor(root, form, here, query, studio) {
    this.root = root;
    this.form = form;
    this.here = here;
    this.data = here.folders.some((folder) => folder.name === query.get("data")) ? query.get("data") : here.folders[0].name;
    this.preset = form.presets.find((preset) => preset.name === query.get("preset")) ?? form.presets[0];
    this.corrected = query.get("corrected") !== "no";
    this.settings = settingsOf(query);
    this.corrections = 0;
    this.estimate = h("div", { class: "estimate", "aria-live": "polite" });
    this.choices = h("div", { class: "choices" });
    this.queue = queueBox(() => this.#values(), studio);
    fill(root, h("h1", {}, "Train"), this.#running(), h("div", { class: "split" }, this.choices, h("aside", {}, h("h2", {}, "What it will take"), this.estimate, this.#start(), this.queue.element)));
    this.#chosen();
  }

  page() {
    return { close: () => { clearTimeout(this.#timer); this.#request?.abort(); this.queue.stop(); } };
  }

  #running() {
    const open = this.here.runs.filter((run) => ["training", "stopped"].includes(run.status)).map((run) => run.name);
    const names = [...this.here.pending, ...open];
    return names.length > 0 && h("p", {}, "Unfinished: ", names.map((each, place) => [place > 0 && ", ", h("a", { href: address("train", [each]) }, each)]), ".");
  }

  /** The data set was chosen: how many corrections it has. */
  async #chosen() {
    this.draw();
    try {
      this.corrections = (await get(`folders/${part(this.data)}`)).num_corrections;
    } catch {
      this.corrections = 0; // the estimate says what is wrong with the folder
    }
    this.draw();
    this.#changed();
  }

  #values() {
    return { data: this.data, preset: this.preset.name, settings: this.settings, corrected: this.corrected && this.corrections > 0 };
  }

  /** Something was changed: it goes into the address, and the estimate is made anew. */
  #changed() {
    go(recipeAddress({ data: this.data, preset: this.preset.name, settings: this.settings, corrected: this.corrected }), { replace: true });
    clearTimeout(this.#timer);
    if (this.here.runs.some((run) => run.status === "training") || this.here.pending.length > 0) {
      fill(this.estimate, h("p", {}, "A training is running; an estimate would slow it down and be wrong. "),
        h("button", { type: "button", onclick: () => this.#ask() }, "Estimate all the same"));
    } else {
      fill(this.estimate, h("p", { class: "soft" }, "timing a few steps ..."));
      this.#timer = setTimeout(() => this.#ask(), WAIT);
    }
  }

  async #ask() {
    this.#request?.abort();
    const request = this.#request = new AbortController();
    const verdict = h("p", { class: "soft" }, "checking whether it will train; new images are decoded for this ...");
    fill(this.estimate, h("p", { class: "soft" }, "timing a few steps ..."));
    try {
      const plan = await post("plan", this.#values(), request);
      fill(this.estimate, planRows(plan), verdict);
      const check = await post("check", this.#values(), request);
      verdict.className = check.verdict === "trains" ? "good" : "fault";
      verdict.textContent = check.verdict === "trains" ? "✓ This can be expected to train." : `This ${check.verdict}: ${check.words}`;
    } catch (error) {
      if (error.name !== "AbortError") fill(this.estimate, h("p", { class: "fault" }, error.message));
    }
  }

  draw() {
    const focused = document.activeElement?.id;
    const unfolded = this.choices.querySelector("details")?.open;
    const all = this.form.groups.flatMap((group) => group.fields);
    const main = this.form.main.map((each) => all.find((setting) => setting.name === each));
    const num = all.length - main.length;
    fill(this.choices,
      h("h2", {}, h("label", { for: "data" }, "Images")), this.#data(),
      h("h2", {}, "Recipe"), this.#presets(), this.#differing(), this.#origin(),
      h("h2", {}, "Settings"), main.map((setting) => this.#field(setting)),
      h("details", { open: unfolded }, h("summary", {}, `All ${num} other settings`),
        this.form.groups.map((group) => [h("h3", {}, group.title),
          group.fields.filter((setting) => !main.includes(setting)).map((setting) => this.#field(setting))])));
    if (focused) document.getElementById(focused)?.focus();
  }

  #data() {
    const select = h("select", { id: "data", onchange: (event) => { this.data = event.target.value; this.corrections = 0; this.#chosen(); } },
      this.here.folders.map((folder) => h("option", { value: folder.name, selected: folder.name === this.data }, folder.name)));
    const look = h("a", { href: address("data", [this.data]) }, "look at them");
    const corrected = this.corrections > 0 && h("label", { class: "check" },
      h("input", { type: "checkbox", checked: this.corrected, onchange: (event) => { this.corrected = event.target.checked; this.#changed(); } }),
      ` with the ${numberOf(this.corrections, "correction")} of labels`);
    return h("p", {}, select, " ", look, " ", corrected);
  }

  #presets() {
    return h("fieldset", { class: "presets" }, h("legend", { class: "hidden" }, "Recipe"), this.form.presets.map((preset) =>
      h("label", {}, h("input", { type: "radio", name: "preset", id: `preset-${preset.name}`, checked: preset === this.preset, onchange: () => {
        this.preset = preset;
        this.#drop((name) => this.#same(this.settings[name], preset.values[name]));
      } }), h("b", {}, preset.name), h("span", { class: "words" }, preset.words))));
  }

  /** The settings that differ from the preset, which another preset does not take back. */
  #differing() {
    const names = Object.keys(this.settings);
    return names.length > 0 && h("p", { class: "differing" }, `Changed from ${this.preset.name}: `, h("b", {}, names.map((each) => each.replaceAll("_", " ")).join(", ")), ". ",
      h("button", { type: "button", onclick: () => this.#drop(() => true) }, `Use ${this.preset.name} unchanged`));
  }

  /** Which network the training starts from, where it is that of a run. */
  #origin() {
    const { weights } = this.settings, run = weights?.replace(/@\d+$/, "");
    return weights && weights !== IMAGENET && h("p", { class: "origin" }, "Starts from the network of ",
      h("a", { href: address("run", [run]) }, run), run !== weights && ` after epoch ${weights.slice(run.length + 1)}`, ", with a new optimizer and schedule; it is a new run and leaves that one as it is.");
  }

  #same(value, other) { return JSON.stringify(value) === JSON.stringify(other); }

  /** Forget the changes of the settings of which `isDropped(name)` holds. */
  #drop(isDropped) {
    this.settings = Object.fromEntries(Object.entries(this.settings).filter(([name]) => !isDropped(name)));
    this.draw();
    this.#changed();
  }

  #field(setting) {
    const change = (value) => {
      if (value === undefined) delete this.settings[setting.name];
      else this.settings[setting.name] = value;
      this.draw();
      this.#changed();
    };
    const runs = this.here.runs.filter((run) => run.status === "finished").map((run) => run.name);
    return field(setting, this.settings[setting.name], this.preset.values[setting.name], { runs, change });
  }

  #start() {
    const line = h("p", { class: "fault", role: "alert" });
    const button = h("button", { type: "button", class: "primary", onclick: async () => {
      button.disabled = true;
      line.textContent = "";
      try {
        const { run } = await post("train", this.#values());
        go(address("train", [run]));
      } catch (error) {
        line.textContent = error.message;
        button.disabled = false;
      }
    } }, "Start the training");
    return h("div", { class: "start" }, button, " ", this.queue.add, " ", h("span", { class: "soft" }, "It goes on when this page or the studio is closed."), line);
  }
}

function planRows(plan) {
  const rows = [
    ["time", `about ${duration(plan.training_seconds)}`],
    ["images", `${plan.counts.train.toLocaleString("en")} to train on, ${plan.counts.test.toLocaleString("en")} to test`],
    ["steps", `${plan.num_steps.toLocaleString("en")}: ${numberOf(plan.epochs, "epoch")} of ${plan.steps_per_epoch}`],
    ["network", `${plan.variant} at ${plan.size} px, ${plan.parameters.toLocaleString("en")} parameters`],
    ["memory of a step", bytes(plan.memory.weights + plan.memory.gradients + plan.memory.momentum + plan.memory.activations)],
    ["decoded images", `${bytes(plan.cache_bytes)} on disk; ${bytes(plan.free_bytes)} free`],
  ];
  return [h("table", {}, rows.map(([what, value]) => h("tr", {}, h("th", { scope: "row" }, what), h("td", {}, value)))),
    plan.warnings.map((warning) => h("p", { class: "fault" }, warning))];
}
