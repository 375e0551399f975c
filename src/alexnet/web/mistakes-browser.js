// <mistakes-browser>: the wrongly classified images of a run, found by the confusion matrix, sorted, looked at one by one.
// Needs <confusion-matrix> and <mistake-detail> on the page.
//
// Data (JSON inside the element, or the property `data`):
//   classes  [name, ...]
//   counts   [[number, ...], ...]   the confusion matrix of all test images
//   items    [{...}, ...]           see <mistake-detail>; `true` and `predicted` are names
//   num_mistakes                    of the run; there may be more than items
//   tiles    {source, size, columns, rows}   the sheet of thumbnails of neighbors, or null
// Attribute `editable`: decisions can be made; the page listens to `correction` and sets `corrections`, {file: {action, to}};
// `undecide(file)` tells that a decision could not be kept.
// CSS `--above` and `--below`: heights of what the page keeps above and below, under which no tile is to be hidden.
// Property `loadDetail`: async generator of a file, gives part by part what an item lacks (probabilities, heat, neighbors).
// Event `selectionchange` with detail {file}. Property `selectedFile`.
// Keys: arrows move, Enter goes to the details, Escape comes back and clears the cell; see <mistake-detail> for decisions.
// After a decision by key the next undecided image is chosen, without waiting for the page; `u` takes back the decision about the chosen image, or
// the last one and chooses its image again. `press(key)` does the same for a key that was pressed elsewhere on the page.

const STYLE = new CSSStyleSheet();
STYLE.replaceSync(`
  :host { display: block; container-type: inline-size; }
  [hidden] { display: none !important; }
  .frame { display: grid; grid-template-columns: minmax(0, 1fr) minmax(17rem, 24rem); gap: 1rem 1.5rem; align-items: start; }
  .list { min-width: 0; }
  .side { grid-column: 2; grid-row: 1 / span 2; position: sticky; top: var(--above, .5rem); max-height: calc(100vh - var(--above, .5rem) - var(--below, .5rem)); overflow-y: auto; padding: .1rem .3rem; }
  .side:focus-visible { outline: 3px solid var(--focus); border-radius: .4rem; }
  @container (min-width: 72rem) { .frame { grid-template-columns: auto minmax(0, 1fr) minmax(17rem, 22rem); }
    .matrix { max-width: 34rem; } .side { grid-column: 3; grid-row: 1; } }
  @container (max-width: 48rem) { .frame { grid-template-columns: minmax(0, 1fr); } .side { grid-column: 1; grid-row: auto; position: static; max-height: none; } }
  .tools { display: flex; flex-wrap: wrap; gap: .4rem .8rem; align-items: center; margin-bottom: .5rem; font-size: .9rem; }
  .tools label { display: inline-flex; gap: .35rem; align-items: center; }
  select, input[type=search], button { font: inherit; font-size: .9rem; min-height: 2rem; padding: .15rem .6rem; color: var(--ink);
    background: var(--raised); border: 1px solid var(--line); border-radius: .4rem; }
  input[type=search] { width: 11rem; } button { cursor: pointer; }
  :is(select, input, button, .tile):focus-visible { outline: 3px solid var(--focus); outline-offset: 1px; }
  .count { color: var(--soft); font-variant-numeric: tabular-nums; }
  .tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(6.4rem, 1fr)); gap: .7rem .6rem; padding: 3px; }
  .tile { font-size: .76rem; line-height: 1.3; cursor: pointer; border-radius: .35rem; min-width: 0; position: relative; scroll-margin: var(--above, .5rem) 0 var(--below, .5rem); }
  .tile img { width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: .3rem; display: block; background: var(--raised); }
  .tile span { display: -webkit-box; overflow: hidden; overflow-wrap: anywhere; -webkit-box-orient: vertical; -webkit-line-clamp: 2; }
  .tile .wrong { color: var(--mistake); font-weight: 600; } .tile .wrong::before { content: "✗ "; }
  .tile[aria-selected=true] { box-shadow: 0 0 0 3px var(--accent); }
  .tile .done { position: absolute; top: .2rem; right: .2rem; max-width: calc(100% - .4rem); box-sizing: border-box; padding: 0 .3rem; border-radius: .25rem; background: var(--ground); color: var(--ink); font-weight: 600; }
  .more { margin: .8rem 0; }
  @media print { .tools, .more { display: none; } }
`);

