//! Turns a file into pixels, under limits that its headers were compared with before.

use crate::limits::Limits;
use crate::probe::{Format, Header};
use crate::raster::Raster;
use crate::refusal::Refusal;

mod jpeg;
mod png;
mod webp;

/// A decoded picture, with the profile that its colours are meant by.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) raster: Raster,
    pub(crate) icc: Option<Vec<u8>>,
}

/// Decodes the first frame.
pub(crate) fn decode(bytes: &[u8], header: &Header<'_>, limits: &Limits<'_>) -> Result<Decoded, Refusal> {
    let icc = header.icc.as_deref().map(<[u8]>::to_vec);
    match header.probe.format {
        Format::Jpeg => Ok(Decoded { raster: jpeg::decode(bytes, header, limits)?, icc }),
        Format::Png => png::decode(bytes, header, limits),
        Format::WebP => Ok(Decoded { raster: webp::decode(bytes, header, limits)?, icc }),
    }
}
