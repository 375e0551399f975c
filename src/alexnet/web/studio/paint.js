// Maps as pixels: viridis from 0 to the largest value; never smoothed.

const VIRIDIS = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];

/** Draw a map, {shape: [h, w], values: base64 of bytes}, onto a canvas, which gets its size. */
export function paintMap(canvas, { shape: [height, width], values }) {
  const bytes = Uint8Array.from(atob(values), (letter) => letter.charCodeAt(0)), pixels = new ImageData(width, height);
  bytes.forEach((byte, n) => {
    const place = (byte / 255) * (VIRIDIS.length - 1), low = Math.min(Math.floor(place), VIRIDIS.length - 2), rest = place - low;
    for (let c = 0; c < 3; c++) pixels.data[4 * n + c] = VIRIDIS[low][c] * (1 - rest) + VIRIDIS[low + 1][c] * rest;
    pixels.data[4 * n + 3] = 255;
  });
  canvas.width = width; canvas.height = height;
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

/** A number as it is read: at most four digits that count. */
export const short = (value) => (value === null ? "" : Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4))));

/** A number where there is little room: two digits that count; what is nearly nothing is ~0. */
export function brief(value) {
  if (value === null) return "";
  return value !== 0 && Math.abs(value) < 0.0005 ? "~0" : String(Number(value.toPrecision(2))).replace("0.", ".");
}
