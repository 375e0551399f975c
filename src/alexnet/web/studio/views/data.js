// Data: the images of a folder. Show some of them, select, and write down what is wrong with their labels.
import { get, part, post } from "../api.js";
import { cameraBox, dropZone, pickFiles } from "../collect.js";
import { fill, h, numberOf, percent } from "../dom.js";
import { ImageGrid } from "../image-grid.js";
import { DECISION_KEYS } from "../keys.js";
import { retrainBox } from "../retrain.js";
import { address, go } from "../router.js";

export const name = "data";
export const title = "Data";
export const key = "d";
export const keys = [
  ["arrows", "move; with Shift select on the way"],
  ["Space", "select the image too, or no longer"],
  ["Ctrl A", "select all that are shown"],
  ["Enter", "show the image large"],
  ...DECISION_KEYS,
  ["a", "take the label that the networks suggest"],
  ["Esc", "select nothing"],
  ["/", "find a file by its name"],
];

const PERIOD = 3000; // ms between two looks whether the list of doubts is there
const SELECTIONS = new Map(); // of every folder, as names; they survive other views

export async function open(root, place, studio) {
  const here = await studio.here();
  const folder = place.parts[0] ?? here.folders[0]?.name;
  if (!folder) {
    fill(root, h("h1", {}, "Data"), h("p", {}, "There are no images yet. ", h("a", { href: address("home") }, "The first page"), " says how to begin."));
    return {};
  }
  const values = await get(`folders/${part(folder)}/images`);
  return new Images(root, folder, values, here, place.query, studio).page();
}

