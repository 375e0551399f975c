// <convolution-lab>: an image, a kernel and what their convolution gives; every cell can be edited, every output explained.
//
// Data (JSON inside the element, or the property `data`):
//   images   [{name, rows, color}, ...]   rows of numbers, and those of red, green and blue, which may be missing;
//            an image can also be {name, source}, an address
//   kernels  [{name, group, rows, shows, channels, partner, combine}, ...]
//            channels, may be missing: the rows for red, green and blue, which are used where the image has colors;
//            partner and combine, may be missing: the second kernel of a pair, and `magnitude` or `angle`
//   image, kernel                         names of those shown first, may be missing
//   settings {operation, size, border, stride, color}   as alexnet.convolve2d has them, may be missing; color is
//            whether a kernel of three channels is applied to the three colors
// Property `state`: {image, kernel, operation, size, border, stride, color}; may be set in part.
// Property `colors`: the rows of red, green and blue of an image that has colors, else null. Property `output`: rows.
// Property `kernels`: others in place of those of the data; the chosen one stays where one of its name is among them.
// Property `kernel`: the name of the chosen one, "" for an edited one.
// Method `take({name, source})` shows the image at an address; `frame(canvas)` a frame of a camera, without an event.
// Event `statechange` after every change; `imagechange` before it, where the user chose another image on the element.
// The arithmetic is that of alexnet.convolve2d; the tests compare the two.
import { combined, convolve, convolveColor, placeOf, planOf } from "./convolution/arithmetic.js";
import { cellOf, editableOf, factor, gridOf, short, shownOf } from "./convolution/cells.js";
import { COLORS, colorsOf, swatchOf } from "./convolution/swatches.js";
import { TERM_STYLE, term } from "./words/terms.js";
import { canvasOf, frame, paint, paintAngles, pixelsOf, rangeOf, readPixels } from "./convolution/pixels.js";

const STYLE = new CSSStyleSheet();
STYLE.replaceSync(`
  :host { display: block; font-variant-numeric: tabular-nums; container-type: inline-size; } :host([hidden]) { display: none; }
  [hidden] { display: none !important; }
  .tools { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; margin-bottom: 1rem; font-size: .9rem; }
  .tools label { display: inline-flex; gap: .35rem; align-items: center; }
  select, button, .guess input, .tools input[type=number], .file { font: inherit; font-size: .9rem; min-height: 2rem; padding: .15rem .5rem;
    color: var(--ink); background: var(--raised); border: 1px solid var(--line); border-radius: .4rem; max-width: 15rem; }
  .tools .file { position: relative; overflow: hidden; cursor: pointer; padding: .15rem .75rem; } .file:has(:focus-visible) { outline: 3px solid var(--focus); outline-offset: 1px; }
  .file input { position: absolute; inset: 0; opacity: 0; cursor: pointer; font-size: 0; }
  button { cursor: pointer; } .tools input[type=number] { width: 3.5rem; }
  :is(select, button, input, td, canvas):focus-visible { outline: 3px solid var(--focus); outline-offset: 1px; }
  .stage { display: flex; flex-wrap: wrap; gap: 1rem 2rem; align-items: flex-start; }
  .stage > div { min-width: 0; max-width: 100%; overflow-x: auto; padding: 3px; }
  .title { font-weight: 600; margin: 0 0 .3rem; } .soft { color: var(--soft); font-size: .85rem; }
  table { border-collapse: collapse; } td { width: 2.5rem; min-width: 2.5rem; height: 2.5rem; padding: 0; border: 1px solid var(--line); text-align: center;
    position: relative; font-size: .9rem; color: var(--ink); }
  td input { font: inherit; width: 100%; height: 100%; text-align: center; border: 0; background: none; color: var(--ink); padding: 0; -moz-appearance: textfield; }
  td input::-webkit-inner-spin-button { display: none; }
  td.border { color: var(--soft); background: var(--raised); border-style: dashed; }
  td.patch { background: color-mix(in srgb, var(--class-1) 28%, var(--ground)); box-shadow: inset 0 0 0 1px var(--class-1); }
  td small { position: absolute; top: 0; left: .15rem; font-size: .62rem; color: var(--ink); line-height: 1.2; pointer-events: none; }
  .kernel td { background: color-mix(in srgb, var(--class-1) 18%, var(--ground)); }
  .output td { cursor: pointer; background: color-mix(in srgb, var(--tint) calc(var(--part) * 38%), var(--ground)); }
  .output td.here { outline: 3px solid var(--accent); outline-offset: -2px; font-weight: 700; }
  .wide td { width: 2rem; min-width: 2rem; height: 2rem; font-size: .7rem; }
  canvas { display: block; width: min(24rem, 80vw); image-rendering: pixelated; border: 1px solid var(--line); cursor: crosshair; }
  .kernel canvas { width: 8rem; cursor: default; } .colors { display: grid; grid-template-columns: 8rem 8rem; gap: .5rem; }
  figure { margin: 0; } figcaption { color: var(--soft); font-size: .85rem; }
  .equation { font-size: 1.02rem; line-height: 1.7; overflow-wrap: anywhere; margin: 1rem 0 .3rem; min-height: 3.4em; }
  .equation b { color: var(--accent); } .fault { color: var(--mistake); }
  .guess { display: flex; gap: .5rem; align-items: center; flex-wrap: wrap; } .guess input { width: 7rem; }
`);

