// Adding images to a class: dropped, chosen, or from the camera while a button is held.
//
// `target` has folder, className(), studio, and done(), which is called when images were added.
import { part, upload } from "./api.js";
import { fill, h, numberOf } from "./dom.js";

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
  const input = h("input", { type: "file", id: "pick", multiple: true, accept: "image/*", onchange: () => send([...input.files], target) });
  return h("p", {}, h("label", { for: "pick" }, "or choose files "), input);
}

/** The camera, off until it is asked for; `stop` turns it off. */
export function cameraBox(target) {
  const element = h("div", { class: "camera" });
  const words = h("p", { class: "soft", role: "status" });
  let stream = null, timer = 0;
  const stop = () => {
    clearInterval(timer);
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    rest();
  };
  const rest = () => fill(element, h("button", { type: "button", onclick: start }, "Use the camera"), words);
  async function start() {
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 }, audio: false });
    } catch (error) {
      words.textContent = `The camera cannot be used (${error.name}). Allow it for this page in the browser, or choose files.`;
      return;
    }
    words.textContent = "";
    const video = h("video", { muted: true, playsinline: true, autoplay: true });
    video.srcObject = stream;
    const hold = h("button", { type: "button", class: "primary" }, `Hold to fill the class`);
    const taken = taker(video, target, words);
    const begin = () => { clearInterval(timer); taken.take(); timer = setInterval(taken.take, PERIOD); };
    const end = () => { clearInterval(timer); taken.finish(); };
    hold.addEventListener("pointerdown", (event) => { hold.setPointerCapture(event.pointerId); begin(); });
    hold.addEventListener("pointerup", end);
    hold.addEventListener("pointercancel", end);
    hold.addEventListener("keydown", (event) => { if (event.key === " " && !event.repeat) { event.preventDefault(); begin(); } });
    hold.addEventListener("keyup", (event) => { if (event.key === " ") end(); });
    fill(element, video, h("p", {}, hold, " ", h("button", { type: "button", onclick: stop }, "Camera off")), words);
  }
  rest();
  return { element, stop };
}

/** Takes the middle of the camera's image, and saves it at once; the class fills while others are on their way. */
function taker(video, target, words) {
  const canvas = h("canvas", { width: SIDE, height: SIDE });
  const pen = canvas.getContext("2d");
  let num = 0, waiting = Promise.resolve(), isBusy = 0;
  const take = () => {
    if (!video.videoWidth || isBusy > 4) return;
    const side = Math.min(video.videoWidth, video.videoHeight);
    pen.drawImage(video, (video.videoWidth - side) / 2, (video.videoHeight - side) / 2, side, side, 0, 0, SIDE, SIDE);
    isBusy += 1;
    canvas.toBlob((blob) => {
      waiting = waiting.then(() => upload(path(target, `camera-${Date.now()}.jpg`), blob)).then(() => {
        num += 1;
        words.textContent = `${numberOf(num, "image")} added to ${target.className()}`;
      }, (error) => { words.textContent = error.message; }).finally(() => { isBusy -= 1; });
    }, "image/jpeg", 0.92);
  };
  const finish = () => {
    waiting = waiting.then(() => (num > 0 ? target.done() : null)).catch((error) => { words.textContent = error.message; });
  };
  return { take, finish };
}
