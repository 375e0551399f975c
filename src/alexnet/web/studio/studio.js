// The frame: header, theme, keys, and the view that the address names.
//
// A view is a module that exports
//   name, title, key        the first part of its address, its title in the header, its key after `g`
//   of                      what the next part names, "run" or "folder", if it is one: the header leads to the last one
//   keys                    [[key, meaning], ...] for the list that `?` shows
//   open(root, address, studio)   fills `root`; returns {close(), update(address), press(event), keys}, each may be missing.
//                                 `update` answers a new address of the same view and first part and returns true;
//                                 without it, or if it returns false, the view is opened anew.
// `studio` has say(text), which announces a line, live (see live.js), here(), which lists runs and folders,
// lookedAt (see looked-at.js), and has(name), whether there is a view of that name.
import { get } from "./api.js";
import { fill, h } from "./dom.js";
import { openFinder } from "./finder.js";
import { isTyping, showKeys } from "./keys.js";
import { Live } from "./live.js";
import { LookedAt } from "./looked-at.js";
import { address, go, readAddress } from "./router.js";
import { trainingFoot } from "./training-foot.js";
import * as compare from "./views/compare.js";
import * as breakIt from "./views/break.js";
import * as data from "./views/data.js";
import * as home from "./views/home.js";
import * as inside from "./views/inside.js";
import * as lab from "./views/lab.js";
import * as run from "./views/run.js";
import * as train from "./views/train.js";

/** @type {{name: string, title: string, key: string, of?: string, keys: string[][], open: Function}[]} */
const VIEWS = [
  home,
  data,
  train,
  run,
  inside,
  lab,
  compare,
  breakIt,
];

const THEMES = ["system", "light", "dark"];
const KEYS = [
  ["?", "show the keys"],
  ["/", "find a run, a folder, a class, a unit or a file"],
  ...VIEWS.map((view) => [`g ${view.key}`, `go to ${view.title}`]),
  ["Esc", "close a dialog"],
];
const WAIT_FOR_SERVER = 2000; // ms between two looks whether the server answers again
const WAIT_FOR_SECOND = 1500; // ms in which the second key after `g` counts
const SOON = 400; // ms after which a view that is not there yet says that it is coming

const main = document.querySelector("main");
let opened = { view: null, first: "", page: {} };
let waitsUntil = 0;

const studio = {
  live: new Live(),
  lookedAt: new LookedAt(),
  here: () => get("here"),
  has: (name) => VIEWS.some((view) => view.name === name),
  say(text) {
    const line = document.querySelector("#said");
    line.textContent = text;
    clearTimeout(studio.saying);
    studio.saying = setTimeout(() => { line.textContent = ""; }, 6000);
  },
};

/** The address to which the header and the keys lead. */
const addressOf = (view) => address(view.name, [studio.lookedAt.last(view.of)].filter(Boolean));

function lead() {
  for (const link of /** @type {NodeListOf<HTMLAnchorElement>} */ (document.querySelectorAll("header nav a"))) link.href = addressOf(VIEWS.find((view) => view.name === link.dataset.view));
}

async function show() {
  const place = readAddress();
  const view = VIEWS.find((each) => each.name === place.view);
  if (view && opened.view === view && opened.first === (place.parts[0] ?? "") && opened.page.update?.(place)) return;
  if (view?.of && place.parts[0]) studio.lookedAt.remember(view.of, place.parts[0]);
  lead();
  opened.page.close?.();
  for (const dialog of /** @type {NodeListOf<HTMLDialogElement>} */ (document.querySelectorAll("dialog[open]"))) dialog.close();
  opened = { view, first: place.parts[0] ?? "", page: {} };
  for (const link of document.querySelectorAll("header nav a")) {
    if (view && link.dataset.view === view.name) {
      link.setAttribute("aria-current", "page");
      link.scrollIntoView({ block: "nearest", inline: "nearest" });
    } else link.removeAttribute("aria-current");
  }
  document.title = view ? `${place.parts[0] ? `${place.parts[0]} · ` : ""}${view.title} · alexnet studio` : "alexnet studio";
  const root = h("div", { class: `view ${view?.name ?? ""}` });
  fill(main, root);
  scrollTo(0, 0);
  const mine = opened, loading = h("p", { class: "soft loading", role: "status" }, "Loading ...");
  const later = setTimeout(() => {
    if (opened !== mine || root.querySelector(".loading")) return; // a view that is there in part says itself what it waits for
    if (root.hasChildNodes()) root.append(loading);
    else fill(root, h("h1", {}, view?.title ?? "alexnet studio"), loading);
  }, SOON);
  try {
    if (!view) throw new Error(`There is no view ${place.view}.`);
    /** @type {any} */
    const page = (await view.open(root, place, studio)) ?? {};
    if (opened === mine) mine.page = page;
    else page.close?.();
  } catch (error) {
    if (error.isAway) showWhenBack(mine);
    else if (view?.of && error.status === 404) await forgetIfGone(view.of, place.parts[0]);
    const training = view?.of === "run" && !error.isAway ? await unfinished(place.parts[0]) : null;
    if (opened !== mine) return;
    fill(root, h("h1", {}, "This cannot be shown"), h("p", { class: "fault" }, error.message),
      training && h("p", {}, h("a", { href: address("train", [training]) }, `Look at the training of ${training}`)),
      h("p", {}, h("a", { href: address("home") }, "Go to Home"), " or ",
        h("button", { type: "button", onclick: show }, "try again"), "."));
  } finally {
    clearTimeout(later);
    loading.remove();
  }
}

