//! Decodes JPEG with a decoder in Rust, to luma and chroma where the picture has them.

use rusty_jpeg::Decoder;
use rusty_jpeg::decode::{ColorTransform, Error, PlanarComponent};

use super::Enough;
use crate::probe::{Colour, Format, Header};
use crate::raster::{Model, Packed, Planar, Plane, Range, Raster};
use crate::refusal::Refusal;

const CONTRADICTION: &str = "its headers contradict each other";

/// Decodes the picture whose header was read and compared with the limits; with fewer pixels, which spares most of the
/// work of a large one, if they are enough.
pub(crate) fn decode(bytes: &[u8], header: &Header<'_>, enough: Enough) -> Result<Raster, Refusal> {
    let mut decoder = Decoder::new(bytes);
    // The threads are the caller's.
    decoder.set_single_threaded(true);
    // Colours are converted when fewer pixels are left.
    decoder.set_color_transform(ColorTransform::None);
    let side = |length: u32| u16::try_from(length.div_ceil(enough.shrink)).unwrap_or(u16::MAX);
    let (width, height) = (side(header.probe.stored_width), side(header.probe.stored_height));
    let (width, height) = decoder.scale(width, height).map_err(refused)?;
    let (width, height) = (u32::from(width), u32::from(height));
    if header.halved && enough.halved {
        return planar(&mut decoder, width, height);
    }
    let mut data = decoder.decode().map_err(refused)?;
    let as_stored = header.adobe == Some(0);
    let model = match header.probe.colour {
        Colour::Gray => Model::Gray,
        Colour::Cmyk if as_stored || header.adobe.is_none() => Model::Cmyk,
        Colour::Cmyk => Model::Ycck,
        _ if as_stored => Model::Rgb,
        _ => Model::Ycc,
    };
    if data.len() != width as usize * height as usize * model.channels() {
        return Err(damaged(CONTRADICTION));
    }
    if model == Model::Cmyk && header.adobe.is_some() {
        // Adobe's programs write how much is left of white.
        for sample in &mut data {
            *sample = !*sample;
        }
    }
    Ok(Raster::Packed(Packed { width, height, model, data }))
}

/// Decodes luma and chroma as they are stored, which spares making more of chroma than the results have.
fn planar(decoder: &mut Decoder<&[u8]>, width: u32, height: u32) -> Result<Raster, Refusal> {
    let mut stored = decoder.decode_planar().map_err(refused)?.components.into_iter();
    let mut plane = |width: u32, height: u32| {
        let plane = stored.next().and_then(|plane| tight(plane, width, height));
        plane.ok_or_else(|| damaged(CONTRADICTION))
    };
    let luma = plane(width, height)?;
    let (across, down) = (width.div_ceil(2), height.div_ceil(2));
    let chroma = [plane(across, down)?, plane(across, down)?];
    Ok(Raster::Planar(Planar { range: Range::Full, luma, chroma }))
}

/// The plane without what fills its blocks up, if it is of this size.
fn tight(stored: PlanarComponent, width: u32, height: u32) -> Option<Plane> {
    let PlanarComponent { mut data, stride, .. } = stored;
    let (across, down) = (width as usize, height as usize);
    if (stored.width, stored.height) != (across, down) || data.len() < stride * (down - 1) + across {
        return None;
    }
    if stride > across {
        for row in 1..down {
            data.copy_within(row * stride..row * stride + across, row * across);
        }
    }
    data.truncate(across * down);
    Some(Plane { width, height, data })
}

/// What the decoder says, as a refusal.
fn refused(error: Error) -> Refusal {
    match error {
        Error::UnexpectedEof => Refusal::Truncated { format: Format::Jpeg },
        Error::Unsupported(what) => Refusal::unsupported(Format::Jpeg, format!("{what:?}")),
        other => damaged(other),
    }
}

fn damaged(why: impl std::fmt::Display) -> Refusal {
    Refusal::damaged(Format::Jpeg, why)
}
