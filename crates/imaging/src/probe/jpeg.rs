//! Walks over the markers of a JPEG: size, sampling, scans, EXIF, colour profile, and whether it is whole.

use std::borrow::Cow;

use super::{Chroma, Colour, Format, Found};
use crate::refusal::Refusal;

const ICC: &[u8] = b"ICC_PROFILE\0";
/// A profile for four inks has half a megabyte; what is longer than this is none.
const LONGEST_ICC: usize = 8 << 20;

/// Reads everything up to the end marker. The coded data between is looked through for markers, which is many times
/// faster than decoding it.
pub(crate) fn read(bytes: &[u8]) -> Result<Found<'_>, Refusal> {
    let truncated = || Refusal::Truncated { format: Format::Jpeg };
    let mut found = Found::default();
    let mut profile: Vec<(u8, &[u8])> = Vec::new();
    let (mut at, mut jfif, mut names) = (2, false, Vec::new());
    loop {
        let marker = next_marker(bytes, &mut at).ok_or_else(truncated)?;
        match marker {
            0xD9 => break,
            // What stands alone: the start, restarts, and one of arithmetic coding.
            0x01 | 0xD0..=0xD8 => continue,
            _ => {}
        }
        let length = bytes.get(at..at + 2).ok_or_else(truncated)?;
        let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
        if length < 2 {
            return Err(Refusal::damaged(Format::Jpeg, "a segment is shorter than its own length"));
        }
        let segment = bytes.get(at + 2..at + length).ok_or_else(truncated)?;
        at += length;
        match marker {
            0xC4 | 0xC8 | 0xCC => {}
            0xC0..=0xCF => names = frame(marker, segment, &mut found)?,
            0xDA => found.scans += 1,
            0xE0 if segment.starts_with(b"JFIF\0") => jfif = true,
            0xE1 if segment.starts_with(b"Exif\0\0") && found.exif.is_none() => found.exif = Some(segment),
            0xE2 => {
                if let Some([number, _count, part @ ..]) = segment.strip_prefix(ICC) {
                    profile.push((*number, part));
                }
            }
            0xEE if segment.starts_with(b"Adobe") => found.adobe = segment.get(11).copied(),
            _ => {}
        }
    }
    if found.scans == 0 || found.width == 0 {
        return Err(truncated());
    }
    if names == b"RGB" && !jfif && found.adobe.is_none() {
        // It says the same in another way.
        found.adobe = Some(0);
    }
    profile.sort_by_key(|(number, _)| *number);
    if !profile.is_empty() && profile.iter().map(|(_, part)| part.len()).sum::<usize>() <= LONGEST_ICC {
        found.icc = Some(Cow::Owned(profile.iter().flat_map(|(_, part)| part.iter().copied()).collect()));
    }
    Ok(found)
}

/// Moves behind the next marker and answers its second byte. Zeroes behind 0xFF are data, and 0xFF itself is filling.
fn next_marker(bytes: &[u8], at: &mut usize) -> Option<u8> {
    loop {
        let rest = bytes.get(*at..)?;
        *at += rest.iter().position(|byte| *byte == 0xFF)? + 1;
        let marker = *bytes.get(*at)?;
        if marker != 0 && marker != 0xFF {
            *at += 1;
            return Some(marker);
        }
    }
}

/// Reads the frame header, and answers the names of the colour components.
fn frame(marker: u8, segment: &[u8], found: &mut Found<'_>) -> Result<Vec<u8>, Refusal> {
    let unsupported = |what: &str| Err(Refusal::unsupported(Format::Jpeg, what));
    let progressive = match marker {
        0xC0 | 0xC1 => false,
        0xC2 => true,
        0xC3 | 0xC7 | 0xCB | 0xCF => return unsupported("lossless coding"),
        0xC5 | 0xC6 | 0xCD | 0xCE => return unsupported("hierarchical coding"),
        _ => return unsupported("arithmetic coding"),
    };
    let [depth, high, low, wide, narrow, count, components @ ..] = segment else {
        return Err(Refusal::damaged(Format::Jpeg, "the frame header is too short"));
    };
    if *depth != 8 {
        return unsupported(&format!("{depth} bits a sample instead of 8"));
    }
    if found.width != 0 {
        return Err(Refusal::damaged(Format::Jpeg, "it has two frame headers"));
    }
    found.bit_depth = *depth;
    found.height = u32::from(u16::from_be_bytes([*high, *low]));
    found.width = u32::from(u16::from_be_bytes([*wide, *narrow]));
    if found.height == 0 {
        return unsupported("a height that is told only after the picture");
    }
    found.colour = Some(match count {
        1 => Colour::Gray,
        3 => Colour::Rgb,
        4 => Colour::Cmyk,
        _ => return unsupported(&format!("{count} colour components")),
    });
    let count = u64::from(*count);
    let pixels = u64::from(found.width) * u64::from(found.height);
    found.memory = pixels * count;
    let factors: Vec<(u64, u64)> =
        components.chunks_exact(3).map(|part| (u64::from(part[1] >> 4), u64::from(part[1] & 15))).collect();
    found.chroma = match factors.as_slice() {
        factors if factors.iter().all(|factor| *factor == factors[0]) => Chroma::Whole,
        [(2, 2), (1, 1), (1, 1)] => Chroma::Halved,
        _ => Chroma::Other,
    };
    if progressive {
        // All coefficients are kept until the last scan, two bytes each, in whole blocks.
        let widest = factors.iter().map(|(across, _)| *across).max().unwrap_or(1).max(1);
        let highest = factors.iter().map(|(_, down)| *down).max().unwrap_or(1).max(1);
        let units = u64::from(found.width).div_ceil(8 * widest) * u64::from(found.height).div_ceil(8 * highest);
        found.memory += factors.iter().map(|(across, down)| units * across * down * 64 * 2).sum::<u64>();
    }
    Ok(components.chunks_exact(3).map(|part| part[0]).collect())
}
