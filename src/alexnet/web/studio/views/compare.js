// Compare: two or three runs beside each other: scores, curves, settings that differ, images fixed and broken, kernels.
import { term } from "../../words/terms.js";
import { get, part } from "../api.js";
import { fill, h, numberOf, percent, points, s } from "../dom.js";
import { drawingLinks, fileLinks } from "../file-links.js";
import { address, go } from "../router.js";

export const name = "compare";
export const title = "Compare";
export const key = "o";
export const keys = [];

const COLORS = ["var(--class-0)", "var(--class-5)", "var(--class-2)"];
const DASHES = ["", "7 3", "2 3"];
const MOST_FILES = 40;
const MOST_RUNS = 3;
let turn = 0; // of what is asked: an answer to an earlier question is not shown

export async function open(root, place, studio) {
  const runs = (await studio.here()).runs.filter((each) => each.status === "finished").map((each) => each.name).reverse(); // the oldest first
  const asked = place.query.getAll("run").concat((place.query.get("runs") ?? "").split("|")).filter((each) => runs.includes(each)).slice(0, MOST_RUNS);
  const chosen = runs.filter((each) => asked.includes(each));
  const result = h("div", {});
  const boxes = runs.map((run) => h("label", {}, h("input", { type: "checkbox", value: run, checked: chosen.includes(run), onchange: () => change() }), ` ${run}`));
  const inputs = boxes.map((box) => box.querySelector("input"));
  const hint = h("p", { class: "soft", role: "status" });
  const limit = () => { // no run is ticked and then left out
    const isFull = inputs.filter((box) => box.checked).length >= MOST_RUNS;
    for (const box of inputs) box.disabled = isFull && !box.checked;
    hint.textContent = isFull && runs.length > MOST_RUNS ? "Three runs are compared at most: untick one to choose another." : "";
  };
  const change = () => {
    const picked = inputs.filter((box) => box.checked).map((box) => box.value);
    limit();
    go(address("compare", [], { runs: picked.join("|") }), { replace: true });
    show(result, picked);
  };
  fill(root, h("h1", {}, "Compare"), runs.length < 2
    ? h("p", {}, "There must be two finished runs. ", h("a", { href: address("train") }, "Train another one"), ".")
    : [h("p", {}, "Choose two or three runs. The oldest is the baseline: “fixed” and “broken” count from it to each of the others."), h("p", { class: "choices" }, boxes), hint, result]);
  limit();
  await show(result, chosen);
}

async function show(root, names) {
  const mine = turn += 1;
  if (names.length < 2) { fill(root); return; }
  let found;
  try { found = await get(`compare?${names.map((each) => `run=${part(each)}`).join("&")}`); } catch (error) {
    if (mine === turn) fill(root, h("p", { class: "fault" }, error.message));
    return;
  }
  if (mine !== turn) return;
  const query = names.map((each) => `run=${part(each)}`).join("&"), csv = (table, words) => h("p", {}, fileLinks(["CSV", `compare/tables/${table}?${query}`, words]));
  const head = h("tr", {}, h("td", {}), names.map((each, n) => h("th", { class: "n" }, mark(n), " ", each)));
  const line = (words, value) => h("tr", {}, h("th", { scope: "row" }, words), found.scores.map((score) => h("td", { class: "n" }, value(score))));
  fill(root,
    h("h2", {}, "Scores"),
    h("div", { class: "scroll" }, h("table", {}, h("thead", {}, head), h("tbody", {},
      line("test error", (score) => percent(score.top1_error)),
      line(["95 % interval ", term("95 % interval")], (score) => `${percent(score.top1_interval[0])} to ${percent(score.top1_interval[1])}`),
      line("mistakes", (score) => `${score.num_mistakes} of ${score.num_images}`),
      line("seconds", (score) => (score.seconds === null ? "–" : score.seconds.toFixed(0)))))), csv("scores", "scores"),
    h("h2", {}, "Test error after each epoch"), curves(found.epochs, names), validated(found.epochs, names), undrawn(found.epochs, names),
    h("p", {}, drawingLinks(`compare/figures/curves?${query}`, "accuracy and loss of the runs", `compare/tables/epochs?${query}`)),
    h("h2", {}, "Settings that differ"),
    Object.keys(found.settings).length === 0 ? h("p", {}, "None.") : h("div", { class: "scroll" }, h("table", {}, h("thead", {}, head.cloneNode(true)),
      h("tbody", {}, Object.entries(found.settings).map(([field, values]) => h("tr", {}, h("th", { scope: "row" }, field), values.map((value) => h("td", { class: "n" }, String(value ?? "–")))))))), csv("settings", "settings that differ"),
    names.slice(1).map((other) => difference(found.differences.find(({ after }) => after === found.runs[names.indexOf(other)]), names[0], other)), found.differences.length > 0 && csv("images", "images fixed and broken"),
    h("h2", {}, "Kernels of conv1"),
    h("div", { class: "sheets" }, names.map((each, n) => h("figure", {}, kernels(each, n ? names[0] : null), h("figcaption", {}, mark(n), " ", each, n > 0 && [matched(found.kernel_pairs[n - 1], names[0]), " ", pairLinks(names[0], each)])))));
}

