// Which run a page shows, with a way to another one; and the list to choose from where none is named.
import { fill, h, percent } from "./dom.js";
import { address, redirect } from "./router.js";

const finished = ({ runs }) => runs.filter((run) => run.status === "finished");
const about = ({ name, data, top1_error: error }) => `${name} (${data}, ${percent(1 - error)})`;

/** The heading of a page about a run. `to` gives the address of the same page of another run, by its name and whether it
 * was trained on the same folder. */
export function runHead(words, run, studio, to) {
  const head = h("div", { class: "run-head" }, h("h1", {}, words));
  studio.here().then((here) => {
    const runs = finished(here), images = (name) => { const { folder, data } = runs.find((each) => each.name === name) ?? {}; return folder ?? data; };
    if (runs.length < 2) return;
    const isSame = (name) => images(name) === images(run);
    const select = h("select", { "aria-label": "run", onchange: () => { location.hash = to(select.value, isSame(select.value)); } },
      runs.map((each) => h("option", { value: each.name, selected: each.name === run }, about(each))));
    head.append(h("label", {}, "run ", select));
  }).catch(() => {}); // the page says that the server does not answer
  return head;
}

/** A view without a run in its address: the one that was looked at last, or the only one; else the runs to choose from. */
export async function chooseRun(root, { name, title }, words, studio) {
  const runs = finished(await studio.here()), last = studio.lookedAt.last("run");
  const chosen = runs.length === 1 ? runs[0] : runs.find((run) => run.name === last);
  if (!root.isConnected) return; // the view was left meanwhile
  if (chosen) { redirect(address(name, [chosen.name])); return; }
  fill(root, h("h1", {}, title), runs.length === 0
    ? h("p", {}, "No training has finished yet. ", h("a", { href: address("train") }, "Start one"), ".")
    : [h("p", {}, words), h("ul", {}, runs.map((run) => h("li", {}, h("a", { href: address(name, [run.name]) }, run.name), ` ${run.data}, ${percent(1 - run.top1_error)}`)))]);
}
