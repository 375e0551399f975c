// <image-map>: images as points; zoom, hover, select with a lasso, export the names of the files.
//
// Data (JSON inside the element, or the property `data`):
//   views      [{name, points: [[x, y], ...]}]   ways to lay the images out; y grows upward
//   classes    [name, ...]
//   unknown    [number of the class, ...]        those that the network does not know; none where it is left out
//   labels     [number of the class, ...]        of every image
//   predicted  [number of the class, ...]
//   files      [name, ...]
//   neighbors  [[number of an image, ...], ...]  nearest first
//   tiles      {source, size, columns}           one sheet of thumbnails, row by row
// Event `selectionchange` with detail.files after every change of the selection.

const STYLE = new CSSStyleSheet();
STYLE.replaceSync(`
  :host { display: grid; grid-template-columns: minmax(0, 1fr) 17rem; gap: 1rem; }
  [part=plot] { position: relative; height: min(78vh, 60rem); min-height: 20rem; }
  canvas { width: 100%; height: 100%; display: block; border: 1px solid var(--line); border-radius: .4rem;
    background: var(--ground); touch-action: none; cursor: grab; }
  canvas.lasso { cursor: crosshair; }
  canvas:focus-visible, button:focus-visible, select:focus-visible { outline: 3px solid var(--focus); outline-offset: 1px; }
  .tools { display: flex; flex-wrap: wrap; gap: .4rem; margin-bottom: .5rem; grid-column: 1 / -1; align-items: center; }
  button, select { font: inherit; font-size: .9rem; min-height: 2rem; padding: .15rem .6rem; color: var(--ink);
    background: var(--raised); border: 1px solid var(--line); border-radius: .4rem; cursor: pointer; }
  button[aria-pressed=true] { border-color: var(--accent); box-shadow: inset 0 0 0 1px var(--accent); }
  button:disabled { opacity: .5; cursor: default; }
  aside { font-size: .9rem; line-height: 1.4; overflow-wrap: anywhere; min-width: 0; }
  .legend { display: flex; flex-wrap: wrap; gap: .3rem; margin-bottom: .8rem; }
  .legend button { padding: .1rem .5rem; display: inline-flex; align-items: center; gap: .35rem; }
  .legend button[aria-pressed=false] { opacity: .5; text-decoration: line-through; box-shadow: none; border-color: var(--line); }
  .legend svg { width: .8rem; height: .8rem; }
  .thumb { background-repeat: no-repeat; border-radius: .25rem; display: block; }
  .near { display: grid; grid-template-columns: repeat(5, 1fr); gap: .3rem; margin: .4rem 0; font-size: .72rem; }
  .near > div { min-width: 0; overflow: hidden; }
  .wrong { color: var(--mistake); font-weight: 600; }
  .soft { color: var(--soft); }
  ol { margin: .3rem 0; padding-left: 1.6rem; max-height: 14rem; overflow: auto; font-size: .8rem; }
  @media (max-width: 50rem) { :host { grid-template-columns: minmax(0, 1fr); } [part=plot] { height: 60vh; } }
`);

const SHAPES = ["circle", "square", "triangle", "diamond"];
const COLORS = 8;
const THUMBS_FROM = 26; // px between neighboring points from which thumbnails take the place of markers
const MOST_LISTED = 200; // names of selected files that are listed; the export holds all

class ImageMap extends HTMLElement {
  #data; #view = 0; #scale = 1; #center = [0, 0]; #hidden = new Set(); #selected = new Set(); #hover = -1;
  #lasso = null; #mode = "pan"; #thumbs = "auto"; #pointers = new Map(); #drawn = 0; #sheet = new Image();
  #probe; #colors = new Map(); #theme = new MutationObserver(() => this.#recolor());
  #resized = new ResizeObserver(() => this.#draw()); #left = new AbortController();

  connectedCallback() {
    this.#build();
    this.#left = new AbortController();
    this.#theme.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    this.#resized.observe(this.#find("canvas"));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#recolor(), { signal: this.#left.signal });
  }

