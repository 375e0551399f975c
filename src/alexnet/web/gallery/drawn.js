// Data of the gallery: the same on every visit, drawn here.

export const CLASSES = ["airplane", "cat", "dog", "flower"];

/** Numbers from 0 to 1 that look random; the same for the same seed: a linear congruential generator. */
export function numbers(seed) {
  let state = seed + 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** An image of `side` px, a colored disk on a ground, as the address of a PNG. */
export function drawImage(seed, side = 96) {
  const canvas = document.createElement("canvas"), pen = canvas.getContext("2d"), next = numbers(seed);
  canvas.width = canvas.height = side;
  pen.fillStyle = `hsl(${360 * next()} 30% 70%)`;
  pen.fillRect(0, 0, side, side);
  pen.fillStyle = `hsl(${360 * next()} 70% 45%)`;
  pen.beginPath();
  pen.arc(side * (0.35 + 0.3 * next()), side * (0.35 + 0.3 * next()), side * (0.15 + 0.15 * next()), 0, 2 * Math.PI);
  pen.fill();
  return canvas.toDataURL();
}

/** A sheet of `count` images in rows of `columns`, as the address of a PNG. */
export async function drawSheet(count, columns, side) {
  const canvas = document.createElement("canvas"), pen = canvas.getContext("2d");
  canvas.width = columns * side; canvas.height = Math.ceil(count / columns) * side;
  for (let n = 0; n < count; n++) {
    const image = new Image();
    image.src = drawImage(n, side);
    await image.decode();
    pen.drawImage(image, (n % columns) * side, Math.floor(n / columns) * side);
  }
  return canvas.toDataURL();
}

/** A blob of bytes, largest at a place, as base64: what the server sends of a map. */
export function drawBytes(side, seed) {
  const next = numbers(seed), [row, column] = [side * next(), side * next()];
  const bytes = Array.from({ length: side * side }, (_, n) => {
    const distance = (Math.floor(n / side) - row) ** 2 + ((n % side) - column) ** 2;
    return Math.round(255 * Math.exp(-distance / (0.08 * side * side)));
  });
  return btoa(String.fromCharCode(...bytes));
}

/** Values of units, most of them 0, as the server sends them. */
export function drawUnits(count, seed) {
  const next = numbers(seed), values = Float32Array.from({ length: count }, () => Math.max(0, 6 * next() - 4));
  return btoa(String.fromCharCode(...new Uint8Array(values.buffer)));
}

/** A map of a layer as the server sends it. */
export const drawMap = (number, side) => ({ number, maximum: 3.5 / (1 + number), shape: [side, side], values: drawBytes(side, number + 1) });
