// One image as large as the window, in a dialog.
import { h } from "./dom.js";

/** `closed` is called when the dialog is closed. */
export function showLarge(source, name, closed) {
  const dialog = h("dialog", { class: "large", "aria-label": name, onclose: () => { dialog.remove(); closed(); } },
    h("img", { src: source, alt: name }), h("p", {}, name), h("button", { type: "button", onclick: () => dialog.close() }, "Close"));
  document.body.append(dialog);
  dialog.showModal();
}
