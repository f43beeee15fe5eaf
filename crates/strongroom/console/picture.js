// The picture of an object: its variants, the one that fits, and a blurred likeness until it is there.

const HAZE_SIDE = 32;
const LEAST_SIDE = 240;
const hazes = new Map();

/** The variants of an object that can be shown, the smallest first. */
export function variantsOf(object) {
  const area = (variant) => variant.width * variant.height;
  return [...(object.picture?.variants ?? [])].sort((one, other) => area(one) - area(other) || one.bytes - other.bytes);
}

/** What is shown of an object in its place on the wall: the smallest variant that is no stamp. */
export function small(object) {
  const variants = variantsOf(object);
  return variants.find((variant) => Math.max(variant.width, variant.height) >= LEAST_SIDE) ?? variants.at(-1) ?? object.link;
}

/** What is shown of it large: what was handed in, or its largest variant for those who do not see that. */
export function large(object) {
  return object.link ?? variantsOf(object).at(-1) ?? null;
}

/** The blurred likeness of a picture as the URL of an image; nothing where there is none. */
export function haze(object) {
  const hash = object.picture?.thumbhash;
  if (!hash) return null;
  if (!hazes.has(hash)) {
    if (hazes.size > 500) hazes.clear();
    hazes.set(hash, draw(hash));
  }
  return hazes.get(hash);
}

/** Draws what a ThumbHash tells: a few waves of luminance, two of colour, and maybe of transparency. */
function draw(hash) {
  const bytes = Uint8Array.from(atob(hash), (letter) => letter.charCodeAt(0));
  if (bytes.length < 5) return null;
  const bits = (from, count) => {
    let value = 0;
    for (let at = 0; at < count; at += 1) value |= ((bytes[(from + at) >> 3] >> ((from + at) & 7)) & 1) << at;
    return value;
  };
  const [alpha, landscape] = [bits(23, 1) === 1, bits(39, 1) === 1];
  const [long, short] = [alpha ? 5 : 7, Math.max(bits(24, 3), 1)];
  const [across, down] = landscape ? [long, short] : [short, long];
  let next = (alpha ? 6 : 5) * 8;
  const waves = (mean, columns, rows, scale) => {
    const found = [];
    for (let y = 0; y < rows; y += 1) {
      for (let x = y === 0 ? 1 : 0; x * rows < columns * (rows - y); x += 1) {
        found.push([x, y, (bits(next, 4) / 7.5 - 1) * scale * 2]);
        next += 4;
      }
    }
    return (u, v) => found.reduce((sum, [x, y, height]) => sum + height * Math.cos(Math.PI * x * u) * Math.cos(Math.PI * y * v), mean);
  };
  const light = waves(bits(0, 6) / 63, Math.max(across, 3), Math.max(down, 3), bits(18, 5) / 31);
  const yellow = waves(bits(6, 6) / 31.5 - 1, 3, 3, (bits(27, 6) / 63) * 1.25);
  const red = waves(bits(12, 6) / 31.5 - 1, 3, 3, (bits(33, 6) / 63) * 1.25);
  const solid = alpha ? waves(bits(40, 4) / 15, 5, 5, bits(44, 4) / 15) : () => 1;

  const ratio = across / down;
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(ratio > 1 ? HAZE_SIDE : HAZE_SIDE * ratio);
  canvas.height = Math.round(ratio > 1 ? HAZE_SIDE / ratio : HAZE_SIDE);
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  for (let at = 0; at < canvas.width * canvas.height; at += 1) {
    const [u, v] = [((at % canvas.width) + 0.5) / canvas.width, (Math.floor(at / canvas.width) + 0.5) / canvas.height];
    const [l, p, q] = [light(u, v), yellow(u, v), red(u, v)];
    const blue = l - (2 / 3) * p;
    const warm = (3 * l - blue + q) / 2;
    // A clamped array rounds and bounds by itself.
    image.data.set([warm, warm - q, blue, solid(u, v)].map((share) => share * 255), at * 4);
  }
  context.putImageData(image, 0, 0);
  return canvas.toDataURL();
}
