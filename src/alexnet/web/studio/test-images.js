// Test images of a run to choose from: a few that are shown, and any other one by its name.
import { get } from "./api.js";
import { h } from "./dom.js";

/** A button for each of some test images; `load` gets the name of the one that is chosen, `path` is that of the run. */
export const sampleButtons = (samples, path, load) => samples.map(({ number, file, true: label, predicted }) => {
  const isCorrect = label === predicted;
  return h("button", { type: "button", title: `${file}: true ${label}, predicted ${predicted}`, class: isCorrect ? "" : "wrong", onclick: () => load(file) },
    h("img", { src: `/api/${path}/mistakes/${number}/image`, alt: isCorrect ? label : `${label}, predicted ${predicted}` }));
});

/** In their place, where the folder of the run's images is not there any more. */
export const missingWords = (folder) => h("p", { class: "fault" }, `The images of this run are no longer in ${folder}. Put them back, or use an image of your own.`);

/** A field for a part of the name of any test image of the run at `path`; of many, the server knows those that are not
 * among the `files` listed. */
export function imageByName({ files, num_files: count }, path, load, say) {
  const known = new Set(files);
  const ask = async (part) => (await get(`${path}/test-image?${new URLSearchParams({ part })}`)).file;
  const find = h("input", { type: "search", list: "test-images", placeholder: "a part of its name", size: 18 });
  find.addEventListener("change", async () => {
    const text = find.value;
    if (!text) return;
    try {
      const name = known.has(text) ? text : files.find((each) => each.includes(text)) ?? (count > files.length ? await ask(text) : null);
      if (find.value !== text) return;
      if (name) { find.value = name; load(name); } else say(`No test image has "${text}" in its name.`);
    } catch (error) { say(error.message); }
  });
  return h("label", {}, "a test image: ", find, h("datalist", { id: "test-images" }, files.map((value) => h("option", { value }))));
}
