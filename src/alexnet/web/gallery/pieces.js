// Pieces of the studio's views, without its server.
import { Cell } from "../studio/cell.js";
import { drawBars } from "../studio/class-bars.js";
import { CoveredImage } from "../studio/covered-image.js";
import { curves } from "../studio/curves.js";
import { Decision } from "../studio/decision.js";
import { h } from "../studio/dom.js";
import { afterwards, factors } from "../studio/factors.js";
import { fileButton } from "../studio/file-button.js";
import { field } from "../studio/form.js";
import { HeatGrid } from "../studio/heat-grid.js";
import { showHardened } from "../studio/hard-board.js";
import { ImageChanges } from "../studio/image-changes.js";
import { ImageGrid } from "../studio/image-grid.js";
import { ImageLists } from "../studio/image-lists.js";
import { ImagePicker } from "../studio/image-picker.js";
import { jobLine } from "../studio/job-line.js";
import { KernelSwatches } from "../studio/kernel-swatches.js";
import { LayerStrips } from "../studio/layer-strips.js";
import { LiveCamera } from "../studio/live-camera.js";
import { showNextUnits } from "../studio/next-units.js";
import { runHead } from "../studio/run-head.js";
import { SoftmaxTable } from "../studio/softmax-table.js";
import { PaintedImage } from "../studio/painted-image.js";
import { plannedStart } from "../studio/planned-start.js";
import { trainingFoot } from "../studio/training-foot.js";
import { queueBox } from "../studio/training-queue.js";
import { UnitStrips } from "../studio/unit-strips.js";
import { UnitSum } from "../studio/unit-sum.js";
import { term } from "../words/terms.js";
import { CLASSES, drawImage, drawMap, drawUnits, numbers } from "./drawn.js";

const READ = { layer: "conv3", num_units: 384,
  by_weight: [7, 21, 3].map((number, n) => ({ number, weight: 0.5 - 0.1 * n, contribution: null, place: null, class: null })),
  by_contribution: [3, 40].map((number, n) => ({ number, weight: 0.3, contribution: n ? -0.7 : 1.25, place: [2, n], class: null })) };
const KERNEL = [[0.5, 0, -0.5], [1, 0, -1], [0.5, 0, -0.5]], PATCH = [[1, 2, 3], [1, 2, 3], [1, 2, 3]];
const STEP = { layer: "conv2", kind: "convolution", map: 5, place: [2, 2], equation: "(-4) + bias 0.5 = -3.5", chosen: [0], num_channels: 1, channel_sums: [-4],
  channels: [0, 0], patch: [PATCH], weights: [KERNEL], products: [KERNEL.map((row, y) => row.map((each, x) => each * PATCH[y][x]))], layer_value: -3.5 };
const CELL = { step: STEP, field: [4, 4, 30, 30], after: [{ layer: "relu2", kind: "activation", equation: "max(0, x) = 0", value: 0 }] };
const PUSHES = [3, 40, 7].map((number, n) => ({ unit: `fc7/${number}`, activation: 2 - 0.5 * n, weight_difference: 0.05, contribution: 0.1 - 0.025 * n }));
const DECISION = { layer: "fc8", winner: "cat", runner_up: "dog", between: [1, 2], logit_difference: 1.7, bias_difference: -0.02, total: 1.72, num_units: 128, num_active: 60,
  towards_winner: PUSHES, towards_runner_up: PUSHES.map((push) => ({ ...push, weight_difference: -push.weight_difference, contribution: -push.contribution })) };
