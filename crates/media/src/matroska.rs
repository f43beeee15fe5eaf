//! Matroska and WebM (RFC 8794, RFC 9559): elements in elements, of which those before the first cluster are read.

use std::ops::Range;

use crate::Facts;
use crate::file::Reader;

const SEGMENT: u64 = 0x1853_8067;
const INFO: u64 = 0x1549_A966;
const TIMESTAMP_SCALE: u64 = 0x2A_D7B1;
const DURATION: u64 = 0x4489;
const TRACKS: u64 = 0x1654_AE6B;
const TRACK: u64 = 0xAE;
const TRACK_TYPE: u64 = 0x83;
const VIDEO: u64 = 0xE0;
const PIXELS: [u64; 2] = [0xB0, 0xBA];
const DISPLAY: [u64; 2] = [0x54B0, 0x54BA];
const DISPLAY_UNIT: u64 = 0x54B2;
/// What is cut off at the left and right, and at the top and bottom.
const CROP: [[u64; 2]; 2] = [[0x54CC, 0x54DD], [0x54BB, 0x54AA]];
const PROJECTION: u64 = 0x7670;
const ROLL: u64 = 0x7675;
const CLUSTER: u64 = 0x1F43_B675;

/// Nanoseconds in a unit of time, where nothing else is said.
const MILLISECOND: u64 = 1_000_000;

pub(crate) fn tell(reader: &mut Reader<'_>) -> Option<Facts> {
    let mut whole = Elements(0..reader.length());
    let segment = loop {
        let (id, content) = whole.next(reader)?;
        if id == SEGMENT {
            break content;
        }
    };
    let (mut segment, mut facts) = (Elements(segment), Facts::default());
    while let Some((id, content)) = segment.next(reader) {
        match id {
            INFO => facts.milliseconds = milliseconds(reader, content),
            TRACKS => facts.size = first_shown(reader, content),
            CLUSTER => break,
            _ => {}
        }
    }
    Some(facts)
}

/// Elements that lie one behind the other in these bytes.
struct Elements(Range<u64>);

impl Elements {
    /// The id of the next one, and where its content lies. What does not say how long it is goes on to the end.
    fn next(&mut self, reader: &mut Reader<'_>) -> Option<(u64, Range<u64>)> {
        let Range { start, end } = self.0;
        if start >= end {
            return None;
        }
        let (id, id_bytes) = number(reader, start, true)?;
        let (size, size_bytes) = number(reader, start + id_bytes, false)?;
        let begin = (start + id_bytes + size_bytes).min(end);
        let is_unknown = size == (1 << (7 * size_bytes)) - 1;
        let content = begin..if is_unknown { end } else { begin.saturating_add(size).min(end) };
        self.0.start = content.end;
        Some((id, content))
    }
}

/// A number whose first byte tells how many it has, and that many. In an id the bit that tells is a part of it.
fn number(reader: &mut Reader<'_>, at: u64, is_id: bool) -> Option<(u64, u64)> {
    let [head] = reader.at(at)?;
    let bytes = u64::from(head.leading_zeros()) + 1;
    if bytes > if is_id { 4 } else { 8 } {
        return None;
    }
    let number = uint(reader, &(at..at + bytes))?;
    Some((if is_id { number } else { number & ((1 << (7 * bytes)) - 1) }, bytes))
}

