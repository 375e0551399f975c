// Curves of a training as SVG: the loss and the error, by step; of the training images, and of held-out ones by epoch.
import { fill, h, percent, s } from "./dom.js";

const HEIGHT = 220;
const MARGIN = { left: 52, right: 12, top: 12, bottom: 28 };

/** Both charts of a state of `run_state`; each shows the values at the step that is pointed at. */
export function curves(state, width) {
  const held = heldOut(state.epochs);
  const last = Math.max(1, state.steps.at(-1)?.[0] ?? 1, state.epochs.at(-1)?.step ?? 1);
  const total = Math.max(last, state.num_steps);
  const charts = [
    { title: "Loss", unit: "nats", column: 1, field: "loss", form: (value) => value.toFixed(value < 1 ? 3 : 2), tick: (value) => String(Number(value.toFixed(3))) },
    { title: "Error", unit: "fraction of images", column: 2, field: "top1_error", form: percent, tick: (value) => `${Number((100 * value).toFixed(1))} %` },
  ];
  return charts.map((chart) => {
    const training = state.steps.map((step) => [step[0], step[chart.column]]);
    const tested = held ? state.epochs.map((epoch) => [epoch.step, epoch[`${held}_${chart.field}`]]) : [];
    return draw({ ...chart, total, width, epochs: state.epochs, series: [
      { name: "training", points: training, kind: "training" },
      { name: held ?? "", points: tested.filter(([, value]) => value !== null), kind: "held" }] });
  });
}

function heldOut(epochs) {
  const last = epochs.at(-1);
  return ["validation", "test"].find((split) => last && last[`${split}_top1_error`] !== null) ?? null;
}

function draw({ title, unit, form, tick, total, width, series, epochs }) {
  const values = series.flatMap(({ points }) => points.map(([, y]) => y));
  const top = niceTop(Math.max(...values, 1e-6));
  const right = width - MARGIN.right, bottom = HEIGHT - MARGIN.bottom;
  const x = (step) => MARGIN.left + (step / total) * (right - MARGIN.left);
  const y = (value) => bottom - (Math.min(value, top) / top) * (bottom - MARGIN.top);
  const svg = s("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT, role: "img", "aria-label": describe(title, form, series) });
  for (const part of [0, 0.25, 0.5, 0.75, 1]) {
    svg.append(
      s("line", { class: "rule", x1: MARGIN.left, x2: right, y1: y(part * top), y2: y(part * top) }),
      s("text", { class: "tick", x: MARGIN.left - 6, y: y(part * top) + 4, "text-anchor": "end" }, tick(part * top)));
  }
  for (const epoch of spread(epochs, 8)) {
    svg.append(s("text", { class: "tick", x: x(epoch.step), y: bottom + 18, "text-anchor": "middle" }, String(epoch.epoch)));
  }
  svg.append(s("text", { class: "tick", x: MARGIN.left, y: bottom + 18 }, "epoch"));
  for (const { points, kind } of series) {
    svg.append(s("polyline", { class: kind, points: points.map(([a, b]) => `${x(a).toFixed(1)},${y(b).toFixed(1)}`).join(" ") }));
    if (kind === "held") svg.append(...points.map(([a, b]) => s("circle", { class: kind, cx: x(a), cy: y(b), r: 3.5 })));
  }
  const words = h("figcaption", {}, caption(title, unit, form, series));
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const step = ((event.clientX - box.left) / box.width * width - MARGIN.left) / (right - MARGIN.left) * total;
    fill(words, at(title, form, series, step));
  });
  svg.addEventListener("pointerleave", () => fill(words, caption(title, unit, form, series)));
  return h("figure", { class: "curve" }, svg, words);
}

const shown = (series) => series.filter(({ points }) => points.length > 0);

function caption(title, unit, form, series) {
  return [h("b", {}, title), ` (${unit})`, shown(series).map(({ name, points, kind }) => [" · ", h("span", { class: kind }, name), ` ${form(points.at(-1)[1])}`])];
}

function at(title, form, series, step) {
  const nearest = (points) => points.reduce((best, point) => (Math.abs(point[0] - step) < Math.abs(best[0] - step) ? point : best));
  const parts = shown(series).map((each) => ({ ...each, point: nearest(each.points) }));
  return [h("b", {}, title), parts[0] && ` at step ${parts[0].point[0]}`,
    parts.map(({ name, point, kind }) => [" · ", h("span", { class: kind }, name), ` ${form(point[1])}`])];
}

function describe(title, form, series) {
  const parts = shown(series).map(({ name, points }) => `${name} from ${form(points[0][1])} to ${form(points.at(-1)[1])}`);
  return `${title}: ${parts.join("; ") || "no steps yet"}`;
}

function spread(items, most) {
  const stride = Math.max(1, Math.ceil(items.length / most));
  return items.filter((_, place) => (place + 1) % stride === 0);
}

function niceTop(value) {
  const size = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 3, 4, 5, 7.5, 10].map((factor) => factor * size).find((candidate) => candidate >= value * 0.999);
}
