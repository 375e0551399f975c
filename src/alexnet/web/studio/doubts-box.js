// Doubtful labels of a folder: the button that looks for them, how far that is, and how many labels are wrong.
import { get, part, post } from "./api.js";
import { duration, fill, h, numberOf, percent } from "./dom.js";
import { endLine, jobLine } from "./job-line.js";
import { plannedStart } from "./planned-start.js";
import { term } from "../words/terms.js";

const PERIOD = 2000; // ms between two looks whether the list is there
const LOW_AGREEMENT = 0.7; // of the networks with the labels, below which the list means little

/** `take(values)` gets what the server knows anew: {doubts, doubts_estimate, doubts_job}. */
export function doubtsBox({ folder, studio, take }) {
  const element = h("span", { class: "doubts" }), path = `folders/${part(folder)}/doubts`;
  const progress = jobLine("looking for doubtful labels", () => post(`${path}/stop`));
  let offer = null; // until it is started: what it will take may have been asked
  let timer = 0, isOpen = true; // until the view is left
  const look = async () => {
    try {
      const values = await get(path);
      if (!isOpen) return;
      if (values.doubts_job.is_alive) progress.show(values.doubts_job);
      else {
        take(values);
        if (!values.doubts_job.fault && !values.doubts_job.is_stopped) studio.say("The list of doubtful labels is made. Order the images by doubt.");
      }
    } catch (error) {
      progress.show({ line: error.message, done: null }); // the next look may succeed
    }
  };
  const start = async () => {
    try {
      const values = await post(path);
      offer = null;
      if (isOpen) take(values);
    } catch (error) {
      studio.say(error.message);
    }
  };
  return {
    element,
    stop: () => { isOpen = false; clearInterval(timer); },
    show({ doubts, doubts_job: job }) {
      clearInterval(timer);
      if (!isOpen) return;
      if (job.is_alive) {
        timer = setInterval(look, PERIOD);
        progress.show(job);
        if (!progress.element.isConnected) fill(element, progress.element);
      } else {
        progress.rest();
        const ask = doubts ? "Find doubtful labels again" : "Find doubtful labels";
        if (offer?.ask !== ask) offer = { ask, ...plannedStart({ ask, path: `${path}/plan`, words: planWords, start,
          title: "Every image is judged by a network that has not seen it. First it is measured how long that takes." }) };
        fill(element, offer.element, endLine(job, { keeps: true }));
      }
    },
  };
}

const planWords = ({ num_trainings: count, seconds }) => `Start ${numberOf(count, "training")}, about ${duration(seconds)}`;

/** How many of the first images are mislabeled: "9 of the first 10 (8 to 10)". */
function firstLine({ n, precision, low, high }) {
  const [wrong, least, most] = [precision, low, high].map((value) => Math.round(n * value).toLocaleString("en"));
  return `${wrong} of the first ${n.toLocaleString("en")} (${least} to ${most})`;
}

/** What the networks suggest for an image, and the nearest images, which help to tell who is right. `source(file)` is the
 * address of an image that is there; `take` takes the suggested label, where that is a class of the folder. */
export function doubtWords({ suggested, doubt, nearest }, { source, take }) {
  const near = (nearest ?? []).filter(([file]) => source(file));
  return [
    h("p", {}, "The networks suggest ", h("b", {}, suggested), `; doubt ${percent(doubt)} `, term("doubt"), ". ", take && h("button", { type: "button", onclick: take }, h("kbd", {}, "a"), ` it is ${suggested}`)),
    near.length > 0 && h("p", { class: "soft" }, "Nearest images:"),
    near.length > 0 && h("ul", { class: "nearest" }, near.map(([file, label]) => h("li", {}, h("img", { src: source(file), alt: "", title: file }), h("span", { class: "soft" }, label))))];
}

/** How many labels are wrong, in words; nothing where that is not known. */
export function estimateLine(estimate) {
  if (!estimate) return null;
  const { num_images: count, estimated_wrong: wrong, interval: [low, high], agreement, expected = [] } = estimate;
  return [`Of ${count.toLocaleString("en")} images an estimated `, h("b", {}, percent(wrong)), ` are mislabeled (95 % interval ${percent(low)} to ${percent(high)}).`, expected.length > 0 && ` Expected to be mislabeled: ${expected.map(firstLine).join(", ")} (95 % interval).`,
    agreement < LOW_AGREEMENT && h("span", { class: "fault" }, ` The networks agree with only ${percent(agreement)} of the labels, so the list means little; add images.`)];
}
