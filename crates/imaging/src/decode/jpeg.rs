//! Decodes JPEG with a decoder in Rust, to luma and chroma where the picture has them.

use rusty_jpeg::Decoder;
use rusty_jpeg::decode::{ColorTransform, Error, PlanarComponent};

use super::Enough;
use crate::limits::Limits;
use crate::probe::{Chroma, Colour, Format, Header};
use crate::raster::{Model, Packed, Planar, Plane, Range, Raster, room};
use crate::reading::Reading;
use crate::refusal::Refusal;

const CONTRADICTION: &str = "its headers contradict each other";

/// Decodes the picture whose header was read and compared with the limits; with fewer pixels, which spares most of the
/// work of a large one, if they are enough.
pub(crate) fn decode(
    bytes: &[u8],
    header: &Header<'_>,
    enough: Enough,
    limits: &Limits<'_>,
) -> Result<Raster, Refusal> {
    let mut decoder = Decoder::new(Reading::new(bytes, limits));
    // The threads are the caller's.
    decoder.set_single_threaded(true);
    // Colours are converted when fewer pixels are left.
    decoder.set_color_transform(ColorTransform::None);
    let (mut width, mut height) = (header.probe.stored_width, header.probe.stored_height);
    if enough.shrink > 1 {
        let side = |length: u32| u16::try_from(length.div_ceil(enough.shrink)).unwrap_or(u16::MAX);
        // It takes the smallest size of which one side is long enough, and a side of a single pixel always is.
        let wanted = if width > height { (side(width), u16::MAX) } else { (u16::MAX, side(height)) };
        let (across, down) = decoder.scale(wanted.0, wanted.1).map_err(refused)?;
        (width, height) = (across.into(), down.into());
    }
    let as_stored = header.adobe == Some(0);
    let mut data = match header.chroma {
        Chroma::Halved if enough.halved && !as_stored => return planar(&mut decoder, width, height),
        Chroma::Whole => interleaved(&mut decoder, width, height)?,
        _ => decoder.decode().map_err(refused)?,
    };
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
fn planar(decoder: &mut Decoder<Reading<'_>>, width: u32, height: u32) -> Result<Raster, Refusal> {
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

/// Decodes samples of which each pixel has all, which takes less memory than the decoder's own way to put them together.
fn interleaved(decoder: &mut Decoder<Reading<'_>>, width: u32, height: u32) -> Result<Vec<u8>, Refusal> {
    let planes = decoder.decode_planar().map_err(refused)?.components;
    let planes: Vec<Plane> = planes.into_iter().filter_map(|plane| tight(plane, width, height)).collect();
    let samples: Vec<&[u8]> = planes.iter().map(|plane| plane.data.as_slice()).collect();
    match *samples.as_slice() {
        [first] => Ok(first.to_vec()),
        [first, second, third] => woven([first, second, third]),
        [first, second, third, fourth] => woven([first, second, third, fourth]),
        _ => Err(damaged(CONTRADICTION)),
    }
}

/// The samples of each pixel side by side.
fn woven<const N: usize>(planes: [&[u8]; N]) -> Result<Vec<u8>, Refusal> {
    let length = planes[0].len();
    let planes = planes.map(|plane| &plane[..length]);
    let mut data = room(length * N)?;
    for (at, pixel) in data.as_chunks_mut::<N>().0.iter_mut().enumerate() {
        for (sample, plane) in pixel.iter_mut().zip(planes) {
            *sample = plane[at];
        }
    }
    Ok(data)
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
