// <confusion-matrix>: how often each class was predicted as each; a cell or the name of a class selects images.
//
// Data (JSON inside the element, or the property `data`):
//   classes  [name, ...]
//   counts   [[number, ...], ...]   counts[i][j]: images of class i predicted as class j
// Property `selected`: {true, predicted}, numbers of classes, null for any.
// Event `cellchange` with detail {true, predicted} after the user chose or cleared.
// Arrows move between cells, Enter or Space chooses, Escape clears.

const STYLE = new CSSStyleSheet();
STYLE.replaceSync(`
  :host { display: block; overflow-x: auto; }
  table { border-collapse: separate; border-spacing: 2px; font-size: .8rem; font-variant-numeric: tabular-nums; }
  th { font-weight: 500; text-align: left; cursor: pointer; padding: .15rem .35rem; border-radius: .25rem; max-width: 9rem;
    overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
  thead th { vertical-align: bottom; }
  thead th > span { display: inline-block; max-height: 7rem; overflow: hidden; text-overflow: ellipsis; }
  .tall thead th > span { writing-mode: vertical-rl; transform: rotate(180deg); }
  .tall thead th { padding: .35rem .1rem; text-align: center; }
  td { min-width: 1.9rem; height: 1.9rem; text-align: center; border-radius: .25rem; color: var(--ink); }
  td.wrong { cursor: pointer; background: color-mix(in srgb, var(--mistake) calc(var(--part) * 42%), var(--raised)); }
  td.correct { background: color-mix(in srgb, var(--accent) calc(var(--part) * 34%), var(--raised)); }
  td.none { color: var(--soft); background: var(--raised); }
  td[aria-selected=true], th[aria-selected=true] { outline: 3px solid var(--accent); outline-offset: -1px; font-weight: 700; }
  td:focus-visible, th:focus-visible, button:focus-visible { outline: 3px solid var(--focus); outline-offset: 1px; }
  th:hover, td.wrong:hover { text-decoration: underline; }
  .corner { cursor: default; color: var(--soft); text-decoration: none; white-space: normal; }
  .pairs { display: grid; gap: .25rem; }
  .pairs button { font: inherit; font-size: .85rem; text-align: left; min-height: 2rem; padding: .15rem .6rem; color: var(--ink);
    background: var(--raised); border: 1px solid var(--line); border-radius: .4rem; cursor: pointer; }
  .pairs button[aria-pressed=true] { border-color: var(--accent); box-shadow: inset 0 0 0 1px var(--accent); }
  .pairs b { float: right; padding-left: 1rem; font-variant-numeric: tabular-nums; }
`);

const MOST_CLASSES = 30; // with more, the most confused pairs stand in place of the matrix
const MOST_PAIRS = 40;
const UPRIGHT = 4; // classes up to which the names above the columns are not turned

class ConfusionMatrix extends HTMLElement {
  #data; #selected = { true: null, predicted: null }; #at = [0, 0];

