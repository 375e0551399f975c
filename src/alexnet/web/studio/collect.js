// Adding images to a class: dropped, chosen, or from the camera while a button is held.
//
// `target` has folder, className(), studio, and done(), which is called when images were added.
import { part, upload } from "./api.js";
import { openCamera } from "./camera.js";
import { fill, h, numberOf } from "./dom.js";
import { fileButton } from "./file-button.js";

const SIDE = 224; // px of an image of the camera
const PERIOD = 150; // ms between two of them

/** Send files one after the other; what is no image is said, and the others go on. */
async function send(files, target) {
  const faults = [];
  let num = 0;
  for (const file of files) {
    try {
      await upload(path(target, file.name), file);
      num += 1;
    } catch (error) {
      faults.push(error.message);
    }
  }
  const more = faults.length > 1 ? ` and ${faults.length - 1} more` : "";
  target.studio.say([num > 0 && `${numberOf(num, "image")} added to ${target.className()}.`, faults[0] && `Not added: ${faults[0]}${more}`].filter(Boolean).join(" "));
  if (num > 0) await target.done();
}

const path = (target, name) => `folders/${part(target.folder)}/images?class=${part(target.className())}&file=${part(name)}`;

export function dropZone(target) {
  const zone = h("div", { class: "drop" }, "Drop image files here");
  const over = (isOver) => (event) => { event.preventDefault(); zone.classList.toggle("over", isOver); };
  zone.addEventListener("dragover", over(true));
  zone.addEventListener("dragleave", over(false));
  zone.addEventListener("drop", (event) => { over(false)(event); send([...event.dataTransfer.files], target); });
  return zone;
}

export function pickFiles(target) {
  return h("p", {}, "or ", fileButton("choose files", (files) => send(files, target), { id: "pick", multiple: true }));
}

/** The camera, off until it is asked for; `stop` turns it off. */
export function cameraBox(target) {
  const element = h("div", { class: "camera" });
  const words = h("p", { class: "soft", role: "status" });
  let camera = null, timer = 0;
  const stop = () => {
    clearInterval(timer);
    camera?.stop();
    camera = null;
    rest();
  };
  const rest = () => fill(element, h("button", { type: "button", onclick: start }, "Use the camera"), words);
  async function start() {
    try { camera = await openCamera("choose files"); } catch (error) {
      words.textContent = error.message;
      return;
    }
    words.textContent = "";
    const hold = h("button", { type: "button", class: "primary" }, `Hold to fill the class`);
    const taken = taker(camera, target, words);
    const begin = () => { clearInterval(timer); taken.take(); timer = setInterval(taken.take, PERIOD); };
    const end = () => { clearInterval(timer); taken.finish(); };
    hold.addEventListener("pointerdown", (event) => { hold.setPointerCapture(event.pointerId); begin(); });
    hold.addEventListener("pointerup", end);
    hold.addEventListener("pointercancel", end);
    hold.addEventListener("keydown", (event) => { if (event.key === " " && !event.repeat) { event.preventDefault(); begin(); } });
    hold.addEventListener("keyup", (event) => { if (event.key === " ") end(); });
    fill(element, camera.video, h("p", {}, hold, " ", h("button", { type: "button", onclick: stop }, "Camera off")), words);
  }
  rest();
  return { element, stop };
}

/** Takes the middle of the camera's image, and saves it at once; the class fills while others are on their way. */
function taker(camera, target, words) {
  let num = 0, waiting = Promise.resolve(), isBusy = 0;
  const take = async () => {
    if (isBusy > 4) return;
    isBusy += 1;
    const blob = await camera.jpeg(SIDE);
    if (!blob) { isBusy -= 1; return; }
    waiting = waiting.then(() => upload(path(target, `camera-${Date.now()}.jpg`), blob)).then(() => {
      num += 1;
      words.textContent = `${numberOf(num, "image")} added to ${target.className()}`;
    }, (error) => { words.textContent = error.message; }).finally(() => { isBusy -= 1; });
  };
  const finish = () => {
    waiting = waiting.then(() => (num > 0 ? target.done() : null)).catch((error) => { words.textContent = error.message; });
  };
  return { take, finish };
}
