//! Turns a file into pixels, under limits that its headers were compared with before.

use crate::film::Film;
use crate::limits::Limits;
use crate::probe::{Format, Header};
use crate::raster::Raster;
use crate::refusal::Refusal;

mod bmp;
pub(crate) mod gif;
mod heif;
mod jpeg;
mod jxl;
pub(crate) mod png;
mod tiff;
pub(crate) mod webp;

/// A decoded picture, with the profile that its colours are meant by.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) raster: Raster,
    pub(crate) icc: Option<Vec<u8>>,
}

/// What is enough of a picture for everything that is made of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Enough {
    /// A half, a quarter or an eighth of its pixels a side where this is 2, 4 or 8.
    pub(crate) shrink: u32,
    /// Half of its chroma on each side.
    pub(crate) halved: bool,
}

/// Decodes the picture, or of an animation the first frame with something to see; as much of a JPEG as is enough.
pub(crate) fn decode(
    bytes: &[u8],
    header: &Header<'_>,
    enough: Enough,
    limits: &Limits<'_>,
) -> Result<Decoded, Refusal> {
    let icc = header.icc.as_deref().map(<[u8]>::to_vec).or_else(|| header.packed_icc.and_then(png::profile));
    if header.layers.is_some() {
        return Ok(Decoded { raster: Film::open(bytes, header, limits)?.poster()?, icc });
    }
    match header.probe.format {
        Format::Bmp => Ok(Decoded { raster: bmp::decode(bytes, header, limits)?, icc }),
        Format::Gif => Err(Refusal::damaged(Format::Gif, "it has no frames")),
        Format::Avif | Format::Heic => heif::decode(bytes, header, limits),
        Format::Jpeg => Ok(Decoded { raster: jpeg::decode(bytes, header, enough, limits)?, icc }),
        Format::Jxl => jxl::decode(bytes, header, limits),
        Format::Png => Ok(Decoded { raster: png::decode(bytes, header, limits)?, icc }),
        Format::Tiff => Ok(Decoded { raster: tiff::decode(bytes, header, limits)?, icc }),
        Format::WebP => Ok(Decoded { raster: webp::decode(bytes, header, limits)?, icc }),
    }
}
