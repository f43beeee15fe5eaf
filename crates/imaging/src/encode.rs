//! Turns pixels into files with nothing in them but the pixels and what a recipe keeps.

use crate::limits::Limits;
use crate::raster::Raster;
use crate::recipe::Encoding;
use crate::refusal::Refusal;

pub(crate) mod animation;
pub(crate) mod avif;
pub(crate) mod jpeg;
mod png;
mod webp;

/// What a result carries besides its pixels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) copyright: Option<String>,
    pub(crate) artist: Option<String>,
    pub(crate) icc: Option<Vec<u8>>,
}

/// Encodes a picture in the colours that the encoders take.
pub(crate) fn encode(
    raster: &Raster,
    encoding: Encoding,
    metadata: &Metadata,
    limits: &Limits<'_>,
) -> Result<Vec<u8>, Refusal> {
    limits.check_time()?;
    let bytes = match encoding {
        Encoding::Jpeg { quality, progressive } => jpeg::encode(raster, quality, progressive, metadata)?,
        Encoding::Png => png::encode(raster, metadata, limits)?,
        Encoding::WebP { quality, lossless } => webp::encode(raster, quality, lossless, metadata, limits)?,
        Encoding::Avif { quality } => avif::encode(raster, quality, metadata, limits)?,
    };
    let length = bytes.len() as u64;
    if length > limits.output { Err(Refusal::TooManyBytes { bytes: length, limit: limits.output }) } else { Ok(bytes) }
}

/// What an encoder says when it cannot; the limits of the formats were checked with the recipe.
fn failed(why: impl std::fmt::Display) -> Refusal {
    Refusal::Recipe(format!("it cannot be encoded: {why}"))
}
