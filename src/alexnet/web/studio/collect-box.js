// The box of the Data view in which images are added, and classes.
import { part, post } from "./api.js";
import { cameraBox, filesBox } from "./collect.js";
import { fill, h } from "./dom.js";

/** `taken()` is called when an image or a class was added; answers the box's element, show(classes) and stop(). */
export function collectBox({ folder, chosen, isOpen, studio, taken }) {
  const select = h("select", { id: "add-to", onchange: () => { wanted = select.value; } });
  let wanted = chosen;
  const target = { folder, className: () => select.value, studio, done: taken };
  const camera = cameraBox(target);
  const name = h("input", { type: "text", id: "new-class", size: 12, maxlength: 120, required: true, autocomplete: "off" });
  const line = h("span", { class: "fault", role: "alert" });
  const make = h("form", { class: "begin", onsubmit: async (event) => {
    event.preventDefault();
    line.textContent = "";
    try {
      const made = (await post(`folders/${part(folder)}/classes`, { name: name.value })).class;
      name.value = "";
      wanted = made;
      await taken();
      studio.say(`The class ${made} is there; add its images.`);
    } catch (error) { line.textContent = error.message; }
  } }, h("label", { for: "new-class" }, "a class that is not there yet "), name, h("button", {}, "Add a class"), line);
  const element = h("details", { class: "collect", open: isOpen, ontoggle: () => { if (!element.open) camera.stop(); } },
    h("summary", {}, "Add images"), h("p", {}, h("label", { for: "add-to" }, "to the class "), select), make, filesBox(target), camera.element);
  return {
    element, stop: camera.stop,
    show(classes) {
      if (!classes.includes(wanted)) wanted = classes[0];
      fill(select, classes.map((each) => h("option", { value: each, selected: each === wanted }, each)));
    },
  };
}
