// The probabilities of an image as bars; a mark shows what they were before it was changed.
import { fill, h, percent } from "./dom.js";

/** Classes that are shown. */
export const MOST = 12;

/** Fill a <dl> with the probabilities `now`; `before`, of the unchanged image, sorts them and marks the bars; or null. */
export function drawBars(list, classes, now, before = null) {
  fill(list, shownClasses(now, before).map((k) => {
    const bar = h("i", {}), mark = before && h("u", {});
    bar.style.width = `${100 * now[k]}%`;
    if (mark) mark.style.left = `${100 * before[k]}%`;
    return [h("dt", { title: classes[k] }, classes[k]), h("dd", { class: "bar", "aria-hidden": "true" }, bar, mark), h("dd", { class: "n" }, percent(now[k]))];
  }));
}

/** The place of the largest probability. */
export const largest = (probabilities) => probabilities.indexOf(Math.max(...probabilities));

/** Classes in an order that does not change while the image does; the predicted one is always among them. */
export function shownClasses(now, before = null) {
  const order = now.map((_, k) => k);
  if (before) order.sort((a, b) => before[b] - before[a]);
  else if (now.length > MOST) order.sort((a, b) => now[b] - now[a]);
  const kept = order.slice(0, MOST), best = largest(now);
  if (!kept.includes(best)) kept[MOST - 1] = best;
  return kept;
}
