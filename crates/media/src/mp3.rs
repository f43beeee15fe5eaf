//! MP3 and its elder brothers (ISO/IEC 11172-3, 13818-3): frames, of which the first may tell how many there are.

use crate::Facts;
use crate::file::{Reader, milliseconds};

/// How far it is looked for the first frame, and how many frames are compared.
const STRETCH: usize = 16 << 10;

/// How many frames have to follow each other, so that it is no accident.
const IN_A_ROW: usize = 3;

/// In which bits a header of four bytes says what all headers of a file say alike: version, layer and rate.
const ALIKE: u32 = 0xFFFE_0C00;

/// Reads what begins there, or soon after.
pub(crate) fn tell(reader: &mut Reader<'_>, at: u64) -> Option<Facts> {
    let stretch = reader.stretch(at, STRETCH)?;
    // A file may be shorter than that, but not what is looked at of a longer one.
    let is_all = at + stretch.len() as u64 == reader.length();
    let first = (0..stretch.len()).find(|first| {
        let mut frames = Frames { rest: &stretch[*first..], like: None };
        (0..IN_A_ROW).all(|_| frames.next().is_some() || is_all && frames.like.is_some() && frames.rest.is_empty())
    })?;
    let mut frames = Frames { rest: &stretch[first..], like: None };
    let beginning = frames.rest;
    let frame = frames.next()?;
    let counted = counted(&frame, beginning)
        .and_then(|count| milliseconds(u64::from(count).checked_mul(frame.samples.into())?, frame.per_second.into()));
    // Nothing tells how long it is, but what is always as fast takes as long as there are bytes.
    let is_steady = counted.is_none() && frames.all(|next| next.bits_per_second == frame.bits_per_second);
    let bytes = reader.length() - at - first as u64;
    let steady = if is_steady { milliseconds(bytes.checked_mul(8)?, frame.bits_per_second.into()) } else { None };
    Some(Facts { milliseconds: counted.or(steady), size: None })
}

/// What a frame says of itself.
#[derive(Debug, Clone, Copy)]
struct Frame {
    bits_per_second: u32,
    per_second: u32,
    samples: u32,
    bytes: usize,
    /// How many bytes come before a count of frames, if this one is none itself.
    before_count: usize,
}

impl Frame {
    fn of(header: u32) -> Option<Self> {
        const FIRST: [[u32; 14]; 3] = [
            [32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
            [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
            [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
        ];
        const LOWER: [[u32; 14]; 2] = [
            [32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
            [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
        ];
        let (version, layer) = (header >> 19 & 3, 4 - (header >> 17 & 3));
        let (rate, speed) = (header >> 10 & 3, (header >> 12 & 15) as usize);
        if header >> 21 != 0x7FF || version == 1 || layer == 4 || rate == 3 {
            return None;
        }
        let (is_first, is_mono) = (version == 3, header >> 6 & 3 == 3);
        let speeds = if is_first { FIRST[layer as usize - 1] } else { LOWER[usize::from(layer > 1)] };
        let bits_per_second = speeds.get(speed.checked_sub(1)?)? * 1000;
        let per_second = [44_100, 48_000, 32_000][rate as usize] >> [2, 0, 1, 0][version as usize];
        let samples = match layer {
            1 => 384,
            3 if !is_first => 576,
            _ => 1152,
        };
        // The first layer counts in words of four bytes.
        let word = if layer == 1 { 4 } else { 1 };
        let bytes = (samples / 8 / word * bits_per_second / per_second + (header >> 9 & 1)) * word;
        let before_count = 4 + [[32, 17], [17, 9]][usize::from(!is_first)][usize::from(is_mono)];
        Some(Self { bits_per_second, per_second, samples, bytes: bytes as usize, before_count })
    }
}

/// Frames that follow each other at once, and have in common what all of a file have.
struct Frames<'a> {
    rest: &'a [u8],
    like: Option<u32>,
}

impl Iterator for Frames<'_> {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        let header = u32::from_be_bytes(*self.rest.first_chunk()?);
        let frame = Frame::of(header).filter(|_| self.like.is_none_or(|like| like == header & ALIKE))?;
        self.like = Some(header & ALIKE);
        self.rest = self.rest.get(frame.bytes..).unwrap_or_default();
        Some(frame)
    }
}

/// How many frames there are, as encoders write it into the first, which is silent.
fn counted(frame: &Frame, file: &[u8]) -> Option<u32> {
    let number = |at: usize| Some(u32::from_be_bytes(*file.get(at..)?.first_chunk()?));
    let tag = file.get(frame.before_count..)?;
    let count = if tag.starts_with(b"Xing") || tag.starts_with(b"Info") {
        // A bit says whether it is there.
        number(frame.before_count + 8).filter(|_| tag.get(7).is_some_and(|flags| flags & 1 == 1))
    } else if file.get(36..)?.starts_with(b"VBRI") {
        number(36 + 14)
    } else {
        None
    };
    count.filter(|count| *count > 0)
}
