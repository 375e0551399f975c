// A training as it goes: curves, kernels after every epoch, the newest test, and at the end its scores and mistakes.
import { part, post } from "./api.js";
import { curves } from "./curves.js";
import { duration, fill, fillWhereChanged, h, keepFocus, numberOf, percent } from "./dom.js";
import { KernelFilm, sheetOf } from "./kernel-film.js";
import { recipeAddress } from "./recipe-address.js";
import { address, go } from "./router.js";
import { term } from "../words/terms.js";

const WORDS = {
  preparing: "preparing: the images are decoded and checked",
  training: "training",
  stopped: "stopped",
  finished: "finished",
  failed: "failed",
  gone: "no longer there",
};

export function openTraining(root, run, studio) {
  const page = new Training(root, run, studio);
  const leave = studio.live.follow({ run }, (state) => page.show(state));
  const resized = new ResizeObserver(() => page.state && page.drawCurves());
  resized.observe(root);
  return { close: () => { leave(); resized.disconnect(); }, press: (event) => page.press(event) };
}

class Training {
  #width = 0;

  constructor(root, run, studio) {
    this.run = run;
    this.studio = studio;
    this.state = null;
    this.film = new KernelFilm(sheetOf(run));
    this.parts = Object.fromEntries(["head", "scores", "curves", "film", "table"].map((name) => [name, h("section", { class: name })]));
    fill(this.parts.film, h("h2", {}, "Kernels of the first layer"), this.film.root);
    this.parts.film.hidden = true; // until there are some
    fill(root, h("h1", {}, `Training ${run}`), ...Object.values(this.parts));
    this.how = h("p", { class: "soft" }, "connecting ...");
    this.far = h("div");
    this.actions = h("p", { class: "actions" });
    fill(this.parts.head, this.how, this.far, this.actions);
  }

  show(state) {
    const before = this.state;
    this.state = state;
    this.#head();
    if (!state.steps) return;
    this.drawCurves(true);
    if (JSON.stringify(before?.kernel_epochs) !== JSON.stringify(state.kernel_epochs)) this.#kernels();
    if (before?.status !== state.status || before?.latest?.epoch !== state.latest?.epoch) keepFocus(this.parts.scores, () => this.#scores());
    if (before?.epochs?.length !== state.epochs.length) this.#table();
    if (before && before.status !== state.status) this.studio.say(`${this.run}: ${WORDS[state.status]}`);
  }

  press(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const isElsewhere = event.target instanceof Element && event.target.closest("[role=region]") !== null; // a table that they scroll
    if (!step || isElsewhere || !this.state?.kernel_epochs?.length) return;
    event.preventDefault();
    this.film.step(step);
  }

  #kernels() {
    this.parts.film.hidden = this.state.kernel_epochs.length === 0;
    this.film.show(this.state.kernel_epochs);
  }

  #head() {
    const { status, fault, line, pace, is_own: isOwn, may_resume: mayResume, epochs, num_epochs: total, train_on: trainOn } = this.state;
    this.how.className = "";
    fillWhereChanged(this.how, h("b", { class: `status ${status}` }, WORDS[status]), epochs && `: ${epochs.length} of ${total} epochs`,
      this.state.data && [" on ", this.state.folder ? h("a", { href: address("data", [this.state.folder]) }, this.state.folder) : this.state.data, ` with ${this.state.preset}`]);
    fill(this.far,
      status === "training" && pace && h("p", { class: "pace" }, `about ${duration(pace.seconds_left)} left, ${Math.round(pace.images_per_second).toLocaleString("en")} images a second`),
      epochs && h("progress", { max: total, value: epochs.length, "aria-label": "epochs done" }),
      line && status !== "finished" && h("p", { class: "soft line" }, line),
      fault && h("p", { class: "fault" }, fault));
    const offered = JSON.stringify([status, isOwn, mayResume, trainOn]);
    if (offered !== this.offered) keepFocus(this.actions, () => this.#offer()); // a message changes nothing that is about to be pressed
    this.offered = offered;
  }

