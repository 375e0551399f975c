// <convolution-lab>: an image, a kernel and what their convolution gives; every cell can be edited, every output explained.
//
// Data (JSON inside the element, or the property `data`):
//   images   [{name, rows}, ...]          rows of numbers; an image can also be {name, source}, drawn to gray values
//   kernels  [{name, group, rows, shows}, ...]
//   image, kernel                         names of those shown first, may be missing
//   settings {operation, size, border, stride}   as alexnet.convolve2d has them, may be missing
// Property `state`: {image, kernel, operation, size, border, stride}, rows of numbers and settings; may be set in part.
// Property `output`: rows of numbers. Event `statechange` after every change.
// The arithmetic is that of alexnet.convolve2d; the tests compare the two.

const STYLE = new CSSStyleSheet();
STYLE.replaceSync(`
  :host { display: block; font-variant-numeric: tabular-nums; container-type: inline-size; } :host([hidden]) { display: none; }
  [hidden] { display: none !important; }
  .tools { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; margin-bottom: 1rem; font-size: .9rem; }
  .tools label { display: inline-flex; gap: .35rem; align-items: center; }
  select, button, .guess input, .tools input:is([type=number], [type=file]) { font: inherit; font-size: .9rem; min-height: 2rem; padding: .15rem .5rem;
    color: var(--ink); background: var(--raised); border: 1px solid var(--line); border-radius: .4rem; max-width: 15rem; }
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
  .equation { font-size: 1.02rem; line-height: 1.7; overflow-wrap: anywhere; margin: 1rem 0 .3rem; min-height: 3.4em; }
  .equation b { color: var(--accent); } .fault { color: var(--mistake); }
  .guess { display: flex; gap: .5rem; align-items: center; flex-wrap: wrap; } .guess input { width: 7rem; }
`);

const MOST_CELLS = 16; // longer sides are shown as an image without numbers
const MOST_TERMS = 25; // of a sum that is written out
const SIDES = [1, 2, 3, 4, 5, 7];
const CHOICES = { size: ["valid", "same", "full"], border: ["zero", "reflect", "replicate", "circular"] };
const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

class ConvolutionLab extends HTMLElement {
  #data = { images: [], kernels: [] }; #at = [0, 0]; #shown = new Set(); #score = [0, 0];
  #state = { image: [[0]], kernel: [[1]], operation: "convolution", size: "valid", border: "zero", stride: 1 };