/** How alike the kernels of a sheet are to those of the baseline, at whose places they are. */
function matched(pairs, baseline) {
  if (pairs.median === null) return h("span", {}, `, in its own order: ${pairs.note}`);
  return h("span", {}, `, each kernel in the place of its match in ${baseline}: median correlation ${pairs.median.toFixed(2)}`);
}

function pairLinks(first, other) {
  const query = [first, other].map((each) => `run=${part(each)}`).join("&");
  return drawingLinks(`compare/figures/kernels?${query}`, `matched kernels of ${first} and ${other}`, `compare/tables/kernels?${query}`);
}

function kernels(run, baseline) {
  const image = h("img", { src: `/api/compare/${part(run)}/kernels${baseline ? `?like=${part(baseline)}` : ""}`, alt: `kernels of conv1 of ${run}`, onerror: () => image.replaceWith(h("p", { class: "fault" }, "Its kernels cannot be shown.")) });
  return image;
}
const mark = (n) => { const line = s("svg", { viewBox: "0 0 24 8", width: 24, height: 8, "aria-hidden": "true" }, s("path", { d: "M0 4H24", "stroke-width": 3, "stroke-dasharray": DASHES[n] })); line.firstChild.style.stroke = COLORS[n]; return line; };

function difference(change, first, other) {
  if (!change) return [h("h2", {}, `${first} → ${other}`), h("p", {}, "The two have no test image in common, so that no image can be compared.")];
  const list = (words, files) => h("details", {}, h("summary", {}, `${files.length} ${words}`), h("ul", {}, files.slice(0, MOST_FILES).map((file) => h("li", {}, h("a", { href: address("inside", [other], { image: file }) }, file)))),
    files.length > MOST_FILES && h("p", { class: "soft" }, `and ${(files.length - MOST_FILES).toLocaleString("en")} more`));
  return [h("h2", {}, `${first} → ${other}`),
    h("p", {}, `${change.num_fixed} images fixed, ${change.num_broken} broken; the error changes by ${points(change.difference)} points (95 % interval ${points(change.interval[0])} to ${points(change.interval[1])}), on ${change.num_images} images.`),
    change.labels && h("p", {}, `Their images or labels differ: these are the ${change.num_images} images that both tested, with the labels of ${change.labels === change.after ? other : first} for both.`),
    change.num_two_labels > 0 && h("p", {}, `Of ${numberOf(change.num_two_labels, "image")}, either of two labels counts; the table above has only the first.`),
    list("fixed", change.fixed ?? []), list("broken", change.broken ?? [])];
}

/** Steps of an axis for fractions from 0, of 1, 2, 5, 10 or 20 hundredths, and the tick at or above the largest value. */
function roundTicks(largest) {
  const step = [0.01, 0.02, 0.05, 0.1, 0.2].find((each) => largest <= 5 * each) ?? 0.2;
  return { step, most: step * Math.ceil(largest / step - 1e-9) };
}

const errorOf = (each) => each.test_top1_error ?? each.validation_top1_error;

/** Which curves are of validation images, a line for each. */
const validated = (epochs, names) => names.map((name, n) => epochs[n].some((each) => each.test_top1_error === null && each.validation_top1_error !== null)
  && h("p", { class: "soft" }, `${name}: the error of its validation images; the test images were not looked at before the end.`));

/** Why a run has no curve, a line for each. */
const undrawn = (epochs, names) => names.map((name, n) => !epochs[n].some((each) => errorOf(each) !== null) && h("p", { class: "soft" },
  `${name} has no curve: ${epochs[n].length === 0 ? "only its last layer was trained" : "it was not tested after each epoch"}.`));

function curves(epochs, names) {
  const width = 640, height = 240, left = 64, bottom = 28, last = Math.max(...epochs.flat().map((each) => each.epoch), 1);
  const errors = epochs.map((list) => list.map((each) => [each.epoch, errorOf(each)]).filter(([, value]) => value !== null));
  const { step, most } = roundTicks(Math.max(0.05, ...errors.flat().map(([, value]) => value)));
  const x = (epoch) => left + ((width - left - 8) * (epoch - 1)) / Math.max(last - 1, 1), y = (value) => 8 + (height - bottom - 8) * (1 - value / most);
  const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, class: "curves", role: "img", "aria-label": `test error by epoch of ${names.join(", ")}` },
    Array.from({ length: Math.round(most / step) + 1 }, (_, n) => n * step).map((tick) => [s("line", { x1: left, x2: width - 8, y1: y(tick), y2: y(tick), class: "grid" }), s("text", { x: left - 6, y: y(tick) + 4, "text-anchor": "end" }, `${Math.round(100 * tick)}\u00a0%`)]),
    s("text", { x: left, y: height - 8 }, "epoch 1"), s("text", { x: width - 8, y: height - 8, "text-anchor": "end" }, `epoch ${last}`));
  errors.forEach((pairs, n) => {
    const path = s("polyline", { points: pairs.map(([epoch, value]) => `${x(epoch)},${y(value)}`).join(" "), fill: "none", "stroke-width": 2.5, "stroke-dasharray": DASHES[n] });
    path.style.stroke = COLORS[n]; svg.append(path);
    if (pairs.length === 1) { // a line of one point is not seen
      const dot = s("circle", { cx: x(pairs[0][0]), cy: y(pairs[0][1]), r: 4 });
      dot.style.fill = COLORS[n]; svg.append(dot);
    }
  });
  return svg;
}
