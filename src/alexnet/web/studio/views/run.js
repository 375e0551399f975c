// Run: scores, mistakes to look at and to correct, kernels; #/run/NAME/unit/conv3/217 is a unit.
import "../../confusion-matrix.js";
import "../../image-map.js";
import "../../mistake-detail.js";
import "../../mistakes-browser.js";
import { term } from "../../words/terms.js";
import { get, part } from "../api.js";
import { decide, followDecisions } from "../decided.js";
import { numChanges } from "../decision-steps.js";
import { duration, fill, h, numberOf, percent } from "../dom.js";
import { figureImage } from "../figure-image.js";
import { figureLinks, tableLinks } from "../file-links.js";
import { KernelFilm, sheetOf } from "../kernel-film.js";
import { DECISION_KEYS, isTyping } from "../keys.js";
import { recipeAddress } from "../recipe-address.js";
import { retrainBox, retrainedSection } from "../retrain.js";
import { address, go } from "../router.js";
import { chooseRun, runHead } from "../run-head.js";
import { openUnit } from "../unit.js";

export const name = "run";
export const title = "Run";
export const key = "r";
export const of = "run";
export const keys = [["← ↑ ↓ →", "through the mistakes, or the cells of the matrix"], ["Enter", "to the details"], ["Esc", "back; all classes"],
  ...DECISION_KEYS];

const LOOKED_AT = 250; // ms after which an image is looked at, and not passed by

export async function open(root, place, studio) {
  const [run, section, ...rest] = place.parts;
  if (!run) return chooseRun(root, { name, title }, "Choose a run.", studio);
  if (section === "unit") return openUnit(root, run, rest, studio, place.query);
  const head = runHead(run, run, studio, (other) => address("run", [other]));
  fill(root, head, h("p", { class: "soft loading", role: "status" }, "loading the network ..."));
  const listed = get(`runs/${part(run)}/mistakes`); // on its way while the page is built
  listed.catch(() => {}); // told of where it is awaited
  const scores = await get(`runs/${part(run)}`);
  const { evaluation, shell_path: path } = scores;
  const browser = h("mistakes-browser", { editable: true });
  const line = h("p", { role: "status" }), retrain = retrainBox({ source: `runs/${part(run)}/retraining`, studio });
  const [mistakesHead, classesHead, kernelsHead, unitsHead, moreHead] = ["Mistakes", "Classes", "Kernels of conv1", "Units", "More"].map((words) => h("h2", { tabindex: -1 }, words));
  fill(root,
    head,
    contents({ Mistakes: mistakesHead, Classes: classesHead, Kernels: kernelsHead, Units: unitsHead, More: moreHead }),
    h("p", { class: "soft" }, `${scores.variant} network, recipe ${scores.recipe}; images from ${scores.data}. `,
      h("a", { href: address("inside", [run]) }, "Look inside"), " · ", h("a", { href: address("compare", [], { run }) }, "compare"), " · ", h("a", { href: address("lab", [run]) }, "its kernels in the convolution lab")),
    h("div", { class: "figures" },
      figure(percent(1 - evaluation.top1_error), [`test accuracy, 95 % interval ${percent(1 - evaluation.top1_interval[1])} to ${percent(1 - evaluation.top1_interval[0])} `, term("95 % interval")]),
      figure(`${evaluation.num_mistakes} of ${evaluation.num_images}`, "test images classified wrongly"),
      evaluation.top5_error !== null && figure(percent(evaluation.top5_error), ["top-5 error ", term("top-5 error")]),
      scores.seconds !== null && figure(duration(scores.seconds), "training and test")),
    scores.has_images ? trainOn(scores) : h("p", { class: "fault" }, `The images of this run are no longer in ${scores.data}. Put them back to see them, to decide about labels and to train on from here; the scores and kernels below need none.`),
    scores.is_retrained && retrainedSection(run),
    mistakesHead, line, scores.has_views && h("p", { class: "soft" }, `Probabilities here are means over several views of an image (${evaluation.views}); Inside shows one view, so its numbers differ.`),
    browser, retrain.element, h("p", {}, tableLinks(run, ["mistakes", "mistakes (CSV)"], ["predictions", "all predictions (CSV)"])), h("p", {}, "Confusion matrix: ", figureLinks(run, "confusion", "confusion matrix", "confusion")),
    classesHead, classes(evaluation), h("p", {}, tableLinks(run, ["classes", "CSV"])),
    kernelsHead, kernels(run), h("p", {}, figureLinks(run, "kernels", "kernels of conv1", "kernels")), film(run, path, scores.kernel_epochs),
    folded("how they changed from their start", run, ["kernel-change", "kernel-change"], `alexnet kernels ${path} --show change`),
    folded("sorted by kind: edges, bars, blobs", run, ["kernel-kinds", "kernel-fits"], `alexnet kernels ${path} --show kinds`),
    folded("by orientation and frequency", run, ["orientations", "kernel-fits"], `alexnet kernels ${path} --show orientations`),
    unitsHead, units(run, scores.layers),
    moreHead,
    folded("accuracy and loss", run, ["curves", "epochs"], `alexnet curves ${path}`),
    folded("calibration: do the probabilities match the accuracy?", run, ["calibration", "calibration"], `alexnet calibrate ${path}`, ["calibration error", "temperature"]),
    imageMap(run, path));
  return mistakes(browser, { line, retrain, listed }, scores, place, studio);
}

