// Maps and units as pixels, never smoothed: viridis from 0 to the largest value; around 0 from blue over white to red.

const VIRIDIS = ramp([[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]]);
const AROUND_0 = ramp([[33, 102, 172], [146, 197, 222], [247, 247, 247], [244, 165, 130], [178, 24, 43]]);

/** 256 colors between given ones, as the numbers of red, green and blue one after the other. */
function ramp(colors) {
  return Uint8Array.from({ length: 768 }, (_, n) => {
    const place = (Math.floor(n / 3) / 255) * (colors.length - 1), low = Math.min(Math.floor(place), colors.length - 2);
    return colors[low][n % 3] + (place - low) * (colors[low + 1][n % 3] - colors[low][n % 3]);
  });
}

/** Draw a map, {shape: [h, w], values: base64 of bytes}, onto a canvas, which gets its size. */
export function paintMap(canvas, { shape: [height, width], values }) {
  const bytes = atob(values);
  paint(canvas, width, height, bytes.length, (n) => bytes.charCodeAt(n), VIRIDIS);
}

/** The smallest and the largest of numbers and 0. */
export function extremes(values) {
  let least = 0, most = 0;
  for (const value of values) {
    if (value < least) least = value;
    else if (value > most) most = value;
  }
  return [least, most];
}

/** Draw numbers row by row onto a canvas, which gets its size, a pixel each. */
export function paintValues(canvas, values, columns) {
  const [least, most] = extremes(values), size = Math.max(-least, most) || 1;
  const byte = least < 0 ? (n) => Math.round(127.5 * (1 + values[n] / size)) : (n) => Math.round((255 * values[n]) / size);
  paint(canvas, columns, Math.ceil(values.length / columns), values.length, byte, least < 0 ? AROUND_0 : VIRIDIS);
}

function paint(canvas, width, height, count, byte, colors) {
  if (width === 0 || height === 0) return;
  const pixels = new ImageData(width, height);
  for (let n = 0; n < count; n++) {
    const color = 3 * byte(n);
    for (let c = 0; c < 3; c++) pixels.data[4 * n + c] = colors[color + c];
    pixels.data[4 * n + 3] = 255;
  }
  if (canvas.width !== width || canvas.height !== height) { canvas.width = width; canvas.height = height; }
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

/** A number as it is read: at most four digits that count. */
export const short = (value) => (value === null ? "" : Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4))));

/** A number with its sign; in a column, where all have four digits, `exact`. */
export const signed = (value) => `${value < 0 ? "\u2212" : "+"}${short(Math.abs(value))}`;
export const exact = (value) => `${value < 0 ? "\u2212" : ""}${value === 0 ? "0" : Math.abs(value).toPrecision(4)}`;
export const exactSigned = (value) => `${value < 0 ? "" : "+"}${exact(value)}`;

/** A number where there is little room: two digits that count; what is nearly nothing is ~0. */
export function brief(value) {
  if (value === null) return "";
  return value !== 0 && Math.abs(value) < 0.0005 ? "~0" : String(Number(value.toPrecision(2))).replace("0.", ".");
}
