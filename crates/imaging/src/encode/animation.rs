//! Puts an animated WebP together, frame by frame, each of which is only what changed since the one before it.

use super::{Metadata, webp};
use crate::colour;
use crate::exif;
use crate::limits::Limits;
use crate::raster::{Model, Packed, Raster};
use crate::refusal::Refusal;

/// The longest a frame can be seen, in milliseconds.
const LONGEST: u32 = 0xFF_FFFF;
/// The place of a frame's 24 bits of duration, behind the head of its chunk.
const DURATION: usize = 8 + 12;
/// Instead of what is there, not over it; and it stays.
const REPLACES: u8 = 2;

/// An animation while it is made.
#[derive(Debug)]
pub(crate) struct Animation {
    quality: u8,
    lossless: bool,
    /// How often it is played; 0 for without end.
    loops: u16,
    /// The chunks of the frames so far.
    chunks: Vec<u8>,
    /// Where the last of them begins, and how long it is seen.
    last: (usize, u32),
    /// The frame that is shown at last.
    shown: Option<Packed>,
    alpha: bool,
}

impl Animation {
    /// Begins one.
    pub(crate) fn new(quality: u8, lossless: bool, loops: u32) -> Self {
        let loops = loops.min(u32::from(u16::MAX)) as u16;
        Self { quality, lossless, loops, chunks: Vec::new(), last: (0, 0), shown: None, alpha: false }
    }

    /// Takes the next frame, in the colours that the encoders take, and how long it is seen, in milliseconds.
    pub(crate) fn add(&mut self, raster: Raster, delay: u32, limits: &Limits<'_>) -> Result<(), Refusal> {
        let picture = colour::rgb(raster);
        let changed = match &self.shown {
            Some(shown) if (shown.width, shown.model) == (picture.width, picture.model) => difference(shown, &picture),
            _ => Some([0, 0, picture.width, picture.height]),
        };
        if let Some(place) = changed {
            self.frame(&picture, place, limits)?;
            self.last.1 = 0;
        }
        self.last.1 = self.last.1.saturating_add(delay).min(LONGEST);
        let at = self.last.0 + DURATION;
        self.chunks[at..at + 3].copy_from_slice(&self.last.1.to_le_bytes()[..3]);
        self.alpha |= picture.model == Model::Rgba;
        self.shown = Some(picture);
        let bytes = self.chunks.len() as u64;
        if bytes > limits.output { Err(Refusal::TooManyBytes { bytes, limit: limits.output }) } else { Ok(()) }
    }

    fn frame(&mut self, picture: &Packed, place: [u32; 4], limits: &Limits<'_>) -> Result<(), Refusal> {
        let [left, top, width, height] = place;
        let part = Raster::Packed(part(picture, place));
        let file = webp::encode(&part, self.quality, self.lossless, &Metadata::default(), limits)?;
        let mut frame = Vec::with_capacity(file.len() + 16);
        for number in [left / 2, top / 2, width - 1, height - 1, 0] {
            frame.extend(&number.to_le_bytes()[..3]);
        }
        frame.push(REPLACES);
        // What the file holds besides its picture is the head of a file.
        let mut rest = file.get(12..).unwrap_or_default();
        while let Some((head, behind)) = rest.split_first_chunk::<8>() {
            let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
            let whole = (8 + length + (length & 1)).min(rest.len());
            if matches!(&head[..4], b"ALPH" | b"VP8 " | b"VP8L") {
                frame.extend(&rest[..whole]);
            }
            rest = behind.get(whole - 8..).unwrap_or_default();
        }
        self.last.0 = self.chunks.len();
        chunk(&mut self.chunks, *b"ANMF", &frame);
        Ok(())
    }

    /// The file.
    pub(crate) fn finish(self, metadata: &Metadata) -> Vec<u8> {
        let exif = exif::write(metadata);
        let (width, height) = self.shown.map_or((1, 1), |shown| (shown.width, shown.height));
        let has = |there: bool, flag: u8| if there { flag } else { 0 };
        let flags = 0x02 | has(self.alpha, 0x10) | has(metadata.icc.is_some(), 0x20) | has(exif.is_some(), 0x08);
        let mut header = vec![flags, 0, 0, 0];
        for side in [width, height] {
            header.extend(&(side - 1).to_le_bytes()[..3]);
        }
        let mut body = b"WEBP".to_vec();
        chunk(&mut body, *b"VP8X", &header);
        if let Some(icc) = &metadata.icc {
            chunk(&mut body, *b"ICCP", icc);
        }
        // Behind a transparent background, which nobody shows.
        let [low, high] = self.loops.to_le_bytes();
        chunk(&mut body, *b"ANIM", &[0, 0, 0, 0, low, high]);
        body.extend(self.chunks);
        if let Some(exif) = exif {
            chunk(&mut body, *b"EXIF", &exif);
        }
        let mut file = Vec::with_capacity(body.len() + 8);
        chunk(&mut file, *b"RIFF", &body);
        file
    }
}

/// A name, a length, the content, and a zero where that has an odd length.
fn chunk(out: &mut Vec<u8>, name: [u8; 4], content: &[u8]) {
    out.extend(name);
    out.extend((content.len() as u32).to_le_bytes());
    out.extend(content);
    if content.len() % 2 == 1 {
        out.push(0);
    }
}

/// Left, top, width and height of what differs, from an even place on, as the format has it.
fn difference(before: &Packed, after: &Packed) -> Option<[u32; 4]> {
    let channels = after.model.channels();
    let (mut left, mut right) = (usize::MAX, 0);
    let (mut top, mut bottom) = (None, 0);
    for (y, (old, new)) in before.rows().zip(after.rows()).enumerate() {
        let differs = |(old, new): (&u8, &u8)| old != new;
        let Some(first) = old.iter().zip(new).position(differs) else { continue };
        let last = old.iter().zip(new).rposition(differs).unwrap_or(first);
        (left, right) = (left.min(first / channels), right.max(last / channels + 1));
        top = top.or(Some(y));
        bottom = y + 1;
    }
    let (left, top) = (left & !1, top? & !1);
    Some([left as u32, top as u32, (right - left) as u32, (bottom - top) as u32])
}

fn part(picture: &Packed, [left, top, width, height]: [u32; 4]) -> Packed {
    let channels = picture.model.channels();
    let (start, length) = (left as usize * channels, width as usize * channels);
    let rows = picture.rows().skip(top as usize).take(height as usize);
    let data = rows.flat_map(|row| &row[start..start + length]).copied().collect();
    Packed { width, height, model: picture.model, data }
}
