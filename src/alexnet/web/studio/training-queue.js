// The trainings that wait, and the button that adds one.
import { get, part, post } from "./api.js";
import { fill, h } from "./dom.js";
import { address } from "./router.js";

const PERIOD = 3000; // ms between two looks

/** `values()` is the training that the form describes; `onbusy(isBusy)` hears whether another one would have to wait. */
export function queueBox(values, studio, onbusy = (_isBusy) => {}) {
  const list = h("div", { class: "queue" });
  let shown = "", timer = 0;
  const line = h("p", { class: "fault", role: "alert" });
  const change = async (path, body, say) => {
    line.textContent = "";
    try {
      const { run } = await post(path, body);
      studio.say(say(run));
    } catch (error) {
      line.textContent = error.message;
    }
    await look();
  };
  const add = h("button", { type: "button", class: "primary", hidden: true, onclick: () => change("queue", values(), (run) => `${run} waits.`) }, "Add to queue");
  const look = async () => {
    clearTimeout(timer);
    try {
      const state = await get("queue");
      if (JSON.stringify(state) !== shown) show(state);
      shown = JSON.stringify(state);
    } catch (error) {
      shown = "";
      fill(list, h("p", { class: "fault" }, error.message));
    }
    if (timer !== null) timer = setTimeout(look, PERIOD);
  };
  const show = ({ waiting, is_busy: isBusy, fault, failed }) => {
    const mustWait = isBusy || waiting.length > 0;
    add.hidden = !mustWait;
    onbusy(mustWait);
    const remove = (run) => h("button", { type: "button", "aria-label": `Remove ${run}`, onclick: () => change(`queue/${part(run)}/remove`, {}, () => `${run} is removed.`) }, "Remove");
    fill(list, failed.map((each) => h("p", {}, h("a", { href: address("train", [each.run]) }, each.run), " failed before its first epoch: ", h("span", { class: "fault" }, each.fault))),
      waiting.length > 0 && [h("h2", {}, "Waiting"),
      h("p", { class: "soft" }, "They start one after the other, each when no training runs, as long as the studio is running."),
      fault && h("p", { class: "fault" }, fault),
      h("ol", {}, waiting.map(({ run, data, preset, settings }) => h("li", {}, h("b", {}, run), ` ${data} with ${preset}${settings.map((each) => `, ${each}`).join("")} `, remove(run))))]);
  };
  look();
  return { add, element: h("div", {}, line, list), stop: () => { clearTimeout(timer); timer = null; } };
}