const PAGE = 120; // tiles that are added at a time
const SORTS = {
  confidence: ["most certain first", (a, b) => b.probability - a.probability],
  loss: ["largest loss first", (a, b) => (b.loss ?? 0) - (a.loss ?? 0)],
  margin: ["smallest margin first", (a, b) => a.margin - b.margin],
  file: ["by file name", () => 0],
};
const DECIDED = { relabel: "relabeled", both: "both", fine: "kept", exclude: "excluded" };

class MistakesBrowser extends HTMLElement {
  #data; #corrections = {}; #shown = []; #file = null; #limit = PAGE; #cell = {};
  #isKey = false; #decided = []; // whether a key decides; the files that were decided about, the last one last
  loadDetail = null;

  connectedCallback() {
    if (this.shadowRoot) return;
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [STYLE];
    root.innerHTML = `<div class="frame"><div class="matrix"><confusion-matrix></confusion-matrix></div>
      <div class="side" role="region" aria-label="Details of the image" tabindex="0"><mistake-detail></mistake-detail></div>
      <div class="list"><div class="tools"><label>sort <select class="sort"></select></label>
        <label class="unreviewed"><input type="checkbox"> only undecided</label>
        <input type="search" aria-label="File name contains" placeholder="file name">
        <span class="count" role="status"></span><button class="clear" hidden>all classes</button></div>
        <div class="tiles" role="listbox" aria-label="Wrongly classified images"></div>
        <button class="more" hidden></button></div></div>`;
    this.#find(".sort").append(...Object.entries(SORTS).map(([name, [words]]) => new Option(String(words), name)));
    this.#listen(root);
    const holder = this.querySelector('script[type="application/json"]');
    if (holder) this.data = JSON.parse(holder.textContent);
    else if (this.#data) this.#start();
  }

  get data() { return this.#data; }
  set data(data) { this.#data = data; if (this.shadowRoot) this.#start(); }
  get corrections() { return this.#corrections; }
  set corrections(corrections) {
    this.#corrections = corrections;
    if (this.#data && this.shadowRoot) this.#update();
  }
  undecide(file) { this.#decided = this.#decided.filter((each) => each !== file); }
  get selectedFile() { return this.#file; }
  set selectedFile(file) { this.#select(file); }
  get shownFiles() { return this.#shown.map((item) => item.file); }

  #find(selector) { return this.shadowRoot.querySelector(selector); }
  get #detail() { return this.#find("mistake-detail"); }
  get #isEditable() { return this.hasAttribute("editable"); }

  #start() {
    this.#find("confusion-matrix").data = { classes: this.#data.classes, counts: this.#data.counts };
    this.#detail.classes = this.#data.classes;
    this.#detail.tiles = this.#data.tiles;
    this.#detail.toggleAttribute("editable", this.#isEditable);
    this.#find(".unreviewed").hidden = !this.#isEditable;
    this.#update();
    if (this.#shown.length) this.#select(this.#file ?? this.#shown[0].file);
  }

  // --- which images
  #update() {
    const { items, classes } = this.#data, wanted = this.#find("input[type=search]").value.trim().toLowerCase();
    const onlyUndecided = this.#isEditable && this.#find(".unreviewed input").checked;
    const { true: trueClass = null, predicted = null } = this.#cell;
    const kept = items.filter((item) => (trueClass === null || item.true === classes[trueClass])
      && (predicted === null || item.predicted === classes[predicted])
      && item.file.toLowerCase().includes(wanted) && !(onlyUndecided && this.#corrections[item.file]));
    const order = SORTS[this.#find(".sort").value][1];
    this.#shown = kept.sort((a, b) => order(a, b) || (a.file < b.file ? -1 : 1));
    this.#tell(trueClass, predicted);
    this.#tiles();
    if (this.#file) this.#detail.correction = this.#corrections[this.#file] ?? null;
  }

  #tell(trueClass, predicted) {
    const { classes, items, num_mistakes: all } = this.#data;
    const about = trueClass === null && predicted === null ? "" : trueClass === null ? ` predicted ${classes[predicted]}`
      : predicted === null ? ` of ${classes[trueClass]}` : ` of ${classes[trueClass]} predicted as ${classes[predicted]}`;
    const left = items.length < all ? `; the page holds ${items.length} of ${all}` : "";
    const decided = this.#isEditable ? `; ${items.filter((item) => this.#corrections[item.file]).length} decided` : "";
    this.#find(".count").textContent = `${this.#shown.length} ${this.#shown.length === 1 ? "mistake" : "mistakes"}${about}${left}${decided}`;
    this.#find(".clear").hidden = !about;
  }

  #tiles() {
    const shown = this.#shown.slice(0, this.#limit), more = this.#find(".more"), left = this.#shown.length - shown.length;
    const hasFocus = this.#isInList;
    this.#find(".tiles").replaceChildren(...shown.map((item) => this.#tile(item)));
    more.hidden = left <= 0; more.textContent = `${Math.min(left, PAGE)} more of ${left}`;
    this.#mark(hasFocus);
  }

  #tile(item) {
    const decided = this.#corrections[item.file], done = decided && `${DECIDED[decided.action] ?? decided.action}${decided.to ? `: ${decided.to}` : ""}`;
    const tile = document.createElement("div"), line = (text, style) => Object.assign(document.createElement("span"), { textContent: text, className: style });
    tile.className = "tile"; tile.dataset.file = item.file; tile.title = item.file; tile.tabIndex = -1;
    tile.setAttribute("role", "option");
    tile.setAttribute("aria-label", `${item.file}: true ${item.true}, predicted ${item.predicted}, ${Math.round(100 * item.probability)} %${done ? `, ${done}` : ""}`);
    const image = document.createElement("img");
    image.loading = "lazy"; image.alt = ""; if (item.source) image.src = item.source;
    tile.append(image, line(`${item.predicted} ${Math.round(100 * item.probability)}\u00a0%`, "wrong"), line(`true ${item.true}`, ""));
    if (done) tile.append(line(done, "done"));
    return tile;
  }

  // --- the chosen image
  #select(file, { focus = false } = {}) {
    const item = this.#data?.items.find((one) => one.file === file);
    if (!item) return;
    const isNew = this.#file !== file;
    this.#file = file;
    const place = this.#shown.indexOf(item);
    if (place >= this.#limit) { this.#limit = PAGE * Math.ceil((place + 1) / PAGE); this.#tiles(); }
    this.#detail.item = item;
    this.#detail.correction = this.#corrections[file] ?? null;
    this.#mark(focus);
    if (isNew) this.dispatchEvent(new CustomEvent("selectionchange", { bubbles: true, composed: true, detail: { file } }));
    if (this.loadDetail && !item.loaded) this.#load(item);
  }
  async #load(item) {
    item.loaded = true;
    try {
      for await (const part of this.loadDetail(item.file)) {
        Object.assign(item, part);
        if (this.#file !== item.file) { item.loaded = false; return; } // the rest is loaded when it is looked at again
        this.#detail.item = item;
      }
    } catch (fault) {
      item.loaded = false;
      if (this.#file === item.file) this.#detail.item = { ...item, heat_note: String(fault.message ?? fault), neighbors_note: "" };
    }
  }

  #mark(focus = false) {
    const tiles = [...this.shadowRoot.querySelectorAll(".tile")];
    let current = null;
    for (const tile of tiles) {
      const isChosen = tile.dataset.file === this.#file;
      tile.setAttribute("aria-selected", String(isChosen)); tile.tabIndex = -1;
      if (isChosen) current = tile;
    }
    const first = current ?? tiles[0];
    if (first) first.tabIndex = 0;
    if (focus && first) { first.focus({ preventScroll: true }); first.scrollIntoView({ block: "nearest" }); }
  }

  #step(by) {
    const at = this.#shown.findIndex((item) => item.file === this.#file);
    const next = this.#shown[Math.max(0, Math.min(this.#shown.length - 1, at < 0 ? 0 : at + by))];
    if (next) this.#select(next.file, { focus: true });
  }
  #columns() {
    const tiles = [...this.shadowRoot.querySelectorAll(".tile")];
    const lower = tiles.findIndex((tile) => tile.offsetTop > tiles[0].offsetTop);
    return lower < 0 ? tiles.length : lower;
  }

  // --- decisions by key
  press(key) {
    const by = this.#moves[key];
    if (by) this.#step(by);
    return Boolean(by) || this.#decide(key);
  }
  #decide(key) {
    if (key === "u" && !this.#isDecided(this.#file) && this.#decided.length) this.#select(this.#decided.at(-1), { focus: true });
    this.#isKey = true;
    try { return this.#detail.press(key); } finally { this.#isKey = false; }
  }
  #remember({ file, action }) {
    this.undecide(file);
    if (action === "undo") return;
    this.#decided.push(file);
    const next = this.#isKey ? this.#next(file) : undefined;
    if (next) this.#select(next.file, { focus: true });
  }
  #isDecided(file) { return file in this.#corrections || this.#decided.includes(file); }
  // The next image after a file about which nothing has been decided.
  #next(file) {
    const at = this.#shown.findIndex((item) => item.file === file);
    const others = [...this.#shown.slice(at + 1), ...this.#shown.slice(0, Math.max(at, 0))];
    return others.find((item) => !this.#isDecided(item.file));
  }

  // --- what the user does
  get #moves() { return { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.#columns(), ArrowDown: this.#columns(), Home: -Infinity, End: Infinity }; }
  get #isInList() { return this.#find(".tiles").contains(this.shadowRoot.activeElement); }
  #choose(cell) {
    this.#cell = cell; this.#limit = PAGE; this.#find("confusion-matrix").selected = cell;
    this.#update();
    if (this.#shown.length && !this.#shown.some((item) => item.file === this.#file)) this.#select(this.#shown[0].file);
  }
  #key(event) {
    const isTyping = /^(input|select|textarea)$/.test(event.composedPath()[0]?.localName ?? "");
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    const inList = this.#isInList, inSide = this.#find(".side").contains(this.shadowRoot.activeElement);
    const isMove = inList ? this.#moves[event.key] : inSide && ["ArrowLeft", "ArrowRight"].includes(event.key);
    if (isMove) this.#step(this.#moves[event.key]);
    else if (inList && event.key === "Enter") this.#find(".side").focus();
    else if (event.key === "Escape") { if (inList) this.#choose({}); this.#mark(true); }
    else if (event.repeat || !this.#decide(event.key)) return; // a key that is held decides once
    event.preventDefault();
  }
  #listen(root) {
    this.#find(".tiles").addEventListener("click", (event) => { const tile = event.target.closest(".tile"); if (tile) this.#select(tile.dataset.file, { focus: true }); });
    root.addEventListener("cellchange", (event) => { event.stopPropagation(); this.#choose(event.detail); });
    root.addEventListener("keydown", (event) => this.#key(event));
    root.addEventListener("correction", (event) => this.#remember(event.detail));
    this.#find(".sort").onchange = this.#find(".unreviewed input").onchange = this.#find("input[type=search]").oninput = () => { this.#limit = PAGE; this.#update(); };
    this.#find(".clear").onclick = () => this.#choose({});
    this.#find(".more").onclick = () => { this.#limit += PAGE; this.#tiles(); };
  }
}

customElements.define("mistakes-browser", MistakesBrowser);
