//! Encodes AVIF with rav1e, without halving chroma.

use ravif::{BitDepth, Encoder, Img, RGB8, RGBA8};

use super::{Metadata, failed};
use crate::colour;
use crate::exif;
use crate::limits::Limits;
use crate::raster::{Model, Packed, Raster};
use crate::refusal::Refusal;

/// How little rav1e tries, from 1 to 10. With 8 it takes half as long again, for files that are a fiftieth shorter.
const SPEED: u8 = 9;
/// The same for pictures of more than `LARGE` pixels, in half the time and a tenth longer.
const SPEED_OF_LARGE: u8 = 10;
const LARGE: u64 = 2_000_000;
/// How much memory it takes for each pixel.
pub(crate) const MEMORY: u64 = 40;

/// Encodes a picture, transparent or not.
pub(crate) fn encode(
    raster: &Raster,
    quality: u8,
    metadata: &Metadata,
    limits: &Limits<'_>,
) -> Result<Vec<u8>, Refusal> {
    let pixels = u64::from(raster.width()) * u64::from(raster.height());
    let needed = pixels * MEMORY;
    if needed > limits.memory {
        return Err(Refusal::TooMuchMemory { needed, limit: limits.memory });
    }
    let Packed { width, height, model, data } = colour::rgb(raster.clone());
    let mut encoder = Encoder::new()
        .with_quality(f32::from(quality))
        .with_alpha_quality(f32::from(quality))
        .with_bit_depth(BitDepth::Eight)
        .with_speed(if pixels > LARGE { SPEED_OF_LARGE } else { SPEED })
        .with_num_threads(Some(1));
    if let Some(exif) = exif::write(metadata) {
        encoder = encoder.with_exif(exif);
    }
    let (width, height) = (width as usize, height as usize);
    let made = if model == Model::Rgba {
        let pixels: Vec<_> = data.as_chunks().0.iter().map(|[r, g, b, a]| RGBA8::new(*r, *g, *b, *a)).collect();
        encoder.encode_rgba(Img::new(&pixels, width, height))
    } else {
        let pixels: Vec<_> = data.as_chunks().0.iter().map(|[r, g, b]| RGB8::new(*r, *g, *b)).collect();
        encoder.encode_rgb(Img::new(&pixels, width, height))
    };
    Ok(made.map_err(failed)?.avif_file)
}
