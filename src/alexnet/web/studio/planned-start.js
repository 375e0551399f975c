// A start in two steps: first what it will take on this computer, then the button that starts it.
import { post } from "./api.js";
import { fill, h, keepFocus } from "./dom.js";

/** `ask` are the words of the first button; `path` plans below /api/; `words(plan)` are those of the second; `start()` starts. */
export function plannedStart({ ask, title = null, path, words, start }) {
  const element = h("span", { class: "planned" });
  let plan = null, fault = "", isTimed = false;
  const time = async () => {
    [isTimed, fault] = [true, ""];
    draw();
    try {
      plan = await post(path);
    } catch (error) {
      fault = error.message;
    }
    isTimed = false;
    draw();
    if (plan && document.activeElement === document.body) element.querySelector("button")?.focus();
  };
  const leave = () => { plan = null; draw(); };
  const draw = () => keepFocus(element, () => fill(element,
    isTimed ? h("span", { class: "soft", role: "status" }, "Timing a few steps on this computer ...")
      : plan ? [h("button", { type: "button", class: "primary", onclick: start }, words(plan)), " ", h("button", { type: "button", onclick: leave }, "Not now")]
        : h("button", { type: "button", onclick: time, title }, ask),
    fault && h("span", { class: "fault", role: "alert" }, ` ${fault}`)));
  draw();
  return { element };
}
