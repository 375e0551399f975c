// Data: the images of a folder. Show some of them, select, and write down what is wrong with their labels.
import { get, part } from "../api.js";
import { ClassChoice } from "../class-choice.js";
import { collectBox } from "../collect-box.js";
import { decide, followDecisions } from "../decided.js";
import { DecisionSteps, decisionWords, numChanges } from "../decision-steps.js";
import { fill, h, keepFocus, numberOf, percent } from "../dom.js";
import { doubtsBox, doubtWords, estimateLine } from "../doubts-box.js";
import { folderTools } from "../folder-tools.js";
import { goodEnoughBox } from "../good-enough.js";
import { ImageGrid } from "../image-grid.js";
import { ImageLists, LISTED, oddWords, twinWords } from "../image-lists.js";
import { DECISION_KEYS } from "../keys.js";
import { showLarge } from "../large-image.js";
import { retrainBox } from "../retrain.js";
import { address, go, redirect } from "../router.js";

export const name = "data";
export const title = "Data";
export const key = "d";
export const of = "folder";
export const keys = [
  ["arrows", "move; with Shift select on the way"],
  ["Space", "select the image too, or no longer"],
  ["Ctrl A", "select all that are shown"],
  ["Enter", "show the image large"],
  ...DECISION_KEYS,
  ["a", "take the label that the networks suggest"],
  ["o", "find another class by its name, or make one"],
  ["Esc", "clear the selection"],
];

const SHOWN = ["class", "q", "show", "order", "by", "kind", "good"]; // what the address holds
const SELECTIONS = new Map(); // of every folder, as names; they survive other views

export async function open(root, place, studio) {
  const here = await studio.here();
  const [folder] = place.parts;
  if (!root.isConnected) return {}; // it was left meanwhile
  if (!folder && here.folders.length > 0) {
    const last = here.runs.find((run) => run.name === studio.lookedAt.last("run"))?.folder; // no folder was looked at
    redirect(address("data", [last ?? here.folders[0].name], Object.fromEntries(place.query)));
    return {};
  }
  if (!folder) {
    fill(root, h("h1", {}, "Data"), h("p", {}, "There are no images yet. ", h("a", { href: address("home") }, "Home"), " says how to begin."));
    return {};
  }
  const values = await get(`folders/${part(folder)}/images`);
  return new Images(root, folder, values, here, place.query, studio).page();
}

