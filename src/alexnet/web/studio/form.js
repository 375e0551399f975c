// The form of a recipe, made from the settings that the server describes.
import { h, prose } from "./dom.js";

/** A field of a setting: its `element`, and `show(value, preset)`, which changes it in place, so that what is typed into
 * it and the focus stay. `change(value)` gets what was entered; undefined is the preset's own. */
export function field(setting, { runs, change }) {
  const id = `setting-${setting.name}`;
  let own, shown;
  const set = (value) => change(JSON.stringify(value) === JSON.stringify(own) ? undefined : value);
  const { control, put } = make(setting, id, runs, set);
  const words = h("span", { class: "words", id: `${id}-words` }, prose(setting.words));
  control.setAttribute("aria-describedby", words.id);
  const back = h("button", { type: "button", class: "back", onclick: () => { change(undefined); control.focus(); } }, "↺");
  const element = h("div", { class: "setting" }, h("label", { for: id }, setting.name.replaceAll("_", " ")), control, back, words);
  const showValue = (value, preset) => {
    const isChanged = value !== undefined, current = isChanged ? value : preset;
    own = preset;
    element.classList.toggle("changed", isChanged);
    back.hidden = !isChanged;
    back.title = `back to ${show(preset)}`;
    back.setAttribute("aria-label", `${setting.name}: back to ${show(preset)}`);
    const isTyping = JSON.stringify(current) === shown && control === document.activeElement;
    shown = JSON.stringify(current);
    if (!isTyping) put(current);
  };
  return { element, show: showValue };
}

const show = (value) => (value === null ? "none" : Array.isArray(value) ? value.join(", ") : String(value));

/** The control of a setting, and `put(value)`, which shows a value in it. */
function make(setting, id, runs, set) {
  if (setting.kind === "run") {
    const options = [["", "from scratch"], ["imagenet", "ImageNet (downloads 233 MB once)"], ...runs.map((run) => [run, `run ${run}`])];
    const { control, put } = select(id, options, (value) => set(value === "" ? null : value));
    return { control, put: (current) => {
      if (current && ![...control.options].some((option) => option.value === current)) control.append(h("option", { value: current }, `run ${current.replace("@", ", epoch ")}`));
      put(current ?? "");
    } };
  }
  if (setting.kind === "boolean" && !setting.may_be_none) {
    const box = h("input", { type: "checkbox", id, onchange: (event) => set(event.target.checked) });
    return { control: box, put: (current) => { box.checked = current === true; } };
  }
  if (setting.kind === "boolean" || setting.kind === "choice") {
    const choices = setting.kind === "boolean" ? [true, false] : setting.choices;
    const options = [...(setting.may_be_none ? [["null", "none"]] : []), ...choices.map((value) => [JSON.stringify(value), String(value)])];
    const { control, put } = select(id, options, (value) => set(JSON.parse(value)));
    return { control, put: (current) => put(JSON.stringify(current)) };
  }
  const input = h("input", {
    type: "text", id, size: 10, spellcheck: "false", autocomplete: "off",
    inputmode: setting.kind === "integer" && !setting.may_be_auto ? "numeric" : null,
    title: bounds(setting), onchange: (event) => set(parse(setting, event.target.value.trim())),
  });
  return { control: input, put: (current) => { input.value = show(current); } };
}

function select(id, options, change) {
  const control = h("select", { id, onchange: (event) => change(event.target.value) }, options.map(([value, text]) => h("option", { value }, text)));
  return { control, put: (current) => { control.value = current; } };
}

/** What was typed, as the recipe takes it; what is no number goes to the server as text, which says what is wrong. */
function parse(setting, text) {
  if (setting.may_be_none && (text === "" || text === "none")) return null;
  if (setting.kind === "list") return text.split(/[\s,]+/).filter(Boolean).map(number);
  return setting.kind === "text" ? text : number(text);
}

const number = (text) => (text !== "" && Number.isFinite(Number(text)) ? Number(text) : text);

function bounds({ least, most, may_be_auto: auto, may_be_none: none }) {
  const parts = [least !== null && most !== null ? `${least} to ${most}` : least !== null ? `from ${least}` : null, auto && "auto", none && "none"];
  return parts.filter(Boolean).join(", or ");
}
