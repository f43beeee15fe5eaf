//! Shows the frames of an animation one after the other, each as its viewer sees it, with one canvas for all of them.

use crate::decode::{gif, png, webp};
use crate::limits::Limits;
use crate::probe::{Format, Header};
use crate::raster::{Model, Packed, Raster, room};
use crate::refusal::Refusal;

/// Browsers show what is to be seen no longer than this, in milliseconds, for [`USUAL_DELAY`] instead.
const TOO_SHORT: u32 = 10;
const USUAL_DELAY: u32 = 100;

/// What becomes of the place of a patch before the next one is laid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// The patch stays.
    Stay,
    /// The place is transparent again.
    Clear,
    /// What was there before is there again.
    Restore,
}

/// A part of the canvas that changes with a frame.
#[derive(Debug)]
pub(crate) struct Patch {
    pub(crate) left: u32,
    pub(crate) top: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Red, green and blue multiplied with alpha, and alpha.
    pub(crate) data: Vec<u8>,
    /// Laid over what is there, instead of in its place.
    pub(crate) over: bool,
    pub(crate) then: Then,
    /// How long the frame is seen, in milliseconds.
    pub(crate) delay: u32,
}

/// Where the patches of a format come from.
pub(crate) trait Patches {
    /// The next one.
    fn next(&mut self) -> Result<Option<Patch>, Refusal>;
}

/// The frames of a picture that is put together from patches.
pub(crate) struct Film<'a> {
    patches: Box<dyn Patches + 'a>,
    limits: &'a Limits<'a>,
    format: Format,
    /// How many frames the headers tell of.
    left: u32,
    /// Whether anything of it is transparent.
    alpha: bool,
    canvas: Packed,
    /// The place of the last patch and what becomes of it.
    last: Option<Last>,
}

struct Last {
    /// Left, top, right and bottom, inside the canvas.
    place: [u32; 4],
    then: Then,
    /// What was there, if that is to be there again.
    before: Vec<u8>,
}

impl<'a> Film<'a> {
    /// Opens a picture whose header was read and compared with the limits.
    pub(crate) fn open(bytes: &'a [u8], header: &Header<'_>, limits: &'a Limits<'a>) -> Result<Self, Refusal> {
        let patches: Box<dyn Patches + 'a> = match header.probe.format {
            Format::Gif => Box::new(gif::Patches::open(bytes, limits)?),
            Format::Png => Box::new(png::Patches::open(bytes, limits)?),
            _ => Box::new(webp::Patches::open(bytes)),
        };
        let (width, height) = (header.probe.stored_width, header.probe.stored_height);
        let data = room(width as usize * height as usize * 4)?;
        let canvas = Packed { width, height, model: Model::Premultiplied, data };
        let (format, left, alpha) = (header.probe.format, header.probe.frames, header.probe.alpha);
        Ok(Self { patches, limits, format, left, alpha, canvas, last: None })
    }

    /// Shows the next frame, and tells for how many milliseconds it is seen.
    pub(crate) fn next(&mut self) -> Result<Option<u32>, Refusal> {
        self.limits.check_time()?;
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        self.end_last();
        let Some(patch) = self.patches.next()? else {
            return Err(Refusal::damaged(self.format, "it has fewer frames than it announces"));
        };
        let inside = |start: u32, length: u32, side: u32| (start.min(side), start.saturating_add(length).min(side));
        let (left, right) = inside(patch.left, patch.width, self.canvas.width);
        let (top, bottom) = inside(patch.top, patch.height, self.canvas.height);
        let place = [left, top, right, bottom];
        let before = if patch.then == Then::Restore {
            self.rows(place).flat_map(|row| self.canvas.data[row].iter().copied()).collect()
        } else {
            Vec::new()
        };
        self.lay(&patch, place);
        self.last = Some(Last { place, then: patch.then, before });
        Ok(Some(if patch.delay <= TOO_SHORT { USUAL_DELAY } else { patch.delay }))
    }

    /// The frame that is shown.
    pub(crate) fn raster(&self) -> Raster {
        Raster::Packed(if self.alpha {
            self.canvas.clone()
        } else {
            self.canvas.map(Model::Rgb, |pixel| [pixel[0], pixel[1], pixel[2]])
        })
    }

    /// The first frame on which there is something to see, or the last one.
    pub(crate) fn poster(mut self) -> Result<Raster, Refusal> {
        while self.next()?.is_some() {
            if self.canvas.pixels().any(|pixel| pixel[3] != 0) {
                break;
            }
        }
        Ok(self.raster())
    }

    /// Where the rows of a place lie in the canvas.
    fn rows(&self, [left, top, right, bottom]: [u32; 4]) -> impl Iterator<Item = std::ops::Range<usize>> + use<> {
        let width = self.canvas.width as usize;
        (top as usize..bottom as usize).map(move |y| (y * width + left as usize) * 4..(y * width + right as usize) * 4)
    }

    fn end_last(&mut self) {
        let Some(Last { place, then, before }) = self.last.take() else { return };
        let row_length = (place[2] - place[0]) as usize * 4;
        for (number, row) in self.rows(place).enumerate() {
            match then {
                Then::Stay => return,
                Then::Clear => self.canvas.data[row].fill(0),
                Then::Restore => self.canvas.data[row].copy_from_slice(&before[number * row_length..][..row_length]),
            }
        }
    }

    fn lay(&mut self, patch: &Patch, place: [u32; 4]) {
        let stride = patch.width as usize * 4;
        for (row, new) in self.rows(place).zip(patch.data.chunks_exact(stride.max(4))) {
            let old = &mut self.canvas.data[row];
            if !patch.over {
                old.copy_from_slice(&new[..old.len()]);
                continue;
            }
            for (old, new) in old.as_chunks_mut::<4>().0.iter_mut().zip(new.as_chunks::<4>().0) {
                match new[3] {
                    0 => {}
                    255 => *old = *new,
                    alpha => {
                        for (old, new) in old.iter_mut().zip(new) {
                            *old = new.saturating_add(crate::colour::product(*old, 255 - alpha));
                        }
                    }
                }
            }
        }
    }
}
