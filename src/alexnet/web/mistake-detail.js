// <mistake-detail>: one image that was classified wrongly: probabilities, heat map with its test, nearest training images.
//
// Property `classes`: [name, ...]. Property `item`, null for none:
//   file, true, predicted (names), probability, margin, loss
//   source         of the image; its `src`
//   probabilities  [one for each class], may be missing
//   heat           {size, values, target, layer, verdict, says_something}; values: base64 of size x size bytes; or missing
//   heat_note      in words, where there is no heat map or no test of it
//   neighbors      [{file, label, distance, source | tile}], nearest first, may be missing
//   neighbors_note in words, where there are none
//   inside         address of a page that shows the image inside the network, may be missing
// Property `tiles`: {source, size, columns, rows}, the sheet of thumbnails that `tile` counts in; `item.tiles` goes before it.
// Property `correction`: {action, to} of this image, or null. With the attribute `editable` one can decide:
// event `correction` with detail {file, action, to}; action is relabel, both, fine or exclude, or undo.
// `press(key)` decides by a key: 1-9 that the image is of this class, `b` and 1-9 that both labels are correct, f, e, u.

import { TERM_STYLE, term } from "./words/terms.js";

const STYLE = new CSSStyleSheet();
STYLE.replaceSync(`
  :host { display: block; font-size: .9rem; line-height: 1.4; overflow-wrap: anywhere; }
  .empty { color: var(--soft); }
  .head { margin: 1rem 0 .3rem; font-weight: 600; }
  .name { font-weight: 600; } .soft { color: var(--soft); } .wrong { color: var(--mistake); font-weight: 600; }
  .shown { display: flex; flex-wrap: wrap; gap: .6rem; margin: .5rem 0; }
  figure { margin: 0; flex: 1 1 9rem; max-width: 16rem; min-width: 0; }
  figure img, figure canvas { width: 100%; aspect-ratio: 1; border-radius: .35rem; display: block; background: var(--raised); }
  figcaption { font-size: .78rem; color: var(--soft); }
  .scale { height: .4rem; border-radius: .2rem; margin: .2rem 0 .1rem;
    background: linear-gradient(90deg, #440154, #3b528b, #21918c, #5ec962, #fde725); }
  .ends { display: flex; justify-content: space-between; font-size: .72rem; color: var(--soft); }
  .verdict { border-left: 3px solid var(--line); padding-left: .6rem; margin: .4rem 0; }
  .verdict.yes { border-color: var(--accent); }
  .bars { display: grid; grid-template-columns: minmax(3.5rem, auto) 1fr 3.4rem; gap: .15rem .5rem; align-items: center; margin: 0; }
  .bars dt { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; max-width: 9rem; }
  .bars .bar { height: .8rem; border-radius: .2rem; background: var(--raised); margin: 0; overflow: hidden; }
  .bars .bar i { display: block; height: 100%; background: var(--soft); }
  .bars .true i { background: var(--accent); } .bars .predicted i { background: var(--mistake); }
  .bars .n { text-align: right; margin: 0; font-variant-numeric: tabular-nums; }
  .near { display: grid; grid-template-columns: repeat(5, minmax(0, 1fr)); gap: .4rem; margin: .3rem 0; padding: 0; list-style: none; font-size: .75rem; }
  .near .thumb { width: 100%; aspect-ratio: 1; border-radius: .25rem; display: block; background-color: var(--raised); background-repeat: no-repeat; }
  .actions { display: grid; gap: .35rem; margin: .4rem 0; }
  .actions > div { display: flex; flex-wrap: wrap; gap: .35rem; align-items: center; }
  button, select { font: inherit; min-height: 2rem; padding: .15rem .6rem; color: var(--ink); background: var(--raised);
    border: 1px solid var(--line); border-radius: .4rem; cursor: pointer; max-width: 100%; }
  button[aria-pressed=true] { border-color: var(--accent); box-shadow: inset 0 0 0 1px var(--accent); }
  a { color: var(--accent); } :is(a, button, select):focus-visible { outline: 3px solid var(--focus); outline-offset: 1px; }
  kbd { font: .75rem ui-monospace, monospace; border: 1px solid var(--line); border-radius: .25rem; padding: 0 .3rem; color: var(--soft); }
`);

const MOST_BARS = 12;
const VIRIDIS = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
const WORDS = { relabel: "the label is wrong", both: "both labels are correct", fine: "hard, but the label is correct", exclude: "excluded" };
const KEYS = { f: "fine", e: "exclude", u: "undo" };
const NUM_DIGITS = 9; // classes that have a key

class MistakeDetail extends HTMLElement {
  #item = null; #correction = null; #isBoth = false; #drawn = { about: "", isBoth: false }; // of the decision
  classes = [];
  tiles = null;

  connectedCallback() {
    if (!this.shadowRoot) {
      this.attachShadow({ mode: "open" }).adoptedStyleSheets = [STYLE, TERM_STYLE];
      this.shadowRoot.append(make("div", "about"), make("div", "decide"));
    }
    this.#draw();
  }

