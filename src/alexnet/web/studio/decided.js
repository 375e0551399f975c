// Decisions about labels: one that is made here is told to the other tabs of the browser, and one that was made elsewhere
// is shown here: in another tab at once, by a command or another browser when this tab is looked at again.
import { get, post } from "./api.js";

const tabs = new BroadcastChannel("alexnet-decisions");

/** Send a decision, and tell the other tabs when it is written. */
export async function decide(path, values) {
  const answer = await post(path, values);
  tabs.postMessage(path);
  return answer;
}

/** Show the decisions that hold now, whenever they may have changed elsewhere; what is returned ends that.
 * @param {string} path where the server has them
 * @param {(look: () => Promise<void>) => void} inTurn runs a function after what is still being sent */
export function followDecisions(path, inTurn, show) {
  const look = () => inTurn(() => get(path).then(({ corrections }) => show(corrections), () => {})); // the next look may succeed
  const lookIfSeen = () => { if (!document.hidden) look(); };
  tabs.addEventListener("message", look);
  document.addEventListener("visibilitychange", lookIfSeen);
  return () => {
    tabs.removeEventListener("message", look);
    document.removeEventListener("visibilitychange", lookIfSeen);
  };
}
