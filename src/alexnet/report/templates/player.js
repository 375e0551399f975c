"use strict";
// Draws one step of a trace; every number in it was computed before.
const SVG = "http://www.w3.org/2000/svg", CELL = 44;
function node(name, attributes, parent, text) {
  const made = document.createElementNS(SVG, name);
  for (const key in attributes) made.setAttribute(key, attributes[key]);
  if (text !== undefined) made.textContent = text;
  parent.appendChild(made);
  return made;
}
function said(value) {
  if (Number.isInteger(value)) return String(value);
  return String(Number(value.toPrecision(4)));
}
function small(value) {
  if (Number.isInteger(value) && Math.abs(value) < 100000) return String(value);
  return String(Number(value.toPrecision(3)));
}
class Player {
  constructor(box, trace, options) {
    this.box = box; this.trace = trace; this.options = options || {}; this.number = 0; this.timer = null;
    box.innerHTML = '<div class="stage"><div class="grid"><svg class="image" role="img" aria-label="image with the kernel on it"></svg><span>I[u,v]</span></div>' +
      '<div class="between"><div class="where"></div><svg viewBox="0 0 120 16" width="120" aria-hidden="true"><path d="M0 8H112" stroke="#2a6fb0" stroke-width="2"/><path d="M108 2L119 8L108 14Z" fill="#2a6fb0"/></svg><div class="value"></div></div>' +
      '<div class="grid"><svg class="output" role="img" aria-label="output so far"></svg><span>O[u,v]</span></div></div>' +
      '<p class="equation" aria-live="polite"></p>' +
      '<div class="controls"><button class="back" aria-label="one step back">◀</button><button class="play">Play</button><button class="next" aria-label="one step on">▶</button>' +
      '<input type="range" min="0" value="0" aria-label="step"><output class="count"></output>' +
      '<label>speed <select aria-label="speed"><option value="1600">slow</option><option value="800" selected>medium</option><option value="250">fast</option></select></label></div>';
    this.find = (name) => box.querySelector(name);
    this.slider = this.find("input"); this.button = this.find(".play");
    this.find(".back").onclick = () => { this.pause(); this.show(this.number - 1); };
    this.find(".next").onclick = () => { this.pause(); this.show(this.number + 1); };
    this.button.onclick = () => this.timer ? this.pause() : this.play();
    this.slider.oninput = () => { this.pause(); this.show(Number(this.slider.value)); };
    this.find("select").onchange = () => { if (this.timer) { this.pause(); this.play(); } };
    box.tabIndex = 0;
    box.onkeydown = (event) => {
      if (event.target.tagName === "INPUT" || event.target.tagName === "SELECT") return;
      if (event.key === "ArrowRight") this.find(".next").click();
      else if (event.key === "ArrowLeft") this.find(".back").click();
      else if (event.key === " " && event.target === box) { event.preventDefault(); this.button.click(); }
    };
    this.load(trace);
  }
  load(trace) {
    this.trace = trace; this.slider.max = trace.steps.length - 1;
    this.places = new Map(trace.steps.map((step, number) => [step.place.join(), number]));
    this.show(Math.min(this.number, trace.steps.length - 1));
  }
  play() {
    if (this.number >= this.trace.steps.length - 1) this.show(0);
    this.button.textContent = "Pause";
    this.timer = setInterval(() => {
      if (this.number >= this.trace.steps.length - 1) return this.pause();
      this.show(this.number + 1);
    }, Number(this.find("select").value));
  }
  pause() { clearInterval(this.timer); this.timer = null; this.button.textContent = "Play"; }
  show(number) {
    const last = this.trace.steps.length - 1;
    this.number = Math.max(0, Math.min(number, last));
    this.slider.value = this.number;
    const step = this.trace.steps[this.number];
    this.drawImage(step); this.drawOutput(step);
    this.find(".where").textContent = "O[" + step.place.join() + "]";
    this.find(".value").textContent = "= " + said(step.value);
    this.find(".equation").textContent = step.equation;
    this.find(".count").textContent = "step " + (this.number + 1) + " of " + (last + 1);
    if (this.options.onshow) this.options.onshow(this.number);
  }
  frame(svg) {
    const rows = this.trace.image.length, columns = this.trace.image[0].length, [top, left] = this.trace.first;
    svg.replaceChildren();
    svg.setAttribute("viewBox", "-24 -22 " + (columns * CELL + 28) + " " + (rows * CELL + 26));
    svg.style.maxWidth = (columns * CELL + 28) + "px";
    for (let y = 0; y < rows; y++) node("text", { x: -8, y: y * CELL + 28, class: "index", "text-anchor": "end" }, svg, top + y);
    for (let x = 0; x < columns; x++) node("text", { x: x * CELL + 22, y: -7, class: "index", "text-anchor": "middle" }, svg, left + x);
    return [rows, columns, top, left];
  }
  drawImage(step) {
    const svg = this.find("svg.image"), [rows, columns, top, left] = this.frame(svg);
    for (let y = 0; y < rows; y++) for (let x = 0; x < columns; x++) {
      const inside = this.trace.inside[y][x], value = this.trace.image[y][x];
      node("rect", { x: x * CELL, y: y * CELL, width: CELL, height: CELL, class: inside ? "cell" : "cell border" }, svg);
      node("text", { x: x * CELL + 40, y: y * CELL + 36, class: "number" + (inside ? "" : " soft") + (value ? " strong" : ""), "text-anchor": "end" }, svg, small(value));
    }
    const slid = this.trace.slid, y0 = step.corner[0] - top, x0 = step.corner[1] - left;
    const group = node("g", { class: "kernel" }, svg);
    slid.forEach((line, y) => line.forEach((weight, x) => {
      node("rect", { x: (x0 + x) * CELL, y: (y0 + y) * CELL, width: CELL, height: CELL, class: "tint" }, group);
      node("text", { x: (x0 + x) * CELL + 4, y: (y0 + y) * CELL + 15, class: "weight" }, group, small(weight));
    }));
    node("rect", { x: x0 * CELL, y: y0 * CELL, width: slid[0].length * CELL, height: slid.length * CELL, class: "outline" }, group);
  }
  drawOutput(step) {
    const svg = this.find("svg.output"), [rows, columns, top, left] = this.frame(svg);
    const changed = new Set((this.options.changed || []).map((place) => place.join()));
    for (let y = 0; y < rows; y++) for (let x = 0; x < columns; x++) {
      const key = (top + y) + "," + (left + x), number = this.places.get(key);
      const done = number !== undefined && number <= this.number, marked = done && changed.has(key);
      node("rect", { x: x * CELL, y: y * CELL, width: CELL, height: CELL, class: "cell" + (done ? " done" : "") + (marked ? " changed" : "") }, svg);
      if (done) {
        const value = this.trace.steps[number].value;
        node("text", { x: x * CELL + 40, y: y * CELL + 36, class: "number" + (value ? " strong" : ""), "text-anchor": "end", "data-place": key }, svg, small(value));
      }
    }
    node("rect", { x: (step.place[1] - left) * CELL, y: (step.place[0] - top) * CELL, width: CELL, height: CELL, class: "here" }, svg);
  }
}