/** Buttons that go to the headings; the address stays that of the run. */
function contents(headings) {
  return h("nav", { class: "contents", "aria-label": "Contents" }, Object.entries(headings).map(([words, heading]) =>
    h("button", { type: "button", onclick: () => { heading.scrollIntoView(); heading.focus({ preventScroll: true }); } }, words)));
}

/** The form of a training that starts from this network. */
function trainOn({ train_on: form }) {
  if (form.data === null) return h("p", { class: "train-on soft" }, "To train on from this network, start the studio where its images are.");
  const from = (epoch) => recipeAddress({ ...form, settings: { ...form.settings, weights: `${form.settings.weights}@${epoch}` } });
  const links = form.epochs.map((epoch) => [" ", h("a", { href: from(epoch), "aria-label": `Start a new run from epoch ${epoch}` }, epoch)]);
  return h("p", { class: "train-on" }, h("a", { href: recipeAddress(form) }, "Start a new run from this network"),
    h("span", { class: "soft" }, ` (epoch ${form.epoch}) starts a new training from it, with a tenth of the learning rate. `,
      links.length > 0 ? ["From another epoch:", links, "."] : ["With ", h("code", {}, "keep networks"), " a training keeps the network of every epoch for that."]));
}

const figure = (value, words) => h("div", {}, h("b", {}, value), h("span", {}, words));

function classes({ per_class: rows }) {
  return h("div", { class: "scroll" }, h("table", { class: "by-class" }, h("thead", {}, h("tr", {}, h("th", {}, "class"), ["test images", "recall", "precision"].map((text, place) => h("th", { class: "n" }, text, place > 0 && [" ", term(text)])))),
    h("tbody", {}, rows.map((row) => h("tr", {}, h("td", {}, row.name), h("td", { class: "n" }, row.num_images), h("td", { class: "n" }, percent(row.recall)), h("td", { class: "n" }, percent(row.precision)))))));
}