/** The name of a run whose training has not finished; null for another. */
async function unfinished(name) {
  const { runs, pending } = await studio.here().catch(() => ({ runs: [], pending: [] }));
  return pending.includes(name) || runs.some((run) => run.name === name && run.status !== "finished") ? name : null;
}

/** Forget a run or folder that is not listed any more. */
async function forgetIfGone(kind, name) {
  const listed = await studio.here().then((here) => (kind === "run" ? here.runs : here.folders), () => null);
  if (listed === null || listed.some((each) => each.name === name)) return;
  studio.lookedAt.forget(kind, name);
  lead();
}

/** Open the view again as soon as the server answers, unless another is opened before. */
async function showWhenBack(mine) {
  await new Promise((done) => setTimeout(done, WAIT_FOR_SERVER));
  if (opened !== mine) return;
  if (await studio.here().then(() => true, () => false)) show();
  else showWhenBack(mine);
}

function press(event) {
  if (isTyping(event) || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (performance.now() < waitsUntil) {
    waitsUntil = 0;
    const view = VIEWS.find((each) => each.key === event.key);
    if (view) {
      event.preventDefault();
      go(addressOf(view));
      return;
    }
  }
  if (event.key === "?") showKeys(KEYS, opened.page.keys ?? opened.view?.keys ?? [], opened.view?.title);
  else if (event.key === "/") { event.preventDefault(); openFinder(studio); }
  else if (event.key === "g") waitsUntil = performance.now() + WAIT_FOR_SECOND;
  else opened.page.press?.(event);
}

/** A file that is dropped beside the places for it would take the place of the studio. */
function refuseFiles(event) {
  if (event.defaultPrevented || !event.dataTransfer?.types.includes("Files") || event.target.closest?.("input[type=file]")) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = "none";
}

function theme(step = 0) {
  const now = THEMES.indexOf(document.documentElement.dataset.theme ?? "system");
  const chosen = THEMES[(now + step) % THEMES.length];
  if (chosen === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = chosen;
  if (step) localStorage.setItem("theme", chosen);
  const button = document.querySelector("#theme");
  button.textContent = { system: "◐", light: "☀", dark: "☾" }[chosen];
  button.title = `Theme: ${chosen}`;
  button.setAttribute("aria-label", `Theme: ${chosen}; choose the next`);
}

function connection() {
  const words = { open: "", idle: "", lost: "The studio does not answer; trying again ..." };
  document.querySelector("#connection").textContent = words[studio.live.state];
}

async function machine() {
  try {
    const { cores } = await studio.here();
    document.querySelector("#machine").textContent = `${cores} ${cores === 1 ? "core" : "cores"}`;
  } catch {
    // the view says that the server does not answer
  }
}

fill(document.querySelector("header nav"),
  VIEWS.map((view) => h("a", { href: addressOf(view), "data-view": view.name, title: `g ${view.key}` }, view.title)));
document.querySelector("#help").addEventListener("click", () => showKeys(KEYS, opened.page.keys ?? opened.view?.keys ?? [], opened.view?.title));
document.querySelector("#theme").addEventListener("click", () => theme(1));
document.querySelector(".skip").addEventListener("click", (event) => { event.preventDefault(); main.focus(); });
document.addEventListener("keydown", press);
for (const type of ["dragover", "drop"]) document.addEventListener(type, refuseFiles);
studio.live.addEventListener("change", connection);
const foot = trainingFoot(document.querySelector("#training"));
addEventListener("hashchange", () => { show(); foot.look(); });
theme();
show();
machine();
