//! Decodes WebP with libwebp, to luma and chroma where the picture has them and is opaque.
//!
//! This is C code that touches what strangers hand in. The decoder in Rust takes three times as long, and libwebp is
//! here already, because there is no other encoder of lossy WebP; it reads from and writes to memory of known sizes only.

use webpx::{Decoder, YuvPlanes};

use crate::colour;
use crate::limits::Limits;
use crate::probe::{Format, Header};
use crate::raster::{Model, Packed, Planar, Plane, Range, Raster};
use crate::refusal::Refusal;

/// Decodes the picture whose header was read and compared with the limits.
pub(crate) fn decode(bytes: &[u8], header: &Header<'_>, limits: &Limits<'_>) -> Result<Raster, Refusal> {
    let damaged = |error: &dyn ToString| Refusal::damaged(Format::WebP, error.to_string());
    let decoder = Decoder::new(bytes).map_err(|error| damaged(&error.error()))?;
    let info = decoder.info();
    let (width, height) = (header.probe.stored_width, header.probe.stored_height);
    if (info.width, info.height) != (width, height) {
        return Err(damaged(&"its headers contradict each other"));
    }
    let lossy = info.format == webpx::BitstreamFormat::Lossy;
    if !info.has_alpha && lossy {
        let planes = decoder.decode_yuv().map_err(|error| damaged(&error.error()))?;
        return planar(planes).ok_or_else(|| damaged(&"its planes are of the wrong size"));
    }
    if info.has_alpha {
        let (mut data, _, _) = decoder.decode_rgba_raw().map_err(|error| damaged(&error.error()))?;
        limits.check_time()?;
        data.as_chunks_mut::<4>().0.iter_mut().for_each(|pixel| *pixel = colour::premultiplied(*pixel));
        return Ok(Raster::Packed(Packed { width, height, model: Model::Premultiplied, data }));
    }
    let (data, _, _) = decoder.decode_rgb_raw().map_err(|error| damaged(&error.error()))?;
    Ok(Raster::Packed(Packed { width, height, model: Model::Rgb, data }))
}

/// Takes the planes over, which have no gaps between their rows.
fn planar(planes: YuvPlanes) -> Option<Raster> {
    let (width, height) = (planes.width, planes.height);
    let (across, down) = planes.uv_dimensions();
    let whole = |data: &[u8], stride: usize, width: u32, height: u32| {
        stride == width as usize && data.len() == stride * height as usize
    };
    let sound = whole(&planes.y, planes.y_stride, width, height)
        && whole(&planes.u, planes.u_stride, across, down)
        && whole(&planes.v, planes.v_stride, across, down);
    sound.then_some(Raster::Planar(Planar {
        range: Range::Video,
        luma: Plane { width, height, data: planes.y },
        chroma: [
            Plane { width: across, height: down, data: planes.u },
            Plane { width: across, height: down, data: planes.v },
        ],
    }))
}
