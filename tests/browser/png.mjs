// Draws small PNG pictures from nothing, so that the tests need no files of their own.

import { deflateSync } from "node:zlib";

/** A woven pattern of `width` × `height` pixels; `seed` decides its threads. The answer is a PNG file's bytes. */
export function weave(width, height, seed = 1) {
  const thread = 2 + (seed % 5);
  const warp = colour(seed * 47);
  const weft = colour(seed * 47 + 150);
  const rows = Buffer.alloc(height * (1 + width * 3));
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const [column, row] = [Math.floor(x / (thread * 4)), Math.floor(y / (thread * 4))];
      const over = (column + row * (1 + (seed % 3))) % (2 + (seed % 3)) === 0;
      const shade = 0.72 + 0.28 * Math.sin((((over ? y : x) % (thread * 4)) / (thread * 4)) * Math.PI);
      const start = y * (1 + width * 3) + 1 + x * 3;
      (over ? warp : weft).forEach((channel, i) => { rows[start + i] = Math.round(channel * shade); });
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", deflateSync(rows)), chunk("IEND", Buffer.alloc(0))]);
}

function chunk(kind, data) {
  const body = Buffer.concat([Buffer.from(kind, "latin1"), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc32(body), body.length + 4);
  return framed;
}

/** The checksum each chunk of a PNG file ends with (ISO 3309); zlib offers its own only from Node 20 on. */
function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

function colour(hue) {
  return [0, 120, 240].map((shift) => 96 + 84 * Math.cos(((hue + shift) * Math.PI) / 180) + 40);
}
