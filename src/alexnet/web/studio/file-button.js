// A button that chooses files. The file control of the browser lies invisible over it, so that keyboard and screen reader find it.
import { h } from "./dom.js";

/** `chosen` is called with the files that are chosen, one or more; the same ones can be chosen again. */
export function fileButton(words, chosen, { id = null, multiple = false, accept = "image/*" } = {}) {
  const input = h("input", { type: "file", accept, id, multiple, onchange: () => {
    const files = [...input.files];
    input.value = "";
    if (files.length > 0) chosen(files);
  } });
  return h("label", { class: "file-button" }, input, words);
}
