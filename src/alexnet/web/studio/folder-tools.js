// What else can be done with a folder: add another person's corrections, write a corrected copy, predict all its images,
// make a copy with planted faults.
import { get, part, post } from "./api.js";
import { decide } from "./decided.js";
import { fileButton } from "./file-button.js";
import { fileLinks } from "./file-links.js";
import { fill, h, keepFocus, numberOf } from "./dom.js";
import { followed, section } from "./folder-tool.js";
import { gradeBox, spoilBox } from "./planted-faults.js";
import { address } from "./router.js";

/** `runs` are those that can predict; `classes()` those of the folder now; `corrected(decisions)` hears of new ones. */
export function folderTools({ folder, classes, runs, studio, corrected }) {
  const base = `folders/${part(folder)}`, parts = [mergeBox(base, studio, corrected), copyBox(base, folder), predictBox(base, folder, runs), spoilBox(base, folder, classes), gradeBox(base)];
  const element = h("details", { class: "good-enough", ontoggle: () => { if (element.open) for (const each of parts) each.look?.(); } },
    h("summary", {}, "More with this folder: merge corrections, copy, predict, plant faults"), h("div", { class: "folder-tools" }, parts.map((each) => each.element)));
  return { element, stop: () => parts.forEach((each) => each.stop?.()) };
}

/** Another person's corrections file, added to that of the folder. */
function mergeBox(base, studio, corrected) {
  const told = h("div", { role: "status" });
  const take = async (file, later = false) => {
    try {
      const answer = await decide(`${base}/merge`, { name: file.name, text: await file.text(), later });
      corrected(answer.corrections);
      fill(told, later || answer.conflicts.length === 0 ? added(file, answer) : conflicts(file, answer, () => take(file, true)));
    } catch (error) {
      fill(told, h("p", { class: "fault", role: "alert" }, error.message));
    }
  };
  const choose = fileButton("choose a corrections file", ([file]) => take(file), { id: "merge-file", accept: ".csv,text/csv" });
  return { element: section("Add another person's corrections", "Decisions are merged by time, and none is lost: a later one about the same image counts.", h("p", {}, choose), told) };
}

const added = ({ name }, { num_new: count, num_absent: absent }) => h("p", {}, count > 0 ? `${numberOf(count, "decision")} of ${name} ${count === 1 ? "is" : "are"} added.` : `All decisions of ${name} were here already.`,
  absent > 0 && ` ${numberOf(absent, "file")} that they name ${absent === 1 ? "is" : "are"} not in this folder.`);

function conflicts({ name }, { conflicts: list }, later) {
  return [h("p", { class: "fault" }, `Nothing is added: ${name} and this folder differ about ${numberOf(list.length, "image")}.`),
    h("ul", {}, list.map((words) => h("li", {}, words))),
    h("p", {}, "Decide about these images here or there and try again, or ", h("button", { type: "button", onclick: later }, "add all and take the later decisions"))];
}

/** A copy of the folder with its corrections applied. */
function copyBox(base, folder) {
  const name = h("input", { type: "text", id: "copy-name", size: 24, required: true, value: `${folder}-corrected`, autocomplete: "off", spellcheck: "false" });
  const told = h("p"), path = () => `${base}/copies/${part(name.value)}`;
  const job = followed({ words: "writing the copy", keeps: false, path, stop: () => post(`${path()}/stop`), draw: (state, line) => fill(told, state?.result && !state.job.is_alive && copied(state), line) });
  const form = h("form", { class: "begin", onsubmit: (event) => { event.preventDefault(); job.take(post(`${base}/copies`, { name: name.value })); } },
    h("label", { for: "copy-name" }, "Name of the copy"), name, h("button", {}, "Write a corrected copy"));
  return { ...job, element: section("A corrected copy", "Every image in the folder of its corrected class, without those that are excluded; the originals stay. Files are linked where the disk can, so that the copy takes no room.", form, told) };
}

const copied = ({ folder, path, result: { num_images: count, num_moved: moved, num_excluded: excluded } }) => [
  `${numberOf(count, "image")}, ${moved.toLocaleString("en")} in another class and ${excluded.toLocaleString("en")} left out: `,
  folder ? h("a", { href: address("data", [folder]) }, folder) : h("code", {}, path), ". "];

/** The predictions of all images by a run. */
function predictBox(base, folder, runs) {
  const title = "Predict all images", about = "A run's prediction for every image, with its probability, its margin and whether it is to be trusted, as a table.";
  if (runs.length === 0) return { element: section(title, about, h("p", { class: "soft" }, "No training has finished yet.")) };
  const own = runs.find((run) => run.folder === folder) ?? runs[0];
  const select = h("select", { id: "predict-run", onchange: () => job.look() }, runs.map((run) => h("option", { value: run.name, selected: run === own }, run.name)));
  const told = h("div"), query = () => `run=${encodeURIComponent(select.value)}`, values = () => ({ run: select.value });
  const job = followed({ words: "classifying", keeps: true, path: () => `${base}/predictions?${query()}`, stop: () => post(`${base}/predictions/stop`, values()),
    draw: (state, line) => keepFocus(told, () => fill(told, state?.result && predicted(state.result, `${base}/predictions/table?${query()}`, select.value),
      h("p", {}, !state?.job.is_alive && !state?.result && h("button", { type: "button", onclick: () => job.take(post(`${base}/predictions`, values())) }, "Predict"), " ", line))) });
  return { ...job, element: section(title, about, h("p", {}, h("label", { for: "predict-run" }, "by the run "), select), told) };
}

function predicted({ num_images: count, counts, flagged, unreadable }, path, run) {
  const many = Object.entries(counts).map(([name, num]) => `${name} ${num.toLocaleString("en")}`).join(", ");
  const flags = Object.entries(flagged).filter(([, num]) => num > 0).map(([name, num]) => `${name}: ${num.toLocaleString("en")}`);
  return h("p", {}, `${numberOf(count, "image")}: ${many}. `, flags.length > 0 && `Not to be trusted: ${flags.join(", ")}. `, unreadable > 0 && `${numberOf(unreadable, "file")} cannot be used. `,
    fileLinks(["CSV", path, `predictions by ${run}`]));
}
