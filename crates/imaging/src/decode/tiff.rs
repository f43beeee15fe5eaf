//! Decodes the first page of a TIFF with a decoder in Rust, to 8 bits a sample.

use tiff::decoder::DecodingResult;
use tiff::tags::Tag;

use crate::colour;
use crate::limits::Limits;
use crate::probe::tiff::{Alpha, Kind, layout, open, refused};
use crate::probe::{Format, Header};
use crate::raster::{Model, Packed, Raster, few_bits, room};
use crate::refusal::Refusal;

/// The tag that tells what the samples mean, and what it says of greys.
const MEANING: u16 = 262;
const GRAY: u16 = 1;

/// Decodes the picture whose header was read and compared with the limits.
pub(crate) fn decode(bytes: &[u8], header: &Header<'_>, limits: &Limits<'_>) -> Result<Raster, Refusal> {
    let damaged = |why: &str| Refusal::damaged(Format::Tiff, why);
    let mut decoder = open(bytes, limits)?;
    let layout = layout(&mut decoder)?;
    let (width, height) = (header.probe.stored_width, header.probe.stored_height);
    let mut table = Vec::new();
    let file;
    if layout.kind == Kind::Palette {
        table = decoder.get_tag_u16_vec(Tag::ColorMap).map_err(refused)?;
        file = as_gray(bytes).ok_or_else(|| damaged("its directory is not where it was"))?;
        decoder = open(&file, limits)?;
    }
    let samples = usize::from(decoder.colortype().map_err(refused)?.num_samples());
    let mut stored = DecodingResult::U8(Vec::new());
    let places = decoder.read_image_to_buffer(&mut stored);
    limits.check_time()?;
    let places = places.map_err(refused)?;
    let (stored, size) = match stored {
        DecodingResult::U8(data) => (data, 1),
        DecodingResult::U16(data) => (data.into_iter().map(narrow).collect(), 2),
        _ => return Err(damaged("its samples are of a kind that it does not announce")),
    };
    let stride = |bytes: Option<std::num::NonZeroUsize>| bytes.map_or(0, usize::from) / size;
    let (row, plane) = (stride(places.row_stride), stride(places.plane_stride));
    // Where a sample lies: side by side with the others of its pixel, or in a plane of its own.
    let (step, next) = if places.planes == 1 { (samples, 1) } else { (1, plane) };
    let model = match (layout.kind, layout.alpha) {
        (Kind::Gray, Alpha::None) => Model::Gray,
        (Kind::Cmyk, _) => Model::Cmyk,
        (_, Alpha::None) => Model::Rgb,
        _ => Model::Premultiplied,
    };
    let channels = model.channels();
    let plain = layout.alpha == Alpha::None && layout.bits >= 8 && layout.kind != Kind::Palette;
    if plain && (step, next, row) == (channels, 1, width as usize * channels) {
        let whole = stored.len() == row * height as usize;
        return if whole {
            Ok(Raster::Packed(Packed { width, height, model, data: stored }))
        } else {
            Err(damaged("it has fewer samples than pixels"))
        };
    }
    let pixel = |y: usize, x: usize| -> Option<[u8; 4]> {
        let sample = |number: usize| stored.get(y * row + x * step + number * next).copied();
        Some(match (layout.kind, layout.alpha) {
            (Kind::Gray | Kind::Palette, Alpha::None) => {
                let bits = usize::from(layout.bits);
                let level = if bits < 8 { few_bits(stored.get(y * row..)?, x, bits)? } else { sample(0)? };
                if layout.kind == Kind::Palette { looked_up(&table, level)? } else { [spread(level, bits); 4] }
            }
            (Kind::Gray | Kind::Palette, _) => [sample(0)?, sample(0)?, sample(0)?, sample(1)?],
            (_, Alpha::None) if channels == 3 => [sample(0)?, sample(1)?, sample(2)?, 255],
            _ => [sample(0)?, sample(1)?, sample(2)?, sample(3)?],
        })
    };
    let mut data = room(width as usize * height as usize * channels)?;
    for (y, out) in data.chunks_exact_mut(width as usize * channels).enumerate() {
        limits.check_time()?;
        for (x, out) in out.chunks_exact_mut(channels).enumerate() {
            let pixel = pixel(y, x).ok_or_else(|| damaged("a pixel, or its colour in the table, is not there"))?;
            let pixel = match layout.alpha {
                Alpha::None => pixel,
                alpha => colour::multiplied(pixel, alpha == Alpha::Multiplied),
            };
            out.copy_from_slice(&pixel[..out.len()]);
        }
    }
    Ok(Raster::Packed(Packed { width, height, model, data }))
}

/// Sixteen bits in eight.
fn narrow(wide: u16) -> u8 {
    ((u32::from(wide) * 255 + 32_767) / 65_535) as u8
}

/// A level of few bits from black to white.
fn spread(level: u8, bits: usize) -> u8 {
    if bits < 8 { level * (255 / (0xFF >> (8 - bits))) } else { level }
}

/// The table has all reds, then all greens, then all blues.
fn looked_up(table: &[u16], number: u8) -> Option<[u8; 4]> {
    let (colours, at) = (table.len() / 3, usize::from(number));
    let level = |plane: usize| (at < colours).then(|| (table[plane * colours + at] >> 8) as u8);
    Some([level(0)?, level(1)?, level(2)?, 255])
}

/// The file with the numbers of its colours called greys, because the decoder gives those as they are.
fn as_gray(bytes: &[u8]) -> Option<Vec<u8>> {
    let big = bytes.starts_with(b"MM");
    let short = |at: usize| -> Option<u16> {
        let bytes: [u8; 2] = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    };
    let long = |at: usize| -> Option<usize> {
        let (first, second) = (usize::from(short(at)?), usize::from(short(at + 2)?));
        Some(if big { first << 16 | second } else { second << 16 | first })
    };
    // Of those with places of eight bytes nobody makes palettes.
    if short(2)? != 42 {
        return None;
    }
    let directory = long(4)?;
    let count = usize::from(short(directory)?);
    let entry = (0..count).map(|at| directory + 2 + at * 12).find(|entry| short(*entry) == Some(MEANING))?;
    let mut file = bytes.to_vec();
    let gray = if big { GRAY.to_be_bytes() } else { GRAY.to_le_bytes() };
    file.get_mut(entry + 8..entry + 10)?.copy_from_slice(&gray);
    Some(file)
}
