// Two ways to make three pictures of one with sharp, one thread each.
import sharp from 'sharp';

sharp.concurrency(1);
sharp.cache(false);

const display = { width: 1200, height: 1200, fit: 'inside', withoutEnlargement: true };
const thumb = { width: 320, height: 320, fit: 'cover' };
const white = { background: '#ffffff' };

// As people write it: one pipeline, cloned for each result.
async function clone(input) {
  const picture = sharp(input).autoOrient();
  return Promise.all([
    picture.clone().resize(display).flatten(white).jpeg({ quality: 85 }).toBuffer(),
    picture.clone().resize(display).webp({ quality: 80 }).toBuffer(),
    picture.clone().resize(thumb).webp({ quality: 80 }).toBuffer(),
  ]);
}

// The best that can be had: decoded and resized once, and everything made of the pixels.
async function raw(input) {
  const { data, info } = await sharp(input).autoOrient().resize(display).raw().toBuffer({ resolveWithObject: true });
  const pixels = { raw: { width: info.width, height: info.height, channels: info.channels } };
  return Promise.all([
    sharp(data, pixels).flatten(white).jpeg({ quality: 85 }).toBuffer(),
    sharp(data, pixels).webp({ quality: 80 }).toBuffer(),
    sharp(data, pixels).resize(thumb).webp({ quality: 80 }).toBuffer(),
  ]);
}

export const makers = { clone, raw };
