// Train: choose images and a recipe, see what it will take, start. With the name of a run: that training, live.
import { term } from "../../words/terms.js";
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
const WEIGHT_BYTES = 4; // of a parameter in a file

export async function open(root, place, studio) {
  if (place.parts[0]) return openTraining(root, place.parts[0], studio);
  const [form, here] = await Promise.all([get("recipes"), studio.here()]);
  if (here.folders.length === 0) {
    fill(root, h("h1", {}, "Train"), h("p", {}, "There are no images yet. ", h("a", { href: address("home") }, "Home"), " says how to begin."));
    return {};
  }
  return new Form(root, form, here, place.query, studio).page();
}

class Form {
  #timer = 0; #request = null; #isPressed = false; #isDue = false; #pointer = new AbortController();

  constructor(root, form, here, query, studio) {
    this.root = root;
    this.form = form;
    this.here = here;
    this.all = form.groups.flatMap((group) => group.fields);
    this.data = here.folders.some((folder) => folder.name === query.get("data")) ? query.get("data") : here.folders[0].name;
    this.preset = form.presets.find((preset) => preset.name === query.get("preset")) ?? form.presets[0];
    this.corrected = query.get("corrected") !== "no";
    const { settings, faults } = settingsOf(query, this.all.map((setting) => setting.name));
    this.settings = settings;
    this.isStarting = false;
    this.corrections = 0;
    this.isCounted = false; // whether their number is known: without it no training starts
    this.estimate = h("div", { class: "estimate", "aria-live": "polite" });
    this.corrects = h("span", {});
    this.uncounted = h("div", {});
    this.kept = h("span", {}); // what the network of every epoch takes on the disk
    this.differing = h("div", {});
    this.origin = h("div", {});
    const runs = here.runs.filter((run) => run.status === "finished").map((run) => run.name);
    this.fields = new Map(this.all.map((setting) => [setting, field(setting, { runs, change: (value) => this.#set(setting.name, value) })]));
    this.fields.get(this.all.find((setting) => setting.name === "keep_networks")).element.querySelector(".words").append(this.kept);
    this.runName = h("input", { type: "text", id: "run-name", size: 24, spellcheck: "false", autocomplete: "off" });
    this.start = h("button", { type: "button", class: "primary", onclick: () => this.#train() }, "Start the training");
    this.fault = h("p", { class: "fault", role: "alert" });
    this.queue = queueBox(() => this.#values(), studio, (isBusy) => this.#busy(isBusy));
    fill(root, h("h1", {}, "Train"), this.#running(), faults.map((words) => h("p", { class: "fault", role: "alert" }, words)),
      h("div", { class: "split" }, this.#choices(),
        h("aside", {}, h("h2", {}, "What it will take"), this.estimate, this.#starts(), this.queue.element)));
    this.#watchPointer();
    this.#chosen();
  }

  page() {
    return { close: () => { clearTimeout(this.#timer); this.#request?.abort(); this.#pointer.abort(); this.queue.stop(); } };
  }

  #running() {
    const open = this.here.runs.filter((run) => ["training", "stopped"].includes(run.status)).map((run) => run.name);
    const names = [...this.here.pending, ...open];
    return names.length > 0 && h("p", {}, "Unfinished: ", names.map((each, place) => [place > 0 && ", ", h("a", { href: address("train", [each]) }, each)]), ".");
  }

  /** The data set was chosen: how many corrections it has. */
  async #chosen() {
    const { data } = this;
    this.isCounted = false;
    this.#show();
    try {
      const { num_corrections: corrections } = await get(`folders/${part(data)}`);
      if (data !== this.data) return; // another one was chosen since
      this.corrections = corrections;
      this.isCounted = true;
      fill(this.uncounted);
    } catch (error) {
      if (data !== this.data) return;
      fill(this.uncounted, h("p", { class: "fault", role: "alert" }, `The corrections of ${data} cannot be counted, so no training can start: ${error.message} `,
        h("button", { type: "button", onclick: () => this.#chosen() }, "Try again")));
    }
    this.#changed();
  }

  #values() {
    return { data: this.data, preset: this.preset.name, settings: this.settings, corrected: this.corrected && this.corrections > 0, name: this.runName.value.trim() };
  }

  #set(name, value) {
    if (value === undefined) delete this.settings[name];
    else this.settings[name] = value;
    this.#changed();
  }

  /** A change comes with the press that leaves a field. What it shows waits for the release, or what is pressed would move away. */
  #watchPointer() {
    const listen = (type, act) => addEventListener(type, act, { capture: true, signal: this.#pointer.signal });
    const release = () => {
      this.#isPressed = false;
      if (this.#isDue) setTimeout(() => this.#changed());
    };
    listen("pointerdown", () => { this.#isPressed = true; });
    listen("pointerup", release);
    listen("pointercancel", release);
  }

  /** Something was changed: it is shown, goes into the address, and the estimate is made anew. */
  #changed() {
    this.#request?.abort();
    clearTimeout(this.#timer);
    this.#isDue = this.#isPressed;
    if (this.#isPressed || this.#pointer.signal.aborted) return;
    this.#show();
    fill(this.kept);
    go(recipeAddress({ data: this.data, preset: this.preset.name, settings: this.settings, corrected: this.corrected }), { replace: true });
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
    const { signal } = this.#request = new AbortController();
    const verdict = h("p", { class: "soft" }, "checking whether it will train; new images are decoded for this ...");
    fill(this.estimate, h("p", { class: "soft" }, "timing a few steps ..."));
    try {
      const plan = await post("plan", this.#values(), { signal });
      if (signal.aborted) return;
      fill(this.estimate, planRows(plan), verdict);
      this.kept.textContent = ` Here: ${plan.epochs} × ${bytes(WEIGHT_BYTES * plan.parameters)}; ${bytes(plan.free_bytes)} are free.`;
      const check = await post("check", this.#values(), { signal });
      verdict.className = check.verdict === "trains" ? "good" : "fault";
      verdict.textContent = check.verdict === "trains" ? "✓ This should train." : `This will probably ${check.verdict === "diverges" ? "diverge" : "not learn"}: ${check.words}`;
    } catch (error) {
      if (!signal.aborted) fill(this.estimate, h("p", { class: "fault" }, error.message));
    }
  }

  #choices() {
    const main = this.form.main.map((each) => this.all.find((setting) => setting.name === each));
    const element = (setting) => this.fields.get(setting).element;
    return h("div", { class: "choices" },
      h("h2", {}, h("label", { for: "data" }, "Images")), this.#data(),
      h("h2", {}, "Recipe"), this.#presets(), this.differing, this.origin,
      h("h2", {}, "Settings"), main.map(element),
      h("details", {}, h("summary", {}, `All ${this.all.length - main.length} other settings`),
        this.form.groups.map((group) => [h("h3", {}, group.title), group.fields.filter((setting) => !main.includes(setting)).map(element)])));
  }

  /** What depends on a setting, changed in place: what has the focus, or is being pressed, stays. */
  #show() {
    for (const [setting, each] of this.fields) each.show(this.settings[setting.name], this.preset.values[setting.name]);
    fill(this.differing, this.#differing());
    fill(this.origin, this.#origin());
    if (this.corrections === 0) fill(this.corrects);
    else if (!this.corrects.hasChildNodes()) fill(this.corrects, this.#withCorrections());
    this.start.disabled = this.queue.add.disabled = !this.isCounted || this.isStarting;
    this.look.href = address("data", [this.data]);
    this.runName.placeholder = `${this.data}-${this.preset.name}`;
  }

  #data() {
    const select = h("select", { id: "data", onchange: (event) => { this.data = event.target.value; this.corrections = 0; this.#chosen(); } },
      this.here.folders.map((folder) => h("option", { value: folder.name, selected: folder.name === this.data }, folder.name)));
    this.look = h("a", {}, "look at them");
    return [h("p", {}, select, " ", this.look, " ", this.corrects), this.uncounted];
  }

  #withCorrections() {
    return h("label", { class: "check" },
      h("input", { type: "checkbox", checked: this.corrected, onchange: (event) => { this.corrected = event.target.checked; this.#changed(); } }),
      ` with the ${numberOf(this.corrections, "correction")} of labels`);
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
      h("button", { type: "button", onclick: () => { this.#drop(() => true); document.getElementById(`preset-${this.preset.name}`).focus(); } }, `Use ${this.preset.name} unchanged`));
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
    this.#changed();
  }

  #starts() {
    return h("div", { class: "start" },
      h("p", {}, h("label", { for: "run-name" }, "Name of the run"), " ", this.runName),
      this.start, " ", this.queue.add, " ", h("span", { class: "soft" }, "It goes on when this page or the studio is closed."), this.fault);
  }

  /** While a training runs, the queue is the thing to use: two at once take longer than one after the other. */
  #busy(isBusy) {
    this.start.classList.toggle("primary", !isBusy);
    this.start.textContent = isBusy ? "Start now in parallel" : "Start the training";
    this.start.title = isBusy ? "Both trainings then share the machine, and both take longer." : "";
  }

  async #train() {
    this.isStarting = true;
    this.#show();
    this.fault.textContent = "";
    try {
      const { run } = await post("train", this.#values());
      if (this.root.isConnected) go(address("train", [run])); // else one has gone elsewhere meanwhile
    } catch (error) {
      this.fault.textContent = error.message;
      this.isStarting = false;
      this.#show();
    }
  }
}

function planRows(plan) {
  const rows = [
    ["time", `about ${duration(plan.training_seconds)}`],
    ["images", `${plan.counts.train.toLocaleString("en")} to train on, ${plan.counts.test.toLocaleString("en")} to test`],
    ["steps", `${plan.num_steps.toLocaleString("en")}: ${numberOf(plan.epochs, "epoch")} of ${plan.steps_per_epoch}`, term("epoch")],
    ["network", `${plan.variant} at ${plan.size} px, ${plan.parameters.toLocaleString("en")} parameters`],
    ["memory of a step", bytes(plan.memory.weights + plan.memory.gradients + plan.memory.momentum + plan.memory.activations)],
    ["decoded images", `${bytes(plan.cache_bytes)} on disk; ${bytes(plan.free_bytes)} free`],
  ];
  return [h("table", {}, rows.map(([what, value, explained]) => h("tr", {}, h("th", { scope: "row" }, what), h("td", {}, value, explained && [" ", explained])))),
    plan.warnings.map((warning) => h("p", { class: "fault" }, warning))];
}
