//! Walks over the chunks of a PNG: size, colours, frames, EXIF, colour profile, and whether it is whole.

use super::{Colour, Format, Found};
use crate::refusal::Refusal;

/// How every PNG begins.
pub(crate) const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1A\n";

/// Reads the heads of all chunks.
pub(crate) fn read(bytes: &[u8]) -> Result<Found<'_>, Refusal> {
    let truncated = || Refusal::Truncated { format: Format::Png };
    let mut found = Found { frames: 1, ..Found::default() };
    let mut at = SIGNATURE.len();
    let mut data = false;
    let (mut announced, mut largest, mut patches) = (0, 0, Vec::new());
    let (mut loops, mut clears, mut covers) = (0, false, false);
    loop {
        let head = bytes.get(at..at + 8).ok_or_else(truncated)?;
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let kind = &head[4..8];
        // Behind the data comes a checksum.
        let end = (at + 8).checked_add(length).ok_or_else(truncated)?;
        if bytes.len() < end.checked_add(4).ok_or_else(truncated)? {
            return Err(truncated());
        }
        let chunk = &bytes[at + 8..end];
        if found.width == 0 && kind != b"IHDR" {
            return Err(Refusal::damaged(Format::Png, "it does not begin with its header"));
        }
        match kind {
            b"IHDR" => header(chunk, &mut found)?,
            b"acTL" if !data => {
                let number = |at: usize| chunk.get(at..at + 4).and_then(|number| number.try_into().ok());
                announced = number(0).map_or(0, u32::from_be_bytes);
                loops = number(4).map_or(0, u32::from_be_bytes);
            }
            b"fcTL" => {
                let side =
                    |at: usize| chunk.get(at..at + 4).and_then(|side| side.try_into().ok()).map(u32::from_be_bytes);
                let pixels = u64::from(side(4).unwrap_or(0)) * u64::from(side(8).unwrap_or(0));
                largest = pixels.max(largest);
                if patches.len() < announced as usize {
                    patches.push(pixels);
                }
                // What is left of a canvas is transparent, and frames may clear their places.
                clears |= chunk.get(24) != Some(&0);
                covers |= patches.len() == 1 && (side(4), side(8)) == (Some(found.width), Some(found.height));
            }
            b"tRNS" if !found.alpha => {
                found.alpha = true;
                // A table of opaque colours, or a colour that counts as transparent, makes a fourth sample.
                found.memory = u64::from(found.width) * u64::from(found.height) * 4;
            }
            b"iCCP" if found.packed_icc.is_none() => found.packed_icc = Some(chunk),
            b"eXIf" => found.exif = Some(chunk),
            b"IDAT" => data = true,
            b"IEND" => break,
            _ => {}
        }
        at = end + 4;
    }
    if !data {
        return Err(truncated());
    }
    if patches.len() > 1 {
        found.frames = patches.len() as u32;
        found.alpha |= clears || !covers;
        found.lay(loops, largest, patches.into_iter());
    }
    Ok(found)
}

fn header(chunk: &[u8], found: &mut Found<'_>) -> Result<(), Refusal> {
    let damaged = |why: &str| Err(Refusal::damaged(Format::Png, why));
    let [w1, w2, w3, w4, h1, h2, h3, h4, depth, colour, _, _, _] = *chunk else {
        return damaged("its header has not 13 bytes");
    };
    found.width = u32::from_be_bytes([w1, w2, w3, w4]);
    found.height = u32::from_be_bytes([h1, h2, h3, h4]);
    if found.width > i32::MAX as u32 || found.height > i32::MAX as u32 {
        return damaged("its sides are longer than the format has");
    }
    found.bit_depth = depth;
    let (colour, alpha, samples) = match colour {
        0 => (Colour::Gray, false, 1),
        2 => (Colour::Rgb, false, 3),
        3 => (Colour::Palette, false, 3),
        // Lightness with alpha is decoded to four samples.
        4 => (Colour::Gray, true, 4),
        6 => (Colour::Rgb, true, 4),
        _ => return damaged("its colours are of a kind that the format does not have"),
    };
    found.colour = Some(colour);
    found.alpha = alpha;
    found.memory = u64::from(found.width).saturating_mul(u64::from(found.height)).saturating_mul(samples);
    Ok(())
}