async function mistakes(browser, { line, retrain, listed }, { name: run, shell_path: folder, corrections, has_images: hasImages }, place, studio) {
  const data = await listed;
  if (data.num_mistakes === 0) { retrain.update(numChanges(data.corrections)); browser.replaceWith(h("p", {}, "None.")); return { close: retrain.stop, press() {} }; }
  const numbers = new Map(data.items.map((item) => [item.file, item.number]));
  for (const item of data.items) {
    if (hasImages) item.source = `/api/runs/${part(run)}/mistakes/${item.number}/image`;
    item.inside = address("inside", [run], { image: item.file });
  }
  const tell = () => {
    const count = data.items.filter((item) => browser.corrections[item.file]).length;
    fill(line, count > 0 && [`${numberOf(count, "decision")} here. Decisions are kept in the corrections of the folder; the images stay as they are. The button below retrains, as does `,
      h("code", {}, `alexnet retrain ${folder} --corrections ${corrections}`), "."]);
    retrain.update(numChanges(browser.corrections));
  };
  const path = (file) => `runs/${part(run)}/mistakes/${numbers.get(file)}`;
  const details = new Map(); // by file: the answer, or that it is being waited for
  const ask = (file) => {
    if (!details.has(file)) {
      details.set(file, get(path(file)));
      details.get(file).catch(() => details.delete(file));
    }
    return details.get(file);
  };
  let isClosed = false;
  let asking = new AbortController(); // a slow question about an image that is not looked at any more is given up
  browser.loadDetail = async function* load(file) {
    asking.abort();
    asking = new AbortController();
    let { signal } = asking;
    yield { ...(await ask(file)), heat_note: "testing the heat map ...", neighbors_note: "looking for the nearest training images; the first time this takes a while ..." };
    await new Promise((done) => setTimeout(done, LOOKED_AT)); // who goes on at once needs no test of this map
    if (isClosed || browser.selectedFile !== file) { yield {}; return; }
    if (signal.aborted) ({ signal } = (asking = new AbortController())); // another image was looked at, and then this one again
    const shown = browser.shownFiles, next = shown[shown.indexOf(file) + 1];
    if (next !== undefined) ask(next).catch(() => {}); // asked for beforehand: most go on to it
    yield await get(`${path(file)}?near=1`, { signal });
  };
  let posting = Promise.resolve(); // decisions are sent one after the other
  const keep = async (decided) => {
    try {
      browser.corrections = (await decide(`runs/${part(run)}/corrections`, decided)).corrections;
      studio.say(noted(decided));
      tell();
    } catch (error) {
      browser.undecide(decided.file);
      studio.say(`${decided.file.split("/").at(-1)}: not decided. ${error.message}`);
    }
  };
  browser.addEventListener("correction", ({ detail }) => { posting = posting.then(() => keep(detail)); });
  browser.addEventListener("selectionchange", (event) => go(address("run", [run], { image: event.detail.file }), { replace: true }));
  const follow = followDecisions(`runs/${part(run)}/corrections`, (look) => { posting = posting.then(look); }, (corrections) => { browser.corrections = corrections; tell(); });
  browser.corrections = data.corrections;
  browser.data = data;
  const asked = place.query.get("image");
  if (asked) browser.selectedFile = asked;
  tell();
  return { close: () => { isClosed = true; follow(); asking.abort(); retrain.stop(); }, press(event) { if (!event.defaultPrevented && isFor(browser, event) && browser.press(event.key)) event.preventDefault(); } };
}

/** What was decided, in one line. */
function noted({ file, action, to }) {
  const image = file.split("/").at(-1);
  if (action === "undo") return `Undone: ${image}`;
  return `${image}: ${{ relabel: `it is ${to}`, both: `it is ${to} too`, fine: "the label is correct", exclude: "excluded" }[action]}`;
}

/** Whether a key that was pressed anywhere on the page is for the mistakes: arrows only while these are not scrolled away. */
function isFor(browser, event) {
  if (isTyping(event)) return false;
  if (!/^(Arrow|Home|End)/.test(event.key)) return !event.repeat; // a key that is held decides once
  const isElsewhere = event.target instanceof Element && event.target.closest("input, summary, details, image-map, mistakes-browser") !== null;
  return event.key.startsWith("Arrow") && !isElsewhere && browser.getBoundingClientRect().bottom > 0;
}

