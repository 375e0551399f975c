// A button that turns the camera on, and shows one image after the other until it is stopped.
import { openCamera } from "./camera.js";
import { fill, h } from "./dom.js";

const KEPT_TIMES = 20; // images over which the rate is taken

export class LiveCamera {
  #camera = null; #isClosed = false;

  /** `show` gets the camera for every image, and is awaited; `begun` and `stopped` are called when it is turned on and
   * off; `otherwise` is what to do where it cannot be used. */
  constructor({ show, begun = () => {}, stopped = () => {}, otherwise }) {
    this.show = show; this.begun = begun; this.stopped = stopped; this.otherwise = otherwise;
    this.root = h("span", { class: "begin" });
    this.rate = h("span", { class: "rate" });
    this.#offer();
  }

  get isOn() { return this.#camera !== null; }

  async start() {
    let camera;
    try { camera = await openCamera(this.otherwise); } catch (error) {
      this.#offer(error.message);
      return;
    }
    if (this.#isClosed) { camera.stop(); return; }
    this.#camera?.stop();
    this.#camera = camera;
    this.rate.textContent = "";
    fill(this.root, h("button", { type: "button", class: "primary", onclick: () => this.stop() }, "Stop at this image"), this.rate);
    this.begun();
    await this.#watch(camera);
  }

  stop() {
    if (!this.#camera) return;
    this.#camera.stop();
    this.#camera = null;
    this.#offer();
    this.stopped();
  }

  /** The view is left. */
  close() {
    this.#isClosed = true;
    this.#camera?.stop();
    this.#camera = null;
  }

  #offer(fault = "") {
    fill(this.root, h("button", { type: "button", onclick: () => this.start() }, "Use the camera"), fault && h("span", { class: "fault", role: "alert" }, fault));
  }

  async #watch(camera) {
    const times = [];
    while (this.#camera === camera) {
      await camera.next();
      if (this.#camera !== camera) return;
      await this.show(camera);
      times.push(performance.now());
      if (times.length > KEPT_TIMES) times.shift();
      if (times.length > 1) this.rate.textContent = `${Math.round((1000 * (times.length - 1)) / (times.at(-1) - times[0]))} images a second`;
    }
  }
}
