//! Reads what an AVIF or a HEIC says about itself.

use super::{Colour, Format, Found};
use crate::heif::planes::Sampling;
use crate::heif::{self, Codec, Image, colours};
use crate::refusal::Refusal;

/// Reads the boxes.
pub(crate) fn read(bytes: &[u8], format: Format) -> Result<Found<'_>, Refusal> {
    let picture = heif::read(bytes, format)?;
    if let Some(cicp) = picture.cicp {
        cicp.check(format)?;
    }
    let colour = &picture.colour;
    let planar = picture.alpha.is_none()
        && match colour.sampling {
            Sampling::Gray => true,
            Sampling::Quarter => picture.cicp.is_none_or(|cicp| colours::is_601(cicp.matrix)),
            Sampling::Half | Sampling::Whole => false,
        };
    let pixels = u64::from(colour.width).saturating_mul(u64::from(colour.height));
    let packed = match (planar, picture.alpha.is_some()) {
        (true, _) => 0,
        (_, alpha) => pixels.saturating_mul(if alpha { 4 } else { 3 }),
    };
    let decoding = [Some(colour), picture.alpha.as_ref()].into_iter().flatten().map(needed).max().unwrap_or(0);
    let planes = [Some(colour), picture.alpha.as_ref()].into_iter().flatten().map(kept).sum::<u64>();
    let [_, _, width, height] = picture.clean;
    Ok(Found {
        width,
        height,
        bit_depth: colour.depth,
        colour: Some(if colour.sampling == Sampling::Gray { Colour::Gray } else { Colour::Rgb }),
        alpha: picture.alpha.is_some(),
        memory: planes.saturating_add(decoding).saturating_add(packed),
        exif: picture.exif,
        icc: picture.icc.map(Into::into),
        orientation: Some(picture.orientation),
        ..Found::default()
    })
}

/// Samples of a hundred pixels.
fn samples(sampling: Sampling) -> u64 {
    match sampling {
        Sampling::Gray => 100,
        Sampling::Quarter => 150,
        Sampling::Half => 200,
        Sampling::Whole => 300,
    }
}

/// Bytes of so many pixels, of which a hundred take this.
fn bytes((width, height): (u32, u32), of_a_hundred: u64) -> u64 {
    u64::from(width).saturating_mul(u64::from(height)).saturating_mul(of_a_hundred) / 100
}

/// Bytes of the planes that come out.
fn kept(image: &Image<'_>) -> u64 {
    bytes((image.width, image.height), samples(image.sampling))
}

/// Bytes that the decoder takes for a tile.
fn needed(image: &Image<'_>) -> u64 {
    let samples = samples(image.sampling);
    let of_a_hundred = match image.codec {
        Codec::Av1 => samples * if image.depth == 8 { 1 } else { 2 } + 200,
        Codec::Hevc => samples * 2 + 400,
    };
    bytes(image.tile, of_a_hundred).saturating_add(4 << 20)
}
