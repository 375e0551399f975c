// A figure that the server draws, on the ground of the page: drawn anew when the page becomes dark or light.
import { h } from "./dom.js";

const SYSTEM = matchMedia("(prefers-color-scheme: dark)");

const isDark = () => (document.documentElement.dataset.theme ?? (SYSTEM.matches ? "dark" : "light")) === "dark";

/** An image of the figure at an address below /api/. */
export function figureImage(path, alt) {
  const source = () => `/api/${path}${isDark() ? "?theme=dark" : ""}`, image = h("img", { class: "figure", alt, src: source() });
  const observer = new MutationObserver(draw);
  function draw() {
    if (!image.isConnected) { observer.disconnect(); SYSTEM.removeEventListener("change", draw); return; }
    if (image.getAttribute("src") !== source()) image.src = source();
  }
  observer.observe(document.documentElement, { attributeFilter: ["data-theme"] });
  SYSTEM.addEventListener("change", draw);
  return image;
}
