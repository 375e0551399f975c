// What the corrections change: a run's last layer trained again on them, with the images that it fixes and breaks.
import { get, part, post } from "./api.js";
import { fill, h, numberOf, percent } from "./dom.js";
import { address } from "./router.js";

const PERIOD = 1000; // ms between two looks
const MOST_SHOWN = 12; // images of those fixed, and of those broken

/** `source(file)` is the thumbnail of an image by its name. */
export function retrainBox({ folder, runs, source, studio }) {
  const element = h("section", { class: "retrain" });
  const key = `retrain:${folder}`;
  let timer = 0;
  const ask = (num) => {
    if (runs.length === 0) return fill(element);
    const select = h("select", { id: "retrain-run" }, runs.map((run) => h("option", {}, run)));
    return fill(element, h("h2", {}, "What do they change?"),
      h("p", {}, h("label", { for: "retrain-run" }, "Train the last layer of "), select, ` again with ${num === 1 ? "the correction" : `the ${num} corrections`}: under a minute for a few thousand images.`),
      h("button", { type: "button", onclick: async () => {
        try {
          const { run } = await post(`runs/${part(select.value)}/retrain`, { data: folder });
          sessionStorage.setItem(key, run);
          follow(run);
        } catch (error) {
          studio.say(error.message);
        }
      } }, "Retrain and compare"));
  };
  const follow = async (run) => {
    clearTimeout(timer);
    try {
      const { is_alive: isAlive, line, fault, result, predictions } = await get(`runs/${part(run)}/retrained`);
      if (isAlive) {
        fill(element, h("h2", {}, "What do they change?"), h("p", { role: "status" }, `Training the last layer again ... ${line}`));
        timer = setTimeout(follow, PERIOD, run);
      } else if (fault) fill(element, h("h2", {}, "What do they change?"), h("p", { class: "fault" }, fault), again());
      else fill(element, show(run, result, predictions, source), again());
    } catch (error) {
      fill(element, h("p", { class: "fault" }, error.message), again());
    }
  };
  let num = 0;
  const again = () => h("button", { type: "button", onclick: () => { sessionStorage.removeItem(key); ask(num); } }, "Once more");
  return {
    element,
    stop: () => clearTimeout(timer),
    /** There are so many corrections now. */
    update(count) {
      num = count;
      const run = sessionStorage.getItem(key);
      clearTimeout(timer);
      if (run) follow(run);
      else if (num > 0) ask(num);
      else fill(element);
    },
  };
}

function show(run, result, predictions, source) {
  const before = result.reviewed_before, after = result.reviewed_after;
  const images = (title, files) => files.length > 0 && [h("h3", {}, `${title}: ${numberOf(files.length, "image")}`),
    h("ul", { class: "mistakes" }, files.slice(0, MOST_SHOWN).map((file) => h("li", {}, source(file) && h("img", { src: source(file), alt: "" }), caption(file, predictions[file])))),
    files.length > MOST_SHOWN && h("p", { class: "soft" }, `and ${files.length - MOST_SHOWN} more.`)];
  return [h("h2", {}, "What they change"),
    h("p", {}, "Test error with the reviewed labels: ", h("b", {}, `${percent(before.top1_error)} → ${percent(after.top1_error)}`), ". ", certainty(result.difference)),
    h("p", { class: "soft" }, `${numberOf(result.num_applied, "correction")}, ${Math.round(result.seconds)} s.`),
    images("Fixed", result.fixed), images("Broken", result.broken),
    result.fixed.length + result.broken.length === 0 && h("p", {}, "No test image changed sides."),
    h("p", {}, h("a", { href: address("train", [run]) }, `See ${run}`))];
}

const caption = (file, known) => [h("span", { title: file }, file.split("/").at(-1)),
  known && [h("span", {}, `true ${known.true}`), h("span", {}, `${known.before} → ${known.after}`)]];

/** The paired difference with its interval, and whether it says anything. */
export function certainty({ difference, interval: [low, high], num_images: count }, noun = "test image") {
  const points = (value) => `${value < 0 ? "−" : "+"}${(100 * Math.abs(value)).toFixed(1)}`;
  const isChance = low <= 0 && high >= 0;
  return [`Difference ${points(difference)} percentage points, 95 % interval ${points(low)} to ${points(high)} (paired, ${numberOf(count, noun)}). `,
    isChance ? "The interval includes 0: a difference this small may be chance." : `The interval excludes 0: the new last layer is ${difference < 0 ? "better" : "worse"}.`];
}