class Images {
  constructor(root, folder, values, here, query, studio) {
    this.root = root; this.folder = folder; this.here = here; this.studio = studio;
    this.shown = { class: query.get("class") ?? "", q: query.get("q") ?? "", show: query.get("show") ?? "", order: query.get("order") ?? "" };
    this.isBoth = false;
    this.chosen = SELECTIONS.get(folder) ?? new Set(); // names of files
    SELECTIONS.set(folder, this.chosen);
    this.selected = new Set(); // their numbers, as the grid knows them
    this.bar = h("div", { class: "bar" });
    this.gallery = h("div", { class: "gallery" });
    this.side = h("div", { class: "chosen" });
    this.collect = h("div");
    const runs = here.runs.filter((run) => run.status === "finished" && run.folder === folder).map((run) => run.name);
    this.retrain = retrainBox({ folder, runs, studio, source: (file) => (this.byName.has(file) ? this.#source(this.byName.get(file)) : null) });
    fill(root, h("h1", {}, "Images of ", this.#folders()), this.bar, h("div", { class: "beside" }, this.gallery, h("aside", { "aria-label": "Selected images" }, this.side, this.retrain.element, this.collect)));
    this.grid = new ImageGrid(this.gallery, {
      source: (item) => this.#source(item),
      label: (item) => this.#words(item),
      badge: (item) => this.#badge(item),
      selected: this.selected,
      onchange: () => this.#selectionChanged(),
      onopen: (item) => this.#large(item),
    });
    this.nothing = h("p", { class: "nothing" }, values.files.length ? "No image is like this. Show others above." : "There are no images yet. Choose a class beside, and add some.");
    this.gallery.append(this.nothing);
    this.take(values);
    if (values.may_add) this.#collect(query.get("add") === "yes");
  }

  page() {
    return {
      close: () => { this.grid.close(); this.retrain.stop(); clearInterval(this.timer); this.camera?.stop(); },
      press: (event) => this.press(event),
    };
  }

  /** New values of the server: files, corrections, doubts. */
  take(values) {
    this.values = { ...this.values, ...values };
    const { files, doubts, doubts_job: job } = this.values;
    this.byName = new Map(files.map(([file], item) => [file, item]));
    this.doubts = new Map((doubts ?? []).map((doubt) => [this.byName.get(doubt.file), doubt]));
    this.selected.clear();
    for (const file of this.chosen) if (this.byName.has(file)) this.selected.add(this.byName.get(file));
    clearInterval(this.timer);
    if (job.is_alive) this.timer = setInterval(() => this.#lookForDoubts(), PERIOD);
    this.#bar();
    this.refresh();
  }

  #folders() {
    const select = h("select", { "aria-label": "Folder", onchange: () => go(address("data", [select.value])) },
      this.here.folders.map(({ name: each }) => h("option", { value: each, selected: each === this.folder }, each)));
    return select;
  }

  // --- what is shown
  #bar() {
    const { classes, files, splits, corrections, doubts } = this.values;
    this.retrain.update(Object.keys(corrections).length);
    const counts = new Array(classes.length).fill(0);
    for (const [, number] of files) counts[number] += 1;
    const choose = (id, label, options) => h("label", {}, `${label} `, h("select", { id, onchange: (event) => this.#choose(id, event.target.value) },
      options.map(([value, text]) => h("option", { value, selected: value === this.shown[id] }, text))));
    const find = h("input", { type: "search", id: "q", placeholder: "file name", "aria-label": "Find a file by its name", value: this.shown.q,
      oninput: (event) => this.#choose("q", event.target.value), onkeydown: (event) => { if (["Escape", "Enter"].includes(event.key)) this.grid.element.focus(); } });
    this.count = h("span", { class: "soft", role: "status" }, this.visible && numberOf(this.visible.size, "image"));
    const focused = document.activeElement?.id;
    fill(this.bar,
      choose("class", "Class", [["", `all (${files.length.toLocaleString("en")})`], ...classes.map((each, place) => [each, `${each} (${counts[place]})`])]),
      choose("show", "Show", [["", "all"], ["corrected", `corrected (${Object.keys(corrections).length})`], ["open", "not corrected"],
        ...splits.filter(Boolean).map((split) => [split, `${split} images`]), ...(doubts ? [["doubtful", `doubtful (${doubts.length})`]] : [])]),
      choose("order", "Order", [["", "by class"], ["name", "by file name"], ...(doubts ? [["doubt", "by doubt"]] : [])]),
      find, this.count, this.#doubtsButton());
    if (["q", "class", "show", "order"].includes(focused)) document.getElementById(focused)?.focus();
  }

  #doubtsButton() {
    const { doubts, doubts_job: job } = this.values;
    if (job.is_alive) {
      this.progress = h("span", { class: "soft", role: "status" }, `looking for doubtful labels: ${job.line}`);
      return this.progress;
    }
    const start = async () => {
      try {
        this.take(await post(`folders/${part(this.folder)}/doubts`));
      } catch (error) {
        this.studio.say(error.message);
      }
    };
    return [h("button", { type: "button", onclick: start, title: "Every image is judged by a network that has not seen it; this takes several minutes and goes on in the background." },
      doubts ? "Find doubtful labels again" : "Find doubtful labels"), job.fault && h("span", { class: "fault" }, job.fault)];
  }

  async #lookForDoubts() {
    try {
      const values = await get(`folders/${part(this.folder)}/doubts`);
      if (!values.doubts_job.is_alive) this.take(values);
      else this.progress.textContent = `looking for doubtful labels: ${values.doubts_job.line}`;
    } catch (error) {
      this.progress.textContent = error.message; // the next look may succeed
    }
  }

  #choose(id, value) {
    this.shown[id] = value;
    go(address("data", [this.folder], this.shown), { replace: true });
    this.refresh();
  }

  refresh() {
    const { classes, files, splits, corrections } = this.values;
    const { class: wanted, show, order } = this.shown;
    const text = this.shown.q.toLowerCase();
    const classNumber = classes.indexOf(wanted);
    const splitNumber = splits.indexOf(show);
    const items = [];
    files.forEach(([file, number, split], item) => {
      if (wanted && number !== classNumber) return;
      if (text && !file.toLowerCase().includes(text)) return;
      if (show === "corrected" && !(file in corrections)) return;
      if (show === "open" && file in corrections) return;
      if (show === "doubtful" && !this.doubts.has(item)) return;
      if (splitNumber >= 0 && show && split !== splitNumber) return;
      items.push(item);
    });
    const doubt = (item) => this.doubts.get(item)?.doubt ?? -1;
    const base = (item) => files[item][0].split("/").at(-1);
    if (order === "doubt") items.sort((a, b) => doubt(b) - doubt(a));
    else if (order === "name") items.sort((a, b) => base(a).localeCompare(base(b)));
    else items.sort((a, b) => files[a][1] - files[b][1] || a - b);
    this.grid.element.hidden = items.length === 0;
    this.nothing.hidden = items.length > 0;
    this.visible = new Set(items);
    this.grid.show(items);
    this.count.textContent = numberOf(items.length, "image");
    this.#details();
  }

  #source(item) { return `/api/folders/${part(this.folder)}/thumbnails/${item}?v=${this.values.version}`; }

  #words(item) {
    const [file, number] = this.values.files[item];
    const doubt = this.shown.order === "doubt" && this.doubts.get(item);
    const label = this.values.classes[number];
    return doubt ? `${label} → ${doubt.suggested}? ${percent(doubt.doubt)}` : this.shown.class || this.shown.q ? file.split("/").at(-1) : label;
  }

  #badge(item) {
    const line = this.values.corrections[this.values.files[item][0]];
    if (!line) return {};
    const texts = { relabel: `→ ${line.to}`, both: `+ ${line.to}`, exclude: "excluded", fine: "✓ correct" };
    return { text: texts[line.action], kind: line.action };
  }

  // --- what is selected
  #selectionChanged() {
    this.chosen.clear();
    for (const item of this.selected) this.chosen.add(this.values.files[item][0]);
    this.#details();
  }

  #details() {
    const shown = this.#shownSelection(), num = shown.length, numHidden = this.selected.size - num;
    fill(this.side, num === 0 ? this.#hint() : [
      num === 1 ? this.#single(shown[0]) : h("p", {}, h("b", {}, numberOf(num, "image")), " are selected."),
      this.#actions()],
    numHidden > 0 && h("p", { class: "soft" }, `${numberOf(numHidden, "selected image")} ${numHidden === 1 ? "is" : "are"} not shown; decisions leave ${numHidden === 1 ? "it" : "them"} alone. Esc selects nothing.`));
  }

  /** The selected images that the filters show: only about them is decided. */
  #shownSelection() { return [...this.selected].filter((item) => this.visible.has(item)); }

  #hint() {
    return [h("p", {}, "Select images with the mouse or the arrow keys; Shift and Ctrl select several."),
      h("p", { class: "soft" }, "Decisions are written to ", h("code", {}, "corrections.csv"), " beside the images, which stay as they are."),
      this.values.files.length > 0 && h("p", {}, h("a", { href: address("train", [], { data: this.folder }) }, "Train on these images"))];
  }