const SOFTMAX = { logits: [-1, 2, 0.3, -2], exponentials: [0.0498, 1, 0.1827, 0.0183], total: 1.2508, probabilities: [0.0398, 0.7995, 0.1461, 0.0146] };
const SUM = { num_sources: 48, num_active: 20, positive: 2, negative: -0.6, rest: 0.4, bias: 0.1, value: 1.5, layer_value: 1.5,
  terms: [9, 2, 30].map((number, n) => ({ layer: "pool5", number, source: `pool5/${number}`, contribution: n === 1 ? -0.3 : 0.65, place: [1, 0], input: 2, weight: 0.2, product: 0.4,
    factors: { patch: [[0, 1], [2, 0]], weights: [[0.1, 0.25], [0.2, 0.3]], products: [[0, 0.25], [0.4, 0]] } })) };
const AFTER = [{ layer: "relu6", kind: "activation", equation: "max(0, 1.5) = 1.5", value: 1.5 }];
const STAGES = ["fc6", "fc7", "fc8"].map((layer, n) => ({ layer, activation: n < 2 ? `relu${n + 6}` : null, num_active: 60, shown: [5, 1, 2], values: drawUnits(n < 2 ? 512 : 4, n) }));
const CHANGES = [["turn", "degrees", 0, -180, 180], ["scale", "times", 1, 0.2, 3], ["shift-x", "of the side", 0, -0.5, 0.5]]
  .map(([name, unit, identity, least, most]) => ({ name, unit, about: name, identity, least, most }));
const SETTING = { may_be_none: false, may_be_auto: false, least: null, most: null };
const SETTINGS = [
  [{ ...SETTING, name: "epochs", kind: "integer", least: 1, most: 1000, words: "Passes over the training images." }, 8],
  [{ ...SETTING, name: "flip", kind: "boolean", words: "Mirror images at random, as `flip` does." }, true],
  [{ ...SETTING, name: "optimizer", kind: "choice", choices: ["sgd", "adam"], words: "Update rule." }, "sgd"]];
const TRAINING = { num_steps: 80, steps: Array.from({ length: 60 }, (_, n) => [n + 1, 2 * 0.96 ** n, 0.8 * 0.97 ** n]),
  epochs: Array.from({ length: 6 }, (_, n) => ({ epoch: n + 1, step: 10 * (n + 1), validation_loss: 1.9 * 0.8 ** n, validation_top1_error: 0.7 * 0.85 ** n, test_top1_error: null })) };
const ODD = { version: "1", is_old: false, job: { is_alive: false, line: "", done: null, fault: "", is_stopped: false },
    list: { in_class: [0.9, 0.3], among_all: [0.8, 0.2], nearest_in_class: [1, 0], nearest: [1, 0], usual_in_class: 0.31, usual_among_all: 0.25 } };
const QUEUE = { is_busy: true, fault: null, failed: [{ run: "second", fault: "no such folder" }], waiting: [{ run: "third", data: "images", preset: "fast", settings: ["epochs = 3"] }] };

const SCORES = (wrong, count) => ({ num_mistakes: wrong, num_images: count, top1_error: wrong / count });
const CHANGE = (difference, low, high, count) => ({ difference, interval: [low, high], num_images: count });
const HARDENED = { num_trained: 20, hard_before: SCORES(20, 20), hard_control: SCORES(18, 20), hard_after: SCORES(12, 20), gain: CHANGE(-0.4, -0.61, -0.18, 20),
  alone: CHANGE(-0.3, -0.51, -0.06, 20), test_before: SCORES(11, 352), test_after: SCORES(12, 352), test: CHANGE(0.003, -0.012, 0.018, 352) };