fn uint(reader: &mut Reader<'_>, content: &Range<u64>) -> Option<u64> {
    let bytes = usize::try_from(content.end - content.start).ok().filter(|bytes| *bytes <= 8)?;
    Some(reader.stretch(content.start, bytes)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn float(reader: &mut Reader<'_>, content: &Range<u64>) -> Option<f64> {
    match content.end - content.start {
        4 => Some(f32::from_be_bytes(reader.at(content.start)?).into()),
        8 => Some(f64::from_be_bytes(reader.at(content.start)?)),
        _ => None,
    }
}

fn milliseconds(reader: &mut Reader<'_>, info: Range<u64>) -> Option<u64> {
    let (mut info, mut scale, mut length) = (Elements(info), MILLISECOND, 0.0);
    while let Some((id, content)) = info.next(reader) {
        match id {
            TIMESTAMP_SCALE => scale = uint(reader, &content)?,
            DURATION => length = float(reader, &content)?,
            _ => {}
        }
    }
    let rounded = (length * scale as f64 / MILLISECOND as f64).round();
    // A hundred years, far below what is rounded in a number of this kind.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is whole, and within these bounds")]
    (1.0..4e12).contains(&rounded).then_some(rounded as u64)
}

/// How large the first track of pictures is shown.
fn first_shown(reader: &mut Reader<'_>, tracks: Range<u64>) -> Option<(u32, u32)> {
    let mut tracks = Elements(tracks);
    while let Some((id, content)) = tracks.next(reader) {
        let (mut track, mut kind, mut video) = (Elements(content), 0, None);
        while let Some((part, content)) = track.next(reader).filter(|_| id == TRACK) {
            match part {
                TRACK_TYPE => kind = uint(reader, &content)?,
                VIDEO => video = Some(content),
                _ => {}
            }
        }
        if let Some(video) = video.filter(|_| kind == 1) {
            return shown(reader, video);
        }
    }
    None
}

/// How large it is shown: as it says, or as many pixels as are left when what is to be cut off is gone.
fn shown(reader: &mut Reader<'_>, video: Range<u64>) -> Option<(u32, u32)> {
    let mut video = Elements(video);
    let (mut pixels, mut cut, mut display, mut unit, mut roll) = ([0_u64; 2], [0_u64; 2], [0_u64; 2], 0, 0.0);
    while let Some((id, content)) = video.next(reader) {
        for side in 0..2 {
            if id == PIXELS[side] {
                pixels[side] = uint(reader, &content)?;
            } else if id == DISPLAY[side] {
                display[side] = uint(reader, &content)?;
            } else if CROP[side].contains(&id) {
                cut[side] = uint(reader, &content)?.saturating_add(cut[side]);
            }
        }
        match id {
            DISPLAY_UNIT => unit = uint(reader, &content)?,
            PROJECTION => roll = turned(reader, content),
            _ => {}
        }
    }
    let is_said = unit == 0 && display.iter().all(|side| *side > 0);
    let left = [0, 1].map(|side| if is_said { display[side] } else { pixels[side].saturating_sub(cut[side]) });
    let [width, height] = left.map(|side| u32::try_from(side).ok().filter(|side| *side > 0));
    // By a quarter, to either side.
    let lies_on_its_side = ((roll.abs() % 180.0) - 90.0).abs() < 1.0;
    width.zip(height).map(|(width, height)| if lies_on_its_side { (height, width) } else { (width, height) })
}

/// By how many degrees it is turned to be shown.
fn turned(reader: &mut Reader<'_>, projection: Range<u64>) -> f64 {
    let mut projection = Elements(projection);
    while let Some((id, content)) = projection.next(reader) {
        if id == ROLL {
            return float(reader, &content).unwrap_or(0.0);
        }
    }
    0.0
}

#[cfg(test)]
mod tests {
    use super::{CROP, DISPLAY, DISPLAY_UNIT, PIXELS, PROJECTION, ROLL, shown};
    use crate::file::{File, Reader};

    fn element(id: u64, content: &[u8]) -> Vec<u8> {
        let id: Vec<u8> = id.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
        [&id[..], &[0x80 | u8::try_from(content.len()).unwrap()], content].concat()
    }

    fn size(elements: &[(u64, &[u8])]) -> Option<(u32, u32)> {
        let content: Vec<u8> = elements.iter().flat_map(|(id, content)| element(*id, content)).collect();
        let length = content.len() as u64;
        let mut file = File::of(length);
        file.add(0, content);
        shown(&mut Reader::new(&file), 0..length)
    }

    #[test]
    fn a_film_is_as_large_as_it_is_shown() {
        let pixels: [(u64, &[u8]); 2] = [(PIXELS[0], &[2, 208]), (PIXELS[1], &[2, 64])];
        let with = |more: &[(u64, &[u8])]| size(&[&pixels, more].concat());
        assert_eq!(with(&[]), Some((720, 576)));
        let display: [(u64, &[u8]); 2] = [(DISPLAY[0], &[4, 0]), (DISPLAY[1], &[2, 64])];
        assert_eq!(with(&display), Some((1024, 576)));
        // In centimetres, that says nothing of pixels.
        assert_eq!(with(&[&display[..], &[(DISPLAY_UNIT, &[1])]].concat()), Some((720, 576)));
        assert_eq!(with(&[(CROP[0][0], &[8]), (CROP[0][1], &[12]), (CROP[1][0], &[76])]), Some((700, 500)));
        let turned = |degrees: f32| with(&[(PROJECTION, &element(ROLL, &degrees.to_be_bytes()))]);
        assert_eq!([90.0, -90.0, 270.0].map(turned), [Some((576, 720)); 3]);
        assert_eq!([0.0, 180.0, 45.0, f32::NAN].map(turned), [Some((720, 576)); 4]);
        assert_eq!(with(&[(CROP[1][0], &[255, 255])]), None);
        assert_eq!(size(&pixels[..1]), None);
    }
}
