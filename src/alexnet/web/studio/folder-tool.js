// The frame of a thing that can be done with a folder, and the job that does it in the background.
import { get } from "./api.js";
import { h } from "./dom.js";
import { endLine, jobLine } from "./job-line.js";

const PERIOD = 1000; // ms between two looks at a job

/** A part with its title and one sentence about it. */
export const section = (title, about, ...rest) => h("section", { "aria-label": title }, h("h2", {}, title), h("p", { class: "soft" }, about), rest);

/** A job that is asked about at `path()` while it runs: `draw(state, running)` gets what the server knows. */
export function followed({ words, keeps, path, stop, draw }) {
  let timer = 0, isOpen = true;
  const progress = jobLine(words, () => stop());
  const take = async (asked) => {
    clearTimeout(timer);
    try {
      const state = await asked, { job } = state;
      if (!isOpen) return;
      if (job.is_alive) {
        progress.show(job);
        timer = setTimeout(() => take(get(path())), PERIOD);
      } else progress.rest();
      draw(state, job.is_alive ? progress.element : endLine(job, { keeps }));
    } catch (error) {
      if (isOpen) draw(null, h("span", { class: "fault", role: "alert" }, error.message));
    }
  };
  return { take, look: () => take(get(path())), stop: () => { isOpen = false; clearTimeout(timer); } };
}
