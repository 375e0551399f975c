// Keys: those of the frame, and those of the view that is open. `?` shows them.
import { h } from "./dom.js";

/** Keys of the decisions about labels, the same wherever images are decided about. */
export const DECISION_KEYS = [
  ["1 to 9", "the label is wrong: the image is of this class"],
  ["b, then 1 to 9", "both labels are correct: the image is of this class, too"],
  ["f", "the label is correct"],
  ["e", "exclude from training and test"],
  ["u", "undo"],
];

const NOT_TYPED = ["checkbox", "radio", "range", "button", "file", "color"]; // kinds of fields

/** Whether a key press belongs to a field that is typed into. */
export function isTyping(event) {
  const target = event.composedPath()[0];
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target.matches("textarea, select")) return true;
  return target.matches("input") && !NOT_TYPED.includes(target.getAttribute("type"));
}

/** The dialog that lists keys: [[keys, meaning], ...] of the frame and of the view. */
export function showKeys(frame, view, title) {
  const rows = (keys) => keys.map(([key, meaning]) => h("tr", {}, h("th", { scope: "row" }, key), h("td", {}, meaning)));
  const close = h("button", { type: "button", autofocus: true, onclick: () => dialog.close() }, "Close");
  const dialog = h("dialog", { "aria-label": "Keys", onclose: () => dialog.remove() },
    h("h2", {}, "Keys"),
    view.length > 0 && [h("h3", {}, title), h("table", {}, rows(view))],
    h("h3", {}, "Everywhere"), h("table", {}, rows(frame)), close);
  document.body.append(dialog);
  dialog.showModal();
}