  #single(item) {
    const [file, number] = this.values.files[item];
    const doubt = this.doubts.get(item);
    const line = this.values.corrections[file];
    return [
      h("button", { type: "button", class: "large", title: "Show it large (Enter)", onclick: () => this.#large(item) },
        h("img", { src: `${this.#source(item)}&large=1`, alt: file })),
      h("p", { class: "file" }, file),
      h("p", {}, "Label: ", h("b", {}, this.values.classes[number])),
      doubt && this.#doubted(doubt),
      line && h("p", { class: "decided" }, decision(line), h("span", { class: "soft" }, ` ${[line.who, line.when.slice(0, 10)].filter(Boolean).join(", ")}`))];
  }

  /** What the networks suggest, and the nearest images, which help to tell who is right. */
  #doubted({ suggested, doubt, nearest }) {
    const near = (nearest ?? []).filter(([file]) => this.byName.has(file));
    return [
      h("p", {}, "The networks suggest ", h("b", {}, suggested), `; doubt ${percent(doubt)}. `, this.values.classes.includes(suggested) && h("button", { type: "button", onclick: () => this.decide("relabel", suggested) }, h("kbd", {}, "a"), ` it is ${suggested}`)),
      near.length > 0 && h("p", { class: "soft" }, "Nearest images:"),
      near.length > 0 && h("ul", { class: "nearest" }, near.map(([file, label]) => h("li", {}, h("img", { src: this.#source(this.byName.get(file)), alt: "", title: file }), h("span", { class: "soft" }, label))))];
  }

  #actions() {
    const { classes } = this.values;
    const num = Object.values(this.values.corrections).filter(({ action }) => action !== "fine").length;
    const act = (action, to = "") => () => this.decide(action, to);
    const both = h("button", { type: "button", "aria-pressed": String(this.isBoth), onclick: () => { this.isBoth = !this.isBoth; this.#details(); } }, h("kbd", {}, "b"), " both are correct");
    return [
      h("h2", {}, this.isBoth ? "It is of this class too:" : "The label is wrong; it is:"),
      h("div", { class: "classes" }, classes.map((each, place) => {
        const button = h("button", { type: "button", onclick: act(this.isBoth ? "both" : "relabel", each) }, place < 9 && h("kbd", {}, place + 1), ` ${each}`);
        button.style.setProperty("--class", `var(--class-${place % 8})`);
        return button;
      })),
      h("div", { class: "more" }, both,
        h("button", { type: "button", onclick: act("fine") }, h("kbd", {}, "f"), " the label is correct"),
        h("button", { type: "button", onclick: act("exclude") }, h("kbd", {}, "e"), " exclude"),
        h("button", { type: "button", onclick: () => this.undo() }, h("kbd", {}, "u"), " undo")),
      num > 0 && h("p", {}, h("a", { href: address("train", [], { data: this.folder }) }, `Train with the ${numberOf(num, "correction")}`))];
  }

  async decide(action, to = "") {
    const shown = this.#shownSelection(), { classes } = this.values;
    if (this.selected.size === 0) return this.studio.say("Select an image first.");
    if (shown.length === 0) return this.studio.say("The selected images are not shown; select one of these, or show those again.");
    const items = to ? shown.filter((item) => classes[this.values.files[item][1]] !== to) : shown;
    if (items.length === 0) return this.studio.say(`That is the label already: ${to}. Press f if it is correct.`);
    const files = items.map((item) => this.values.files[item][0]);
    const isSingle = files.length === 1;
    try {
      const { num, corrections } = await post(`folders/${part(this.folder)}/corrections`, { files, action, to });
      this.#remember(num);
      this.isBoth = false;
      this.values.corrections = corrections;
      this.#bar();
      this.studio.say(`${isSingle ? files[0].split("/").at(-1) : numberOf(num, "image")}: ${decision({ action, to })}`);
      if (isSingle) this.grid.next();
      if (["corrected", "open"].includes(this.shown.show)) this.refresh();
      this.grid.refresh();
      this.#details();
    } catch (error) {
      this.studio.say(error.message);
    }
    return undefined;
  }

  /** Relabel the one selected image as the networks suggest. */
  #accept() {
    const [item, ...others] = this.#shownSelection(), doubt = item !== undefined && this.doubts.get(item);
    if (!doubt || others.length > 0) this.studio.say("Select one doubtful image; its suggested label is taken.");
    else this.decide("relabel", doubt.suggested);
  }

  async undo() {
    try {
      const { undone, corrections } = await post(`folders/${part(this.folder)}/undo`, { times: this.#recall() });
      this.values.corrections = corrections;
      this.#bar();
      this.refresh();
      this.studio.say(`Undone: ${undone.length === 1 ? undone[0] : numberOf(undone.length, "decision")}`);
      if (undone.length === 1) this.grid.choose(this.byName.get(undone[0]));
    } catch (error) {
      this.studio.say(error.message);
    }
  }

  // how many files each decision of this tab was about, so that it is undone as one
  get #steps() { return JSON.parse(sessionStorage.getItem(`steps:${this.folder}`) ?? "[]"); }
  #remember(num) { sessionStorage.setItem(`steps:${this.folder}`, JSON.stringify([...this.#steps, num])); }
  #recall() {
    const steps = this.#steps;
    const num = steps.pop() ?? 1;
    sessionStorage.setItem(`steps:${this.folder}`, JSON.stringify(steps));
    return num;
  }

  #large(item) {
    const [file] = this.values.files[item];
    const dialog = h("dialog", { class: "large", "aria-label": file, onclose: () => { dialog.remove(); this.grid.element.focus(); } },
      h("img", { src: `${this.#source(item)}&large=1`, alt: file }), h("p", {}, file),
      h("button", { type: "button", onclick: () => dialog.close() }, "Close"));
    document.body.append(dialog);
    dialog.showModal();
  }

  // --- adding images
  #collect(isOpen) {
    const { classes } = this.values;
    const select = h("select", { id: "add-to" }, classes.map((each) => h("option", { selected: each === this.shown.class }, each)));
    const target = { folder: this.folder, className: () => select.value, studio: this.studio, done: async () => this.take(await get(`folders/${part(this.folder)}/images`)) };
    this.camera = cameraBox(target);
    fill(this.collect, h("details", { class: "collect", open: isOpen, ontoggle: (event) => { if (!event.target.open) this.camera.stop(); } },
      h("summary", {}, "Add images"),
      h("p", {}, h("label", { for: "add-to" }, "to the class "), select),
      dropZone(target), pickFiles(target), this.camera.element));
  }

  press(event) {
    if (event.key === "/") document.getElementById("q").focus();
    else if (event.key === "u") this.undo();
    else if (event.key === "b") { this.isBoth = !this.isBoth; this.#details(); }
    else if (event.key === "f") this.decide("fine");
    else if (event.key === "e") this.decide("exclude");
    else if (event.key === "a") this.#accept();
    else if (event.key === "Escape") { this.selected.clear(); this.#selectionChanged(); this.grid.refresh(); }
    else if (/^[1-9]$/.test(event.key) && this.values.classes[event.key - 1]) this.decide(this.isBoth ? "both" : "relabel", this.values.classes[event.key - 1]);
    else return;
    event.preventDefault();
  }
}

const decision = ({ action, to }) => ({ relabel: `it is ${to}`, both: `it is ${to} too`, exclude: "excluded from trainings", fine: "the label is correct" })[action];