function kernels(run) {
  const box = h("div", { class: "kernels" }, "loading ...");
  const own = h("input", { type: "checkbox" });
  own.addEventListener("change", () => box.classList.toggle("own", own.checked));
  get(`runs/${part(run)}/kernels`).then((answer) => fill(box, answer.kernels.map((one) => h("a", { href: address("run", [run, "unit", "conv1", one.number]) },
    h("img", { class: "common", src: one.common, alt: `kernel ${one.number}` }), h("img", { class: "alone", src: one.own, alt: `kernel ${one.number}, own scale` }), one.number)))).catch((error) => fill(box, error.message));
  return [h("label", {}, own, " each kernel on its own scale"), box];
}

/** The kernels epoch by epoch, loaded when they are asked for. */
function film(run, path, epochs) {
  if (epochs.length < 2) return null; // an earlier version trained it
  const box = h("details", { ontoggle: async () => {
    if (!box.open || box.querySelector(".film")) return;
    const { numbers } = await get(`runs/${part(run)}/kernel-numbers`).catch(() => ({ numbers: {} }));
    const shown = new KernelFilm(sheetOf(run), numbers);
    box.append(shown.root, h("p", { class: "soft" }, "The more structure ", term("structure"), " kernels have, the better one sees what they respond to. As a file: ", h("code", {}, `alexnet kernels ${path} --film film.html`)));
    shown.show(epochs);
  } }, h("summary", {}, "the film: from their start through every epoch"));
  return box;
}

function units(run, layers) {
  const layer = h("select", { "aria-label": "Layer" }, Object.entries(layers).map(([each, count]) => h("option", { value: each }, `${each}, ${count} units`)));
  const number = h("input", { type: "number", min: 0, value: 0, required: true, "aria-label": "Number" });
  const form = h("form", { onsubmit: (event) => { event.preventDefault(); go(address("run", [run, "unit", layer.value, number.value])); } },
    layer, " ", number, " ", h("button", {}, "What does it look for?"));
  return form;
}

/** A figure that is drawn when it is opened; beside it the table of its numbers. */
function folded(words, run, [figure, table], command, terms = []) {
  const box = h("details", { ontoggle: () => {
    if (!box.open || box.querySelector("figure:not(.failed)")) return;
    box.querySelector("figure")?.remove(); // it is tried again
    const image = figureImage(`runs/${part(run)}/figures/${figure}`, words), line = h("figcaption", {}, "drawing ..."), shown = h("figure", {}, image, line);
    image.addEventListener("load", () => fill(line, figureLinks(run, figure, words, table), " Again: ", h("code", {}, command), terms.map((each) => [` · ${each} `, term(each)])));
    image.addEventListener("error", () => {
      shown.className = "failed";
      fill(line, "This run has no such figure: its images, or its first kernels, are not there. ", h("code", {}, command), " says more.");
    });
    box.append(shown);
  } }, h("summary", {}, words));
  return box;
}

function imageMap(run, path) {
  const line = h("p", { class: "soft", role: "status" });
  let isAsked = false; // and not answered with an error: then it is asked again
  const box = h("details", { ontoggle: async () => {
    if (!box.open || isAsked) return;
    isAsked = true;
    line.textContent = "looking at all images of the run; the first time this takes a while ...";
    try {
      const data = await get(`runs/${part(run)}/map`), map = h("image-map");
      box.append(map, h("p", {}, figureLinks(run, "map", "map of all images", "map"), " Again: ", h("code", {}, `alexnet map ${path} --method pca`)));
      map.data = data;
      line.textContent = `${data.title}. A cross marks an image that is classified wrongly; press L for a lasso.`;
    } catch (error) {
      line.textContent = error.message;
      isAsked = false;
    }
  } }, h("summary", {}, "map of all images"), line);
  return box;
}
