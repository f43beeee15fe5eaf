//! Makes pictures of other sizes, each from the smallest one that is large enough.

use std::borrow::Cow;

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{InnerPixel, U8, U8x3, U8x4};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};

use crate::raster::{Model, Packed, Planar, Plane, Range, Raster, room};
use crate::refusal::Refusal;

/// How many times larger than its result the picture must be that stands in for the original.
const LARGE_ENOUGH: f64 = 2.0;

/// A part of the picture, in pixels of the original, and the size that it gets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Piece {
    /// Left, top, width and height.
    pub(crate) area: [f64; 4],
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// The original, and the smaller ones of the whole of it that were made on the way.
#[derive(Debug)]
pub(crate) struct Ladder {
    /// As long as somebody needs it.
    original: Option<Raster>,
    /// Width and height of the picture as it is stored, of which it may have been decoded with fewer pixels.
    size: (f64, f64),
    smaller: Vec<Raster>,
    /// What was made last, because the next recipe often asks for the same.
    last: Option<(Piece, Raster)>,
}

impl Ladder {
    pub(crate) fn new(original: Raster, (width, height): (u32, u32)) -> Self {
        let size = (f64::from(width), f64::from(height));
        Self { original: Some(original), size, smaller: Vec::new(), last: None }
    }

    /// Lets the original go, which is most of the memory, when these pieces are all that is still to be cut.
    pub(crate) fn keep_for(&mut self, pieces: &[Piece]) {
        let spare =
            |piece: &Piece| self.last.as_ref().is_some_and(|(made, _)| made == piece) || self.stand_in(piece).is_some();
        if pieces.iter().all(spare) {
            self.original = None;
        }
    }

    /// The smallest picture that is large enough for a piece, apart from the original.
    fn stand_in(&self, piece: &Piece) -> Option<&Raster> {
        let enough = |raster: &&Raster| {
            let scale = f64::from(raster.width()) / self.size.0;
            piece.area[2] * scale >= LARGE_ENOUGH * f64::from(piece.width)
                && piece.area[3] * scale >= LARGE_ENOUGH * f64::from(piece.height)
        };
        let pixels = |raster: &&Raster| u64::from(raster.width()) * u64::from(raster.height());
        self.smaller.iter().filter(enough).min_by_key(pixels)
    }

    /// The piece in its new size.
    pub(crate) fn cut(&mut self, piece: Piece) -> Result<Raster, Refusal> {
        if let Some((made, raster)) = &self.last
            && *made == piece
        {
            return Ok(raster.clone());
        }
        let size = self.size;
        let source = self.stand_in(&piece).or(self.original.as_ref());
        let source = source.ok_or_else(|| Refusal::Recipe("the original was let go too early".into()))?;
        let (x, y) = (f64::from(source.width()) / size.0, f64::from(source.height()) / size.1);
        let area = [piece.area[0] * x, piece.area[1] * y, piece.area[2] * x, piece.area[3] * y];
        // The whole stays the whole, whatever the division made of it.
        let whole = piece.area == [0.0, 0.0, size.0, size.1];
        let area = if whole { [0.0, 0.0, f64::from(source.width()), f64::from(source.height())] } else { area };
        let raster = resized(source, area, piece.width, piece.height)?;
        if whole && f64::from(piece.width) * LARGE_ENOUGH <= size.0 {
            self.smaller.push(raster.clone());
        }
        self.last = Some((piece, raster.clone()));
        Ok(raster)
    }
}

fn resized(source: &Raster, area: [f64; 4], width: u32, height: u32) -> Result<Raster, Refusal> {
    let whole = [0.0, 0.0, f64::from(source.width()), f64::from(source.height())];
    if (width, height) == (source.width(), source.height()) && area == whole {
        return Ok(source.clone());
    }
    match source {
        Raster::Packed(packed) => {
            let samples = match packed.model.channels() {
                1 => samples::<U8>,
                3 => samples::<U8x3>,
                _ => samples::<U8x4>,
            };
            let data = samples(&packed.data, (packed.width, packed.height), area, (width, height))?;
            Ok(Raster::Packed(Packed { width, height, model: packed.model, data }))
        }
        Raster::Planar(planar) => {
            let plane = |plane: &Plane, area, width, height| -> Result<Plane, Refusal> {
                let size = (plane.width, plane.height);
                let data = samples::<U8>(&plane.data, size, area, (width, height))?;
                Ok(Plane { width, height, data })
            };
            let luma = plane(&planar.luma, area, width, height)?;
            let (across, down) = (width.div_ceil(2), height.div_ceil(2));
            // The last column of chroma of an odd number reaches over the edge by half, and so does the last row.
            let over = |side: u32| f64::from(side.next_multiple_of(2)) / f64::from(side);
            let [left, top, columns, rows] = area.map(|side| side / 2.0);
            let half = [left, top, columns * over(width), rows * over(height)];
            let chroma = |one: &Plane| plane(&reaching(one, half[0] + half[2], half[1] + half[3]), half, across, down);
            let [blue, red] = &planar.chroma;
            let chroma = [chroma(blue)?, chroma(red)?];
            Ok(Raster::Planar(Planar { range: planar.range, luma, chroma }))
        }
    }
}

