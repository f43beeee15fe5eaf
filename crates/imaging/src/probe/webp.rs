//! Walks over the chunks of a WebP: size, frames, transparency, EXIF, colour profile, and whether it is whole.

use std::borrow::Cow;

use super::{Colour, Format, Found};
use crate::refusal::Refusal;

/// Reads the heads of all chunks.
pub(crate) fn read(bytes: &[u8]) -> Result<Found<'_>, Refusal> {
    let truncated = || Refusal::Truncated { format: Format::WebP };
    let mut found = Found { bit_depth: 8, colour: Some(Colour::Rgb), ..Found::default() };
    let (mut extended, mut lossless) = (false, false);
    let (mut loops, mut largest, mut patches, mut through) = (0, 0, Vec::new(), false);
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
            b"ANIM" => {
                loops = chunk.get(4..6).map_or(0, |loops| u32::from(u16::from_le_bytes([loops[0], loops[1]])));
            }
            b"ANMF" => {
                let patch = patch(chunk).ok_or_else(truncated)?;
                let inside = patch.left + patch.width <= found.width && patch.top + patch.height <= found.height;
                if !inside {
                    return Err(Refusal::damaged(Format::WebP, "a frame lies outside of the picture"));
                }
                let covers = (patch.width, patch.height) == (found.width, found.height);
                // What is laid over an opaque picture leaves it opaque.
                let shines = patch.alpha && (patches.is_empty() || !patch.over);
                through |= shines || patch.clears || (patches.is_empty() && !covers);
                let pixels = u64::from(patch.width) * u64::from(patch.height);
                largest = pixels.max(largest);
                patches.push(pixels);
            }
            b"ICCP" => found.icc = Some(Cow::Borrowed(chunk)),
            b"EXIF" => found.exif = Some(chunk),
            _ => {}
        }
        // Chunks have an even length.
        at = end + (length & 1);
    }
    if !patches.is_empty() {
        found.frames = patches.len() as u32;
        found.alpha = through;
        found.lay(loops, largest, patches.into_iter());
        return Ok(found);
    }
    if found.frames == 0 {
        return Err(truncated());
    }
    let pixels = u64::from(found.width) * u64::from(found.height);
    let samples = if found.alpha || lossless { 8 } else { 2 };
    found.memory = pixels * samples;
    Ok(found)
}

/// The head of a frame of an animation.
pub(crate) struct PatchHead<'a> {
    pub(crate) left: u32,
    pub(crate) top: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Milliseconds.
    pub(crate) delay: u32,
    /// Laid over what is there, instead of in its place.
    pub(crate) over: bool,
    /// Its place is transparent afterwards.
    pub(crate) clears: bool,
    /// Whether it may be transparent itself.
    pub(crate) alpha: bool,
    /// The chunks of its picture.
    pub(crate) chunks: &'a [u8],
}

/// Reads a frame's head: place, size less one and delay in 24 bits each, and two flags.
pub(crate) fn patch(chunk: &[u8]) -> Option<PatchHead<'_>> {
    let (head, chunks) = chunk.split_first_chunk::<16>()?;
    let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], 0]);
    let kind = chunks.get(..4)?;
    let alpha =
        kind == b"ALPH" || (kind == b"VP8L" && chunks.get(8..).and_then(without_loss).is_some_and(|head| head.2));
    Some(PatchHead {
        left: number(0) * 2,
        top: number(3) * 2,
        width: number(6) + 1,
        height: number(9) + 1,
        delay: number(12),
        over: head[15] & 2 == 0,
        clears: head[15] & 1 != 0,
        alpha,
        chunks,
    })
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
