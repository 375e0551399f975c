// Images of the convolution lab: a file or a frame to rows of numbers, and rows of numbers to a canvas.

const LONGEST = 160; // px of the longer side: few enough that every frame of a camera is convolved in time

const PLAIN = new WeakMap(); // canvas → its pixels without a frame

/** An image file's address, decoded: see `pixelsOf`. */
export async function readPixels(source) {
  const image = new Image();
  image.src = source;
  await image.decode();
  return pixelsOf(image, image.naturalWidth, image.naturalHeight);
}

/** {image, color}: gray values as rows, and those of red, green and blue; color is null where all three are the same. */
export function pixelsOf(source, fullWidth, fullHeight) {
  const by = Math.min(1, LONGEST / Math.max(fullWidth, fullHeight)), canvas = document.createElement("canvas");
  const [width, height] = [fullWidth, fullHeight].map((side) => Math.max(1, Math.round(side * by)));
  canvas.width = width; canvas.height = height;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.imageSmoothingQuality = "high";
  pen.drawImage(source, 0, 0, width, height);
  const { data } = pen.getImageData(0, 0, width, height);
  const rowsOf = (value) => Array.from({ length: height }, (_, y) => Array.from({ length: width }, (__, x) => value(4 * (y * width + x))));
  let isGray = true;
  for (let n = 0; n < data.length && isGray; n += 4) isGray = data[n] === data[n + 1] && data[n] === data[n + 2];
  return { image: rowsOf((n) => Math.round(0.299 * data[n] + 0.587 * data[n + 1] + 0.114 * data[n + 2])),
    color: isGray ? null : [0, 1, 2].map((channel) => rowsOf((n) => data[n + channel])) };
}

/** A canvas that `paint` draws on; `words` say what it shows. */
export function canvasOf(words) {
  const canvas = document.createElement("canvas");
  canvas.setAttribute("role", "img"); canvas.setAttribute("aria-label", words);
  return canvas;
}

/** Draw rows of numbers, or three of them as red, green and blue: black at the first number of `range`, white at the second. */
export function paint(canvas, channels, [low, high]) {
  const [first] = channels, width = first[0].length, pixels = new ImageData(width, first.length), { data } = pixels;
  const by = 255 / (high - low);
  for (let c = 0; c < 3; c++) {
    const rows = channels[c % channels.length];
    for (let y = 0, n = c; y < rows.length; y++) for (let x = 0; x < width; x++, n += 4) data[n] = (rows[y][x] - low) * by;
  }
  put(canvas, pixels);
}

/** Draw angles in degrees as hues: red points to the right. */
export function paintAngles(canvas, rows) {
  const pixels = new ImageData(rows[0].length, rows.length), { data } = pixels;
  rows.forEach((row, y) => row.forEach((angle, x) => {
    [0, 8, 4].forEach((offset, c) => { // hsl to rgb, at full saturation and half lightness
      const k = (offset + (angle + 360) / 30) % 12;
      data[4 * (y * row.length + x) + c] = 255 * (0.5 - 0.5 * Math.max(-1, Math.min(k - 3, 9 - k, 1)));
    });
  }));
  put(canvas, pixels);
}

function put(canvas, pixels) {
  for (let n = 3; n < pixels.data.length; n += 4) pixels.data[n] = 255;
  if (canvas.width !== pixels.width || canvas.height !== pixels.height) { canvas.width = pixels.width; canvas.height = pixels.height; }
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  PLAIN.set(canvas, pixels);
}

/** Draw a frame around some pixels, and take away the one before. */
export function frame(canvas, x, y, width, height) {
  const pen = canvas.getContext("2d");
  pen.putImageData(PLAIN.get(canvas), 0, 0);
  pen.strokeStyle = "#e69f00"; pen.lineWidth = 1; pen.strokeRect(x - 0.5, y - 0.5, width + 1, height + 1);
}

/** What is black and what is white: around 0 for a kernel whose weights cancel.
 * @returns {[number, number]} */
export function rangeOf(weights, values) {
  const sum = weights.reduce((a, b) => a + b, 0), size = weights.reduce((a, b) => a + Math.abs(b), 0);
  let [low, high] = [Infinity, -Infinity];
  for (const row of values) for (const value of row) { low = Math.min(low, value); high = Math.max(high, value); }
  if (Math.abs(sum) < 1e-9 + 0.01 * size) { const most = Math.max(1e-12, Math.abs(low), Math.abs(high)); return [-most, most]; }
  return Math.abs(sum - 1) < 1e-6 ? [0, 255] : [low, Math.max(high, low + 1e-12)];
}