  disconnectedCallback() { this.#theme.disconnect(); this.#resized.disconnect(); this.#left.abort(); }

  #build() {
    if (this.shadowRoot) return;
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [STYLE];
    root.innerHTML = `<div class="tools" role="toolbar" aria-label="Map">
        <select aria-label="Layout"></select>
        <button data-do="lasso" aria-pressed="false" title="Key L">Lasso</button>
        <button data-do="images" aria-pressed="false" title="Key I">Images</button>
        <button data-do="wrong" aria-pressed="false" title="Key M">Mistakes only</button>
        <button data-do="in" aria-label="Zoom in" title="Key +">+</button>
        <button data-do="out" aria-label="Zoom out" title="Key -">−</button>
        <button data-do="reset" title="Key 0">Whole map</button>
        <button data-do="visible" title="Key V">Select what is visible</button>
        <button data-do="clear" title="Escape">Clear</button>
        <button data-do="export" disabled>Export file names</button>
      </div>
      <div part="plot"><canvas tabindex="0" role="application" aria-roledescription="map of images"
        aria-label="Map of images. Arrows move the map, plus and minus zoom, N and P step through the images, Enter selects one, L starts the lasso, V selects what is visible."></canvas></div>
      <aside><div class="legend" role="group" aria-label="Classes"></div>
        <div class="detail"><p class="soft">Point at an image, or press N.</p></div>
        <div class="selection" role="status" aria-live="polite"></div></aside><i hidden></i>`;
    this.#probe = root.querySelector("i");
    this.#listen();
    const holder = this.querySelector('script[type="application/json"]');
    if (holder) this.data = JSON.parse(holder.textContent);
  }

  set data(data) {
    this.#data = data;
    this.#find("select").replaceChildren(...data.views.map((view, i) => new Option(view.name, i)));
    this.#sheet.onload = () => this.#draw();
    this.#sheet.src = data.tiles.source;
    this.#legend();
    this.#reset();
    this.#select([]);
  }