  get item() { return this.#item; }
  set item(item) {
    if (item?.file !== this.#item?.file) this.#isBoth = false;
    this.#item = item;
    this.#draw();
  }
  get correction() { return this.#correction; }
  set correction(correction) { this.#correction = correction; this.#draw(); }
  get #isEditable() { return this.hasAttribute("editable"); }

  #draw() {
    if (!this.shadowRoot) return;
    const focused = this.shadowRoot.activeElement?.dataset.control; // what is drawn anew keeps the focus
    this.#drawItem();
    if (focused) this.#control(focused)?.focus({ preventScroll: true });
  }
  #control(name) { return this.shadowRoot.querySelector(`[data-control="${name}"]`) ?? this.shadowRoot.querySelector(".decide [data-control]"); }

  #drawItem() {
    const item = this.#item, [about] = this.shadowRoot.children;
    this.#drawDecision();
    if (!item) { about.replaceChildren(make("p", "empty", "Choose an image: click it, or move with the arrow keys.")); return; }
    const parts = [make("div", "name", item.file), this.#summary(item), this.#images(item)];
    if (item.inside) {
      const link = Object.assign(make("a", "", "Look inside"), { href: item.inside });
      link.dataset.control = "inside";
      parts.push(link);
    }
    if (item.heat?.verdict) {
      const verdict = make("p", item.heat.says_something ? "verdict yes" : "verdict", `${item.heat.says_something ? "✓" : "✗"} ${item.heat.verdict} `);
      verdict.append(term("insertion and deletion"));
      parts.push(verdict);
    }
    if (!item.heat?.verdict && item.heat_note) parts.push(make("p", "verdict soft", item.heat_note));
    if (item.probabilities) parts.push(make("p", "head", "Probabilities"), this.#bars(item));
    if (item.neighbors?.length) parts.push(make("p", "head", "Nearest training images"), this.#near(item));
    else if (item.neighbors_note) parts.push(make("p", "soft", item.neighbors_note));
    about.replaceChildren(...parts);
  }

  // The decision is drawn anew only where it is another one: a class that is being chosen stays while details arrive.
  #drawDecision() {
    const item = this.#item, place = this.shadowRoot.lastElementChild, { action, to } = this.#correction ?? {};
    const about = JSON.stringify(item && this.#isEditable ? [item.file, action, to, this.classes] : null), isSame = about === this.#drawn.about;
    if (isSame && this.#isBoth === this.#drawn.isBoth) return;
    const chosen = isSame && place.querySelector("select")?.value;
    this.#drawn = { about, isBoth: this.#isBoth };
    place.replaceChildren(...(about === "null" ? [] : [make("p", "head", "Your decision"), this.#actions(item)]));
    if (chosen) place.querySelector("select").value = chosen;
  }

  #summary(item) {
    const line = make("div", "");
    const soft = make("div", "soft", `loss ${item.loss === null ? "–" : item.loss.toFixed(2)} `);
    soft.append(term("loss"), `, margin ${percent(item.margin)} `, term("margin"), " to the runner-up");
    line.append("true ", make("b", "", item.true), " · ", make("span", "wrong", `predicted ${item.predicted} ${percent(item.probability)}`), soft);
    return line;
  }

  #images(item) {
    const box = make("div", "shown"), own = make("figure", ""), image = make("img", "");
    image.alt = item.file;
    if (!item.source) return box; // the images are not there
    image.src = item.source;
    own.append(image, make("figcaption", "", "as the network gets it"));
    box.append(own);
    if (item.heat) {
      const figure = make("figure", ""), canvas = make("canvas", "");
      canvas.width = canvas.height = 256;
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `heat map for ${item.heat.target}`);
      const ends = make("div", "ends");
      ends.append(make("span", "", "0"), make("span", "", "largest"));
      figure.append(canvas, make("div", "scale"), ends, make("figcaption", "", `what supports ${item.heat.target}: Grad-CAM at ${item.heat.layer}`));
      image.decode().then(() => paint(canvas, image, item.heat), () => {});
      box.append(figure);
    }
    return box;
  }

  #bars(item) {
    const list = make("dl", "bars");
    const ranked = item.probabilities.map((value, k) => ({ value, name: this.classes[k] })).sort((a, b) => b.value - a.value);
    const kept = ranked.filter(({ name }, n) => n < MOST_BARS || name === item.true);
    for (const { value, name } of kept) {
      const kind = name === item.true ? "true" : name === item.predicted ? "predicted" : "";
      const bar = make("dd", `bar ${kind}`), fill = make("i", "");
      bar.setAttribute("aria-hidden", "true");
      fill.style.width = `${100 * value}%`; bar.append(fill);
      const term = make("dt", kind === "predicted" ? "wrong" : "", name + (kind === "true" ? " (true)" : ""));
      term.title = name;
      list.append(term, bar, make("dd", "n", percent(value)));
    }
    return list;
  }

  #near(item) {
    const list = make("ol", "near");
    list.append(...item.neighbors.map((near) => {
      const cell = make("li", ""), thumb = make("span", "thumb");
      thumb.setAttribute("role", "img"); thumb.setAttribute("aria-label", near.file);
      if (near.source) { thumb.style.backgroundImage = `url("${near.source}")`; thumb.style.backgroundSize = "cover"; }
      else this.#tile(thumb, near.tile);
      cell.title = `${near.file}: distance ${near.distance.toPrecision(3)}`;
      cell.append(thumb, make("span", near.label === item.true ? "" : "wrong", near.label));
      return cell;
    }));
    return list;
  }
  #tile(thumb, number) {
    const { source, columns, rows } = this.#item.tiles ?? this.tiles;
    const at = (place, count) => (count > 1 ? (100 * place) / (count - 1) : 0);
    thumb.style.backgroundImage = `url("${source}")`;
    thumb.style.backgroundSize = `${100 * columns}% ${100 * rows}%`;
    thumb.style.backgroundPosition = `${at(number % columns, columns)}% ${at(Math.floor(number / columns), rows)}%`;
  }

  #actions(item) {
    const box = make("div", "actions"), decided = this.#correction;
    const choose = make("select", ""); choose.setAttribute("aria-label", "Class"); choose.dataset.control = "class";
    const numbered = (name, place) => (place < NUM_DIGITS ? `${place + 1} ${name}` : name);
    choose.append(...this.classes.map((name, place) => new Option(numbered(name, place), name, false, name === (decided?.to || item.predicted))));
    const button = (key, action, words) => {
      const made = make("button", ""); made.append(make("kbd", "", key), ` ${words}`); made.dataset.control = action;
      made.setAttribute("aria-pressed", String(decided?.action === action));
      made.onclick = () => this.decide(action);
      return made;
    };
    const first = make("div", "");
    first.append(button(`1-${Math.min(NUM_DIGITS, this.classes.length)}`, "relabel", "label is wrong, it is"), choose);
    const rest = make("div", "");
    rest.append(button("b", "both", "both are correct"), button("f", "fine", "hard, label is correct"), button("e", "exclude", "exclude"));
    box.append(first, rest);
    if (this.#isBoth) {
      const asked = make("div", "", "It is of this class, too: press the class's number.");
      asked.setAttribute("role", "status");
      box.append(asked);
    }
    if (decided) {
      const undo = make("button", ""); undo.append(make("kbd", "", "u"), " undo"); undo.dataset.control = "undo"; undo.onclick = () => this.decide("undo");
      const said = make("div", ""); said.append(make("span", "", `Decided: ${WORDS[decided.action] ?? decided.action}${decided.to ? `, ${decided.to}` : ""}.`), undo);
      box.append(said);
    }
    return box;
  }

  // Decide by a key; says whether the key means anything here.
  press(key) {
    if (!this.#item || !this.#isEditable) return false;
    const named = /^[1-9]$/.test(key) ? this.classes[key - 1] : undefined;
    if (named !== undefined) this.decide(this.#isBoth ? "both" : "relabel", named);
    else if (key === "b") { this.#isBoth = !this.#isBoth; this.#draw(); }
    else if (KEYS[key]) this.decide(KEYS[key]);
    else return false;
    return true;
  }

  // Tell the page what was decided; `relabel` and `both` take a class, that which is chosen on the page unless given.
  decide(action, named = this.shadowRoot.querySelector("select")?.value) {
    if (!this.#item || !this.#isEditable) return;
    const to = action === "relabel" || action === "both" ? named : "";
    this.#isBoth = false;
    this.dispatchEvent(new CustomEvent("correction", { bubbles: true, composed: true, detail: { file: this.#item.file, action, to } }));
  }
}

function paint(canvas, image, heat) {
  const bytes = Uint8Array.from(atob(heat.values), (letter) => letter.charCodeAt(0)), small = document.createElement("canvas");
  small.width = small.height = heat.size;
  const pixels = new ImageData(heat.size, heat.size);
  bytes.forEach((byte, n) => {
    const place = (byte / 255) * (VIRIDIS.length - 1), low = Math.min(Math.floor(place), VIRIDIS.length - 2), part = place - low;
    for (let c = 0; c < 3; c++) pixels.data[4 * n + c] = VIRIDIS[low][c] * (1 - part) + VIRIDIS[low + 1][c] * part;
    pixels.data[4 * n + 3] = 150;
  });
  small.getContext("2d").putImageData(pixels, 0, 0);
  const pen = canvas.getContext("2d");
  pen.drawImage(image, 0, 0, canvas.width, canvas.height);
  pen.drawImage(small, 0, 0, canvas.width, canvas.height);
}

function make(kind, style, text) {
  const made = document.createElement(kind);
  if (style) made.className = style;
  if (text !== undefined) made.textContent = text;
  return made;
}
function percent(value) { return value === null || value === undefined ? "–" : `${(100 * value).toFixed(1)} %`; }

customElements.define("mistake-detail", MistakeDetail);
