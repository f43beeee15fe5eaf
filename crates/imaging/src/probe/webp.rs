//! Walks over the chunks of a WebP: size, frames, transparency, EXIF, colour profile, and whether it is whole.

use std::borrow::Cow;

use super::{Colour, Format, Found};
use crate::refusal::Refusal;

/// Reads the heads of all chunks.
pub(crate) fn read(bytes: &[u8]) -> Result<Found<'_>, Refusal> {
    let truncated = || Refusal::Truncated { format: Format::WebP };
    let mut found = Found { bit_depth: 8, colour: Some(Colour::Rgb), ..Found::default() };
    let (mut extended, mut lossless) = (false, false);
    let length = bytes.get(4..8).and_then(|length| length.try_into().ok()).map_or(0, u32::from_le_bytes) as usize;
    // What lies behind the container is no part of it.
    let body = bytes.get(..length.saturating_add(8)).ok_or_else(truncated)?;
    let mut at = 12;
    while let Some(head) = body.get(at..at + 8) {
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let end = (at + 8).checked_add(length).ok_or_else(truncated)?;
        let chunk = body.get(at + 8..end).ok_or_else(truncated)?;
        match &head[..4] {
            b"VP8X" => {
                let [flags, _, _, _, w1, w2, w3, h1, h2, h3] = *chunk else {
                    return Err(Refusal::damaged(Format::WebP, "its header has not 10 bytes"));
                };
                extended = true;
                found.alpha = flags & 0x10 != 0;
                found.width = u32::from_le_bytes([w1, w2, w3, 0]) + 1;
                found.height = u32::from_le_bytes([h1, h2, h3, 0]) + 1;
            }
            b"VP8 " => {
                found.frames += 1;
                if !extended {
                    (found.width, found.height) = lossy(chunk).ok_or_else(truncated)?;
                }
            }
            b"VP8L" => {
                found.frames += 1;
                lossless = true;
                if !extended {
                    (found.width, found.height, found.alpha) = without_loss(chunk).ok_or_else(truncated)?;
                }
            }
            b"ANMF" => found.frames += 1,
            b"ICCP" => found.icc = Some(Cow::Borrowed(chunk)),
            b"EXIF" => found.exif = Some(chunk),
            _ => {}
        }
        // Chunks have an even length.
        at = end + (length & 1);
    }
    if found.frames == 0 {
        return Err(truncated());
    }
    let pixels = u64::from(found.width) * u64::from(found.height);
    let samples = if found.alpha || lossless || found.frames > 1 { 8 } else { 2 };
    found.memory = pixels * samples;
    Ok(found)
}

/// Behind three bytes of flags comes a start code, then the sides in 14 bits each.
fn lossy(chunk: &[u8]) -> Option<(u32, u32)> {
    let [_, _, _, 0x9D, 0x01, 0x2A, w1, w2, h1, h2, ..] = *chunk else { return None };
    Some((u32::from(u16::from_le_bytes([w1, w2]) & 0x3FFF), u32::from(u16::from_le_bytes([h1, h2]) & 0x3FFF)))
}

/// Behind a signature come the sides less one in 14 bits each, and a bit for transparency.
fn without_loss(chunk: &[u8]) -> Option<(u32, u32, bool)> {
    let [0x2F, a, b, c, d, ..] = *chunk else { return None };
    let bits = u32::from_le_bytes([a, b, c, d]);
    Some(((bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1, bits & (1 << 28) != 0))
}
