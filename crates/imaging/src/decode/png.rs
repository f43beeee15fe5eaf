//! Decodes PNG with a decoder in Rust, to 8 bits a sample: row by row, or the frames of an animation patch by patch.

use std::io::Read;

use flate2::read::ZlibDecoder;
use png::{BlendOp, ColorType, Decoder, DecodingError, DisposeOp, Reader, Transformations};

use crate::colour;
use crate::film::{self, Patch, Then};
use crate::limits::Limits;
use crate::probe::{Format, Header, LONGEST_ICC};
use crate::raster::{Model, Packed, Raster, room};
use crate::reading::Reading;
use crate::refusal::Refusal;

/// Decodes the picture whose header was read and compared with the limits.
pub(crate) fn decode(bytes: &[u8], header: &Header<'_>, limits: &Limits<'_>) -> Result<Raster, Refusal> {
    let mut reader = open(bytes, limits)?;
    let (kind, _) = reader.output_color_type();
    let model = match kind {
        ColorType::Grayscale => Model::Gray,
        ColorType::Rgb => Model::Rgb,
        ColorType::GrayscaleAlpha | ColorType::Rgba => Model::Premultiplied,
        ColorType::Indexed => return Err(Refusal::damaged(Format::Png, "its palette was not resolved")),
    };
    let (width, height) = (header.probe.stored_width, header.probe.stored_height);
    let row = width as usize * model.channels();
    let mut data = room(row * height as usize)?;
    if reader.info().interlaced {
        // Its rows come in seven passes, so it is put together whole.
        let size =
            reader.output_buffer_size().ok_or(Refusal::TooMuchMemory { needed: u64::MAX, limit: limits.memory })?;
        let mut whole = room(size)?;
        reader.next_frame(&mut whole).map_err(refused)?;
        store(kind, &whole, &mut data);
    } else {
        for out in data.chunks_exact_mut(row) {
            let Some(read) = reader.next_row().map_err(refused)? else {
                return Err(Refusal::Truncated { format: Format::Png });
            };
            store(kind, read.data(), out);
        }
    }
    match reader.finish() {
        // All pixels are there, and what is missing tells nothing of them.
        Err(DecodingError::IoError(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => {}
        // Only now it is known that the last of them are those that were written.
        ended => ended.map_err(refused)?,
    }
    Ok(Raster::Packed(Packed { width, height, model, data }))
}

fn open<'a>(bytes: &'a [u8], limits: &'a Limits<'a>) -> Result<Reader<Reading<'a>>, Refusal> {
    let bytes_at_once = usize::try_from(limits.memory).unwrap_or(usize::MAX);
    let mut decoder = Decoder::new_with_limits(Reading::new(bytes, limits), png::Limits { bytes: bytes_at_once });
    // They are unpacked here if at all, and not to as many bytes as the pixels may have.
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    // Palettes, few bits and 16 bits all become 8 bits a sample.
    decoder.set_transformations(Transformations::normalize_to_color8());
    decoder.read_info().map_err(refused)
}

/// The colour profile out of its chunk, where it is compressed behind its name, a zero, and the number of the only way of
/// compressing; none if it is damaged or too long.
pub(crate) fn profile(chunk: &[u8]) -> Option<Vec<u8>> {
    let name = chunk.iter().position(|byte| *byte == 0)?;
    let packed = chunk.get(name + 2..)?;
    let mut profile = Vec::new();
    ZlibDecoder::new(packed).take(LONGEST_ICC as u64 + 1).read_to_end(&mut profile).ok()?;
    (profile.len() <= LONGEST_ICC).then_some(profile)
}

/// The patches of an animated PNG.
pub(crate) struct Patches<'a> {
    reader: Reader<Reading<'a>>,
    /// Room for a picture as it is stored.
    stored: Vec<u8>,
    /// Whether the frame that comes next was found already.
    found: bool,
}

impl<'a> Patches<'a> {
    /// Opens a picture whose header was read and compared with the limits.
    pub(crate) fn open(bytes: &'a [u8], limits: &'a Limits<'a>) -> Result<Self, Refusal> {
        let reader = open(bytes, limits)?;
        let size = reader.output_buffer_size();
        let stored = room(size.ok_or(Refusal::TooMuchMemory { needed: u64::MAX, limit: limits.memory })?)?;
        // A first picture that is for those who show no animations has no frame's head.
        let found = reader.info().frame_control.is_some();
        Ok(Self { reader, stored, found })
    }
}

impl film::Patches for Patches<'_> {
    fn next(&mut self) -> Result<Option<Patch>, Refusal> {
        if !std::mem::take(&mut self.found) {
            self.reader.next_frame_info().map_err(refused)?;
        }
        let info = self.reader.next_frame(&mut self.stored).map_err(refused)?;
        let Some(frame) = self.reader.info().frame_control else {
            return Err(Refusal::damaged(Format::Png, "a frame has no head"));
        };
        let (width, height) = (info.width, info.height);
        let samples = info.color_type.samples();
        // The passes of an interlaced frame are put together in rows as long as those of the whole picture.
        let interlaced = self.reader.info().interlaced;
        let row = if interlaced { self.reader.info().width as usize * samples } else { info.line_size };
        let mut data = room(width as usize * height as usize * 4)?;
        let rows = self.stored.chunks_exact(row.max(1)).zip(data.chunks_exact_mut((width as usize * 4).max(4)));
        for (stored, out) in rows.take(height as usize) {
            for (pixel, out) in stored.chunks_exact(samples).zip(out.as_chunks_mut::<4>().0) {
                *out = colour::premultiplied(match *pixel {
                    [gray] => [gray, gray, gray, 255],
                    [gray, alpha] => [gray, gray, gray, alpha],
                    [r, g, b] => [r, g, b, 255],
                    [r, g, b, a] => [r, g, b, a],
                    _ => return Err(Refusal::damaged(Format::Png, "its samples are of no kind that there is")),
                });
            }
        }
        let parts = if frame.delay_den == 0 { 100 } else { u32::from(frame.delay_den) };
        Ok(Some(Patch {
            left: frame.x_offset,
            top: frame.y_offset,
            width,
            height,
            data,
            over: frame.blend_op == BlendOp::Over,
            then: match frame.dispose_op {
                DisposeOp::None => Then::Stay,
                DisposeOp::Background => Then::Clear,
                DisposeOp::Previous => Then::Restore,
            },
            delay: u32::from(frame.delay_num) * 1000 / parts,
        }))
    }
}

fn store(kind: ColorType, read: &[u8], out: &mut [u8]) {
    match kind {
        ColorType::GrayscaleAlpha => {
            for (pixel, out) in read.as_chunks::<2>().0.iter().zip(out.as_chunks_mut::<4>().0) {
                *out = colour::premultiplied([pixel[0], pixel[0], pixel[0], pixel[1]]);
            }
        }
        ColorType::Rgba => {
            for (pixel, out) in read.as_chunks::<4>().0.iter().zip(out.as_chunks_mut::<4>().0) {
                *out = colour::premultiplied(*pixel);
            }
        }
        _ => out.copy_from_slice(&read[..out.len()]),
    }
}

fn refused(error: DecodingError) -> Refusal {
    match error {
        DecodingError::LimitsExceeded => Refusal::TooMuchMemory { needed: u64::MAX, limit: u64::MAX },
        DecodingError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Refusal::Truncated { format: Format::Png }
        }
        other => Refusal::damaged(Format::Png, other),
    }
}
