// How far a command is that runs in the background: a bar, and the line in which it says so.
import { h } from "./dom.js";

/** `show(job)` takes what the server says of a job: {line, done}; `words` say what is being done. */
export function jobLine(words) {
  const bar = h("progress", { max: 1, "aria-label": words });
  const line = h("span", { class: "soft", role: "status" });
  return {
    element: h("span", { class: "job" }, bar, line),
    show({ line: text, done }) {
      if (done === null) bar.removeAttribute("value");
      else bar.value = done;
      line.textContent = text ? `${words}: ${text}` : `${words} ...`;
    },
  };
}
