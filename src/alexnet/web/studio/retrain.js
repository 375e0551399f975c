// What the corrections change: a run trained again on them, beside a control, with the images that they fix and break.
import { get, part, post } from "./api.js";
import { duration, fill, h, numberOf, percent, points } from "./dom.js";
import { jobLine } from "./job-line.js";
import { address } from "./router.js";

const PERIOD = 1000; // ms between two looks
const WAIT = 400; // ms after the last decision before it is asked what the corrections are about
const MOST_SHOWN = 12; // images of those fixed, and of those broken

/** A form that trains again, and what it changed. `source` is asked which runs there are: of a folder, or one run;
 * `data` is the folder whose corrections count, where it is not that of the run. */
export function retrainBox({ source, data = null, studio }) {
  const element = h("section", { class: "retrain" }), told = h("div");
  let timer = 0, waiting = 0, followed = null, num = 0, isAsked = false, isClosed = false, form = null;
  const ask = async () => {
    try {
      const { last, runs } = await get(source);
      if (isClosed || runs.length === 0) return;
      form = retrainForm(runs, start, data !== null);
      fill(element, form.element, told);
      form.count(num);
      if (last) follow(last);
    } catch (error) { studio.say(error.message); }
  };
  const askAgain = async () => {
    const answer = await get(source).catch(() => null); // the next decision asks again
    if (!isClosed && answer) form?.take(answer.runs);
  };
  const start = async (run, isWhole) => {
    try {
      follow((await post(`runs/${part(run)}/retrain`, { ...(data === null ? {} : { data }), whole: isWhole })).run);
    } catch (error) { studio.say(error.message); }
  };
  const follow = async (run) => {
    clearTimeout(timer);
    try {
      const answer = await get(`runs/${part(run)}/retrained`);
      if (isClosed) return;
      form?.rest(answer.job.is_alive);
      if (answer.job.is_alive) {
        if (followed?.run !== run) followed = { run, ...retrainLine(run, answer.is_whole) };
        followed.show(answer.job);
        if (!followed.element.isConnected) fill(told, h("p", {}, followed.element), answer.is_whole && h("p", {}, h("a", { href: address("train", [run]) }, `Follow ${run}`)));
        timer = setTimeout(follow, PERIOD, run);
      } else if (answer.result) fill(told, h("h3", {}, "What they changed"), showRetrained(run, answer), h("p", {}, h("a", { href: address("run", [run]) }, `See ${run}`)));
      else fill(told, ended(run, answer));
    } catch (error) {
      if (!isClosed) fill(told, h("p", { class: "fault" }, error.message));
    }
  };
  return {
    element,
    stop() { isClosed = true; clearTimeout(timer); clearTimeout(waiting); },
    /** There are so many corrections now. */
    update(now) {
      const isChanged = now !== num;
      num = now;
      element.hidden = num === 0;
      if (num > 0 && !isAsked) { isAsked = true; ask(); } else form?.count(num);
      if (!form || !isChanged) return;
      clearTimeout(waiting);
      waiting = setTimeout(askAgain, WAIT);
    },
  };
}

/** How far a retraining is, with the button that stops it. */
export const retrainLine = (run, isWhole = false) => jobLine(`training the ${isWhole ? "whole network" : "last layer"} again`, () => post(`runs/${part(run)}/stop`));

/** How a retraining ended that has compared nothing, and what it has left. */
export function ended(run, { job: { is_stopped: isStopped, fault }, left, before }) {
  const rests = {
    run: ["The new run ", h("a", { href: address("run", [run]) }, run), " is whole, but was not compared: ", h("a", { href: address("compare", [], { runs: `${before}|${run}` }) }, `compare it with ${before}`), "."],
    state: ["The training is kept: ", h("a", { href: address("train", [run]) }, `resume ${run}`), `, then compare it with ${before}.`],
  };
  return h("p", { role: isStopped ? "status" : "alert" }, isStopped ? "Stopped. " : [h("span", { class: "fault" }, fault), " "], rests[left] ?? (isStopped && "No new run is kept; start again."));
}

/** Which run, how much of it, and the button that says how long it takes. */
function retrainForm(runs, start, isAmongImages) {
  let num = 0;
  const select = h("select", { id: "retrain-run", onchange: () => show() }, runs.map(({ name }) => h("option", {}, name)));
  const whole = h("input", { type: "checkbox", onchange: () => show() });
  const note = h("p", { class: "soft", role: "status" }), wholeWords = h("span"), button = h("button", { type: "button", onclick: () => start(chosen().name, whole.checked) });
  const chosen = () => runs[select.selectedIndex] ?? runs[0];
  const about = (seconds) => (seconds === null || seconds === undefined ? "" : ` (about ${duration(seconds)})`);
  const show = () => {
    const { seconds, whole_seconds: wholeSeconds } = chosen();
    wholeWords.textContent = ` the whole network, not the last layer alone${about(wholeSeconds)}`;
    note.hidden = num === 0 || chosen().num_training > 0;
    note.textContent = `${num === 1 ? "It is about a test image: it changes" : "All are about test images: they change"} what counts as wrong, not the training. To change that, correct training images${isAmongImages ? "" : " in the Data view"}.`;
    button.textContent = `Retrain with ${numberOf(num, "correction")}${about(whole.checked ? wholeSeconds : seconds)}`;
  };
  return {
    element: h("div", {}, h("h2", {}, "Do the corrections help?"),
      runs.length > 1 && h("p", {}, h("label", { for: "retrain-run" }, "Run to train again "), select),
      h("p", {}, h("label", {}, whole, wholeWords)), h("p", {}, button), note),
    /** The same runs, with what is known of them now. */
    take(now) {
      for (const run of runs) Object.assign(run, now.find(({ name }) => name === run.name));
      show();
    },
    count(now) { num = now; show(); },
    /** One at a time. */
    rest(isBusy) { button.disabled = isBusy; },
  };
}