export const EXHIBITS = {
  cell: {
    about: "a map and one cell of it in numbers", answers: { "runs/first/inside/conv2/cell": CELL, "runs/first/next/": READ },
    build: async () => {
      const cell = new Cell("first", () => {}, () => {});
      cell.clear("image=drawn");
      await cell.open("conv2", drawMap(5, 11), [2, 2]);
      return cell.root;
    },
  },
  "class-bars": {
    about: "probabilities, with a mark at what they were",
    build: () => { const bars = h("dl", { class: "bars" }); drawBars(bars, CLASSES, [0.1, 0.6, 0.2, 0.1], [0.7, 0.1, 0.1, 0.1]); return bars; },
  },
  "covered-image": {
    about: "an image of which parts are covered",
    build: async ({ say }) => { const image = new CoveredImage(() => {}, say); await image.load(drawImage(3)); return image.canvas; },
  },
  curves: { about: "loss and error of a training", build: () => h("section", { class: "curves" }, curves(TRAINING, 340)) },
  decision: {
    about: "the units that push one class or the other",
    build: () => { const decision = new Decision(() => {}, () => {}); decision.show(DECISION, CLASSES, true); return decision.root; },
  },
  "file-button": { about: "a button that chooses files", build: ({ say }) => fileButton("choose files", (files) => say(files.map((file) => file.name).join()), { multiple: true }) },
  factors: { about: "the arithmetic of one output", build: () => [factors("kernel", PATCH, KERNEL, KERNEL), afterwards("fc6", 1.5, AFTER)] },
  form: {
    about: "settings of a recipe, one of them changed",
    build: () => SETTINGS.map(([setting, preset], n) => { const one = field(setting, { runs: [], change: () => {} }); one.show(n ? undefined : 12, preset); return one.element; }),
  },
  "heat-grid": {
    about: "the units of a layer as colors",
    build: () => {
      const grid = new HeatGrid("fc6", { name: (number) => `fc6/${number}`, open: (number) => grid.mark(number) }), next = numbers(1);
      grid.show(Float32Array.from({ length: 500 }, () => next() - 0.4));
      grid.mark(7);
      return grid.root;
    },
  },
  "hard-board": {
    about: "what training on half of the hard images has changed",
    build: () => h("section", { class: "measure" }, showHardened("first-hard", HARDENED)),
  },
  "image-changes": { about: "sliders that change an image", build: () => new ImageChanges(CHANGES, { turn: 20 }, () => {}).root },
  "image-grid": {
    about: "thumbnails of any number, of which only what is visible is in the page",
    build: () => {
      const host = h("div"), options = { source: (item) => drawImage(item), label: (item) => `${item}.png`, badge: (item) => ({ text: item % 7 ? "" : "cat", kind: "" }), selected: new Set([2]), onchange: () => {}, onopen: () => {} };
      new ImageGrid(host, options).show(Array.from({ length: 500 }, (_, n) => n));
      return host;
    },
  },
  "image-picker": {
    about: "an image of a folder, by its class and thumbnail or at random",
    answers: { "folders/drawn/images": { version: "1", classes: CLASSES, splits: ["test"], files: Array.from({ length: 40 }, (_, n) => [`test/${CLASSES[n % 4]}/${n}.png`, n % 4, 0]) } },
    build: async ({ say }) => { const picker = new ImagePicker({ folders: ["drawn"], chosen: () => {}, say, thumbnail: (_, item) => `${drawImage(item)}#` }); await picker.open("drawn", "test/cat/9.png"); return picker.root; },
  },
  "image-lists": {
    about: "by what images are ordered that are computed first", answers: { "folders/images/odd": ODD },
    build: async ({ say }) => {
      const lists = new ImageLists({ folder: "images", runs: [{ name: "first", folder: "images" }], shown: { order: "odd", by: "", kind: "" }, studio: { say }, choose: () => {}, changed: () => {} });
      await lists.show();
      return lists.element;
    },
  },
  "image-pairs": {
    about: "pairs of images side by side, in the grid",
    build: () => {
      const host = h("div"), options = { source: (item) => drawImage(item % 6), label: (item) => `${item}.png`, badge: () => ({}), pair: (number) => `distance 0.00${number}`, selected: new Set([3]), onchange: () => {}, onopen: () => {} };
      new ImageGrid(host, options).show(Array.from({ length: 60 }, (_, n) => n), { isPaired: true });
      return host;
    },
  },
  "job-line": {
    about: "how far a command is that runs in the background",
    build: () => { const line = jobLine("looking for doubtful labels", async () => {}); line.show({ line: "34 % done, 2:10 left", done: 0.34 }); return line.element; },
  },
  "kernel-swatches": {
    about: "kernels of three channels, each a button",
    build: () => {
      const swatches = new KernelSwatches((name) => swatches.mark(name)), next = numbers(5), side = () => Array.from({ length: 7 }, () => Array.from({ length: 7 }, () => next() - 0.5));
      swatches.show(Array.from({ length: 24 }, (_, n) => ({ name: `conv1/${n}`, channels: [side(), side(), side()] })));
      swatches.mark("conv1/3");
      return swatches.root;
    },
  },
  "layer-strips": {
    about: "maps of each layer, painted anew in place",
    build: () => { const strips = new LayerStrips(() => {}); strips.show([{ layer: "conv1", kind: "convolution", num_maps: 24, maps: [0, 1, 2, 3].map((n) => drawMap(n, 22)) }]); return strips.root; },
  },
  "live-camera": { about: "the camera, image by image", build: () => new LiveCamera({ show: () => {}, otherwise: "choose an image" }).root },
  "next-units": {
    about: "the units of the next layer that read a unit", answers: { "runs/first/next/": READ },
    build: async () => { const box = h("div", { class: "forward" }); await showNextUnits(box, "first", "conv2", 5, { query: "image=drawn" }); return box; },
  },
  "planned-start": {
    about: "a start that first says how long it will take", answers: { plan: { seconds: 240 } },
    build: async () => {
      const offer = plannedStart({ ask: "How long will it take?", path: "plan", words: ({ seconds }) => `Start (${seconds} s)`, start: () => {} });
      offer.element.querySelector("button").click();
      await new Promise((done) => setTimeout(done, 50));
      return offer.element;
    },
  },
  "run-head": {
    about: "the run that a page shows, with others to change to",
    build: async () => {
      const runs = ["first", "second"].map((name, n) => ({ name, status: "finished", data: "images", folder: "images", top1_error: 0.1 + 0.05 * n }));
      const head = runHead("Inside first", "first", { here: async () => ({ runs }) }, () => "#/run/second");
      await Promise.resolve();
      return head;
    },
  },
  "softmax-table": {
    about: "logits turned into probabilities",
    build: () => { const table = new SoftmaxTable(() => {}); table.show(SOFTMAX, CLASSES, null); return table.root; },
  },
  "painted-image": {
    about: "an image that is painted on",
    build: async ({ say }) => { const image = new PaintedImage(() => {}, say); await image.load(drawImage(4)); return h("div", { class: "break" }, image.canvas, image.tools); },
  },
  term: {
    about: "a word of the field with the sentence that explains it",
    build: () => {
      const row = h("p", {}, "margin ", term("margin"), " and stride ", term("stride"));
      setTimeout(() => row.querySelector("button").click(), 50);
      return row;
    },
  },
  "training-foot": {
    about: "the training that runs now", answers: { trainings: { trainings: [{ run: "first", status: "training", done: 0.6, images_per_second: 312, seconds_left: 41 }] } },
    build: () => { const line = h("p", { id: "training" }); trainingFoot(line); return line; },
  },
  "training-queue": {
    about: "the trainings that wait", answers: { queue: QUEUE },
    build: ({ say }) => { const queue = queueBox(() => ({}), { say }); return [queue.add, queue.element]; },
  },
  "unit-strips": {
    about: "the units of fully connected layers",
    build: () => { const strips = new UnitStrips((layer, number) => strips.mark(layer, number)); strips.show(STAGES, CLASSES); return strips.root; },
  },
  "unit-sum": {
    about: "one unit of a fully connected layer in numbers", answers: { "runs/first/inside/fc6/units/": { sum: SUM, class: null, after: AFTER }, "runs/first/next/": READ },
    build: async () => { const unit = new UnitSum("first"); await unit.open("fc6", 5, "image=drawn"); return unit.root; },
  },
};