const MOST_CELLS = 16; // longer sides are shown as an image without numbers
const MOST_TERMS = 25; // of a sum that is written out
const MOST_TAPS = 11; // a longer kernel is shown without numbers
const SIDES = [1, 2, 3, 4, 5, 7];
const CHOICES = { size: ["valid", "same", "full"], border: ["zero", "reflect", "replicate", "circular"] };
const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

class ConvolutionLab extends HTMLElement {
  #data = { images: [], kernels: [] }; #at = [0, 0]; #shown = new Set(); #score = [0, 0];
  #state = { image: [[0]], kernel: [[1]], operation: "convolution", size: "valid", border: "zero", stride: 1, color: true };
  #colors = null; #more = {}; #turn = 0; // of the image; of the kernel, see the data; the number of images that were asked for

  connectedCallback() {
    if (this.shadowRoot) return;
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [STYLE, TERM_STYLE];
    root.innerHTML = `<div class="tools">
        <label>image <select class="image"></select></label><label class="file"><input type="file" accept="image/*">an image of your own</label>
        <label>kernel <select class="gallery"></select></label>
        <label><select class="rows" aria-label="rows of the kernel"></select>×<select class="columns" aria-label="columns of the kernel"></select></label>
        <label><input type="checkbox" class="flip"> flip the kernel</label><label class="color"><input type="checkbox"> in color</label>
        <label>size <select class="size"></select></label><label>border <select class="border"></select></label>
        <label>stride <input type="number" class="stride" min="1" max="8" step="1"></label>
        <label><input type="checkbox" class="predict"> predict first</label></div>
      <div class="stage"><div class="input"><p class="title">I, the image</p><div class="grid"></div></div>
        <div class="kernel"><p class="title">K, the kernel</p><div class="grid"></div><div class="second"></div><p class="title slides"></p><div class="slid"></div></div>
        <div class="output"><p class="title">O, the output</p><div class="grid"></div></div></div>
      <p class="equation" role="status"></p>
      <form class="guess" hidden><label><span></span> <input inputmode="text" autocomplete="off" aria-label="your prediction"></label>
        <button>reveal</button><button type="button" class="all">reveal all</button><span class="told" role="status"></span></form>
      <p class="soft about"></p>`;
    for (const name of ["rows", "columns"]) this.#find(`.${name}`).append(...SIDES.map((side) => new Option(String(side), String(side))));
    for (const [name, explained] of [["border", "padding"], ["stride", "stride"]]) this.#find(`.${name}`).parentElement.after(term(explained));
    for (const [name, values] of Object.entries(CHOICES)) this.#find(`.${name}`).append(...values.map((value) => new Option(String(value), String(value))));
    this.#listen();
    const holder = this.querySelector('script[type="application/json"]');
    if (holder) this.data = JSON.parse(holder.textContent);
    else this.#start();
  }

