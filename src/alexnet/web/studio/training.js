// A training as it goes: curves, kernels after every epoch, and at the end its scores and mistakes.
import { part, post } from "./api.js";
import { curves } from "./curves.js";
import { duration, fill, h, percent } from "./dom.js";
import { KernelFilm, sheetOf } from "./kernel-film.js";
import { recipeAddress } from "./recipe-address.js";
import { address, go } from "./router.js";

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
    fill(this.parts.head, h("p", { class: "soft" }, "connecting ..."));
  }

  show(state) {
    const before = this.state;
    this.state = state;
    this.#head();
    if (!state.steps) return;
    this.drawCurves(true);
    if (JSON.stringify(before?.kernel_epochs) !== JSON.stringify(state.kernel_epochs)) this.#kernels();
    if (before?.status !== state.status) this.#scores();
    if (before?.epochs?.length !== state.epochs.length) this.#table();
    if (before && before.status !== state.status) this.studio.say(`${this.run}: ${WORDS[state.status]}`);
  }

  press(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || !this.state?.kernel_epochs?.length) return;
    event.preventDefault();
    this.film.step(step);
  }

  #kernels() {
    this.parts.film.hidden = this.state.kernel_epochs.length === 0;
    this.film.show(this.state.kernel_epochs);
  }

  #head() {
    const { status, fault, line, pace, is_own: isOwn, may_resume: mayResume, epochs, num_epochs: total } = this.state;
    const act = (path, text, kind = "") => {
      const button = h("button", { type: "button", class: kind, onclick: async () => {
        button.disabled = true;
        try {
          await post(`runs/${part(this.run)}/${path}`);
          this.studio.say(path === "stop" ? "The state is saved, then the training ends." : "The training goes on.");
        } catch (error) {
          this.studio.say(error.message);
          button.disabled = false;
        }
      } }, text);
      return button;
    };
    fill(this.parts.head,
      h("p", {}, h("b", { class: `status ${status}` }, WORDS[status]), epochs && `: ${epochs.length} of ${total} epochs`,
        this.state.data && [" on ", this.state.folder ? h("a", { href: address("data", [this.state.folder]) }, this.state.folder) : this.state.data, ` with ${this.state.preset}`]),
      status === "training" && pace && h("p", { class: "pace" }, `about ${duration(pace.seconds_left)} left, ${Math.round(pace.images_per_second).toLocaleString("en")} images a second`),
      epochs && h("progress", { max: total, value: epochs.length, "aria-label": "epochs done" }),
      line && status !== "finished" && h("p", { class: "soft line" }, line),
      fault && h("p", { class: "fault" }, fault),
      h("p", { class: "actions" },
        status === "training" && isOwn && act("stop", "Stop and save"),
        status === "training" && !isOwn && h("span", { class: "soft" }, "It was started in a terminal; stop it there with Ctrl-C."),
        status === "stopped" && mayResume && act("resume", "Go on", "primary"),
        status === "stopped" && !mayResume && h("span", { class: "soft" }, "It was stopped before its first save and cannot go on. "),
        status === "stopped" && this.state.train_on?.data && h("a", { href: recipeAddress(this.state.train_on) }, "Go on with other settings"),
        ["failed", "stopped"].includes(status) && h("a", { href: address("train") }, "Begin anew"),
        status === "gone" && h("a", { href: address("home") }, "See what is here")));
  }

  drawCurves(isNew = false) {
    const width = Math.round(this.parts.curves.clientWidth);
    if (!this.state.steps || (!isNew && width === this.#width)) return;
    this.#width = width;
    const each = width > 900 ? Math.floor((width - 16) / 2) : width;
    fill(this.parts.curves, this.state.steps.length > 0 && curves(this.state, Math.max(260, each)));
  }

  // --- at the end
  #scores() {
    const { evaluation, mistakes, pairs, version } = this.state;
    if (!evaluation) return fill(this.parts.scores);
    const [low, high] = evaluation.top1_interval;
    return fill(this.parts.scores,
      h("h2", {}, "Result"),
      h("p", { class: "result" }, h("b", {}, percent(1 - evaluation.top1_error)), ` of ${evaluation.num_images} test images are recognized`,
        h("span", { class: "soft" }, ` (95 % interval ${percent(1 - high)} to ${percent(1 - low)}); ${evaluation.num_mistakes} are wrong`)),
      this.studio.has("run") && h("p", {}, h("a", { href: address("run", [this.run]) }, "Look into the run")),
      h("div", { class: "sides" }, evaluation.confusion ? matrix(evaluation) : confused(pairs),
        h("div", {}, h("h3", {}, "Surest mistakes"), h("ul", { class: "mistakes" }, mistakes.map((each) => mistake(this.run, each, version))))));
  }

  #table() {
    const rows = this.state.epochs.map((epoch) => [epoch.epoch, epoch.train_loss.toFixed(3), percent(epoch.train_top1_error),
      percent(epoch.validation_top1_error), percent(epoch.test_top1_error), Math.round(epoch.images_per_second), duration(epoch.seconds)]);
    const names = ["epoch", "training loss", "training error", "validation error", "test error", "images/s", "time"];
    fill(this.parts.table, h("details", {}, h("summary", {}, "Every epoch in numbers"), h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Epochs" }, h("table", {},
      h("thead", {}, h("tr", {}, names.map((text) => h("th", { scope: "col", class: "n" }, text)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell) => h("td", { class: "n" }, String(cell))))))))));
  }
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
    h("tr", {}, h("td", {}, label), h("td", {}, `predicted as ${predicted}`), h("td", { class: "n" }, `${count} times`)))));
}

function mistake(run, { file, true: label, predicted, probability, place }, version) {
  const source = place === null ? null : `/api/runs/${part(run)}/thumbnails/${place}?v=${version}`;
  return h("li", {}, source ? h("img", { src: source, alt: file, title: file, loading: "lazy", width: 96, height: 96 }) : h("span", { class: "absent" }, file),
    h("span", {}, `true ${label}`), h("span", { class: "wrong" }, `${predicted} ${percent(probability)}`));
}