  connectedCallback() {
    if (this.shadowRoot) return;
    this.attachShadow({ mode: "open" }).adoptedStyleSheets = [STYLE];
    this.shadowRoot.addEventListener("click", (event) => this.#choose(event.target.closest("[data-true]")));
    this.shadowRoot.addEventListener("keydown", (event) => this.#key(event));
    const holder = this.querySelector('script[type="application/json"]');
    if (holder) this.data = JSON.parse(holder.textContent);
    else if (this.#data) this.#draw();
  }

  get data() { return this.#data; }
  set data(data) { this.#data = data; if (this.shadowRoot) this.#draw(); }
  get selected() { return this.#selected; }
  set selected(selected) { this.#selected = { true: selected?.true ?? null, predicted: selected?.predicted ?? null }; this.#mark(); }

  #draw() {
    const { classes, counts } = this.#data;
    const drawn = classes.length > MOST_CLASSES ? this.#pairs(classes, counts) : this.#table(classes, counts);
    this.shadowRoot.replaceChildren(drawn);
    this.#mark();
  }

  #table(classes, counts) {
    const table = make("table", { role: "grid", "aria-label": "Confusion matrix: rows are true classes, columns predicted ones" });
    table.className = classes.length > UPRIGHT ? "tall" : "";
    const largest = (wanted) => Math.max(1, ...counts.flatMap((row, i) => row.filter((_, j) => (i === j) === wanted)));
    const most = { true: largest(true), false: largest(false) };
    const head = make("tr", { role: "row" });
    head.append(make("td", { role: "gridcell", class: "corner" }, "true ↓ predicted →"));
    head.append(...classes.map((name, j) => this.#cell("th", 0, j + 1, { role: "columnheader", scope: "col" }, null, j, name, `predicted ${name}, whatever it is`)));
    const body = classes.map((name, i) => {
      const row = make("tr", { role: "row" });
      row.append(this.#cell("th", i + 1, 0, { role: "rowheader", scope: "row" }, i, null, name, `true class ${name}, predicted as another`));
      row.append(...counts[i].map((count, j) => {
        const kind = i === j ? "correct" : count ? "wrong" : "none";
        const words = i === j ? `${count} images of ${name} predicted correctly` : `${count} images of ${name} predicted as ${classes[j]}`;
        const cell = this.#cell("td", i + 1, j + 1, { role: "gridcell", class: kind }, i, j, String(count || "·"), words);
        cell.style.setProperty("--part", Math.sqrt(count / most[i === j]));
        return cell;
      }));
      return row;
    });
    const top = make("thead", { role: "rowgroup" }), rest = make("tbody", { role: "rowgroup" });
    top.append(head); rest.append(...body); table.append(top, rest);
    return table;
  }

  #cell(kind, row, column, attributes, trueClass, predicted, text, words) {
    const cell = make(kind, { ...attributes, tabindex: -1, "aria-label": words, title: words, "data-row": row, "data-column": column,
      "data-true": trueClass ?? "", "data-predicted": predicted ?? "" });
    cell.append(kind === "th" ? make("span", {}, text) : text);
    return cell;
  }

  #pairs(classes, counts) {
    const pairs = counts.flatMap((row, i) => row.map((count, j) => ({ i, j, count }))).filter(({ i, j, count }) => i !== j && count);
    pairs.sort((a, b) => b.count - a.count || a.i - b.i || a.j - b.j);
    const box = make("div", { class: "pairs", role: "group", "aria-label": "Most confused pairs" });
    box.append(...pairs.slice(0, MOST_PAIRS).map(({ i, j, count }) => {
      const button = make("button", { "data-true": i, "data-predicted": j, "aria-label": `${count} images of ${classes[i]} predicted as ${classes[j]}` });
      button.append(`${classes[i]} → ${classes[j]}`, make("b", {}, String(count)));
      return button;
    }));
    return box;
  }

  #mark() {
    if (!this.shadowRoot || !this.#data) return;
    const { true: trueClass, predicted } = this.#selected;
    const isNone = trueClass === null && predicted === null;
    let current = null;
    for (const cell of this.shadowRoot.querySelectorAll("[data-true]")) {
      const isChosen = !isNone && cell.dataset.true === String(trueClass ?? "") && cell.dataset.predicted === String(predicted ?? "");
      if (cell.localName === "button") cell.setAttribute("aria-pressed", String(isChosen));
      else { cell.setAttribute("aria-selected", String(isChosen)); cell.tabIndex = -1; }
      if (isChosen) current = cell;
    }
    const first = current ?? this.#find(...this.#at) ?? this.#find(1, 0);
    if (first && first.localName !== "button") { first.tabIndex = 0; this.#at = [Number(first.dataset.row), Number(first.dataset.column)]; }
  }

  #find(row, column) { return this.shadowRoot.querySelector(`[data-row="${row}"][data-column="${column}"]`); }

  #choose(cell) {
    if (!cell || cell.matches(".correct, .none")) return;
    const number = (text) => (text === "" ? null : Number(text));
    const chosen = { true: number(cell.dataset.true), predicted: number(cell.dataset.predicted) };
    const isSame = chosen.true === this.#selected.true && chosen.predicted === this.#selected.predicted;
    this.#change(isSame ? {} : chosen);
  }

  #change(selected) {
    this.selected = selected;
    this.dispatchEvent(new CustomEvent("cellchange", { bubbles: true, composed: true, detail: this.selected }));
  }

  #key(event) {
    const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
    if (event.key === "Escape" && (this.#selected.true ?? this.#selected.predicted) !== null) this.#change({});
    else if (moves[event.key] && this.shadowRoot.activeElement?.dataset.row !== undefined) {
      const next = this.#find(this.#at[0] + moves[event.key][0], this.#at[1] + moves[event.key][1]);
      if (!next) return;
      this.shadowRoot.activeElement.tabIndex = -1;
      next.tabIndex = 0; next.focus(); this.#at = [Number(next.dataset.row), Number(next.dataset.column)];
    } else if ((event.key === "Enter" || event.key === " ") && this.shadowRoot.activeElement?.dataset.row !== undefined) {
      this.#choose(this.shadowRoot.activeElement);
    } else return;
    event.preventDefault(); event.stopPropagation();
  }
}

function make(kind, attributes, text) {
  const made = document.createElement(kind);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

customElements.define("confusion-matrix", ConfusionMatrix);
