//! Decodes WebP with libwebp, to luma and chroma where the picture has them and is opaque.
//!
//! This is C code that touches what strangers hand in. The decoder in Rust takes three times as long, and libwebp is
//! here already, because there is no other encoder of lossy WebP; it reads from and writes to memory of known sizes only.

use webpx::{Decoder, YuvPlanes};

use crate::colour;
use crate::film::{self, Patch, Then};
use crate::limits::Limits;
use crate::probe::webp::PatchHead;
use crate::probe::{self, Format, Header};
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

/// The patches of an animated WebP.
pub(crate) struct Patches<'a> {
    /// What is left of the chunks.
    chunks: &'a [u8],
}

impl<'a> Patches<'a> {
    /// Opens a picture whose header was read and compared with the limits.
    pub(crate) fn open(bytes: &'a [u8]) -> Self {
        Self { chunks: bytes.get(12..).unwrap_or_default() }
    }

    /// The next chunk of this kind.
    fn chunk(&mut self, kind: &[u8]) -> Option<&'a [u8]> {
        loop {
            let (head, rest) = self.chunks.split_first_chunk::<8>()?;
            let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
            let chunk = rest.get(..length)?;
            // Chunks have an even length.
            self.chunks = rest.get(length + (length & 1)..).unwrap_or_default();
            if &head[..4] == kind {
                return Some(chunk);
            }
        }
    }
}

impl film::Patches for Patches<'_> {
    fn next(&mut self) -> Result<Option<Patch>, Refusal> {
        let Some(chunk) = self.chunk(b"ANMF") else { return Ok(None) };
        let Some(head) = probe::webp::patch(chunk) else { return Err(Refusal::Truncated { format: Format::WebP }) };
        let PatchHead { left, top, width, height, delay, .. } = head;
        let damaged = |error: &dyn ToString| Refusal::damaged(Format::WebP, error.to_string());
        let file = alone(&head);
        let decoder = Decoder::new(&file).map_err(|error| damaged(&error.error()))?;
        let info = decoder.info();
        if (info.width, info.height) != (width, height) || info.has_animation {
            return Err(damaged(&"a frame's headers contradict each other"));
        }
        let (mut data, _, _) = decoder.decode_rgba_raw().map_err(|error| damaged(&error.error()))?;
        data.as_chunks_mut::<4>().0.iter_mut().for_each(|pixel| *pixel = colour::premultiplied(*pixel));
        let then = if head.clears { Then::Clear } else { Then::Stay };
        Ok(Some(Patch { left, top, width, height, data, over: head.over, then, delay }))
    }
}

/// The picture of a frame as a file of its own.
fn alone(head: &PatchHead<'_>) -> Vec<u8> {
    let mut body = b"WEBP".to_vec();
    if head.chunks.starts_with(b"ALPH") {
        body.extend(b"VP8X\x0A\0\0\0\x10\0\0\0");
        for side in [head.width, head.height] {
            body.extend(&(side - 1).to_le_bytes()[..3]);
        }
    }
    body.extend(head.chunks);
    let mut file = b"RIFF".to_vec();
    file.extend((body.len() as u32).to_le_bytes());
    file.extend(body);
    file
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
