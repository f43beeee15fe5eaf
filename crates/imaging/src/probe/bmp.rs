//! Reads the headers of a BMP: size, depth, transparency, colour profile, and whether its rows are there.

use std::borrow::Cow;

use super::{Colour, Format, Found};
use crate::refusal::Refusal;

/// Behind the head of the file, of this length, comes that of the picture, which begins with its own length.
const FILE_HEAD: usize = 14;
/// The lengths that there are: OS/2's 12 and 64, and what Windows added bit by bit.
const LENGTHS: [u32; 7] = [12, 40, 52, 56, 64, 108, 124];
/// A colour space that says that a profile is in the file.
const EMBEDDED: &[u8] = b"DEBM";

/// How the pixels are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    /// Numbers of colours in the table.
    Numbers,
    /// Red, green, blue and alpha, each in the bits of its mask; alpha may have none.
    Masks([u32; 4]),
    /// Numbers of colours, in runs.
    Runs,
}

/// What the headers say of how the picture is stored.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    width: u32,
    height: u32,
    /// The first row is the lowest, as is usual.
    pub(crate) upwards: bool,
    /// Bits of a pixel.
    pub(crate) depth: u32,
    pub(crate) packing: Packing,
    /// Red, green and blue of each colour; black where the table has none.
    pub(crate) table: Vec<[u8; 3]>,
    /// Where the pixels begin.
    pub(crate) start: usize,
}

/// Whether it begins as a BMP does: its two letters alone would say too little.
pub(crate) fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(b"BM") && long(bytes, FILE_HEAD).is_some_and(|length| LENGTHS.contains(&length))
}

/// Reads the headers.
pub(crate) fn read(bytes: &[u8]) -> Result<Found<'_>, Refusal> {
    let layout = layout(bytes)?;
    let (width, height) = (u64::from(layout.width), u64::from(layout.height));
    // Each row but the last one is filled up to four bytes. How long runs are is known when they have been read.
    let row = width * u64::from(layout.depth);
    let rows = (height.saturating_sub(1)).saturating_mul(row.div_ceil(32) * 4).saturating_add(row.div_ceil(8));
    if layout.packing != Packing::Runs && (bytes.len() as u64) < (layout.start as u64).saturating_add(rows) {
        return Err(Refusal::Truncated { format: Format::Bmp });
    }
    let alpha = matches!(layout.packing, Packing::Masks([.., alpha]) if alpha != 0);
    Ok(Found {
        width: layout.width,
        height: layout.height,
        bit_depth: layout.depth.min(8) as u8,
        colour: Some(if layout.depth <= 8 { Colour::Palette } else { Colour::Rgb }),
        alpha,
        memory: (width * height).saturating_mul(if alpha { 4 } else { 3 }),
        icc: profile(bytes).map(Cow::Borrowed),
        ..Found::default()
    })
}

/// How the picture is stored.
pub(crate) fn layout(bytes: &[u8]) -> Result<Layout, Refusal> {
    walk(bytes).ok_or(Refusal::Truncated { format: Format::Bmp })?
}

fn walk(bytes: &[u8]) -> Option<Result<Layout, Refusal>> {
    let damaged = |why: &str| Some(Err(Refusal::damaged(Format::Bmp, why)));
    let (start, length) = (long(bytes, 10)? as usize, long(bytes, FILE_HEAD)?);
    let (width, height, depth, packing, colours) = match length {
        12 => (short(bytes, 18)?, short(bytes, 20)?.cast_signed(), short(bytes, 24)?, 0, 0),
        _ => (long(bytes, 18)?, long(bytes, 22)?.cast_signed(), short(bytes, 28)?, long(bytes, 30)?, long(bytes, 46)?),
    };
    if width > i32::MAX as u32 || height == i32::MIN {
        return damaged("its sides are longer than the format has");
    }
    let mask = |at: usize| long(bytes, FILE_HEAD + 40 + at * 4);
    let packing = match (packing, depth) {
        (0, 1 | 2 | 4 | 8) => Packing::Numbers,
        (1, 8) | (2, 4) => Packing::Runs,
        (0, 16) => Packing::Masks([0x7C00, 0x03E0, 0x001F, 0]),
        // The fourth byte means nothing unless a mask says so.
        (0, 24 | 32) => Packing::Masks([0x00FF_0000, 0x0000_FF00, 0x0000_00FF, 0]),
        (3 | 6, 16 | 32) if length != 64 => {
            let alpha = if packing == 6 || length >= 56 { mask(3)? } else { 0 };
            Packing::Masks([mask(0)?, mask(1)?, mask(2)?, alpha])
        }
        (0, _) => return damaged("its pixels have no number of bits that there is"),
        _ => return Some(Err(Refusal::unsupported(Format::Bmp, "its pixels are packed in a way that is rare"))),
    };
    let mut table = Vec::new();
    if depth <= 8 {
        let most = 1 << depth;
        let (at, step) = (FILE_HEAD + length as usize, if length == 12 { 3 } else { 4 });
        let count = if colours == 0 { most } else { (colours as usize).min(most) };
        table = bytes.get(at..at + count * step)?.chunks_exact(step).map(|bgr| [bgr[2], bgr[1], bgr[0]]).collect();
        table.resize(256, [0; 3]);
    }
    if start < FILE_HEAD + length as usize {
        return damaged("its pixels begin inside of its headers");
    }
    Some(Ok(Layout { width, height: height.unsigned_abs(), upwards: height > 0, depth, packing, table, start }))
}

/// The colour profile, which only the longest headers tell of.
fn profile(bytes: &[u8]) -> Option<&[u8]> {
    if long(bytes, FILE_HEAD)? != 124 || bytes.get(FILE_HEAD + 56..FILE_HEAD + 60)? != EMBEDDED {
        return None;
    }
    let start = FILE_HEAD + long(bytes, FILE_HEAD + 112)? as usize;
    bytes.get(start..start.checked_add(long(bytes, FILE_HEAD + 116)? as usize)?)
}

fn short(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from(u16::from_le_bytes([*bytes.get(at)?, *bytes.get(at + 1)?])))
}

fn long(bytes: &[u8], at: usize) -> Option<u32> {
    Some(short(bytes, at)? | short(bytes, at + 2)? << 16)
}
