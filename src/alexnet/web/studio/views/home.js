// Home: the runs and folders of images that are here, each with a face; an empty start says what to do.
import { get, part, post } from "../api.js";
import { bytes, fill, h, numberOf } from "../dom.js";
import { followed } from "../folder-tool.js";
import { address, go } from "../router.js";
import { runCards } from "../run-cards.js";

export const name = "home";
export const title = "Home";
export const key = "h";
export const keys = [["Tab, Enter", "choose a run or a folder"]];

export async function open(root, _address, studio) {
  const here = await studio.here();
  const runs = runCards(here, studio);
  const isEmpty = here.runs.length + here.folders.length === 0;
  const drawn = practice(root, here, studio, isEmpty);
  fill(root,
    h("h1", {}, isEmpty ? "Train a network, and look inside" : "What is here"),
    isEmpty && welcome(here),
    here.folders.length > 0 && section("Folders of images", here.folders.map(folderCard)),
    runs.element,
    h("h2", {}, "Get started"), drawn.element, collect(root, studio),
    h("p", { class: "soft" }, `Looked in ${here.home} and the folders below; ${bytes(here.free_bytes)} are free.`));
  return { close: () => { runs.stop(); drawn.stop(); } };
}

const section = (heading, cards) => [h("h2", {}, heading), h("ul", { class: "cards" }, cards)];

function welcome(here) {
  return [
    h("p", {}, "There are no runs and no folders of images below ", h("code", {}, here.home), " yet. Three ways to begin:"),
    h("ol", {},
      h("li", {}, h("b", {}, "Practice images. "), "Let the program draw some with the button below; the first network is trained a few minutes later."),
      h("li", {}, h("b", {}, "Your own images. "), "Put the images of each class into a folder of their own: ",
        h("code", {}, "images/cat/..."), ", ", h("code", {}, "images/dog/..."), ". Then reload this page."),
      h("li", {}, h("b", {}, "Elsewhere. "), "End the studio and give it a path: ", h("code", {}, "alexnet studio PATH"), "."))];
}

function practice(root, here, studio, isEmpty) {
  if (here.folders.some((folder) => folder.name === "practice")) return { element: null, stop() {} }; // they are drawn already
  const line = h("span", {});
  let isDrawing = false;
  const button = h("button", { type: "button", class: isEmpty ? "primary" : "", onclick: () => { isDrawing = button.disabled = true; job.take(post("practice")); } }, "Draw practice images");
  const job = followed({ words: "drawing 1,000 images of eight classes", keeps: false, path: () => "practice", stop: () => post("practice/stop"), draw: (state, told) => {
    button.disabled = state?.job.is_alive === true;
    if (isDrawing && state?.folder && root.isConnected) {
      studio.say("The practice images are drawn.");
      go(address("data", [state.folder]));
    }
    isDrawing = button.disabled;
    fill(line, told);
  } });
  if (here.is_drawing) job.look(); // the page was loaded anew, or left meanwhile
  return { element: h("p", { class: "practice" }, button, " ", line), stop: job.stop };
}

function collect(root, studio) {
  const folder = h("input", { id: "collect-name", value: "my-images", size: 12, required: true });
  const classes = h("input", { id: "collect-classes", value: "cup, hand", size: 24, required: true });
  const line = h("span", { class: "fault", role: "alert" });
  return h("form", { class: "begin", onsubmit: async (event) => {
    event.preventDefault();
    try {
      const made = await post("collect", { name: folder.value, classes: classes.value.split(",") });
      studio.say("The folder is ready. Choose a class, then drop images, choose files, or use the camera.");
      if (root.isConnected) go(address("data", [made.folder], { add: "yes" }));
    } catch (error) {
      line.textContent = error.message;
    }
  } }, h("label", { for: "collect-name" }, "Collect images into the folder"), folder,
  h("label", { for: "collect-classes" }, "with the classes"), classes, h("button", {}, "Start collecting"), line);
}

function folderCard({ name: folder, path }) {
  const words = h("p", { class: "soft classes" }, "counting ...");
  const face = h("div", { class: "face" });
  get(`folders/${part(folder)}`).then((found) => {
    words.textContent = `${numberOf(found.num_images, "image")} of ${numberOf(found.classes.length, "class")}: ${found.classes.slice(0, 6).join(", ")}${found.classes.length > 6 ? " ..." : ""}`;
    fill(face, found.samples.slice(0, 8).map((place) =>
      h("img", { src: `/api/folders/${part(folder)}/thumbnails/${place}?v=${found.version}`, alt: "", width: 64, height: 64, loading: "lazy" })));
  }).catch((error) => { words.textContent = error.message; words.className = "fault"; });
  return h("li", { class: "card" },
    h("a", { href: address("data", [folder]) }, face, h("b", {}, folder)), words,
    h("p", { class: "soft path" }, path),
    h("p", {}, h("a", { href: address("train", [], { data: folder }) }, "Train on it")));
}
