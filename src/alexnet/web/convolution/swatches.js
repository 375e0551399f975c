// Kernels of the convolution lab as images.
import { canvasOf, paint } from "./pixels.js";

export const COLORS = ["red", "green", "blue"];

/** A kernel as an image, or three as one in color: what is 0 is gray. */
export function swatchOf(channels, words = "the kernel") {
  const most = Math.max(1e-12, ...channels.flat(2).map(Math.abs)), canvas = canvasOf(words);
  paint(canvas, channels, [-most, most]);
  return canvas;
}

/** A kernel of three channels in color, and each channel by itself. */
export function colorsOf(channels) {
  const box = document.createElement("div"); box.className = "colors";
  const captions = ["all three", ...COLORS], drawn = [swatchOf(channels, "the kernel, its three channels as one"), ...channels.map((rows, c) => swatchOf([rows], `the kernel for ${COLORS[c]}`))];
  box.append(...drawn.map((canvas, n) => {
    const figure = document.createElement("figure"), caption = document.createElement("figcaption");
    caption.textContent = captions[n]; figure.append(canvas, caption);
    return figure;
  }));
  return box;
}
