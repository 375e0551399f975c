// The components of `alexnet.web`, which pages and the studio share.
import "../confusion-matrix.js";
import "../convolution-lab.js";
import "../image-map.js";
import "../kernel-film.js";
import "../mistake-detail.js";
import "../mistakes-browser.js";
import { h } from "../studio/dom.js";
import { CLASSES, drawBytes, drawImage, drawSheet, numbers } from "./drawn.js";

const COUNTS = [[41, 3, 0, 1], [2, 35, 7, 0], [0, 9, 33, 2], [1, 0, 0, 44]];

function mistake(n, label, predicted) {
  const next = numbers(n + 50), probability = 0.95 - 0.1 * n;
  const probabilities = CLASSES.map((name) => (name === predicted ? probability : (1 - probability) / 3));
  return { file: `test/${label}/${label}_${n}.jpg`, number: n, true: label, predicted, probability, margin: probability - probabilities[0] / 2, loss: 1 + 2 * next(),
    source: drawImage(n), probabilities, heat: { size: 24, values: drawBytes(24, n + 9), target: predicted, layer: "conv5", verdict: "the map finds more of what matters than a random one", says_something: true },
    neighbors: Array.from({ length: 5 }, (_, k) => ({ file: `train/${predicted}/${k}.jpg`, label: k % 2 ? label : predicted, distance: 0.2 + 0.1 * k, source: drawImage(n + k, 48) })) };
}

const MISTAKES = [mistake(0, "cat", "dog"), mistake(1, "dog", "cat"), mistake(2, "airplane", "cat"), mistake(3, "cat", "dog")];

async function mapData() {
  const next = numbers(7), count = 60, labels = Array.from({ length: count }, (_, n) => n % CLASSES.length);
  const points = labels.map((label) => [Math.cos(1.57 * label) * 2 + next(), Math.sin(1.57 * label) * 2 + next()]);
  return { views: [{ name: "drawn", points }], classes: CLASSES, labels, predicted: labels.map((label, n) => (n % 9 ? label : (label + 1) % CLASSES.length)),
    files: labels.map((label, n) => `${CLASSES[label]}/${n}.png`), neighbors: labels.map((_, n) => [1, 2, 3, 4, 5].map((by) => (n + by * CLASSES.length) % count)),
    tiles: { source: await drawSheet(count, 10, 32), size: 32, columns: 10 } };
}

export const EXHIBITS = {
  "confusion-matrix": { about: "how often each class was predicted as each", build: () => Object.assign(h("confusion-matrix"), { data: { classes: CLASSES, counts: COUNTS } }) },
  "convolution-lab": {
    about: "an image, a kernel and what their convolution gives",
    build: () => Object.assign(h("convolution-lab"), { data: {
      images: [{ name: "a square", rows: Array.from({ length: 7 }, (_, y) => Array.from({ length: 7 }, (__, x) => (y > 1 && y < 5 && x > 1 && x < 5 ? 9 : 0))) }],
      kernels: [{ name: "edge", group: "drawn", rows: [[1, 0, -1], [2, 0, -2], [1, 0, -1]], shows: "vertical edges" }] } }),
  },
  "image-map": { about: "images as points, to select with a lasso", build: async ({ stage }) => { const map = h("image-map"); stage.append(map); map.data = await mapData(); } },
  "kernel-film": {
    about: "kernels from the start of training through every epoch",
    build: () => Object.assign(h("kernel-film"), { data: { epochs: [0, 1, 2, 4], own: [0, 1, 2, 3].map((n) => drawImage(n)), common: [4, 5, 6, 7].map((n) => drawImage(n)), numbers: { 0: "structure 0.10" } } }),
  },
  "mistake-detail": {
    about: "one image that was classified wrongly",
    build: () => Object.assign(h("mistake-detail", { editable: true }), { classes: CLASSES, item: MISTAKES[0] }),
  },
  "mistakes-browser": {
    about: "the wrongly classified images of a run, sorted and looked at one by one",
    build: () => Object.assign(h("mistakes-browser", { editable: true }), { corrections: {}, data: { classes: CLASSES, counts: COUNTS, num_mistakes: 25, tiles: null, items: MISTAKES } }),
  },
};
