//! Decodes BMP row by row.
//!
//! There is so little to it that it is done here: a row of a BMP is a list of numbers of a fixed size, or of runs of one.

use crate::colour;
use crate::limits::Limits;
use crate::probe::bmp::{Layout, Packing, layout};
use crate::probe::{Format, Header};
use crate::raster::{Model, Packed, Raster, few_bits, room};
use crate::refusal::Refusal;

/// Decodes the picture whose header was read and compared with the limits.
pub(crate) fn decode(bytes: &[u8], header: &Header<'_>, limits: &Limits<'_>) -> Result<Raster, Refusal> {
    let layout = layout(bytes)?;
    let (width, height) = (header.probe.stored_width, header.probe.stored_height);
    let model = if header.probe.alpha { Model::Premultiplied } else { Model::Rgb };
    let mut data = room(width as usize * height as usize * model.channels())?;
    let truncated = || Refusal::Truncated { format: Format::Bmp };
    let stored = bytes.get(layout.start..).ok_or_else(truncated)?;
    if layout.packing == Packing::Runs {
        // What no run tells of has the first colour.
        data.chunks_exact_mut(3).for_each(|pixel| pixel.copy_from_slice(&layout.table[0]));
        let mut canvas = Canvas { width: width as usize, height: height as usize, layout: &layout, data };
        canvas.runs(stored, limits)?;
        return Ok(Raster::Packed(Packed { width, height, model, data: canvas.data }));
    }
    let stride = (width as usize * layout.depth as usize).div_ceil(32) * 4;
    let row = width as usize * model.channels();
    for (number, stored) in stored.chunks(stride).take(height as usize).enumerate() {
        limits.check_time()?;
        let place = if layout.upwards { height as usize - 1 - number } else { number };
        unpack(stored, &layout, &mut data[place * row..][..row]).ok_or_else(truncated)?;
    }
    Ok(Raster::Packed(Packed { width, height, model, data }))
}

/// The pixels of a row.
fn unpack(stored: &[u8], layout: &Layout, out: &mut [u8]) -> Option<()> {
    let masks = match layout.packing {
        Packing::Masks(masks) => masks,
        Packing::Numbers | Packing::Runs => {
            for (x, out) in out.chunks_exact_mut(3).enumerate() {
                let number = few_bits(stored, x, layout.depth as usize)?;
                out.copy_from_slice(&layout.table[usize::from(number)]);
            }
            return Some(());
        }
    };
    let bytes = layout.depth as usize / 8;
    let alpha = masks[3] != 0;
    let samples = masks.map(Sample::of);
    for (stored, out) in stored.chunks_exact(bytes).zip(out.chunks_exact_mut(if alpha { 4 } else { 3 })) {
        let pixel = stored.iter().rev().fold(0, |pixel, byte| pixel << 8 | u32::from(*byte));
        let [r, g, b, a] = samples.map(|sample| sample.level(pixel));
        if alpha {
            out.copy_from_slice(&colour::premultiplied([r, g, b, a]));
        } else {
            out.copy_from_slice(&[r, g, b]);
        }
    }
    Some(())
}

/// Where a sample is in a pixel.
#[derive(Debug, Clone, Copy)]
struct Sample {
    mask: u32,
    shift: u32,
    /// The largest that it can be.
    most: u32,
}

impl Sample {
    fn of(mask: u32) -> Self {
        let shift = mask.trailing_zeros() % 32;
        Self { mask, shift, most: mask >> shift }
    }

    fn level(self, pixel: u32) -> u8 {
        let value = (pixel & self.mask) >> self.shift;
        if self.most == 255 {
            return value as u8;
        }
        // Without a mask there is nothing of it.
        (u64::from(value) * 255 + u64::from(self.most / 2)).checked_div(u64::from(self.most)).unwrap_or(0) as u8
    }
}

/// Where runs are laid.
struct Canvas<'a> {
    width: usize,
    height: usize,
    layout: &'a Layout,
    data: Vec<u8>,
}

impl Canvas<'_> {
    /// Lays runs, which come in pairs of bytes: how many pixels and of which colours, or what to do instead.
    fn runs(&mut self, stored: &[u8], limits: &Limits<'_>) -> Result<(), Refusal> {
        let truncated = || Refusal::Truncated { format: Format::Bmp };
        let (mut x, mut y, mut at) = (0_usize, 0_usize, 0_usize);
        limits.check_time()?;
        while y < self.height {
            let [count, number] = *stored.get(at..at + 2).ok_or_else(truncated)? else { return Err(truncated()) };
            at += 2;
            match (count, number) {
                (0, 0) => {
                    (x, y) = (0, y + 1);
                    limits.check_time()?;
                }
                (0, 1) => return Ok(()),
                (0, 2) => {
                    let [right, up] = *stored.get(at..at + 2).ok_or_else(truncated)? else { return Err(truncated()) };
                    (x, y, at) = (x + usize::from(right), y + usize::from(up), at + 2);
                }
                (0, count) => {
                    // As many pixels by themselves, filled up to two bytes.
                    let length = (usize::from(count) * self.layout.depth as usize).div_ceil(8);
                    let some = stored.get(at..at + length).ok_or_else(truncated)?;
                    self.lay(x, y, some, usize::from(count));
                    (x, at) = (x + usize::from(count), at + length.next_multiple_of(2));
                }
                (count, _) => {
                    // With four bits a pixel, two colours take turns.
                    self.lay(x, y, &[number], usize::from(count));
                    x += usize::from(count);
                }
            }
        }
        Ok(())
    }

    /// Lays so many pixels, as far as there is room in their row, and those that are stored again and again.
    fn lay(&mut self, x: usize, y: usize, some: &[u8], count: usize) {
        let row = if self.layout.upwards { self.height - 1 - y } else { y };
        for place in 0..count.min(self.width.saturating_sub(x)) {
            let number = match self.layout.depth {
                4 if place.is_multiple_of(2) => some[place / 2 % some.len()] >> 4,
                4 => some[place / 2 % some.len()] & 0x0F,
                _ => some[place % some.len()],
            };
            let at = (row * self.width + x + place) * 3;
            self.data[at..at + 3].copy_from_slice(&self.layout.table[usize::from(number)]);
        }
    }
}
