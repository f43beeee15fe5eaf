//! Makes pictures of other sizes, each from the smallest one that is large enough.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

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
    original: Raster,
    smaller: Vec<Raster>,
    /// What was made last, because the next recipe often asks for the same.
    last: Option<(Piece, Raster)>,
    resizer: Resizer,
}

impl Ladder {
    pub(crate) fn new(original: Raster) -> Self {
        Self { original, smaller: Vec::new(), last: None, resizer: Resizer::new() }
    }

    /// The piece in its new size.
    pub(crate) fn cut(&mut self, piece: Piece) -> Result<Raster, Refusal> {
        if let Some((made, raster)) = &self.last
            && *made == piece
        {
            return Ok(raster.clone());
        }
        let size = (f64::from(self.original.width()), f64::from(self.original.height()));
        let source = self
            .smaller
            .iter()
            .filter(|raster| {
                let scale = f64::from(raster.width()) / size.0;
                piece.area[2] * scale >= LARGE_ENOUGH * f64::from(piece.width)
                    && piece.area[3] * scale >= LARGE_ENOUGH * f64::from(piece.height)
            })
            .min_by_key(|raster| u64::from(raster.width()) * u64::from(raster.height()))
            .unwrap_or(&self.original);
        let (x, y) = (f64::from(source.width()) / size.0, f64::from(source.height()) / size.1);
        let area = [piece.area[0] * x, piece.area[1] * y, piece.area[2] * x, piece.area[3] * y];
        let raster = resized(&mut self.resizer, source, area, piece.width, piece.height)?;
        let whole = piece.area == [0.0, 0.0, size.0, size.1];
        if whole && u64::from(piece.width) * 2 <= u64::from(self.original.width()) {
            self.smaller.push(raster.clone());
        }
        self.last = Some((piece, raster.clone()));
        Ok(raster)
    }
}

fn resized(resizer: &mut Resizer, source: &Raster, area: [f64; 4], width: u32, height: u32) -> Result<Raster, Refusal> {
    let whole = [0.0, 0.0, f64::from(source.width()), f64::from(source.height())];
    if (width, height) == (source.width(), source.height()) && area == whole {
        return Ok(source.clone());
    }
    match source {
        Raster::Packed(packed) => {
            let kind = match packed.model.channels() {
                1 => PixelType::U8,
                3 => PixelType::U8x3,
                _ => PixelType::U8x4,
            };
            let size = (packed.width, packed.height);
            let data = samples(resizer, &packed.data, size, kind, area, (width, height))?;
            Ok(Raster::Packed(Packed { width, height, model: packed.model, data }))
        }
        Raster::Planar(planar) => {
            let mut plane = |plane: &Plane, area, width, height| -> Result<Plane, Refusal> {
                let size = (plane.width, plane.height);
                let data = samples(resizer, &plane.data, size, PixelType::U8, area, (width, height))?;
                Ok(Plane { width, height, data })
            };
            let luma = plane(&planar.luma, area, width, height)?;
            let half = area.map(|side| side / 2.0);
            let (across, down) = (width.div_ceil(2), height.div_ceil(2));
            let [blue, red] = &planar.chroma;
            let chroma = [plane(blue, half, across, down)?, plane(red, half, across, down)?];
            Ok(Raster::Planar(Planar { range: planar.range, luma, chroma }))
        }
    }
}

fn samples(
    resizer: &mut Resizer,
    data: &[u8],
    (source_width, source_height): (u32, u32),
    kind: PixelType,
    [left, top, across, down]: [f64; 4],
    (width, height): (u32, u32),
) -> Result<Vec<u8>, Refusal> {
    let impossible = |why: &dyn ToString| Refusal::Recipe(format!("it cannot be resized: {}", why.to_string()));
    let source = ImageRef::new(source_width, source_height, data, kind).map_err(|error| impossible(&error))?;
    let mut out = room(width as usize * height as usize * kind.size())?;
    let mut target = Image::from_slice_u8(width, height, &mut out, kind).map_err(|error| impossible(&error))?;
    // Rounding may have moved an edge over the border by a hair.
    let (left, top) = (left.max(0.0), top.max(0.0));
    let across = across.min(f64::from(source_width) - left);
    let down = down.min(f64::from(source_height) - top);
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
        .crop(left, top, across, down)
        // Transparent pixels have been given no weight already.
        .use_alpha(false);
    resizer.resize(&source, &mut target, &options).map_err(|error| impossible(&error))?;
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
