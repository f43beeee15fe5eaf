//! MP4, QuickTime and their kin (ISO/IEC 14496-12): boxes in boxes, of which only the heads and a few small ones are read.

use std::ops::Range;

use crate::Facts;
use crate::file::{Reader, milliseconds};

pub(crate) fn tell(reader: &mut Reader<'_>) -> Option<Facts> {
    let whole = 0..reader.length();
    let mut movie = Boxes(first(reader, whole, *b"moov")?);
    let (mut facts, mut per_second) = (Facts::default(), 0);
    while let Some((name, content)) = movie.next(reader) {
        match &name {
            b"mvhd" => {
                let [version] = reader.at(content.start)?;
                // Times of creation and change come first, as long as the length.
                per_second = u32::from_be_bytes(reader.at(content.start + if version == 1 { 20 } else { 12 })?).into();
                facts.milliseconds = milliseconds(units(reader, content.start, 16, 24)?, per_second);
            }
            // What comes in fragments may say here how long all of them are together.
            b"mvex" if facts.milliseconds.is_none() => {
                let all = first(reader, content, *b"mehd").and_then(|header| units(reader, header.start, 4, 4));
                facts.milliseconds = all.and_then(|all| milliseconds(all, per_second));
            }
            b"trak" if facts.size.is_none() => facts.size = shown(reader, content),
            _ => {}
        }
    }
    Some(facts)
}

/// Boxes that lie one behind the other in these bytes.
struct Boxes(Range<u64>);

impl Boxes {
    /// The name of the next one, and where its content lies, which ends no later than what it is in.
    fn next(&mut self, reader: &mut Reader<'_>) -> Option<([u8; 4], Range<u64>)> {
        let Range { start, end } = self.0;
        let [a, b, c, d, name @ ..] = reader.at::<8>(start).filter(|_| start < end)?;
        let (head, size) = match u32::from_be_bytes([a, b, c, d]) {
            0 => (8, end - start),
            1 => (16, u64::from_be_bytes(reader.at(start + 8)?)),
            size => (8, size.into()),
        };
        // One that does not even hold its own head is none.
        let content = start + head..start.saturating_add(size).min(end);
        self.0.start = content.end;
        (content.start <= content.end).then_some((name, content))
    }
}

/// Where the content of the first box of this name lies.
fn first(reader: &mut Reader<'_>, within: Range<u64>, wanted: [u8; 4]) -> Option<Range<u64>> {
    let mut boxes = Boxes(within);
    while let Some((name, content)) = boxes.next(reader) {
        if name == wanted {
            return Some(content);
        }
    }
    None
}

/// A length, which lies at one place with 32 bits, and at the other with 64. Of nothing but ones, it is unknown.
fn units(reader: &mut Reader<'_>, at: u64, short: u64, long: u64) -> Option<u64> {
    let [version] = reader.at(at)?;
    if version == 1 {
        let units = u64::from_be_bytes(reader.at(at + long)?);
        return Some(if units == u64::MAX { 0 } else { units });
    }
    let units = u32::from_be_bytes(reader.at(at + short)?);
    Some(if units == u32::MAX { 0 } else { units.into() })
}

/// How large a track is shown, if it is one of pictures.
fn shown(reader: &mut Reader<'_>, track: Range<u64>) -> Option<(u32, u32)> {
    let media = first(reader, track.clone(), *b"mdia")?;
    let handler = first(reader, media, *b"hdlr")?;
    let header = first(reader, track, *b"tkhd")?.start;
    if reader.at(handler.start + 8)? != *b"vide" {
        return None;
    }
    let [version] = reader.at(header)?;
    let matrix = header + if version == 1 { 52 } else { 40 };
    // Each with 16 bits before the point and 16 behind it: three rows of three numbers, then width and height.
    let mut number = |index: u64| reader.at(matrix + 4 * index).map(u32::from_be_bytes);
    let lies_on_its_side = number(0)? == 0 && number(4)? == 0 && number(1)? != 0 && number(3)? != 0;
    let [width, height] = [number(9)?, number(10)?].map(|side| side.saturating_add(0x8000) >> 16);
    let size = if lies_on_its_side { (height, width) } else { (width, height) };
    Some(size).filter(|(width, height)| *width > 0 && *height > 0)
}
