// Adding images to a class: dropped, chosen, or from the camera while a button is held.
//
// `target` has folder, className(), which is asked once for each drop, choice or hold, studio, and done(), which is called
// when images were added.
import { part, upload } from "./api.js";
import { openCamera } from "./camera.js";
import { fill, h, numberOf } from "./dom.js";
import { fileButton } from "./file-button.js";

const SIDE = 224; // px of an image of the camera
const PERIOD = 150; // ms between two of them

const path = (target, className, name) => `folders/${part(target.folder)}/images?class=${part(className)}&file=${part(name)}`;

/** Where files are dropped or chosen, with a line for each lot that is being sent. */
export function filesBox(target) {
  const lines = h("div", { class: "sending" });
  const take = (files) => send(files, target, lines);
  return [dropZone(take), h("p", {}, "or ", fileButton("choose files", take, { id: "pick", multiple: true })), lines];
}

/** Send files one after the other; what is no image is said, and the others go on. */
async function send(files, target, lines) {
  const className = target.className(), faults = [], line = h("p", { class: "soft" });
  let num = 0;
  lines.append(line);
  for (const [place, file] of files.entries()) {
    line.textContent = `Sending ${place + 1} of ${files.length} to ${className} ...`;
    try {
      await upload(path(target, className, file.name), file);
      num += 1;
    } catch (error) {
      faults.push(error.message);
    }
  }
  line.remove();
  const more = faults.length > 1 ? ` and ${faults.length - 1} more` : "";
  target.studio.say([num > 0 && `${numberOf(num, "image")} added to ${className}.`, faults[0] && `Not added: ${faults[0]}${more}`].filter(Boolean).join(" "));
  if (num > 0) await target.done();
}

function dropZone(take) {
  const zone = h("div", { class: "drop" }, "Drop image files here");
  const over = (isOver) => (event) => { event.preventDefault(); zone.classList.toggle("over", isOver); };
  zone.addEventListener("dragover", over(true));
  zone.addEventListener("dragleave", over(false));
  zone.addEventListener("drop", (event) => { over(false)(event); take([...event.dataTransfer.files]); });
  return zone;
}

/** The camera, off until it is asked for; `stop` turns it off, also where it is about to be turned on. */
export function cameraBox(target) {
  const element = h("div", { class: "camera" });
  const words = h("p", { class: "soft", role: "status" });
  let camera = null, turn = 0, end = () => {};
  const stop = () => {
    turn += 1;
    end();
    camera?.stop();
    camera = null;
    fill(element, h("button", { type: "button", onclick: start }, "Use the camera"), words);
  };
  async function start() {
    const mine = turn += 1;
    let opened;
    try { opened = await openCamera("choose files"); } catch (error) {
      if (mine === turn) words.textContent = error.message;
      return;
    }
    if (mine !== turn) { opened.stop(); return; } // it was turned off, or on once more, meanwhile
    camera = opened;
    words.textContent = "";
    const hold = holdButton(() => taker(opened, target, words));
    ({ end } = hold);
    fill(element, camera.video, h("p", {}, hold.element, " ", h("button", { type: "button", onclick: stop }, "Camera off")), words);
  }
  stop();
  return { element, stop };
}

/** The button that takes images while it is held, by pointer or Space, and no longer than it is seen and has the focus. */
function holdButton(begun) {
  let timer = 0, taken = null;
  const begin = () => {
    end();
    taken = begun();
    taken.take();
    timer = setInterval(taken.take, PERIOD);
    document.addEventListener("visibilitychange", end, { once: true });
    addEventListener("blur", end, { once: true });
  };
  const end = () => {
    clearInterval(timer);
    taken?.finish();
    taken = null;
    document.removeEventListener("visibilitychange", end);
    removeEventListener("blur", end);
  };
  const element = h("button", { type: "button", class: "primary" }, "Hold to add images");
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    element.setPointerCapture(event.pointerId);
    begin();
  });
  for (const type of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) element.addEventListener(type, end);
  element.addEventListener("keydown", (event) => { if (event.key === " " && !event.repeat) { event.preventDefault(); begin(); } });
  element.addEventListener("keyup", (event) => { if (event.key === " ") end(); });
  return { element, end };
}

/** Takes the middle of the camera's image, and saves it at once; the class fills while others are on their way. */
function taker(camera, target, words) {
  const className = target.className();
  let num = 0, waiting = Promise.resolve(), isBusy = 0;
  const take = async () => {
    if (isBusy > 4) return;
    isBusy += 1;
    const blob = await camera.jpeg(SIDE);
    if (!blob) { isBusy -= 1; return; }
    waiting = waiting.then(() => upload(path(target, className, `camera-${Date.now()}.jpg`), blob)).then(() => {
      num += 1;
      words.textContent = `${numberOf(num, "image")} added to ${className}`;
    }, (error) => { words.textContent = error.message; }).finally(() => { isBusy -= 1; });
  };
  const finish = () => {
    waiting = waiting.then(() => (num > 0 ? target.done() : null)).catch((error) => { words.textContent = error.message; });
  };
  return { take, finish };
}