class Images {
  constructor(root, folder, values, here, query, studio) {
    this.root = root; this.folder = folder; this.here = here; this.studio = studio;
    this.shown = Object.fromEntries(SHOWN.map((each) => [each, query.get(each) ?? ""]));
    this.isBoth = false;
    this.isOpen = true; // until the view is left
    this.posting = Promise.resolve(); // decisions are sent one after the other
    this.steps = new DecisionSteps(folder);
    this.choice = new ClassChoice((to, isNew) => this.decide(this.isBoth ? "both" : "relabel", to, isNew));
    this.chosen = SELECTIONS.get(folder) ?? new Set(); // names of files
    SELECTIONS.set(folder, this.chosen);
    this.selected = new Set(); // their numbers, as the grid knows them
    this.bar = h("div", { class: "bar" });
    this.estimate = h("p", { class: "estimate" });
    this.gallery = h("div", { class: "gallery" });
    this.side = h("div", { class: "chosen" });
    this.collect = values.may_add && collectBox({ folder, chosen: this.shown.class, isOpen: query.get("add") === "yes", studio, taken: () => this.#again() });
    const finished = here.runs.filter((run) => run.status === "finished");
    this.lists = new ImageLists({ folder, runs: finished, shown: this.shown, studio, choose: (key, value) => this.#choose(key, value), changed: (version) => this.#listed(version) });
    this.doubtful = doubtsBox({ folder, studio, take: (known) => this.take(known) });
    this.good = goodEnoughBox({ folder, isOpen: this.shown.good === "yes", opened: (isOpen) => this.#choose("good", isOpen ? "yes" : "") });
    this.tools = folderTools({ folder, classes: () => this.values.classes, runs: finished, studio, corrected: (corrections) => this.#corrected(corrections) });
    this.others = followDecisions(`folders/${part(folder)}/corrections`, (look) => this.#send(look), (corrections) => this.#corrected(corrections));
    this.retrain = retrainBox({ source: `folders/${part(folder)}/retraining`, data: folder, studio });
    fill(root, h("h1", {}, "Images of ", this.#folders()), this.bar, this.lists.element, this.estimate, this.good.element, this.tools.element, h("div", { class: "beside" }, this.gallery, h("aside", { "aria-label": "Selected images" }, this.side, this.retrain.element, this.collect && this.collect.element)));
    this.grid = new ImageGrid(this.gallery, {
      source: (item) => this.#source(item),
      label: (item) => this.#words(item),
      badge: (item) => this.#badge(item),
      pair: (number) => twinWords(this.pairs[number], this.lists.kinds),
      selected: this.selected,
      onchange: () => this.#selectionChanged(),
      onopen: (item) => this.#large(item),
    });
    this.nothing = h("p", { class: "nothing" }, values.files.length ? "No image matches this choice. Change it above." : "There are no images yet. Choose a class on the right, and add some.");
    this.gallery.append(this.nothing);
    this.take(values);
  }

  page() {
    return {
      close: () => { this.isOpen = false; this.others(); this.grid.close(); this.retrain.stop(); this.doubtful.stop(); this.good.stop(); this.tools.stop(); this.lists.stop(); if (this.collect) this.collect.stop(); },
      press: (event) => this.press(event),
    };
  }

  /** New values of the server: files, corrections, doubts. */
  take(values) {
    this.values = { ...this.values, ...values };
    const { files, doubts } = this.values;
    if ("version" in values) this.lists.forget();
    this.byName = new Map(files.map(([file], item) => [file, item]));
    this.doubts = new Map((doubts ?? []).map((doubt) => [this.byName.get(doubt.file), doubt]));
    this.selected.clear();
    for (const file of this.chosen) if (this.byName.has(file)) this.selected.add(this.byName.get(file));
    this.doubtful.show(this.values);
    if (this.collect) this.collect.show(this.values.classes);
    this.#bar();
    this.refresh();
    this.lists.show();
  }

  /** A list has arrived; where it is of another version of the folder, the images are asked for again. */
  async #listed(version) {
    if (version !== this.values.version) await this.#again().catch((error) => this.studio.say(error.message));
    else this.refresh();
  }

  /** Ask for the images again: there are others now. */
  async #again() {
    if (!this.isOpen) return;
    const values = await get(`folders/${part(this.folder)}/images`);
    if (this.isOpen) this.take(values);
  }

  /** The classes that an image may be of: those of the folder, and those that a correction names. */
  get #classes() {
    const { classes, corrections } = this.values;
    return [...new Set([...classes, ...Object.values(corrections).map(({ to }) => to).filter(Boolean).sort()])];
  }

  #folders() {
    const select = h("select", { "aria-label": "Folder", onchange: () => go(address("data", [select.value])) },
      this.here.folders.map(({ name: each }) => h("option", { value: each, selected: each === this.folder }, each)));
    return select;
  }

  // --- what is shown
  #bar() {
    const { classes, files, splits, corrections, doubts } = this.values;
    this.retrain.update(numChanges(corrections));
    const counts = new Array(classes.length).fill(0);
    for (const [, number] of files) counts[number] += 1;
    const choose = (id, label, options) => h("label", {}, `${label} `, h("select", { id, onchange: (event) => this.#choose(id, event.target.value) },
      options.map(([value, text]) => h("option", { value, selected: value === this.shown[id] }, text))));
    const find = h("input", { type: "search", id: "q", placeholder: "file name", "aria-label": "Find a file by its name", value: this.shown.q,
      oninput: (event) => this.#choose("q", event.target.value), onkeydown: (event) => { if (["Escape", "Enter"].includes(event.key)) this.grid.element.focus(); } });
    this.count = h("span", { class: "soft", role: "status" }, this.visible && this.#counted());
    const focused = document.activeElement?.id;
    fill(this.bar,
      choose("class", "Class", [["", `all (${files.length.toLocaleString("en")})`], ...classes.map((each, place) => [each, `${each} (${counts[place]})`])]),
      choose("show", "Show", [["", "all"], ["corrected", `corrected (${Object.keys(corrections).length})`], ["open", "not corrected"],
        ...splits.filter(Boolean).map((split) => [split, `${split} images`]), ...(doubts ? [["doubtful", `doubtful (${doubts.length})`]] : [])]),
      choose("order", "Order", [["", "by class"], ["name", "by file name"], ...(doubts ? [["doubt", "by doubt"]] : []), ...LISTED]),
      find, this.count, this.doubtful.element);
    if (["q", "class", "show", "order"].includes(focused)) document.getElementById(focused)?.focus();
  }

  #choose(id, value) {
    this.shown[id] = value;
    go(address("data", [this.folder], this.shown), { replace: true });
    this.refresh();
    if (["order", "by"].includes(id)) this.lists.show({ mayStart: true });
  }

  refresh() {
    const { doubts_estimate: estimate } = this.values;
    this.pairs = this.lists.isTwins && this.lists.list ? this.#twins(this.lists.list) : null;
    const items = this.pairs ? this.pairs.flatMap(([a, b]) => [a, b]) : this.#ordered();
    this.grid.element.hidden = items.length === 0;
    this.nothing.hidden = items.length > 0;
    this.visible = new Set(items);
    this.grid.show(items, { isPaired: this.pairs !== null });
    this.count.textContent = this.#counted();
    fill(this.estimate, (this.shown.order === "doubt" || this.shown.show === "doubtful") && estimateLine(estimate));
    this.#details();
  }

  #counted() { return this.pairs ? numberOf(this.pairs.length, "pair") : numberOf(this.visible.size, "image"); }

  /** What the filters ask of an image, each of them a function of its number. */
  #filters() {
    const { classes, files, splits, corrections } = this.values;
    const { class: wanted, show } = this.shown;
    const text = this.shown.q.toLowerCase(), classNumber = classes.indexOf(wanted), splitNumber = splits.indexOf(show);
    const shows = { corrected: (item) => files[item][0] in corrections, open: (item) => !(files[item][0] in corrections), doubtful: (item) => this.doubts.has(item) };
    return [
      wanted && ((item) => files[item][1] === classNumber),
      text && ((item) => files[item][0].toLowerCase().includes(text)),
      show && (shows[show] ?? (splitNumber >= 0 && ((item) => files[item][2] === splitNumber))),
    ].filter(Boolean);
  }

  /** The images that the filters leave, in order. */
  #ordered() {
    const { files } = this.values, filters = this.#filters(), list = this.lists.list;
    const items = files.map((_, item) => item).filter((item) => filters.every((fits) => fits(item)));
    const falling = (value) => items.sort((a, b) => value(b) - value(a));
    const base = (item) => files[item][0].split("/").at(-1);
    if (this.shown.order === "doubt") return falling((item) => this.doubts.get(item)?.doubt ?? -1);
    if (this.shown.order === "odd" && list) return falling((item) => list.in_class[item] ?? -1);
    if (this.shown.order === "odd-all" && list) return falling((item) => list.among_all[item] ?? -1);
    if (this.shown.order === "name") return items.sort((a, b) => base(a).localeCompare(base(b)));
    return items.sort((a, b) => files[a][1] - files[b][1] || a - b);
  }

  /** The pairs that the filters leave: one of the two must fit, and both where what is decided is left out. */
  #twins(list) {
    const filters = this.#filters(), { kind, show } = this.shown, number = this.lists.kinds.indexOf(kind);
    const isOpen = (item) => !(this.values.files[item][0] in this.values.corrections);
    return list.filter(([a, b, , own]) => (!kind || own === number) && filters.every((fits) => fits(a) || fits(b)) && (show !== "open" || (isOpen(a) && isOpen(b))));
  }

  #source(item) { return `/api/folders/${part(this.folder)}/thumbnails/${item}?v=${this.values.version}`; }

  #words(item) {
    const { files, classes, splits } = this.values, list = this.lists.list;
    const [file, number, split] = files[item], label = classes[number];
    const doubt = this.shown.order === "doubt" && this.doubts.get(item);
    if (doubt) return `${label} → ${doubt.suggested}? ${percent(doubt.doubt)}`;
    if (this.pairs) return splits[split] ? `${label}, ${splits[split]}` : label;
    const distance = list && (this.shown.order === "odd" ? list.in_class : list.among_all)[item];
    if (list && distance !== null) return `${label} ${distance.toFixed(2)}`;
    return this.shown.class || this.shown.q ? file.split("/").at(-1) : label;
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
    keepFocus(this.side, () => fill(this.side, num === 0 ? this.#hint() : [
      num === 1 ? this.#single(shown[0]) : h("p", {}, h("b", {}, numberOf(num, "image")), " are selected."),
      this.#actions()],
    numHidden > 0 && h("p", { class: "soft" }, `${numberOf(numHidden, "selected image")} ${numHidden === 1 ? "is" : "are"} not shown and will not be changed. Esc clears the selection.`)));
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
      this.#images(item),
      h("p", {}, "Label: ", h("b", {}, this.values.classes[number])),
      doubt && doubtWords(doubt, { source: (each) => this.byName.has(each) && this.#source(this.byName.get(each)),
        take: this.values.classes.includes(doubt.suggested) && (() => this.decide("relabel", doubt.suggested)) }),
      this.#oddity(item),
      line && h("p", { class: "decided" }, decisionWords(line), h("span", { class: "soft" }, ` ${[line.who, line.when.slice(0, 10)].filter(Boolean).join(", ")}`))];
  }

  /** The selected image, large, or both of its pair. */
  #images(item) {
    const pair = this.pairs?.[this.grid.activePair], { files } = this.values;
    const large = (each) => [h("button", { type: "button", class: "large", title: "Show it large (Enter)", onclick: () => this.#large(each) },
      h("img", { src: `${this.#source(each)}&large=1`, alt: files[each][0] })), h("p", { class: "file" }, files[each][0])];
    if (!pair || !pair.slice(0, 2).includes(item)) return large(item);
    return [h("div", { class: "two" }, pair.slice(0, 2).map((each) => h("div", { class: each === item ? "active" : "" }, large(each)))),
      h("p", {}, `A pair: ${twinWords(pair, this.lists.kinds)}. `, h("span", { class: "soft" }, "e excludes the selected one, and the next pair follows."))];
  }

  /** How odd an image is, where the order asks for that, with the nearest images. */
  #oddity(item) {
    const { list } = this.lists;
    if (!list || this.lists.isTwins) return null;
    const near = [...new Set([list.nearest_in_class[item], list.nearest[item]])].filter((each) => each !== null);
    return [oddWords(list, item, this.values.classes[this.values.files[item][1]]), near.length > 0 && h("p", { class: "soft" }, "Nearest images:"), this.#thumbnails(near)];
  }

  #thumbnails(items) {
    const { files, classes } = this.values;
    return items.length > 0 && h("ul", { class: "nearest" }, items.map((item) => h("li", {}, h("img", { src: this.#source(item), alt: "", title: files[item][0] }), h("span", { class: "soft" }, classes[files[item][1]]))));
  }

  #actions() {
    const num = numChanges(this.values.corrections);
    const act = (action) => () => this.decide(action);
    this.choice.show(this.#classes);
    return [
      h("h2", {}, this.isBoth ? "It is of this class too:" : "The label is wrong; it is:"), this.choice.element,
      h("div", { class: "more" },
        h("button", { type: "button", "aria-pressed": String(this.isBoth), onclick: () => { this.isBoth = !this.isBoth; this.#details(); } }, h("kbd", {}, "b"), " both are correct"),
        h("button", { type: "button", onclick: act("fine") }, h("kbd", {}, "f"), " the label is correct"),
        h("button", { type: "button", onclick: act("exclude") }, h("kbd", {}, "e"), " exclude"),
        h("button", { type: "button", onclick: () => this.undo() }, h("kbd", {}, "u"), " undo")),
      num > 0 && h("p", {}, h("a", { href: address("train", [], { data: this.folder }) }, `Train with the ${numberOf(num, "correction")}`))];
  }

  /** Decide about the selected images, and go on to the next one at once: the answer may take a while. */
  decide(action, to = "", isNew = false) {
    const shown = this.#shownSelection(), { classes } = this.values;
    if (this.selected.size === 0) return this.studio.say("Select an image first.");
    if (shown.length === 0) return this.studio.say("The selected images are not shown; select one of these, or show those again.");
    const items = to ? shown.filter((item) => classes[this.values.files[item][1]] !== to) : shown;
    if (items.length === 0) return this.studio.say(`That is the label already: ${to}. Press f if it is correct.`);
    const step = { files: items.map((item) => this.values.files[item][0]), action, to };
    this.isBoth = false;
    this.steps.add(step);
    if (items.length === 1) this.grid.next();
    this.#details();
    return this.#send(() => this.#write(step, isNew));
  }

  /** Send one thing after the other, in the order in which they were decided. */
  #send(write) { return (this.posting = this.posting.then(write)); }

  async #write(step, isNew) {
    const [first] = step.files, isSingle = step.files.length === 1, words = isSingle ? first.split("/").at(-1) : null;
    try {
      const { num, corrections } = await decide(`folders/${part(this.folder)}/corrections`, { ...step, is_new: isNew });
      this.#corrected(corrections);
      this.studio.say(`${words ?? numberOf(num, "image")}: ${decisionWords(step)}`);
    } catch (error) {
      this.steps.remove(step);
      this.studio.say(`${words ?? numberOf(step.files.length, "image")}: not decided. ${error.message}`);
    }
  }

  /** The server has other decisions now. */
  #corrected(corrections) {
    if (!this.isOpen) return;
    this.values.corrections = corrections;
    this.#bar();
    if (["corrected", "open"].includes(this.shown.show)) this.refresh();
    else this.#details();
    this.grid.refresh();
  }

  /** Relabel the one selected image as the networks suggest. */
  #accept() {
    const [item, ...others] = this.#shownSelection(), doubt = item !== undefined && this.doubts.get(item);
    if (!doubt || others.length > 0) this.studio.say("Select one doubtful image; its suggested label is taken.");
    else this.decide("relabel", doubt.suggested);
  }

  undo() {
    const last = this.steps.takeLast();
    if (!last) { this.studio.say("This tab has nothing to undo. Decide again about the image instead."); return; }
    const { files } = last.step, item = files.length === 1 ? this.byName.get(files[0]) : undefined;
    if (item !== undefined) this.#goBack(item);
    this.#send(async () => {
      try {
        const { undone, corrections } = await decide(`folders/${part(this.folder)}/undo`, last.step);
        this.#corrected(corrections);
        this.studio.say(undone.length === 0 ? "Nothing was undone: later decisions about these images hold." : `Undone: ${undone.length === 1 ? undone[0] : numberOf(undone.length, "decision")}`);
      } catch (error) {
        last.putBack();
        this.studio.say(error.message);
      }
    });
  }

  /** Choose an image about which a decision is taken back, also where only what is not corrected is shown. */
  #goBack(item) {
    if (this.shown.show === "open") {
      this.values.corrections = { ...this.values.corrections };
      delete this.values.corrections[this.values.files[item][0]];
      this.refresh();
    }
    if (this.shown.show !== "corrected") this.grid.choose(item);
  }

  #large(item) { showLarge(`${this.#source(item)}&large=1`, this.values.files[item][0], () => this.grid.element.focus()); }

  press(event) {
    if (event.repeat) return; // a key that is held decides once
    const { key } = event, named = this.#classes[key - 1];
    if (key === "u") this.undo();
    else if (key === "b") { this.isBoth = !this.isBoth; this.#details(); }
    else if (key === "f") this.decide("fine");
    else if (key === "e") this.decide("exclude");
    else if (key === "a") this.#accept();
    else if (key === "Escape") { this.selected.clear(); this.#selectionChanged(); this.grid.refresh(); }
    else if (key === "o" && this.choice.element.isConnected) this.choice.focus();
    else if (/^[1-9]$/.test(key) && named) this.decide(this.isBoth ? "both" : "relabel", named);
    else return;
    event.preventDefault();
  }
}