  get data() { return this.#data; }
  get selectedFiles() { return [...this.#selected].sort((a, b) => a - b).map((i) => this.#data.files[i]); }

  #find(selector) { return this.shadowRoot.querySelector(selector); }
  #points() { return this.#data.views[this.#view].points; }
  #isUnknown(i) { return this.#data.unknown?.includes(this.#data.labels[i]) ?? false; }
  #isWrong(i) { return this.#data.labels[i] !== this.#data.predicted[i] && !this.#isUnknown(i); }
  #isShown(i) { return !this.#hidden.has(this.#data.labels[i]) && (!this.#wrongOnly || this.#isWrong(i)); }
  get #wrongOnly() { return this.#find('[data-do="wrong"]').getAttribute("aria-pressed") === "true"; }
  #color(k) { return this.#computed(`--class-${k % COLORS}`); }
  /** A color of the page as a canvas takes it: `light-dark(...)`, which it does not take, is resolved for the theme. */
  #computed(name) {
    if (!this.#colors.has(name)) {
      this.#probe.style.color = `var(${name}, #888)`;
      this.#colors.set(name, getComputedStyle(this.#probe).color);
    }
    return this.#colors.get(name);
  }
  #recolor() { this.#colors.clear(); this.#legend(); this.#draw(); }
  #shape(k) { return SHAPES[Math.floor(k / COLORS) % SHAPES.length]; }

  // --- places
  #reset() {
    const points = this.#points(), canvas = this.#find("canvas");
    const [xs, ys] = [0, 1].map((axis) => points.reduce(
      ([low, high], p) => [Math.min(low, p[axis]), Math.max(high, p[axis])], [Infinity, -Infinity]));
    this.#center = [(xs[0] + xs[1]) / 2, (ys[0] + ys[1]) / 2];
    const width = canvas.clientWidth || 600, height = canvas.clientHeight || 400;
    this.#scale = 0.94 * Math.min(width / (xs[1] - xs[0] || 1), height / (ys[1] - ys[0] || 1));
    this.#draw();
  }
  #toScreen([x, y]) {
    const canvas = this.#find("canvas");
    return [(x - this.#center[0]) * this.#scale + canvas.clientWidth / 2,
      canvas.clientHeight / 2 - (y - this.#center[1]) * this.#scale];
  }
  #zoom(factor, x, y) {
    const canvas = this.#find("canvas");
    const dx = (x ?? canvas.clientWidth / 2) - canvas.clientWidth / 2, dy = canvas.clientHeight / 2 - (y ?? canvas.clientHeight / 2);
    this.#center[0] += (dx / this.#scale) * (1 - 1 / factor);
    this.#center[1] += (dy / this.#scale) * (1 - 1 / factor);
    this.#scale *= factor;
    this.#draw();
  }
  #pan(dx, dy) { this.#center[0] -= dx / this.#scale; this.#center[1] += dy / this.#scale; this.#draw(); }
  #nearest(x, y, most = 18) {
    let best = -1, least = most ** 2;
    this.#points().forEach((point, i) => {
      if (!this.#isShown(i)) return;
      const [px, py] = this.#toScreen(point), apart = (px - x) ** 2 + (py - y) ** 2;
      if (apart < least) [best, least] = [i, apart];
    });
    return best;
  }
  #visible() {
    const canvas = this.#find("canvas");
    return this.#points().map((point, i) => [i, ...this.#toScreen(point)]).filter(([i, x, y]) =>
      this.#isShown(i) && x >= 0 && y >= 0 && x <= canvas.clientWidth && y <= canvas.clientHeight).map(([i]) => i);
  }

  // --- drawing
  #draw() {
    if (!this.#data || this.#drawn) return;
    this.#drawn = requestAnimationFrame(() => { this.#drawn = 0; this.#paint(); });
  }
  #paint() {
    const canvas = this.#find("canvas"), ratio = devicePixelRatio || 1, pen = canvas.getContext("2d");
    canvas.width = canvas.clientWidth * ratio; canvas.height = canvas.clientHeight * ratio;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
    const visible = this.#visible(), area = canvas.clientWidth * canvas.clientHeight;
    const spacing = Math.sqrt(area / Math.max(visible.length, 1));
    const asImages = this.#thumbs === "on" || (this.#thumbs === "auto" && spacing > THUMBS_FROM);
    const side = Math.max(14, Math.min(72, spacing * 0.8)), radius = Math.max(2, Math.min(6, spacing / 5));
    const mistake = this.#computed("--mistake"), ink = this.#computed("--ink");
    const colors = this.#data.classes.map((_, k) => this.#color(k));
    for (const i of visible) {
      const k = this.#data.labels[i], [x, y] = this.#toScreen(this.#points()[i]);
      const half = asImages ? side / 2 : radius;
      if (asImages) {
        this.#tile(pen, i, x - half, y - half, side);
        pen.lineWidth = 2; pen.strokeStyle = colors[k]; pen.strokeRect(x - half, y - half, side, side);
      } else {
        pen.fillStyle = colors[k]; pen.globalAlpha = 0.85;
        this.#mark(pen, this.#shape(k), x, y, radius); pen.fill(); pen.globalAlpha = 1;
      }
      if (this.#isWrong(i)) { pen.strokeStyle = mistake; pen.lineWidth = 2; this.#cross(pen, x, y, half + 2); }
      if (this.#selected.has(i)) { pen.strokeStyle = ink; pen.lineWidth = 1.5; pen.strokeRect(x - half - 3, y - half - 3, 2 * half + 6, 2 * half + 6); }
      if (i === this.#hover) { pen.strokeStyle = ink; pen.lineWidth = 2.5; pen.beginPath(); pen.arc(x, y, half + 6, 0, 7); pen.stroke(); }
    }
    if (this.#lasso) {
      pen.beginPath(); this.#lasso.forEach(([x, y], n) => (n ? pen.lineTo(x, y) : pen.moveTo(x, y))); pen.closePath();
      pen.strokeStyle = this.#computed("--accent"); pen.lineWidth = 2; pen.setLineDash([6, 4]); pen.stroke(); pen.setLineDash([]);
    }
  }
  #tile(pen, i, x, y, side) {
    const { size, columns } = this.#data.tiles;
    if (this.#sheet.complete) pen.drawImage(this.#sheet, (i % columns) * size, Math.floor(i / columns) * size, size, size, x, y, side, side);
  }
  #cross(pen, x, y, r) {
    pen.beginPath(); pen.moveTo(x - r, y - r); pen.lineTo(x + r, y + r); pen.moveTo(x + r, y - r); pen.lineTo(x - r, y + r); pen.stroke();
  }
  #mark(pen, shape, x, y, r) {
    pen.beginPath();
    if (shape === "circle") pen.arc(x, y, r, 0, 7);
    else if (shape === "square") pen.rect(x - r, y - r, 2 * r, 2 * r);
    else if (shape === "triangle") { pen.moveTo(x, y - r); pen.lineTo(x + r, y + r); pen.lineTo(x - r, y + r); }
    else { pen.moveTo(x, y - r); pen.lineTo(x + r, y); pen.lineTo(x, y + r); pen.lineTo(x - r, y); }
    pen.closePath();
  }

  // --- legend, detail, selection
  #legend() {
    if (!this.#data) return;
    const paths = { circle: "M5 0a5 5 0 1 1-.01 0Z", square: "M0 0h10v10H0Z", triangle: "M5 0l5 10H0Z", diamond: "M5 0l5 5-5 5-5-5Z" };
    this.#find(".legend").replaceChildren(...this.#data.classes.map((name, k) => {
      const button = document.createElement("button");
      button.innerHTML = `<svg viewBox="0 0 10 10" aria-hidden="true"><path d="${paths[this.#shape(k)]}" fill="${this.#color(k)}"/></svg>`;
      button.append(name);
      button.setAttribute("aria-pressed", String(!this.#hidden.has(k)));
      button.onclick = () => {
        if (!this.#hidden.delete(k)) this.#hidden.add(k);
        button.setAttribute("aria-pressed", String(!this.#hidden.has(k))); this.#draw();
      };
      return button;
    }));
  }
  #thumb(i, side) {
    const { size, columns, source } = this.#data.tiles, thumb = document.createElement("span"), by = side / size;
    thumb.className = "thumb"; thumb.setAttribute("role", "img"); thumb.setAttribute("aria-label", this.#data.files[i]);
    thumb.style.cssText = `width:${side}px;height:${side}px;background-size:${columns * side}px auto;` +
      `background-position:${-(i % columns) * size * by}px ${-Math.floor(i / columns) * size * by}px`;
    thumb.style.backgroundImage = `url("${source}")`;
    return thumb;
  }
  #show(i) {
    if (i === this.#hover) return;
    this.#hover = i; this.#draw();
    if (i < 0) return;
    const { classes, labels, predicted, files, neighbors } = this.#data, detail = this.#find(".detail");
    const line = (text, kind = "") => { const p = document.createElement("div"); p.textContent = text; p.className = kind; return p; };
    const near = document.createElement("div"); near.className = "near";
    near.append(...neighbors[i].map((j) => {
      const cell = document.createElement("div"); cell.append(this.#thumb(j, 46), classes[labels[j]]); cell.title = files[j];
      if (labels[j] !== labels[i]) cell.classList.add("wrong");
      return cell;
    }));
    detail.replaceChildren(this.#thumb(i, 128), line(files[i], "soft"), line(`class ${classes[labels[i]]}${this.#isUnknown(i) ? ", which the network does not know" : ""}`),
      line(`predicted ${classes[predicted[i]]}`, this.#isWrong(i) ? "wrong" : ""), line("nearest images:", "soft"), near);
  }
  #select(numbers) {
    this.#selected = new Set(numbers);
    const names = this.selectedFiles, place = this.#find(".selection");
    this.#find('[data-do="export"]').disabled = !names.length;
    place.textContent = names.length ? `${names.length} selected` : "";
    if (names.length) {
      const list = document.createElement("ol");
      for (const name of names.slice(0, MOST_LISTED)) {
        const line = document.createElement("li");
        line.textContent = name;
        list.append(line);
      }
      place.append(list);
      if (names.length > MOST_LISTED) place.append(`and ${names.length - MOST_LISTED} more`);
    }
    this.dispatchEvent(new CustomEvent("selectionchange", { bubbles: true, detail: { files: names } }));
    this.#draw();
  }
  #insideLasso() {
    const polygon = this.#lasso;
    return this.#visible().filter((i) => {
      const [x, y] = this.#toScreen(this.#points()[i]);
      let inside = false;
      for (let a = 0, b = polygon.length - 1; a < polygon.length; b = a++) {
        const [ax, ay] = polygon[a], [bx, by] = polygon[b];
        if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
      }
      return inside;
    });
  }
  #export() {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([this.selectedFiles.join("\n") + "\n"], { type: "text/plain" }));
    link.download = "selected-images.txt"; link.click(); URL.revokeObjectURL(link.href);
  }

  // --- what the user does
  #do(action) {
    const button = this.#find(`[data-do="${action}"]`);
    const press = (on) => button.setAttribute("aria-pressed", String(on));
    if (action === "lasso") { this.#mode = this.#mode === "lasso" ? "pan" : "lasso"; press(this.#mode === "lasso"); this.#find("canvas").classList.toggle("lasso", this.#mode === "lasso"); }
    else if (action === "images") { this.#thumbs = this.#thumbs === "on" ? "auto" : "on"; press(this.#thumbs === "on"); }
    else if (action === "wrong") press(!this.#wrongOnly);
    else if (action === "in") this.#zoom(1.4);
    else if (action === "out") this.#zoom(1 / 1.4);
    else if (action === "reset") this.#reset();
    else if (action === "visible") this.#select(this.#visible());
    else if (action === "clear") this.#select([]);
    else if (action === "export") this.#export();
    this.#draw();
  }
  #step(by) {
    const visible = this.#visible();
    if (visible.length) this.#show(visible[(visible.indexOf(this.#hover) + by + visible.length) % visible.length]);
  }
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const moves = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] };
    const actions = { "+": "in", "=": "in", "-": "out", 0: "reset", l: "lasso", i: "images", m: "wrong", v: "visible", Escape: "clear" };
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (moves[key]) this.#pan(...moves[key]);
    else if (actions[key]) this.#do(actions[key]);
    else if (key === "n" || key === "p") this.#step(key === "n" ? 1 : -1);
    else if (key === "Enter" && this.#hover >= 0) this.#toggle(this.#hover);
    else return;
    event.preventDefault();
  }
  #toggle(i) { this.#select(this.#selected.has(i) ? [...this.#selected].filter((j) => j !== i) : [...this.#selected, i]); }
  #listen() {
    const canvas = this.#find("canvas"), at = (event) => [event.offsetX, event.offsetY];
    this.shadowRoot.addEventListener("click", (event) => { const action = event.target.closest("[data-do]")?.dataset.do; if (action) this.#do(action); });
    this.#find("select").onchange = (event) => { this.#view = Number(event.target.value); this.#reset(); };
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("wheel", (event) => { event.preventDefault(); this.#zoom(Math.exp(-event.deltaY / 400), ...at(event)); }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId); this.#pointers.set(event.pointerId, { at: at(event), from: at(event) });
      if ((this.#mode === "lasso" || event.shiftKey) && this.#pointers.size === 1) this.#lasso = [at(event)];
    });
    canvas.addEventListener("pointermove", (event) => {
      const pointer = this.#pointers.get(event.pointerId), here = at(event);
      if (!pointer) { this.#show(this.#nearest(...here)); return; }
      const before = pointer.at; pointer.at = here;
      if (this.#lasso) { this.#lasso.push(here); this.#draw(); return; }
      const others = [...this.#pointers.entries()].filter(([id]) => id !== event.pointerId);
      if (others.length) {
        const [ox, oy] = others[0][1].at, apart = (p) => Math.hypot(p[0] - ox, p[1] - oy);
        if (apart(before)) this.#zoom(apart(here) / apart(before), (here[0] + ox) / 2, (here[1] + oy) / 2);
      } else this.#pan(here[0] - before[0], here[1] - before[1]);
    });
    const end = (event) => {
      const pointer = this.#pointers.get(event.pointerId);
      if (!this.#pointers.delete(event.pointerId)) return;
      if (this.#lasso) { if (this.#lasso.length > 2) this.#select(this.#insideLasso()); this.#lasso = null; this.#draw(); return; }
      const [x, y] = at(event);
      if (event.type === "pointerup" && Math.hypot(x - pointer.from[0], y - pointer.from[1]) < 4) {
        const i = this.#nearest(x, y);
        if (i >= 0) { this.#show(i); this.#toggle(i); }
      }
    };
    canvas.addEventListener("pointerup", end);
    canvas.addEventListener("pointercancel", end);
  }
}

customElements.define("image-map", ImageMap);