/** The section of a run that was trained again from another: from which, with what, and what that changed. */
export function retrainedSection(run) {
  const element = h("section", { class: "retrain" });
  get(`runs/${part(run)}/retrained`).then((answer) => fill(element,
    h("h2", {}, "Trained from ", answer.is_listed ? h("a", { href: address("run", [answer.before]) }, answer.before) : answer.before, ` with ${numberOf(answer.result.num_applied, "correction")}`),
    showRetrained(run, answer))).catch((error) => fill(element, h("p", { class: "fault" }, error.message)));
  return element;
}

/** What `alexnet retrain --corrections --json` tells: three rows of errors, what the corrections did, and the images. */
function showRetrained(run, { before, result, images }) {
  return [errors(before, result), h("p", {}, effect(result)),
    result.by_corrections && h("p", { class: "soft" }, `From ${before} as it is to ${run}, new kind of layer included: `, certainty(result.difference, "test image", ["the new run is better", "the new run is worse"])),
    h("p", { class: "soft" }, `${numberOf(result.num_applied, "correction")}, ${numberOf(result.num_changed, "image")} to train on changed by them, ${numberOf(result.reviewed_after.num_reviewed, "test image")} reviewed; ${Math.round(result.seconds)} s.`),
    changed("Fixed", run, images.filter(({ change }) => change === "fixed")), changed("Broken", run, images.filter(({ change }) => change === "broken")),
    result.num_changed > 0 && images.length === 0 && h("p", {}, "Every test image is as right or wrong as before.")];
}

/** The test error of each network, as labeled and with the reviewed labels. */
function errors(before, { whole: isWhole, reviewed_before: own, control, last_layer: layer, reviewed_after: after }) {
  const row = (name, score) => score && h("tr", {}, h("th", { scope: "row" }, name), h("td", { class: "n" }, percent(score.labeled_error)),
    h("td", { class: "n" }, h("b", {}, percent(score.top1_error)), ` ${score.num_mistakes} of ${score.num_images}`));
  return h("div", { class: "scroll" }, h("table", {}, h("caption", {}, "test error"),
    h("thead", {}, h("tr", {}, ["network", "as labeled", "with reviewed labels"].map((words) => h("th", { scope: "col" }, words)))),
    h("tbody", {}, row(`${before} as it is`, own), row("a new last layer, old labels", control), row("a new last layer, corrected labels", layer), row(isWhole ? "the whole network, trained again" : "a new last layer, corrected labels", after))));
}

/** What the corrections did, as far as that can be told. */
function effect({ whole: isWhole, num_changed: num, by_corrections: alone, difference }) {
  if (alone) return [h("b", {}, "By the corrections, from the old labels to the corrected ones: "), certainty(alone, "test image", ["the corrections help", "the corrections do harm"])];
  const same = "No image to train on is corrected, so the corrections have not changed the training; they change what counts as wrong.";
  if (!isWhole) return [same, " Both new last layers are the same."];
  return [num === 0 ? `${same} ` : "There is no control for a whole network: chance in the training is part of the difference. ",
    h("b", {}, "From the run to the new run: "), certainty(difference, "test image", ["the new network is better", "the new network is worse"])];
}

function changed(title, run, images) {
  const source = ({ number }) => (number === null ? null : `/api/runs/${part(run)}/mistakes/${number}/image`);
  return images.length > 0 && [h("h3", {}, `${title}: ${numberOf(images.length, "image")}`),
    h("ul", { class: "mistakes" }, images.slice(0, MOST_SHOWN).map((image) => h("li", {}, source(image) && h("img", { src: source(image), alt: "", loading: "lazy" }), caption(image)))),
    images.length > MOST_SHOWN && h("p", { class: "soft" }, `and ${images.length - MOST_SHOWN} more.`)];
}

const caption = ({ file, true: label, also_true: also, before, control, after }) => [h("span", { title: file }, file.split("/").at(-1)),
  h("span", {}, `true ${label}${also ? ` or ${also}` : ""}`), h("span", {}, `${control || before} → ${after}`)];

/** The paired difference with its interval, and whether it says anything. */
export function certainty({ difference, interval: [low, high], num_images: count }, noun = "test image", [better, worse] = ["the new last layer is better", "the new last layer is worse"]) {
  const isChance = low <= 0 && high >= 0;
  return [`Difference ${points(difference)} percentage points, 95 % interval ${points(low)} to ${points(high)} (paired, ${numberOf(count, noun)}). `,
    isChance ? "The interval includes 0: a difference this small may be chance." : `The interval excludes 0: ${difference < 0 ? better : worse}.`];
}
