//! Decodes AVIF and HEIC: each tile by the decoder of its codec, then the tiles side by side, with their transparency.

use super::Decoded;
use crate::colour;
use crate::heif::colours::Cicp;
use crate::heif::planes::Planes;
use crate::heif::{self, Codec, Image};
use crate::limits::Limits;
use crate::probe::Header;
use crate::raster::{Packed, Planar, Plane, Raster};
use crate::refusal::Refusal;

mod av1;
mod hevc;

/// Decodes the picture whose header was read and compared with the limits.
pub(crate) fn decode(bytes: &[u8], header: &Header<'_>, limits: &Limits<'_>) -> Result<Decoded, Refusal> {
    let format = header.probe.format;
    let picture = heif::read(bytes, format)?;
    let work = Work { format, limits };
    let (colours, said) = work.planes(&picture.colour, picture.cicp)?;
    let alpha = picture.alpha.as_ref().map(|alpha| work.planes(alpha, None)).transpose()?;
    said.check(format)?;
    let unknown = || Refusal::unsupported(format, format!("its colours are of kind {}", said.matrix));
    let raster = colours.into_raster(alpha.map(|(planes, _)| planes), picture.premultiplied)?.ok_or_else(unknown)?;
    let icc = picture.icc.map(<[u8]>::to_vec).or_else(|| said.profile());
    Ok(Decoded { raster: crop(raster, picture.clean), icc })
}

/// What decoders are told.
struct Work<'a> {
    format: crate::Format,
    limits: &'a Limits<'a>,
}

impl Work<'_> {
    /// All tiles of an image, and what its colours are: as the container says, or else as the coded picture does.
    fn planes(&self, image: &Image<'_>, said: Option<Cicp>) -> Result<(Planes, Cicp), Refusal> {
        self.limits.check_size(image.width, image.height)?;
        self.limits.check_size(image.tile.0, image.tile.1)?;
        let mut whole: Option<(Planes, Cicp)> = None;
        for (number, tile) in (0_u32..).zip(&image.tiles) {
            self.limits.check_time()?;
            let (planes, cicp) = match image.codec {
                Codec::Av1 => av1::decode(tile, image, said, self.format)?,
                Codec::Hevc => hevc::decode(tile, image, said, self.format, self.limits)?,
            };
            if (planes.width, planes.height) == (image.width, image.height) {
                return Ok((planes, cicp));
            }
            let whole = match &mut whole {
                Some((whole, _)) => whole,
                None => &mut whole.insert((Planes::new(planes.kind, image.width, image.height)?, cicp)).0,
            };
            let (left, top) = (number % image.columns * image.tile.0, number / image.columns * image.tile.1);
            let differs = || Refusal::damaged(self.format, "its tiles do not fit together");
            whole.lay(left, top, &planes).ok_or_else(differs)?;
        }
        whole.ok_or_else(|| Refusal::damaged(self.format, "it has no tiles"))
    }
}

/// The part of it that is shown.
fn crop(raster: Raster, [left, top, width, height]: [u32; 4]) -> Raster {
    if (width, height) == (raster.width(), raster.height()) {
        return raster;
    }
    match raster {
        Raster::Planar(planar) if left.is_multiple_of(2) && top.is_multiple_of(2) => Raster::Planar(Planar {
            range: planar.range,
            luma: part(&planar.luma, [left, top, width, height]),
            chroma: planar.chroma.map(|plane| part(&plane, [left / 2, top / 2, width.div_ceil(2), height.div_ceil(2)])),
        }),
        // Chroma would move by one pixel against luma.
        Raster::Planar(planar) => crop(Raster::Packed(colour::planar_to_ycc(&planar)), [left, top, width, height]),
        Raster::Packed(packed) => {
            let channels = packed.model.channels() as u32;
            let samples = Plane { width: packed.width * channels, height: packed.height, data: packed.data };
            let data = part(&samples, [left * channels, top, width * channels, height]).data;
            Raster::Packed(Packed { width, height, model: packed.model, data })
        }
    }
}

fn part(plane: &Plane, [left, top, width, height]: [u32; 4]) -> Plane {
    let rows = plane.data.chunks_exact(plane.width as usize).skip(top as usize).take(height as usize);
    let data = rows.flat_map(|row| &row[left as usize..][..width as usize]).copied().collect();
    Plane { width, height, data }
}
