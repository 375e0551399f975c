// Doubtful labels of a folder: the button that looks for them, how far that is, and how many labels are wrong.
import { get, part, post } from "./api.js";
import { fill, h, percent } from "./dom.js";
import { jobLine } from "./job-line.js";

const PERIOD = 2000; // ms between two looks whether the list is there
const LOW_AGREEMENT = 0.7; // of the networks with the labels, below which the list means little

/** `take(values)` gets what the server knows anew: {doubts, doubts_estimate, doubts_job}. */
export function doubtsBox({ folder, studio, take }) {
  const element = h("span", { class: "doubts" });
  const progress = jobLine("looking for doubtful labels");
  let timer = 0;
  const look = async () => {
    try {
      const values = await get(`folders/${part(folder)}/doubts`);
      if (values.doubts_job.is_alive) progress.show(values.doubts_job);
      else {
        take(values);
        if (!values.doubts_job.fault) studio.say("The list of doubtful labels is made. Order the images by doubt.");
      }
    } catch (error) {
      progress.show({ line: error.message, done: null }); // the next look may succeed
    }
  };
  const start = async () => {
    try {
      take(await post(`folders/${part(folder)}/doubts`));
    } catch (error) {
      studio.say(error.message);
    }
  };
  return {
    element,
    stop: () => clearInterval(timer),
    show({ doubts, doubts_job: job }) {
      clearInterval(timer);
      if (job.is_alive) {
        timer = setInterval(look, PERIOD);
        progress.show(job);
        fill(element, progress.element);
      } else {
        fill(element, h("button", { type: "button", onclick: start, title: "Every image is judged by a network that has not seen it; this takes several minutes and goes on in the background." },
          doubts ? "Find doubtful labels again" : "Find doubtful labels"), job.fault && h("span", { class: "fault" }, ` ${job.fault}`));
      }
    },
  };
}

/** How many labels are wrong, in words; nothing where that is not known. */
export function estimateLine(estimate) {
  if (!estimate) return null;
  const { num_images: count, estimated_wrong: wrong, interval: [low, high], agreement } = estimate;
  return [`Of ${count.toLocaleString("en")} images an estimated `, h("b", {}, percent(wrong)), ` are mislabeled (95 % interval ${percent(low)} to ${percent(high)}).`,
    agreement < LOW_AGREEMENT && h("span", { class: "fault" }, ` The networks agree with only ${percent(agreement)} of the labels, so the list means little; add images.`)];
}
