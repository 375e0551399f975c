// The training that runs now, in the foot of every view: its run, device and number format, how fast it is, the time left,
// and how much is done.
import { get } from "./api.js";
import { duration, fillWhereChanged, h, keepFocus, numberOf } from "./dom.js";
import { address } from "./router.js";

const PERIOD = 2000; // ms between two looks while something trains
const IDLE = 5000; // ms between them while nothing does

/** Fill `element` from now on; `look()` asks at once, for one who has just started a training perhaps. */
export function trainingFoot(element) {
  let timer = 0, turn = 0;
  const look = async () => {
    const mine = turn += 1;
    clearTimeout(timer);
    const { trainings } = await get("trainings").catch(() => ({ trainings: [] })); // the view says that the server is away
    if (mine !== turn) return;
    show(trainings);
    if (!document.hidden) timer = setTimeout(look, trainings.length > 0 ? PERIOD : IDLE);
  };
  const show = ([first, ...others]) => {
    keepFocus(element, () => fillWhereChanged(element, first && [first.status === "preparing" ? "preparing " : "training ", h("a", { href: address("train", [first.run]) }, first.run), h("span", {}, words(first)),
      others.length > 0 && ` and ${numberOf(others.length, "other")}`, " ", h("progress", { max: 1, value: first.done, "aria-label": `training ${first.run}` })]));
  };
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
  look();
  return { look };
}

function words({ device, precision, images_per_second: speed, seconds_left: left }) {
  const place = device && ` on ${device === "cuda" ? "GPU" : device.toUpperCase()}, ${precision}`;
  return `${place ?? ""}${speed === null ? "" : `${place ? ":" : ""} ${Math.round(speed).toLocaleString("en")} images/s, about ${duration(left)} left`}`;
}
