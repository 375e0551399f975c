// The runs, each with a face that says how it stands: training, waiting, stopped, finished or failed.
import { part, post } from "./api.js";
import { fill, h, keepFocus, numberOf, percent } from "./dom.js";
import { address } from "./router.js";

const PERIOD = 3000; // ms between two looks, while something is training or waits
const IDLE = 5000; // ms between them while nothing does: a terminal may start a training
const NOT_STARTED = "its images are decoded and checked";

/** The cards of what `here` lists; they are asked for again while the page is seen. */
export function runCards(here, studio) {
  const element = h("section", { class: "runs" });
  let shown = "", timer = 0, isOpen = true;
  const look = async () => {
    clearTimeout(timer);
    if (document.hidden) return; // it looks again when it is seen
    try {
      draw(await studio.here());
    } catch {
      if (isOpen) timer = setTimeout(look, PERIOD); // the next look may succeed
    }
  };
  const draw = (now) => {
    clearTimeout(timer);
    if (!isOpen) return;
    const { runs, pending, waiting, failed } = now;
    const text = JSON.stringify([runs, pending, waiting, failed]);
    if (text !== shown) {
      const cards = [...pending.map(pendingCard), ...waiting.map(waitingCard), ...failed.map(failedCard), ...runs.map((run) => runCard(run, studio, look))];
      keepFocus(element, () => fill(element, cards.length > 0 && [h("h2", {}, "Runs"), h("ul", { class: "cards" }, cards)]));
    }
    shown = text;
    const isBusy = pending.length + waiting.length > 0 || runs.some((run) => run.status === "training");
    timer = setTimeout(look, isBusy ? PERIOD : IDLE);
  };
  draw(here);
  document.addEventListener("visibilitychange", look);
  return { element, stop: () => { isOpen = false; clearTimeout(timer); document.removeEventListener("visibilitychange", look); } };
}

const state = (kind, words) => h("p", { class: "state" }, h("b", { class: `status ${kind}` }, kind), words);

function card(name, link, face, ...rest) {
  return h("li", { class: "card" }, h("a", { href: link }, face && h("div", { class: "face" }, face), h("b", {}, name)), rest);
}

const pendingCard = (name) => card(name, address("train", [name]), null, state("training", `: ${NOT_STARTED}`));
const failedCard = ({ run, fault }) => card(run, address("train", [run]), null, state("failed", " before its first epoch"), h("p", { class: "fault" }, fault));
const waitingCard = ({ run, data, preset }, place) => card(run, address("train", []), null,
  state("waiting", place === 0 ? ": the next in the queue" : `: number ${place + 1} in the queue`), h("p", { class: "soft" }, `${data} · ${preset}`));

function runCard(run, studio, changed) {
  const last = run.kernel_epochs?.at(-1);
  const face = last === undefined ? null : h("img", { class: "kernels", src: `/api/runs/${part(run.name)}/kernels/${last}`, alt: "", loading: "lazy" });
  const isFinished = run.status === "finished" && studio.has("run");
  return card(run.name, address(isFinished ? "run" : "train", [run.name]), face,
    run.fault ? [state("failed", ": cannot be read"), h("p", { class: "fault" }, run.fault)] : [how(run, studio, changed),
      h("p", { class: "soft" }, `${run.data}, ${run.classes.length} classes · ${run.preset}${run.is_retrained ? ", retrained" : ""} · ${run.created.slice(0, 16).replace("T", " ")}`)]);
}

/** How a run stands, and what can be done. */
function how(run, studio, changed) {
  const epochs = `${run.epochs_done} of ${run.epochs} epochs`;
  if (run.status === "finished") return state("finished", [": ", h("b", {}, percent(1 - run.top1_error)), ` correct of ${numberOf(run.num_images, "test image")}`]);
  if (run.status === "training") {
    return [state("training", `: ${epochs}${run.error ? `, ${run.error.of} error ${percent(run.error.top1_error)}` : ""}`),
      h("progress", { max: run.epochs, value: run.epochs_done, "aria-label": `epochs of ${run.name}` })];
  }
  const go = h("button", { type: "button", "aria-label": `Resume ${run.name}`, onclick: async () => {
    go.disabled = true;
    try {
      await post(`runs/${part(run.name)}/resume`);
      studio.say(`${run.name} is resumed.`);
      await changed();
    } catch (error) {
      studio.say(error.message);
      go.disabled = false;
    }
  } }, "Resume");
  return [state(run.reason ? "failed" : "stopped", ` after ${epochs}`), run.reason && h("p", { class: "fault" }, run.reason),
    run.may_resume ? h("p", { class: "on" }, go, " or ", h("code", {}, `alexnet resume ${run.shell_path}`))
      : h("p", { class: "soft" }, "No state was saved; train again.")];
}
