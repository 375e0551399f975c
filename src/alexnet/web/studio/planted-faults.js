// Practice for lessons: a copy of a folder with planted faults, and how many of them its corrections put right.
import { get, part, post } from "./api.js";
import { fill, h, numberOf } from "./dom.js";
import { followed, section } from "./folder-tool.js";
import { address } from "./router.js";

/** The form of such a copy; folded, because it is for teachers. `classes()` are those of the folder now. */
export function spoilBox(base, folder, classes) {
  /** @param {number | string} step */
  const number = (id, value, most, step = 1) => h("input", { type: "number", id, value, min: 0, max: most, step, required: true });
  const mark = (id) => h("select", { id });
  const name = h("input", { type: "text", id: "spoil-name", size: 20, required: true, value: `${folder}-faults`, autocomplete: "off", spellcheck: "false" });
  const swap = number("spoil-swap", 5, 99, "any"), duplicates = number("spoil-duplicates", 4, null), seed = number("spoil-seed", 0, null), corner = mark("spoil-corner"), dark = mark("spoil-dark");
  const between = h("select", { id: "spoil-between", multiple: true, size: 4 }), keepsNames = h("input", { type: "checkbox", id: "spoil-names" });
  const told = h("p"), path = () => `${base}/spoiled/${part(name.value)}`;
  const job = followed({ words: "writing the copy", keeps: false, path, stop: () => post(`${path()}/stop`), draw: (state, line) => fill(told, state?.result && !state.job.is_alive && spoiled(state), line) });
  const values = () => ({ name: name.value, swap: swap.valueAsNumber / 100, duplicates: duplicates.valueAsNumber, corner: corner.value, dark: dark.value, seed: seed.valueAsNumber, between: [...between.selectedOptions].map((option) => option.value), keeps_names: keepsNames.checked });
  const row = (input, words, after = "") => h("p", {}, h("label", { for: input.id }, words), " ", input, after);
  const form = h("form", { onsubmit: (event) => { event.preventDefault(); job.take(post(`${base}/spoiled`, values())); } },
    row(swap, "Labels to swap", " %"), row(between, "Swap only among", h("span", { class: "soft" }, " two classes or more; none chosen: all")), row(duplicates, "Near duplicates to add"), row(corner, "Class with a colored corner"), row(dark, "Class to darken"),
    row(seed, "Random seed", h("span", { class: "soft" }, " (another seed plants other faults)")), row(name, "Name of the copy"), h("p", {}, keepsNames, " ", h("label", { for: keepsNames.id }, "Keep the names of the files"), h("span", { class: "soft" }, " (which may give the swapped ones away)")), h("p", {}, h("button", {}, "Make the copy")));
  const box = h("details", { ontoggle: () => {
    if (!box.open) return;
    for (const select of [corner, dark]) fill(select, h("option", { value: "" }, "none"), classes().map((each) => h("option", {}, each)));
    fill(between, classes().map((each) => h("option", {}, each)));
    job.look();
  } }, h("summary", {}, "Choose the faults"), form, told);
  return { stop: job.stop, element: section("Make a copy with planted faults", "For lessons: learners look for the faults in the copy and correct them, then it is graded. The originals stay.", box) };
}

const spoiled = ({ folder, path, result: { num_images: count, swapped, near_duplicates: duplicates } }) => [
  `${numberOf(count, "image")}, ${numberOf(swapped, "label")} swapped and ${numberOf(duplicates, "near duplicate")} added: `,
  folder ? h("a", { href: address("data", [folder]) }, folder) : h("code", {}, path), ". What was planted is listed in its ", h("code", {}, "answers.json"), "; take that file away from learners who look there. "];

/** The grade of a folder that has an answer sheet; hidden in others. */
export function gradeBox(base) {
  const told = h("div", { role: "status" });
  const button = h("button", { type: "button", onclick: async () => {
    button.disabled = true;
    try {
      fill(told, graded((await post(`${base}/grade`)).score));
    } catch (error) { fill(told, h("p", { class: "fault", role: "alert" }, error.message)); }
    button.disabled = false;
  } }, "Grade my corrections");
  const element = section("Grade my corrections", "Faults were planted in this folder. The grade counts them and names none.", h("p", {}, button), told);
  element.hidden = true;
  return { element, look: async () => { element.hidden = !(await get(`${base}/grade`).catch(() => null))?.has_answers; } };
}

function graded({ num_swapped: num, num_corrected: corrected, num_excluded: excluded, num_other_class: other, num_missed: missed, num_changed: changed, num_left_out: out, num_pairs: pairs, num_pairs_parted: parted }) {
  const rest = [excluded > 0 && `${excluded} excluded`, other > 0 && `${other} given another wrong class`, missed > 0 && `${missed} missed`].filter(Boolean);
  return h("ul", {},
    num > 0 && h("li", {}, h("b", {}, `${corrected} of ${numberOf(num, "wrong label")}`), " corrected", rest.length > 0 && `; ${rest.join(", ")}`, "."),
    pairs > 0 && h("li", {}, h("b", {}, `${parted} of ${numberOf(pairs, "near duplicate")}`), " with one of the two images excluded."),
    h("li", {}, `${numberOf(changed, "correct label")} changed, ${numberOf(out, "good image")} excluded.`));
}
