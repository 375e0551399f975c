// The form of a recipe, made from the settings that the server describes.
import { h, prose } from "./dom.js";

/** A field of a setting. `value` is what is shown, `change(value)` gets what was entered; undefined is the preset's own. */
export function field(setting, value, preset, { runs, change }) {
  const id = `setting-${setting.name}`;
  const isChanged = value !== undefined;
  const current = isChanged ? value : preset;
  const control = make(setting, current, preset, id, runs, change);
  const words = h("span", { class: "words", id: `${id}-words` }, prose(setting.words));
  control.setAttribute("aria-describedby", words.id);
  return h("div", { class: `setting${isChanged ? " changed" : ""}` },
    h("label", { for: id }, setting.name.replaceAll("_", " ")), control,
    isChanged && h("button", { type: "button", class: "back", title: `back to ${show(preset)}`, "aria-label": `${setting.name}: back to ${show(preset)}`, onclick: () => change(undefined) }, "↺"),
    words);
}

const show = (value) => (value === null ? "none" : Array.isArray(value) ? value.join(", ") : String(value));

function make(setting, current, preset, id, runs, change) {
  const set = (value) => change(JSON.stringify(value) === JSON.stringify(preset) ? undefined : value);
  if (setting.kind === "run") {
    const options = [["", "from scratch"], ["imagenet", "ImageNet (downloads 233 MB once)"], ...runs.map((run) => [run, `run ${run}`])];
    if (current && !options.some(([value]) => value === current)) options.push([current, `run ${current.replace("@", ", epoch ")}`]);
    return select(id, options, current ?? "", (value) => set(value === "" ? null : value));
  }
  if (setting.kind === "boolean" && !setting.may_be_none) {
    return h("input", { type: "checkbox", id, checked: current === true, onchange: (event) => set(event.target.checked) });
  }
  if (setting.kind === "boolean" || setting.kind === "choice") {
    const choices = setting.kind === "boolean" ? [true, false] : setting.choices;
    const options = [...(setting.may_be_none ? [["null", "none"]] : []), ...choices.map((value) => [JSON.stringify(value), String(value)])];
    return select(id, options, JSON.stringify(current), (value) => set(JSON.parse(value)));
  }
  return h("input", {
    type: "text", id, value: show(current), size: 10, spellcheck: "false", autocomplete: "off",
    inputmode: setting.kind === "integer" && !setting.may_be_auto ? "numeric" : null,
    title: bounds(setting), onchange: (event) => set(parse(setting, event.target.value.trim())),
  });
}

function select(id, options, current, change) {
  return h("select", { id, onchange: (event) => change(event.target.value) },
    options.map(([value, text]) => h("option", { value, selected: value === current }, text)));
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