  get data() { return this.#data; }
  set data(data) { this.#data = data; if (this.shadowRoot) this.#start(); }
  get state() { return structuredClone(this.#state); }
  set state(state) { this.#change(structuredClone(state)); }
  get colors() { return structuredClone(this.#colors); }
  get output() { return this.#plan().fault ? [] : this.#convolve().map((row) => [...row]); }
  get selected() { return [...this.#at]; }
  set selected([row, column]) { this.#at = [row, column]; this.#point(); }

  #find(selector) { return this.shadowRoot.querySelector(selector); }

  #start() {
    const { images, kernels, settings } = this.#data;
    this.#find(".image").replaceChildren(...images.map((image, n) => new Option(image.name, String(n))), new Option("edited", ""));
    this.#listKernels();
    this.#change(settings ?? {});
    this.#takeImage(Math.max(0, images.findIndex((image) => image.name === this.#data.image)));
    this.#takeKernel(Math.max(0, kernels.findIndex((kernel) => kernel.name === this.#data.kernel)));
  }
  get kernel() { const { text, value } = this.#find(".gallery").selectedOptions[0]; return value && text; }
  set kernel(name) { this.#takeKernel(this.#data.kernels.findIndex((kernel) => kernel.name === name)); }
  set kernels(kernels) {
    const { kernel: name } = this;
    this.#data = { ...this.#data, kernels };
    this.#listKernels();
    if (name) this.#takeKernel(Math.max(0, kernels.findIndex((kernel) => kernel.name === name)));
    else this.#find(".gallery").value = "";
  }
  #listKernels() {
    const groups = new Map();
    this.#data.kernels.forEach((kernel, n) => groups.set(kernel.group, [...(groups.get(kernel.group) ?? []), new Option(kernel.name, String(n))]));
    this.#find(".gallery").replaceChildren(...[...groups].map(([name, options]) => {
      const group = document.createElement("optgroup"); group.label = name; group.append(...options); return group;
    }), new Option("edited", ""));
  }
  #takeKernel(n) {
    const kernel = this.#data.kernels[n];
    if (!kernel) return;
    const { image } = this.#state, { rows, channels, partner, combine, shows } = kernel;
    if (rows.length > image.length || rows[0].length > image[0].length) this.#takeImage(this.#data.images.length - 1); // the largest
    this.#change({ kernel: structuredClone(rows) }, { more: { channels, partner, combine } });
    this.#find(".gallery").value = n; this.#find(".about").textContent = shows ? `${kernel.name}: ${shows}` : "";
  }
  async #takeImage(n) {
    const image = this.#data.images[n], turn = ++this.#turn;
    if (!image) return;
    const pixels = image.rows ? { image: structuredClone(image.rows), color: image.color ?? null } : await readPixels(image.source);
    if (turn !== this.#turn) return;
    this.#change({ image: pixels.image }, pixels);
    this.#find(".image").value = n;
  }
  async take({ name, source }) {
    const turn = ++this.#turn, pixels = await readPixels(source);
    if (turn !== this.#turn) return;
    this.#name(name);
    this.#change({ image: pixels.image }, pixels);
  }
  frame(canvas) {
    const { image, color } = pixelsOf(canvas, canvas.width, canvas.height), was = this.#state.image;
    const isLike = this.#isLarge && this.values && was.length === image.length && was[0].length === image[0].length && Boolean(color) === Boolean(this.#colors);
    this.#turn += 1; this.#state.image = image; this.#colors = color;
    if (!isLike) { this.#name("camera"); this.#draw(); return; }
    if (this.#plan().fault) return;
    this.values = this.#convolve();
    this.#paintInput(); this.#paintOutput(); this.#point();
  }
  /** What the list of images shows for one that is not in it. */
  #name(text) { const list = this.#find(".image"); list.options[list.options.length - 1].text = text; list.value = ""; }

  // --- arithmetic
  #plan() { return planOf(this.#state.image, this.#state.kernel, this.#state); }
  get #isColor() { return Boolean(this.#more.channels && this.#colors && this.#state.color); }
  #corner(plan, row, column) {
    const { stride } = this.#state;
    return [plan.down.first + row * stride - plan.down.lead, plan.across.first + column * stride - plan.across.lead];
  }
  #read(y, x, rows = this.#state.image) {
    const { border } = this.#state, v = placeOf(y, rows.length, border), u = placeOf(x, rows[0].length, border);
    return v < 0 || u < 0 ? 0 : rows[v][u];
  }
  #convolve() {
    const { image, kernel } = this.#state, { channels, partner, combine } = this.#more;
    if (this.#isColor) return convolveColor(this.#colors, channels, this.#state);
    const values = convolve(image, kernel, this.#state);
    return partner ? combined(combine, values, convolve(image, partner, this.#state), this.#state.operation) : values;
  }

  // --- drawing
  #change(values, { color = null, more = {} } = {}) {
    this.#state = { ...this.#state, ...values };
    if (values.image) this.#colors = color;
    if (values.kernel) this.#more = more;
    if (!this.shadowRoot) return;
    this.#shown.clear(); this.#score = [0, 0];
    this.#draw();
    this.dispatchEvent(new CustomEvent("statechange", { bubbles: true, composed: true, detail: this.state }));
  }
  #draw() {
    const { kernel, operation, size, border, stride, color } = this.#state, plan = this.#plan(), { channels } = this.#more;
    this.#find(".color").hidden = !channels || !this.#colors; this.#find(".color input").checked = color;
    this.#find(".flip").checked = operation === "convolution";
    this.#find(".size").value = size; this.#find(".border").value = border; this.#find(".stride").value = stride;
    this.#find(".border").disabled = size === "valid";
    for (const [name, side] of [["rows", kernel.length], ["columns", kernel[0].length]]) {
      const select = this.#find(`.${name}`);
      if (![...select.options].some((option) => option.value === String(side))) select.append(new Option(String(side), String(side)));
      select.value = side;
    }
    this.#drawKernel(plan);
    this.#find(".guess").hidden = !this.#find(".predict").checked || Boolean(plan.fault);
    if (plan.fault) { this.#tell(plan.fault, true); this.#find(".output .grid").replaceChildren(); this.#find(".input .grid").replaceChildren(this.#inputGrid(null)); return; }
    this.values = this.#convolve();
    this.#at = [Math.min(this.#at[0], plan.down.outputs - 1), Math.min(this.#at[1], plan.across.outputs - 1)];
    this.#find(".input .grid").replaceChildren(this.#inputGrid(plan));
    this.#find(".output .grid").replaceChildren(this.#outputGrid());
    this.#point();
  }
  get #isLarge() { return Math.max(this.#state.image.length, this.#state.image[0].length) > MOST_CELLS; }

  #drawKernel({ slid }) {
    const { kernel, operation } = this.#state, { channels, partner } = this.#more, isLong = Math.max(kernel.length, kernel[0].length) > MOST_TAPS;
    const drawn = isLong || this.#isColor, draw = (rows) => (isLong ? swatchOf([rows]) : shownOf(rows));
    this.#find(".kernel .grid").replaceChildren(this.#isColor ? colorsOf(channels) : isLong ? swatchOf([kernel]) : editableOf(kernel, "kernel"));
    this.#find(".second").replaceChildren(...(partner ? ["and the second of the pair", draw(partner)] : []));
    this.#find(".slides").textContent = operation === "convolution" ? "as it slides: flipped" : "as it slides: not flipped";
    this.#find(".slides").hidden = drawn;
    this.#find(".slid").replaceChildren(drawn || !slid ? "" : shownOf(slid));
    for (const each of /** @type {NodeListOf<HTMLInputElement>} */ (this.shadowRoot.querySelectorAll(".rows, .columns"))) each.disabled = drawn;
  }
  #inputGrid(plan) {
    const { image, kernel } = this.#state;
    if (this.#isLarge) { const canvas = canvasOf("the image"); this.#paintInput(canvas); return canvas; }
    const table = editableOf(image, "image");
    if (!plan) return table;
    const low = [Math.min(0, plan.down.first - plan.down.lead), Math.min(0, plan.across.first - plan.across.lead)];
    const high = [Math.max(image.length, plan.down.first - plan.down.lead + plan.down.count + kernel.length - 1), Math.max(image[0].length, plan.across.first - plan.across.lead + plan.across.count + kernel[0].length - 1)];
    const inputs = [...table.rows].map((row) => [...row.cells]), cells = [];
    for (let y = low[0]; y < high[0]; y++) {
      cells.push([]);
      for (let x = low[1]; x < high[1]; x++) {
        const cell = inputs[y]?.[x] ?? cellOf(short(this.#read(y, x)), "border");
        cell.dataset.y = String(y); cell.dataset.x = String(x); cells.at(-1).push(cell);
      }
    }
    const grown = gridOf(cells); grown.classList.toggle("wide", high[1] - low[1] > 9);
    return grown;
  }
  #paintInput(canvas = this.#find(".input canvas")) { paint(canvas, (this.#isColor && this.#colors) || [this.#state.image], [0, 255]); }
  #paintOutput(canvas = this.#find(".output canvas"), scale = this.#find(".scale")) {
    const { channels, combine } = this.#more, { values } = this, range = rangeOf((this.#isColor ? channels : this.#state.kernel).flat(2), values);
    if (combine === "angle") paintAngles(canvas, values);
    else paint(canvas, [values], range);
    scale.textContent = combine === "angle" ? "0° red, 90° green-yellow, ±180° cyan, -90° violet"
      : `black ${short(range[0])}, ${range[0] === -range[1] ? "gray 0, " : ""}white ${short(range[1])}`;
  }
  #outputGrid() {
    const values = this.values.map((row) => [...row]);
    if (this.#isLarge) { const canvas = canvasOf("the output"), scale = document.createElement("p"), box = document.createElement("div");
      canvas.tabIndex = 0; scale.className = "soft scale"; this.#paintOutput(canvas, scale);
      box.append(canvas, scale); return box; }
    const most = Math.max(1e-12, ...values.flat().map(Math.abs)), isHiding = this.#find(".predict").checked;
    const table = gridOf(values.map((row, i) => row.map((value, j) => {
      const isShown = !isHiding || this.#shown.has(`${i},${j}`), cell = cellOf(isShown ? short(value) : "?");
      cell.dataset.row = String(i); cell.dataset.column = String(j); cell.tabIndex = -1;
      cell.style.setProperty("--part", String(isShown ? Math.abs(value) / most : 0));
      cell.style.setProperty("--tint", value < 0 ? "var(--accent)" : "var(--mistake)");
      return cell;
    })));
    table.classList.toggle("wide", values[0].length > 9);
    return table;
  }
  #point(focus = false) {
    const plan = this.#plan();
    if (plan.fault || !this.values) return;
    const [row, column] = this.#at, [top, left] = this.#corner(plan, row, column), { slid } = plan;
    if (this.#isLarge) {
      frame(this.#find(".input canvas"), left, top, slid[0].length, slid.length);
      frame(this.#find(".output canvas"), column, row, 1, 1);
    } else {
      for (const cell of this.shadowRoot.querySelectorAll(".input td")) {
        const s = Number(cell.dataset.y) - top, t = Number(cell.dataset.x) - left, weight = slid[s]?.[t];
        cell.classList.toggle("patch", weight !== undefined);
        cell.querySelector("small")?.remove();
        if (weight !== undefined) { const note = document.createElement("small"); note.textContent = short(weight); cell.append(note); }
      }
      for (const cell of this.shadowRoot.querySelectorAll(".output td")) {
        const isHere = Number(cell.dataset.row) === row && Number(cell.dataset.column) === column;
        cell.classList.toggle("here", isHere); cell.tabIndex = isHere ? 0 : -1;
        if (isHere && focus) cell.focus();
      }
    }
    this.#explain(plan, row, column, top, left);
  }
  #explain(/** @type {any} */ { down, across, slid }, row, column, top, left) {
    const { stride } = this.#state, name = `O[${down.first + row * stride},${across.first + column * stride}]`;
    const isHidden = this.#find(".predict").checked && !this.#shown.has(`${row},${column}`) && !this.#isLarge;
    this.#find(".guess span").textContent = `${name} =`;
    const sum = this.#sum(slid, top, left);
    const line = this.#find(".equation"), result = document.createElement("b");
    result.textContent = isHidden ? "?" : short(this.values[row][column]);
    line.className = "equation"; line.replaceChildren(`${name} = ${isHidden ? "…" : sum} = `, result);
  }
  /** The sum at a patch, written out; of several kernels, the result of each. */
  #sum(slid, top, left) {
    const { operation } = this.#state, { channels, partner, combine } = this.#more;
    const total = (kernel, rows) => short(planOf(rows, kernel, this.#state).slid.reduce((sum, weights, s) => sum + weights.reduce((part, weight, t) => part + weight * this.#read(top + s, left + t, rows), 0), 0));
    if (this.#isColor) return this.#colors.map((rows, c) => `${COLORS[c]} ${factor(Number(total(channels[c], rows)))}`).join(" + ");
    if (partner) {
      const [x, y] = [this.#state.kernel, partner].map((kernel) => total(kernel, this.#state.image)), sign = operation === "convolution" ? "-" : "";
      return combine === "magnitude" ? `√((${x})² + (${y})²)` : `atan2(${sign}(${y}), ${sign}(${x}))`;
    }
    const terms = slid.flatMap((weights, s) => weights.map((weight, t) => `${factor(weight)}·${factor(this.#read(top + s, left + t))}`));
    return terms.length > MOST_TERMS ? `${terms.slice(0, MOST_TERMS).join(" + ")} + … (${terms.length} products)` : terms.join(" + ");
  }
  #tell(text, isFault) { const line = this.#find(".equation"); line.textContent = text; line.className = isFault ? "equation fault" : "equation"; }

  // --- what the user does
  #edit(input) {
    const value = Number(input.value.replace(",", "."));
    if (!Number.isFinite(value) || input.value.trim() === "") { input.value = short(this.#state[input.dataset.what][input.dataset.row][input.dataset.column]); return; }
    const rows = structuredClone(this.#state[input.dataset.what]);
    rows[input.dataset.row][input.dataset.column] = value;
    const at = `[data-what=${input.dataset.what}][data-row="${input.dataset.row}"][data-column="${input.dataset.column}"]`, hadFocus = this.shadowRoot.activeElement;
    if (input.dataset.what === "image") this.#name("edited");
    else this.#find(".gallery").value = "";
    const next = hadFocus?.dataset?.what ? `[data-what=${hadFocus.dataset.what}][data-row="${hadFocus.dataset.row}"][data-column="${hadFocus.dataset.column}"]` : at;
    this.#change({ [input.dataset.what]: rows });
    if (hadFocus?.dataset?.what) this.#find(next)?.focus();
  }
  #resize() {
    const [rows, columns] = ["rows", "columns"].map((name) => Number(this.#find(`.${name}`).value)), { kernel } = this.#state;
    this.#find(".gallery").value = "";
    this.#change({ kernel: Array.from({ length: rows }, (_, i) => Array.from({ length: columns }, (_, j) => kernel[i]?.[j] ?? 0)) });
  }
  #reveal(all) {
    const [row, column] = this.#at, key = `${row},${column}`, told = this.#find(".told"), value = this.values[row][column];
    if (all) this.values.forEach((line, i) => line.forEach((_, j) => this.#shown.add(`${i},${j}`)));
    else if (!this.#shown.has(key)) {
      const guess = this.#find(".guess input").value.trim().replace(",", "."), isGood = guess !== "" && Math.abs(Number(guess) - value) <= 1e-3 * Math.max(1, Math.abs(value));
      this.#score = [this.#score[0] + Number(isGood), this.#score[1] + 1]; this.#shown.add(key);
      told.textContent = `${isGood ? "✓ yes" : `✗ it is ${short(value)}`}: ${this.#score[0]} of ${this.#score[1]} predicted`;
    }
    this.#find(".guess input").value = "";
    this.#find(".output .grid").replaceChildren(this.#outputGrid()); this.#point();
  }
  #step([down, across]) {
    const row = this.#at[0] + down, column = this.#at[1] + across;
    if (this.values[row]?.[column] === undefined) return;
    this.#at = [row, column]; this.#point(true);
  }
  #listen() {
    const root = this.shadowRoot, output = this.#find(".output .grid");
    const pointed = (event) => {
      const cell = event.target.closest("td"), canvas = event.target.closest("canvas");
      if (cell) this.#at = [Number(cell.dataset.row), Number(cell.dataset.column)];
      else if (canvas) this.#at = [Math.min(this.values.length - 1, Math.floor((event.offsetY / canvas.clientHeight) * this.values.length)), Math.min(this.values[0].length - 1, Math.floor((event.offsetX / canvas.clientWidth) * this.values[0].length))].map((n) => Math.max(0, n));
      else return;
      this.#point(event.type === "click");
    };
    output.addEventListener("pointermove", (event) => { if (!this.#find(".predict").checked) pointed(event); });
    output.addEventListener("click", pointed);
    output.addEventListener("keydown", (event) => { if (MOVES[event.key]) { this.#step(MOVES[event.key]); event.preventDefault(); } });
    root.addEventListener("change", (event) => {
      const target = event.target;
      if (target.dataset.what) this.#edit(target);
      else if (target.matches(".image") && target.value !== "") { this.#chosen(); this.#takeImage(Number(target.value)); }
      else if (target.matches(".gallery") && target.value !== "") this.#takeKernel(Number(target.value));
      else if (target.matches(".rows, .columns")) this.#resize();
      else if (target.matches(".flip")) this.#change({ operation: target.checked ? "convolution" : "correlation" });
      else if (target.matches(".size, .border")) this.#change({ [target.className]: target.value });
      else if (target.matches(".stride")) this.#change({ stride: Math.max(1, Math.min(8, Math.round(Number(target.value)) || 1)) });
      else if (target.matches(".color input")) this.#change({ color: target.checked });
      else if (target.matches(".predict")) { this.#find(".told").textContent = ""; this.#change({}); }
      else if (target.matches("[type=file]") && target.files[0]) this.#open(target.files[0]);
    });
    this.#find(".guess").addEventListener("submit", (event) => { event.preventDefault(); this.#reveal(false); });
    this.#find(".all").onclick = () => this.#reveal(true);
  }
  #chosen() { this.dispatchEvent(new CustomEvent("imagechange", { bubbles: true, composed: true })); }
  async #open(file) {
    const source = URL.createObjectURL(file);
    this.#chosen();
    try { await this.take({ name: file.name, source }); }
    catch { this.#tell(`${file.name}: this browser cannot read it; choose a JPEG or PNG.`, true); }
    finally { URL.revokeObjectURL(source); }
  }
}

customElements.define("convolution-lab", ConvolutionLab);
