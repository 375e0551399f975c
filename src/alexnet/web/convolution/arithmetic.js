// Convolution as alexnet.convolve2d computes it: where the outputs lie, what is read beyond the border, the sums.
// An image and a kernel are rows of numbers; settings are {operation, size, border, stride}. The tests compare the two.

/** The outputs of one axis: index of the first, their count, px from the start of a patch to its output; null if none. */
function axisOf(length, taps, size, operation) {
  const lead = Math.floor((operation === "convolution" ? taps : taps - 1) / 2);
  if (size === "same") return { first: 0, count: length, lead };
  if (size === "full") return { first: lead - taps + 1, count: length + taps - 1, lead };
  return taps > length ? null : { first: lead, count: length - taps + 1, lead };
}

/** The pixel that is read at a place of an axis; -1 means zero. */
export function placeOf(place, length, border) {
  if (place >= 0 && place < length) return place;
  if (border === "zero") return -1;
  if (border === "replicate") return Math.min(Math.max(place, 0), length - 1);
  if (border === "circular") return ((place % length) + length) % length;
  const period = Math.max(2 * (length - 1), 1), folded = ((place % period) + period) % period;
  return length > 1 ? Math.min(folded, period - folded) : 0;
}

/** Both axes with their outputs at the stride, and the kernel as it slides; or {fault}.
 * @returns {any} */
export function planOf(image, kernel, { operation, size, stride }) {
  const axes = [[image.length, kernel.length], [image[0].length, kernel[0].length]].map(([length, taps]) => axisOf(length, taps, size, operation));
  if (axes.includes(null)) return { fault: `A kernel of ${kernel.length} × ${kernel[0].length} does not fit into an image of ${image.length} × ${image[0].length}: choose size same or full.` };
  const [down, across] = axes.map((axis) => ({ ...axis, outputs: Math.ceil(axis.count / stride) }));
  return { down, across, slid: flipped(kernel, operation) };
}

const flipped = (kernel, operation) => (operation === "convolution" ? kernel.map((row) => [...row].reverse()).reverse() : kernel);

/** Every output, as rows. */
export function convolve(image, kernel, settings) {
  const { border, stride } = settings, { down, across, slid } = planOf(image, kernel, settings);
  const outputs = Array.from({ length: down.outputs }, () => new Float64Array(across.outputs));
  const columns = placesOf(across, slid[0].length, image[0].length, border), read = new Map();
  const rowAt = (place) => { // the image's row with its borders, as one array
    if (!read.has(place)) read.set(place, Float64Array.from(columns, (column) => (column < 0 ? 0 : image[place][column])));
    return read.get(place);
  };
  const rows = placesOf(down, slid.length, image.length, border);
  outputs.forEach((out, i) => {
    for (let s = 0; s < slid.length; s++) {
      const place = rows[i * stride + s];
      if (place >= 0) addRow(out, rowAt(place), slid[s], stride);
    }
  });
  return outputs;
}

const placesOf = (axis, taps, length, border) => Array.from({ length: axis.count + taps - 1 }, (_, n) => placeOf(axis.first - axis.lead + n, length, border));

function addRow(out, row, weights, stride) {
  for (let t = 0; t < weights.length; t++) {
    const weight = weights[t];
    if (weight === 0) continue;
    if (stride === 1) for (let j = 0; j < out.length; j++) out[j] += row[j + t] * weight;
    else for (let j = 0; j < out.length; j++) out[j] += row[j * stride + t] * weight;
  }
}

/** The sum of what three kernels make of three channels, as the first layer of a network computes it. */
export function convolveColor(channels, kernels, settings) {
  const [total, ...others] = channels.map((channel, c) => convolve(channel, kernels[c], settings));
  for (const each of others) total.forEach((row, i) => { for (let j = 0; j < row.length; j++) row[j] += each[i][j]; });
  return total;
}

/** The results of a pair of kernels as one: `magnitude`, or `angle` in degrees towards the brighter side. */
export function combined(how, across, down, operation) {
  const sign = operation === "convolution" ? -1 : 1; // the flip turns the kernels around
  const one = how === "magnitude" ? Math.hypot : (x, y) => (180 / Math.PI) * Math.atan2(sign * y, sign * x);
  return across.map((row, i) => row.map((value, j) => one(value, down[i][j])));
}
