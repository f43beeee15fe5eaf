//! Decodes PNG with a decoder in Rust, row by row, to 8 bits a sample.

use std::io::Cursor;

use png::{ColorType, Decoder, DecodingError, Transformations};

use super::Decoded;
use crate::colour;
use crate::limits::Limits;
use crate::probe::{Format, Header};
use crate::raster::{Model, Packed, Raster, room};
use crate::refusal::Refusal;

/// How many rows are decoded before it is asked again whether anybody still waits.
const ROWS_BETWEEN: u32 = 64;

/// Decodes the picture whose header was read and compared with the limits.
pub(crate) fn decode(bytes: &[u8], header: &Header<'_>, limits: &Limits<'_>) -> Result<Decoded, Refusal> {
    let bytes_at_once = usize::try_from(limits.memory).unwrap_or(usize::MAX);
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), png::Limits { bytes: bytes_at_once });
    decoder.set_ignore_text_chunk(true);
    // Palettes, few bits and 16 bits all become 8 bits a sample.
    decoder.set_transformations(Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(refused)?;
    let icc = reader.info().icc_profile.as_ref().map(|profile| profile.to_vec());
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
        for (number, out) in (0..height).zip(data.chunks_exact_mut(row)) {
            if number % ROWS_BETWEEN == 0 {
                limits.check_time()?;
            }
            let Some(read) = reader.next_row().map_err(refused)? else {
                return Err(Refusal::Truncated { format: Format::Png });
            };
            store(kind, read.data(), out);
        }
    }
    Ok(Decoded { raster: Raster::Packed(Packed { width, height, model, data }), icc })
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
