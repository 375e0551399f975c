// The camera: its images as squares, and what to do where it cannot be used.
import { h } from "./dom.js";

const CAUSES = {
  NotAllowedError: "It was refused: allow it for this page in the browser",
  NotFoundError: "None is connected: connect one",
  NotReadableError: "Another program uses it: close that program",
  SecurityError: "The browser offers it only to pages of this computer: open the studio on the computer that runs it",
};

/** Turn the camera on. Where that fails, the error's message says why, and ends with `otherwise`, what to do instead. */
export async function openCamera(otherwise) {
  let stream;
  try {
    if (!navigator.mediaDevices) throw new DOMException("", "SecurityError");
    stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 }, audio: false });
  } catch (error) {
    throw new Error(`The camera cannot be used. ${CAUSES[error.name] ?? `The reason: ${error.name}. Try again`}, or ${otherwise}.`);
  }
  const video = h("video", { muted: true, playsinline: true, autoplay: true });
  video.srcObject = stream;
  return new Camera(stream, video);
}

class Camera {
  #canvas = h("canvas", {}); // one for all images: a new one each time would fill the memory faster than it is freed

  constructor(stream, video) { this.stream = stream; this.video = video; }

  stop() { for (const track of this.stream.getTracks()) track.stop(); }

  /** Resolves when there is another image. */
  next() {
    const { video } = this;
    return new Promise((done) => { video.requestVideoFrameCallback ? video.requestVideoFrameCallback(done) : requestAnimationFrame(done); });
  }

  /** The middle of the image as a square of `side` px, by default of all it has, on a canvas that the next call draws on
   * again; null before there is one. */
  square(side = 0) {
    const { video } = this, most = Math.min(video.videoWidth, video.videoHeight);
    if (!most) return null;
    const canvas = this.#canvas, length = side || most;
    if (canvas.width !== length || canvas.height !== length) { canvas.width = length; canvas.height = length; }
    canvas.getContext("2d").drawImage(video, (video.videoWidth - most) / 2, (video.videoHeight - most) / 2, most, most, 0, 0, canvas.width, canvas.height);
    return canvas;
  }

  /** The same as a JPEG; null before there is an image. */
  jpeg(side = 0) {
    const canvas = this.square(side);
    return canvas ? new Promise((answer) => { canvas.toBlob(answer, "image/jpeg", 0.92); }) : Promise.resolve(null);
  }
}
