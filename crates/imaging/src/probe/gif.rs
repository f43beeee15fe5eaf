//! Walks over the blocks of a GIF: size, frames, what they cover, transparency, and whether it is whole.

use super::{Colour, Format, Found};
use crate::refusal::Refusal;

/// Plays once where nothing else is said.
const ONCE: u32 = 1;

/// Reads the heads of all blocks.
pub(crate) fn read(bytes: &[u8]) -> Result<Found<'_>, Refusal> {
    walk(bytes).ok_or(Refusal::Truncated { format: Format::Gif })?
}

/// Nothing when it ends before its picture does. What ends between two blocks only lacks its end mark, as many do.
fn walk(bytes: &[u8]) -> Option<Result<Found<'_>, Refusal>> {
    let short = |at: usize| Some(u32::from(u16::from_le_bytes([*bytes.get(at)?, *bytes.get(at + 1)?])));
    let table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    let mut found = Found { bit_depth: 8, colour: Some(Colour::Palette), ..Found::default() };
    (found.width, found.height) = (short(6)?, short(8)?);
    let mut at = 13 + table(*bytes.get(10)?);
    let (mut transparent, mut clears, mut first) = (false, false, [0; 4]);
    let (mut loops, mut largest, mut patches) = (ONCE, 0_u64, Vec::new());
    loop {
        match bytes.get(at) {
            Some(0x21) => {
                let (label, begin) = (*bytes.get(at + 1)?, at + 2);
                at = skip(bytes, begin)?;
                let block = &bytes[begin..at];
                match (label, block) {
                    (0xF9, [4, flags, ..]) => {
                        // What is laid over an opaque picture leaves it opaque.
                        transparent |= found.frames == 0 && flags & 1 != 0;
                        clears |= (flags >> 2) & 7 == 2;
                    }
                    (0xFF, [11, rest @ ..]) if rest.starts_with(b"NETSCAPE2.0") || rest.starts_with(b"ANIMEXTS1.0") => {
                        if let [3, 1, low, high, ..] = rest[11..] {
                            // It counts how often it is played again.
                            let again = u32::from(u16::from_le_bytes([low, high]));
                            loops = if again == 0 { 0 } else { again + 1 };
                        }
                    }
                    _ => {}
                }
            }
            Some(0x2C) => {
                let place = [short(at + 1)?, short(at + 3)?, short(at + 5)?, short(at + 7)?];
                let flags = *bytes.get(at + 9)?;
                // Behind the table of colours comes the size of the first codes.
                at = skip(bytes, at + 10 + table(flags) + 1)?;
                if found.frames == 0 {
                    first = place;
                }
                found.frames += 1;
                let pixels = u64::from(place[2]) * u64::from(place[3]);
                largest = largest.max(pixels);
                patches.push(pixels);
            }
            Some(0x3B) => break,
            _ if found.frames > 0 => break,
            None => return None,
            Some(_) => {
                return Some(Err(Refusal::damaged(Format::Gif, "there is a block that the format does not have")));
            }
        }
    }
    if found.frames == 0 {
        return None;
    }
    // Some have no size of their own, or one that is too small for their first frame.
    found.width = found.width.max(first[0] + first[2]);
    found.height = found.height.max(first[1] + first[3]);
    found.alpha = transparent || clears || first != [0, 0, found.width, found.height];
    found.lay(loops, largest, patches.into_iter());
    Some(Ok(found))
}

/// The place behind a chain of blocks that each begin with their length.
fn skip(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let length = usize::from(*bytes.get(at)?);
        at += 1 + length;
        if length == 0 {
            return Some(at);
        }
    }
}
