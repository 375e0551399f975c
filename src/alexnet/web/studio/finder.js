// The finder, `/`: a field for a part of a name, and below it the runs, folders, classes, units and files that have it.
import { get } from "./api.js";
import { fill, h, numberOf } from "./dom.js";
import { address, go } from "./router.js";

const WAIT = 120; // ms after the last letter before it is asked
const KINDS = { run: "run", folder: "folder of images", class: "class", unit: "unit", file: "image" };

/** Where a match leads. */
const addressOf = ({ kind, name, place, is_finished: isFinished }) => ({
  run: () => address(isFinished ? "run" : "train", [name]),
  folder: () => address("data", [name]),
  class: () => address("data", [place], { class: name }),
  unit: () => address("run", [place, "unit", ...name.split("/")]),
  file: () => address("data", [place], { q: name }),
})[kind]();

/** Open the dialog; `lookedAt` knows the run and the folder whose matches come first. */
export function openFinder({ lookedAt }) {
  let matches = [], at = -1, asked = "", timer = 0, asking = new AbortController();
  const list = h("ul", { role: "listbox", id: "finder-list", "aria-label": "What has this name" });
  const line = h("p", { class: "soft", role: "status" }, "Type a part of a name, or a unit such as conv3/217.");
  const field = h("input", { type: "search", role: "combobox", autofocus: true, autocomplete: "off", spellcheck: "false", placeholder: "run, folder, class, unit or file",
    "aria-label": "Find", "aria-expanded": "false", "aria-controls": "finder-list", "aria-autocomplete": "list",
    oninput: () => { clearTimeout(timer); timer = setTimeout(ask, WAIT); }, onkeydown: (event) => press(event) });
  const dialog = h("dialog", { class: "finder", "aria-label": "Find", onclose: () => { clearTimeout(timer); asking.abort(); dialog.remove(); } }, field, line, list);

  const ask = async () => {
    clearTimeout(timer);
    asking.abort();
    const { signal } = (asking = new AbortController()), q = field.value.trim();
    try {
      const query = new URLSearchParams({ q, run: lookedAt.last("run") ?? "", folder: lookedAt.last("folder") ?? "" });
      show((await get(`find?${query}`, { signal })).matches);
      asked = q;
      line.textContent = matches.length > 0 ? `${numberOf(matches.length, "result")}; ↑ ↓ choose, Enter opens` : q ? "Nothing has this name." : "Type a part of a name, or a unit such as conv3/217.";
    } catch (error) {
      if (error.name !== "AbortError") line.textContent = error.message;
    }
  };
  const show = (shown) => {
    matches = shown;
    fill(list, matches.map((match, n) => h("li", { role: "option", id: `match-${n}`, onclick: () => open(n) },
      h("b", {}, match.name), h("span", { class: "soft" }, ` ${KINDS[match.kind]}${match.place ? ` of ${match.place}` : ""}`))));
    field.setAttribute("aria-expanded", String(matches.length > 0));
    choose(matches.length > 0 ? 0 : -1);
  };
  const choose = (n) => {
    at = n;
    [...list.children].forEach((each, place) => each.setAttribute("aria-selected", String(place === n)));
    list.children[n]?.scrollIntoView({ block: "nearest" });
    if (n < 0) field.removeAttribute("aria-activedescendant");
    else field.setAttribute("aria-activedescendant", `match-${n}`);
  };
  const open = (n) => {
    const to = addressOf(matches[n]);
    dialog.close();
    go(to);
  };
  const press = async (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by && matches.length > 0) choose((at + by + matches.length) % matches.length);
    else if (event.key === "Enter") {
      event.preventDefault();
      if (field.value.trim() !== asked) await ask(); // for what stands there now
      if (matches[at]) open(at);
      return;
    } else return;
    event.preventDefault();
  };
  document.body.append(dialog);
  dialog.showModal();
  field.focus();
}