/// The plane with its last column and row repeated until it reaches that far.
fn reaching(plane: &Plane, right: f64, bottom: f64) -> Cow<'_, Plane> {
    let (width, height) = (plane.width.max(right.ceil() as u32), plane.height.max(bottom.ceil() as u32));
    if (width, height) == (plane.width, plane.height) {
        return Cow::Borrowed(plane);
    }
    let mut data = Vec::with_capacity(width as usize * height as usize);
    for row in plane.data.chunks_exact(plane.width as usize) {
        data.extend_from_slice(row);
        data.resize(data.len() + (width - plane.width) as usize, row[row.len() - 1]);
    }
    for _ in plane.height..height {
        data.extend_from_within(data.len() - width as usize..);
    }
    Cow::Owned(Plane { width, height, data })
}

/// Of these three kinds of pixels alone: what resizes them is compiled here for each, and for all that there are it would
/// take minutes.
fn samples<P: PixelTrait + InnerPixel>(
    data: &[u8],
    (source_width, source_height): (u32, u32),
    [left, top, across, down]: [f64; 4],
    (width, height): (u32, u32),
) -> Result<Vec<u8>, Refusal> {
    let impossible = |why: &dyn ToString| Refusal::Recipe(format!("it cannot be resized: {}", why.to_string()));
    let source =
        TypedImageRef::<P>::from_buffer(source_width, source_height, data).map_err(|error| impossible(&error))?;
    let mut out = room(width as usize * height as usize * size_of::<P>())?;
    let mut target = TypedImage::<P>::from_buffer(width, height, &mut out).map_err(|error| impossible(&error))?;
    // Rounding may have moved an edge over the border by a hair.
    let (left, top) = (left.max(0.0), top.max(0.0));
    let across = across.min(f64::from(source_width) - left);
    let down = down.min(f64::from(source_height) - top);
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
        .crop(left, top, across, down)
        // Transparent pixels have been given no weight already.
        .use_alpha(false);
    // A new one each time: it would keep a buffer as large as the largest picture that it saw.
    Resizer::new().resize_typed(&source, &mut target, &options).map_err(|error| impossible(&error))?;
    Ok(out)
}

/// Luma and chroma as planes, chroma halved, as the encoders of WebP take them.
pub(crate) fn planes(packed: &Packed) -> Result<Planar, Refusal> {
    let (width, height) = (packed.width, packed.height);
    let (across, down) = (width.div_ceil(2), height.div_ceil(2));
    let mut luma = room(width as usize * height as usize)?;
    let mut chroma = [room(across as usize * down as usize)?, room(across as usize * down as usize)?];
    let gray = packed.model == Model::Gray;
    if gray {
        luma.copy_from_slice(&packed.data);
        for plane in &mut chroma {
            plane.fill(128);
        }
    } else {
        for (out, pixel) in luma.iter_mut().zip(packed.data.as_chunks::<3>().0) {
            *out = pixel[0];
        }
        let row = width as usize * 3;
        for (number, pair) in packed.data.chunks(row * 2).enumerate() {
            // The last row of an odd number is its own neighbour.
            let (upper, lower) = pair.split_at(row);
            let lower = if lower.is_empty() { upper } else { lower };
            let start = number * across as usize;
            let [blue, red] = &mut chroma;
            let (blue, red) = (&mut blue[start..][..across as usize], &mut red[start..][..across as usize]);
            for (((upper, lower), blue), red) in upper.chunks(6).zip(lower.chunks(6)).zip(blue).zip(red) {
                let mean = |at: usize| {
                    let sum = |row: &[u8]| u16::from(row[at]) + u16::from(*row.get(at + 3).unwrap_or(&row[at]));
                    ((sum(upper) + sum(lower) + 2) >> 2) as u8
                };
                (*blue, *red) = (mean(1), mean(2));
            }
        }
    }
    let [blue, red] = chroma;
    let plane = |data| Plane { width: across, height: down, data };
    Ok(Planar { range: Range::Full, luma: Plane { width, height, data: luma }, chroma: [plane(blue), plane(red)] })
}