  connectedCallback() {
    if (this.shadowRoot) return;
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [STYLE];
    root.innerHTML = `<div class="tools">
        <label>image <select class="image"></select></label><label>own <input type="file" accept="image/*" aria-label="own image"></label>
        <label>kernel <select class="gallery"></select></label>
        <label><select class="rows" aria-label="rows of the kernel"></select>×<select class="columns" aria-label="columns of the kernel"></select></label>
        <label><input type="checkbox" class="flip"> flip the kernel</label>
        <label>size <select class="size"></select></label><label>border <select class="border"></select></label>
        <label>stride <input type="number" class="stride" min="1" max="8" step="1"></label>
        <label><input type="checkbox" class="predict"> predict first</label></div>
      <div class="stage"><div class="input"><p class="title">I, the image</p><div class="grid"></div></div>
        <div class="kernel"><p class="title">K, the kernel</p><div class="grid"></div><p class="title slides"></p><div class="slid"></div></div>
        <div class="output"><p class="title">O, the output</p><div class="grid"></div></div></div>
      <p class="equation" role="status"></p>
      <form class="guess" hidden><label><span></span> <input inputmode="text" autocomplete="off" aria-label="your prediction"></label>
        <button>reveal</button><button type="button" class="all">reveal all</button><span class="told" role="status"></span></form>
      <p class="soft about"></p>`;
    for (const name of ["rows", "columns"]) this.#find(`.${name}`).append(...SIDES.map((side) => new Option(String(side), String(side))));
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
  get output() { return this.#plan().fault ? [] : this.#convolve(); }
  get selected() { return [...this.#at]; }
  set selected([row, column]) { this.#at = [row, column]; this.#point(); }

  #find(selector) { return this.shadowRoot.querySelector(selector); }

  #start() {
    const { images, kernels, settings } = this.#data;
    this.#find(".image").replaceChildren(...images.map((image, n) => new Option(image.name, String(n))), new Option("edited", ""));
    const groups = new Map();
    kernels.forEach((kernel, n) => groups.set(kernel.group, [...(groups.get(kernel.group) ?? []), new Option(kernel.name, String(n))]));
    this.#find(".gallery").replaceChildren(...[...groups].map(([name, options]) => {
      const group = document.createElement("optgroup"); group.label = name; group.append(...options); return group;
    }), new Option("edited", ""));
    this.#change(settings ?? {});
    this.#takeImage(Math.max(0, images.findIndex((image) => image.name === this.#data.image)));
    this.#takeKernel(Math.max(0, kernels.findIndex((kernel) => kernel.name === this.#data.kernel)));
  }
  #takeKernel(n) {
    const kernel = this.#data.kernels[n];
    if (!kernel) return;
    const { image } = this.#state;
    if (kernel.rows.length > image.length || kernel.rows[0].length > image[0].length) this.#takeImage(this.#data.images.length - 1); // the largest
    this.#change({ kernel: structuredClone(kernel.rows) });
    this.#find(".gallery").value = n; this.#find(".about").textContent = kernel.shows ? `${kernel.name}: ${kernel.shows}` : "";
  }
  async #takeImage(n) {
    const image = this.#data.images[n];
    if (!image) return;
    this.#change({ image: image.rows ? structuredClone(image.rows) : await grayOf(image.source) });
    this.#find(".image").value = n;
  }

  // --- arithmetic
  #plan() {
    const { image, kernel, size, operation, stride } = this.#state;
    const axes = [[image.length, kernel.length], [image[0].length, kernel[0].length]].map(([length, taps]) => axisOf(length, taps, size, operation));
    if (axes.includes(null)) return { fault: `A kernel of ${kernel.length} × ${kernel[0].length} does not fit into an image of ${image.length} × ${image[0].length}: choose size same or full.` };
    const slid = operation === "convolution" ? kernel.map((row) => [...row].reverse()).reverse() : kernel;
    const [down, across] = axes.map((axis) => ({ ...axis, outputs: Math.ceil(axis.count / stride) }));
    return { down, across, slid };
  }
  #corner(plan, row, column) {
    const { stride } = this.#state;
    return [plan.down.first + row * stride - plan.down.lead, plan.across.first + column * stride - plan.across.lead];
  }
  #read(y, x) {
    const { image, border } = this.#state, v = placeOf(y, image.length, border), u = placeOf(x, image[0].length, border);
    return v < 0 || u < 0 ? 0 : image[v][u];
  }
  #convolve() {
    const plan = this.#plan(), { down, across, slid } = plan, { image, border, stride } = this.#state;
    const reach = (axis, taps, length) => Array.from({ length: axis.count + taps - 1 }, (_, n) => placeOf(axis.first - axis.lead + n, length, border));
    const ys = reach(down, slid.length, image.length), xs = reach(across, slid[0].length, image[0].length);
    return Array.from({ length: down.outputs }, (_, i) => Array.from({ length: across.outputs }, (_, j) => {
      let total = 0;
      for (let s = 0; s < slid.length; s++) for (let t = 0; t < slid[0].length; t++) {
        const y = ys[i * stride + s], x = xs[j * stride + t];
        if (y >= 0 && x >= 0) total += image[y][x] * slid[s][t];
      }
      return total;
    }));
  }

  // --- drawing
  #change(values) {
    this.#state = { ...this.#state, ...values };
    if (!this.shadowRoot) return;
    this.#shown.clear(); this.#score = [0, 0];
    this.#draw();
    this.dispatchEvent(new CustomEvent("statechange", { bubbles: true, composed: true, detail: this.state }));
  }
  #draw() {
    const { kernel, operation, size, border, stride } = this.#state, plan = this.#plan();
    this.#find(".flip").checked = operation === "convolution";
    this.#find(".size").value = size; this.#find(".border").value = border; this.#find(".stride").value = stride;
    this.#find(".border").disabled = size === "valid";
    for (const [name, side] of [["rows", kernel.length], ["columns", kernel[0].length]]) {
      const select = this.#find(`.${name}`);
      if (![...select.options].some((option) => option.value === String(side))) select.append(new Option(String(side), String(side)));
      select.value = side;
    }
    this.#find(".kernel .grid").replaceChildren(this.#editable(kernel, "kernel"));
    this.#find(".slides").textContent = operation === "convolution" ? "as it slides: flipped" : "as it slides: not flipped";
    this.#find(".slid").classList.toggle("wide", kernel[0].length > 7);
    this.#find(".slid").replaceChildren(plan.fault ? "" : gridOf(plan.slid.map((row) => row.map((value) => cellOf(row.length > 7 ? brief(value) : short(value))))));
    this.#find(".guess").hidden = !this.#find(".predict").checked || Boolean(plan.fault);
    if (plan.fault) { this.#tell(plan.fault, true); this.#find(".output .grid").replaceChildren(); this.#find(".input .grid").replaceChildren(this.#inputGrid(null)); return; }
    this.values = this.#convolve();
    this.#at = [Math.min(this.#at[0], plan.down.outputs - 1), Math.min(this.#at[1], plan.across.outputs - 1)];
    this.#find(".input .grid").replaceChildren(this.#inputGrid(plan));
    this.#find(".output .grid").replaceChildren(this.#outputGrid());
    this.#point();
  }
  get #isLarge() { return Math.max(this.#state.image.length, this.#state.image[0].length) > MOST_CELLS; }

  #editable(rows, what) {
    const table = gridOf(rows.map((row, i) => row.map((value, j) => {
      const cell = document.createElement("td"), input = document.createElement("input");
      input.value = rows[0].length > 7 ? brief(value) : short(value); input.dataset.what = what; input.dataset.row = i; input.dataset.column = j; input.inputMode = "text";
      input.setAttribute("aria-label", `${what} ${i}, ${j}`); input.autocomplete = "off";
      cell.append(input);
      return cell;
    })));
    table.classList.toggle("wide", rows[0].length > 7);
    return table;
  }
  #inputGrid(plan) {
    const { image, kernel } = this.#state;
    if (this.#isLarge) return canvasOf(image, [0, 255], "the image");
    const table = this.#editable(image, "image");
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
  #outputGrid() {
    const values = this.values;
    if (this.#isLarge) { const range = rangeOf(this.#state.kernel, values), canvas = canvasOf(values, range, "the output"), scale = document.createElement("p"), box = document.createElement("div");
      canvas.tabIndex = 0; scale.className = "soft"; scale.textContent = `black ${short(range[0])}, ${range[0] === -range[1] ? "gray 0, " : ""}white ${short(range[1])}`;
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
    const terms = slid.flatMap((weights, s) => weights.map((weight, t) => `${factor(weight)}·${factor(this.#read(top + s, left + t))}`));
    const sum = terms.length > MOST_TERMS ? `${terms.slice(0, MOST_TERMS).join(" + ")} + … (${terms.length} products)` : terms.join(" + ");
    const line = this.#find(".equation"), result = document.createElement("b");
    result.textContent = isHidden ? "?" : short(this.values[row][column]);
    line.className = "equation"; line.replaceChildren(`${name} = ${isHidden ? "…" : sum} = `, result);
  }
  #tell(text, isFault) { const line = this.#find(".equation"); line.textContent = text; line.className = isFault ? "equation fault" : "equation"; }

  // --- what the user does
  #edit(input) {
    const value = Number(input.value.replace(",", "."));
    if (!Number.isFinite(value) || input.value.trim() === "") { input.value = short(this.#state[input.dataset.what][input.dataset.row][input.dataset.column]); return; }
    const rows = structuredClone(this.#state[input.dataset.what]);
    rows[input.dataset.row][input.dataset.column] = value;
    const at = `[data-what=${input.dataset.what}][data-row="${input.dataset.row}"][data-column="${input.dataset.column}"]`, hadFocus = this.shadowRoot.activeElement;
    this.#find(input.dataset.what === "image" ? ".image" : ".gallery").value = "";
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
      else if (target.matches(".image") && target.value !== "") this.#takeImage(Number(target.value));
      else if (target.matches(".gallery") && target.value !== "") this.#takeKernel(Number(target.value));
      else if (target.matches(".rows, .columns")) this.#resize();
      else if (target.matches(".flip")) this.#change({ operation: target.checked ? "convolution" : "correlation" });
      else if (target.matches(".size, .border")) this.#change({ [target.className]: target.value });
      else if (target.matches(".stride")) this.#change({ stride: Math.max(1, Math.min(8, Math.round(Number(target.value)) || 1)) });
      else if (target.matches(".predict")) { this.#find(".told").textContent = ""; this.#change({}); }
      else if (target.matches("[type=file]") && target.files[0]) this.#open(target.files[0]);
    });
    this.#find(".guess").addEventListener("submit", (event) => { event.preventDefault(); this.#reveal(false); });
    this.#find(".all").onclick = () => this.#reveal(true);
  }
  async #open(file) {
    const address = URL.createObjectURL(file);
    try { this.#change({ image: await grayOf(address) }); this.#find(".image").value = ""; }
    catch { this.#tell(`${file.name}: this browser cannot read it; choose a JPEG or PNG.`, true); }
    finally { URL.revokeObjectURL(address); }
  }
}

// --- the arithmetic of one axis, as alexnet.convolve2d has it
function axisOf(length, taps, size, operation) {
  const lead = Math.floor((operation === "convolution" ? taps : taps - 1) / 2);
  if (size === "same") return { first: 0, count: length, lead };
  if (size === "full") return { first: lead - taps + 1, count: length + taps - 1, lead };
  return taps > length ? null : { first: lead, count: length - taps + 1, lead };
}
function placeOf(place, length, border) {
  if (place >= 0 && place < length) return place;
  if (border === "zero") return -1;
  if (border === "replicate") return Math.min(Math.max(place, 0), length - 1);
  if (border === "circular") return ((place % length) + length) % length;
  const period = Math.max(2 * (length - 1), 1), folded = ((place % period) + period) % period;
  return length > 1 ? Math.min(folded, period - folded) : 0;
}

// --- numbers, cells, pixels
function short(value) { return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4))); }
function brief(value) {
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) < 0.0005 ? "~0" : String(Number(value.toPrecision(Math.abs(value) < 0.1 ? 1 : 2))).replace("0.", ".");
}
function factor(value) { return value < 0 ? `(${short(value)})` : short(value); }
function cellOf(text, style = "") { const cell = document.createElement("td"); cell.textContent = text; cell.className = style; return cell; }
function gridOf(cells) {
  const table = document.createElement("table"), body = document.createElement("tbody");
  body.append(...cells.map((row) => { const line = document.createElement("tr"); line.append(...row); return line; }));
  table.append(body); return table;
}
function rangeOf(kernel, values) { // what is black and what is white: around 0 for a kernel whose weights cancel
  const flat = kernel.flat(), sum = flat.reduce((a, b) => a + b, 0), size = flat.reduce((a, b) => a + Math.abs(b), 0);
  const low = Math.min(...values.map((row) => Math.min(...row))), high = Math.max(...values.map((row) => Math.max(...row)));
  if (Math.abs(sum) < 1e-9 + 0.01 * size) { const most = Math.max(1e-12, Math.abs(low), Math.abs(high)); return [-most, most]; }
  return Math.abs(sum - 1) < 1e-6 ? [0, 255] : [low, Math.max(high, low + 1e-12)];
}
const PLAIN = new WeakMap(); // canvas → its pixels without a frame
function canvasOf(rows, range, words) {
  const [low, high] = range, canvas = document.createElement("canvas");
  canvas.width = rows[0].length; canvas.height = rows.length; canvas.setAttribute("role", "img"); canvas.setAttribute("aria-label", words);
  const pixels = new ImageData(canvas.width, canvas.height);
  rows.flat().forEach((value, n) => { pixels.data.fill((255 * (value - low)) / (high - low), 4 * n, 4 * n + 3); pixels.data[4 * n + 3] = 255; });
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  PLAIN.set(canvas, pixels);
  return canvas;
}
function frame(canvas, x, y, width, height) {
  const pen = canvas.getContext("2d");
  pen.putImageData(PLAIN.get(canvas), 0, 0);
  pen.strokeStyle = "#e69f00"; pen.lineWidth = 1; pen.strokeRect(x - 0.5, y - 0.5, width + 1, height + 1);
}
async function grayOf(source) {
  const image = new Image(); image.src = source; await image.decode();
  const by = Math.min(1, 160 / Math.max(image.naturalWidth, image.naturalHeight)), canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(image.naturalWidth * by)); canvas.height = Math.max(1, Math.round(image.naturalHeight * by));
  const pen = canvas.getContext("2d", { willReadFrequently: true }); pen.drawImage(image, 0, 0, canvas.width, canvas.height);
  const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
  return Array.from({ length: canvas.height }, (_, y) => Array.from({ length: canvas.width }, (_, x) => {
    const n = 4 * (y * canvas.width + x);
    return Math.round(0.299 * data[n] + 0.587 * data[n + 1] + 0.114 * data[n + 2]);
  }));
}

customElements.define("convolution-lab", ConvolutionLab);