  /** What can be done as it stands. */
  #offer() {
    const { status, is_own: isOwn, may_resume: mayResume, train_on: trainOn } = this.state;
    fill(this.actions,
      status === "preparing" && isOwn && this.#button("stop", "Stop"),
      status === "training" && isOwn && this.#button("stop", "Stop and save"),
      status === "training" && !isOwn && h("span", { class: "soft" }, "It was started in a terminal; stop it there with Ctrl-C."),
      status === "stopped" && mayResume && this.#button("resume", "Resume", "primary"),
      status === "stopped" && !mayResume && h("span", { class: "soft" }, "It was stopped before its first save and cannot be resumed. "),
      status === "stopped" && trainOn?.data && h("a", { href: recipeAddress(trainOn) }, "Start a new run from here with other settings"),
      ["failed", "stopped"].includes(status) && h("a", { href: address("train") }, "Start over"),
      status === "gone" && h("a", { href: address("home") }, "See what is here"));
  }

  #button(path, text, kind = "") {
    const button = h("button", { type: "button", class: kind, onclick: async () => {
      button.disabled = true;
      try {
        await post(`runs/${part(this.run)}/${path}`);
        this.studio.say(path === "resume" ? "The training is resumed." : this.state.epochs ? "The state is saved, then the training ends." : "The training ends.");
      } catch (error) {
        this.studio.say(error.message);
        button.disabled = false;
      }
    } }, text);
    return button;
  }

  drawCurves(isNew = false) {
    const width = Math.round(this.parts.curves.clientWidth);
    if (!this.state.steps || (!isNew && width === this.#width)) return;
    this.#width = width;
    const each = width > 900 ? Math.floor((width - 16) / 2) : width;
    fill(this.parts.curves, this.state.steps.length > 0 && curves(this.state, Math.max(260, each)));
  }

  // --- after each test, and at the end
  #scores() {
    const { evaluation, mistakes, pairs, version, latest } = this.state;
    if (!evaluation) return fill(this.parts.scores, latest && afterEpoch(this.run, latest));
    const [low, high] = evaluation.top1_interval;
    return fill(this.parts.scores,
      h("h2", {}, "Result"),
      h("p", { class: "result" }, h("b", {}, percent(1 - evaluation.top1_error)), ` of ${evaluation.num_images} test images are recognized`,
        h("span", { class: "soft" }, ` (95 % interval ${percent(1 - high)} to ${percent(1 - low)}); ${evaluation.num_mistakes.toLocaleString("en")} ${evaluation.num_mistakes === 1 ? "is" : "are"} wrong`)),
      this.studio.has("run") && h("p", {}, h("a", { href: address("run", [this.run]) }, "Look into the run")),
      sides(this.run, { ...evaluation, pairs, mistakes, version }));
  }

  #table() {
    const rows = this.state.epochs.map((epoch) => [epoch.epoch, epoch.train_loss.toFixed(3), percent(epoch.train_top1_error),
      percent(epoch.validation_top1_error), percent(epoch.test_top1_error), Math.round(epoch.images_per_second), duration(epoch.seconds)]);
    const names = ["epoch", "training loss", "training error", "validation error", "test error", "images/s", "time"];
    fill(this.parts.table, h("details", {}, h("summary", {}, "Every epoch in numbers"), h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Epochs" }, h("table", {},
      h("thead", {}, h("tr", {}, names.map((text, place) => h("th", { scope: "col", class: "n" }, text, place < 2 && [" ", term(place ? "loss" : "epoch")])))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell) => h("td", { class: "n" }, String(cell))))))))));
  }
}

/** The newest test of a training that has not finished. */
function afterEpoch(run, latest) {
  const { epoch, num_images: count, num_mistakes: wrong } = latest;
  return [h("h2", {}, `After epoch ${epoch}`),
    h("p", { class: "result" }, h("b", {}, percent(1 - wrong / count)), ` of ${numberOf(count, "test image")} are recognized`, h("span", { class: "soft" }, `; ${wrong.toLocaleString("en")} ${wrong === 1 ? "is" : "are"} wrong`)),
    sides(run, latest)];
}

/** The confusion of the classes, or of many classes the most confused pairs, and beside it mistakes. */
function sides(run, { classes, confusion, pairs, mistakes, version }) {
  return h("div", { class: "sides" }, confusion ? matrix({ classes, confusion }) : confused(pairs),
    h("div", {}, h("h3", {}, "Most confident mistakes"), h("ul", { class: "mistakes" }, mistakes.map((each) => mistake(run, each, version)))));
}

function matrix({ classes, confusion }) {
  const most = Math.max(1, ...confusion.flatMap((row, i) => row.filter((_, j) => i !== j)));
  const cell = (count, i, j) => {
    const td = h("td", { class: i === j ? "n same" : "n", title: `${count} of ${classes[i]} predicted as ${classes[j]}` }, count || (i === j ? "0" : "·"));
    if (i !== j && count) td.style.setProperty("--weight", `${Math.round(12 + 38 * count / most)}%`);
    return td;
  };
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Confusion matrix" }, h("table", { class: "matrix" },
    h("caption", {}, "Confusion matrix: rows are true, columns predicted classes"),
    h("tr", {}, h("td"), classes.map((name) => h("th", { scope: "col" }, h("span", {}, name)))),
    confusion.map((row, i) => h("tr", {}, h("th", { scope: "row" }, classes[i]), row.map((count, j) => cell(count, i, j))))));
}

function confused(pairs) {
  return h("div", {}, h("h3", {}, "Most confused"), h("table", {}, pairs.map(([label, predicted, count]) =>
    h("tr", {}, h("td", {}, label), h("td", {}, `predicted as ${predicted}`), h("td", { class: "n" }, numberOf(count, "time"))))));
}

function mistake(run, { file, true: label, predicted, probability, place }, version) {
  const source = place === null ? null : `/api/runs/${part(run)}/thumbnails/${place}?v=${version}`;
  return h("li", {}, source ? h("img", { src: source, alt: file, title: file, loading: "lazy", width: 96, height: 96 }) : h("span", { class: "absent" }, file),
    h("span", {}, `true ${label}`), h("span", { class: "wrong" }, `${predicted} ${percent(probability)}`));
}
