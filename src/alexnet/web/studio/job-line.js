// How far a command is that runs in the background: a bar, the line in which it says so, and the button that stops it.
import { h } from "./dom.js";

/** `show(job)` takes what the server says of a job: {line, done}; `words` say what is being done; `stop()` asks the server
 * to stop it. `rest()` is called when it has ended. */
export function jobLine(words, stop = null) {
  const bar = h("progress", { max: 1, "aria-label": words });
  const line = h("span", { class: "soft", role: "status" });
  const button = stop && h("button", { type: "button", "aria-label": `Stop ${words}`, onclick: async () => {
    mark(true);
    try {
      await stop();
    } catch (error) {
      line.textContent = error.message;
      mark(false);
    }
  } });
  const mark = (isStopping) => {
    if (!button) return;
    button.disabled = isStopping;
    button.textContent = isStopping ? "Stopping ..." : "Stop";
  };
  mark(false);
  return {
    element: h("span", { class: "job" }, bar, button, line),
    show({ line: text, done }) {
      if (done === null) bar.removeAttribute("value");
      else bar.value = done;
      line.textContent = text ? `${words}: ${text}` : `${words} ...`;
    },
    rest: () => mark(false),
  };
}

/** How a job ended that has not done its work: stopped, or with a fault; `keeps`: what was done is kept. */
export function endLine({ is_stopped: isStopped, fault }, { keeps = false } = {}) {
  if (isStopped) return h("span", { class: "soft", role: "status" }, keeps ? " stopped; start again to go on" : " stopped; start again");
  return fault && h("span", { class: "fault" }, ` ${fault}`);
}
