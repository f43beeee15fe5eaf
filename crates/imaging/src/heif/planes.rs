//! Planes as video decoders leave them: brought to a byte a sample, laid beside each other, and made into a raster.

use super::colours;
use crate::colour::{self, neighbours};
use crate::raster::{Model, Packed, Planar, Plane, Range, Raster, room};
use crate::refusal::Refusal;

/// How many samples chroma has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sampling {
    /// None at all.
    Gray,
    /// Half as many columns and rows (4:2:0).
    Quarter,
    /// Half as many columns (4:2:2).
    Half,
    /// As many as luma (4:4:4).
    Whole,
}

impl Sampling {
    /// Columns and rows of a plane of chroma, and of luma as number 0.
    pub(crate) fn size(self, plane: usize, (width, height): (u32, u32)) -> (u32, u32) {
        match (plane, self) {
            (0, _) | (_, Self::Whole) => (width, height),
            (_, Self::Quarter) => (width.div_ceil(2), height.div_ceil(2)),
            (_, Self::Half) => (width.div_ceil(2), height),
            (_, Self::Gray) => (0, 0),
        }
    }

    /// Planes that there are.
    pub(crate) fn count(self) -> usize {
        if self == Self::Gray { 1 } else { 3 }
    }
}

/// What the samples are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) sampling: Sampling,
    /// How luma and chroma are made, a number of H.273.
    pub(crate) matrix: u8,
    /// Whether all levels are used.
    pub(crate) full: bool,
}

/// Luma and chroma of a picture or of a tile, a byte a sample.
#[derive(Debug)]
pub(crate) struct Planes {
    pub(crate) kind: Kind,
    pub(crate) width: u32,
    pub(crate) height: u32,
    data: [Vec<u8>; 3],
}

impl Planes {
    /// Planes of this size, black or rather green.
    pub(crate) fn new(kind: Kind, width: u32, height: u32) -> Result<Self, Refusal> {
        let mut data = [const { Vec::new() }; 3];
        for (number, data) in data.iter_mut().enumerate() {
            let (across, down) = kind.sampling.size(number, (width, height));
            *data = room(across as usize * down as usize)?;
        }
        Ok(Self { kind, width, height, data })
    }

    /// The rows of a plane.
    pub(crate) fn rows_mut(&mut self, plane: usize) -> impl Iterator<Item = &mut [u8]> {
        let (across, _) = self.kind.sampling.size(plane, (self.width, self.height));
        self.data[plane].chunks_exact_mut((across as usize).max(1))
    }

    /// Lays a tile into its place, as far as it is inside. Nothing happens if it is of another kind.
    pub(crate) fn lay(&mut self, left: u32, top: u32, tile: &Self) -> Option<()> {
        let sampling = self.kind.sampling;
        // A sample of chroma belongs to one tile.
        let even = |at: u32, halved: bool| !halved || at.is_multiple_of(2);
        let halved = (matches!(sampling, Sampling::Quarter | Sampling::Half), sampling == Sampling::Quarter);
        if tile.kind != self.kind || !even(left, halved.0) || !even(top, halved.1) {
            return None;
        }
        for plane in 0..sampling.count() {
            let (left, top) = sampling.size(plane, (left, top));
            let (across, _) = sampling.size(plane, (self.width, self.height));
            let (tile_across, _) = sampling.size(plane, (tile.width, tile.height));
            let wide = tile_across.min(across.saturating_sub(left)) as usize;
            let rows = self.data[plane].chunks_exact_mut((across as usize).max(1)).skip(top as usize);
            let tile_rows = tile.data[plane].chunks_exact((tile_across as usize).max(1));
            for (row, tile) in rows.zip(tile_rows) {
                row[left as usize..][..wide].copy_from_slice(&tile[..wide]);
            }
        }
        Some(())
    }

    /// The raster of it. None when nobody knows what its samples mean.
    pub(crate) fn into_raster(self, alpha: Option<Self>, premultiplied: bool) -> Result<Option<Raster>, Refusal> {
        let Kind { sampling, matrix, full } = self.kind;
        let (width, height) = (self.width, self.height);
        if alpha.is_none() && sampling == Sampling::Gray {
            let [mut data, ..] = self.data;
            if !full {
                colour::luma_to_full(&mut data);
            }
            return Ok(Some(Raster::Packed(Packed { width, height, model: Model::Gray, data })));
        }
        if alpha.is_none() && sampling == Sampling::Quarter && colours::is_601(matrix) {
            let (across, down) = sampling.size(1, (width, height));
            let [luma, blue, red] = self.data;
            return Ok(Some(Raster::Planar(Planar {
                range: if full { Range::Full } else { Range::Video },
                luma: Plane { width, height, data: luma },
                chroma: [blue, red].map(|data| Plane { width: across, height: down, data }),
            })));
        }
        let Some(colours) = Colours::of(self.kind) else { return Ok(None) };
        let model = if alpha.is_some() { Model::Premultiplied } else { Model::Rgb };
        let mut data = room(width as usize * height as usize * model.channels())?;
        let mut chroma = [const { Vec::new() }; 2].map(|_: Vec<f32>| vec![0.0; width as usize]);
        let alpha = alpha.map(|alpha| {
            let [mut data, ..] = alpha.data;
            if !alpha.kind.full {
                colour::luma_to_full(&mut data);
            }
            data
        });
        let rows =
            self.data[0].chunks_exact(width as usize).zip(data.chunks_exact_mut(width as usize * model.channels()));
        for (y, (luma, out)) in rows.enumerate() {
            for (plane, row) in chroma.iter_mut().enumerate() {
                self.chroma_row(plane + 1, y, row);
            }
            let pixels = luma.iter().zip(chroma[0].iter().zip(&chroma[1])).map(|(y, (b, r))| colours.rgb(*y, *b, *r));
            match &alpha {
                None => pixels.zip(out.as_chunks_mut::<3>().0).for_each(|(pixel, out)| *out = pixel),
                Some(alpha) => {
                    let alpha = alpha[y * width as usize..].iter().copied();
                    for ((pixel, a), out) in pixels.zip(alpha).zip(out.as_chunks_mut::<4>().0) {
                        let [r, g, b] = pixel;
                        *out = colour::multiplied([r, g, b, a], premultiplied);
                    }
                }
            }
        }
        Ok(Some(Raster::Packed(Packed { width, height, model, data })))
    }

    /// The chroma of a row, as many samples as luma has: that of the neighbours, the nearer three times as much as the
    /// farther.
    fn chroma_row(&self, plane: usize, y: usize, out: &mut [f32]) {
        let sampling = self.kind.sampling;
        let (across, down) = sampling.size(plane, (self.width, self.height));
        let (across, down) = (across as usize, down as usize);
        let row = |y: usize| &self.data[plane][y * across..][..across];
        match sampling {
            Sampling::Gray => out.fill(128.0),
            Sampling::Whole => out.iter_mut().zip(row(y)).for_each(|(out, sample)| *out = f32::from(*sample)),
            Sampling::Half | Sampling::Quarter => {
                let (near, far) = if sampling == Sampling::Quarter { neighbours(y, down) } else { (y, y) };
                let (near, far) = (row(near), row(far));
                let mixed = |x: usize| u16::from(near[x]) * 3 + u16::from(far[x]);
                for (x, out) in out.iter_mut().enumerate() {
                    let (near, far) = neighbours(x, across);
                    *out = f32::from(mixed(near) * 3 + mixed(far)) / 16.0;
                }
            }
        }
    }
}

/// How samples become red, green and blue.
struct Colours {
    /// What is black, and how much a level is.
    black: f32,
    luma: f32,
    chroma: f32,
    /// How much red and blue are in luma; none where the samples are green, blue and red themselves.
    weights: Option<(f32, f32)>,
}

impl Colours {
    fn of(kind: Kind) -> Option<Self> {
        let identity = kind.matrix == 0;
        let weights = match kind.sampling {
            _ if identity && kind.sampling == Sampling::Whole => None,
            Sampling::Gray => Some((0.299, 0.114)),
            _ => Some(colours::weights(kind.matrix)?),
        };
        let (black, luma, chroma) = if kind.full {
            (0.0, 1.0, 1.0)
        } else {
            (16.0, 255.0 / 219.0, if identity { 255.0 / 219.0 } else { 255.0 / 224.0 })
        };
        Some(Self { black, luma, chroma, weights })
    }

    fn rgb(&self, y: u8, blue: f32, red: f32) -> [u8; 3] {
        let byte = |value: f32| (value + 0.5) as u8;
        let luma = (f32::from(y) - self.black) * self.luma;
        let Some((kr, kb)) = self.weights else {
            let level = |sample: f32| byte((sample - self.black) * self.chroma);
            return [level(red), byte(luma), level(blue)];
        };
        let (blue, red) = ((blue - 128.0) * self.chroma, (red - 128.0) * self.chroma);
        let (r, b) = (luma + 2.0 * (1.0 - kr) * red, luma + 2.0 * (1.0 - kb) * blue);
        let g = luma - (2.0 * (1.0 - kr) * kr * red + 2.0 * (1.0 - kb) * kb * blue) / (1.0 - kr - kb);
        [byte(r), byte(g), byte(b)]
    }
}

/// The byte for each level of samples of so many bits.
pub(crate) fn levels(depth: u8, full: bool) -> Vec<u8> {
    let most = (1_u32 << depth) - 1;
    let byte =
        |level: u32| if full { (level * 255 + most / 2) / most } else { (level + (1 << depth >> 9)) >> (depth - 8) };
    (0..=most).map(|level| byte(level).min(255) as u8).collect()
}

#[cfg(test)]
mod tests {
    use super::{Colours, Kind, Planes, Sampling, levels};
    use crate::raster::Raster;

    const WHOLE: Kind = Kind { sampling: Sampling::Whole, matrix: 1, full: false };

    #[test]
    fn levels_of_more_bits_end_where_those_of_eight_do() {
        let (full, video) = (levels(10, true), levels(10, false));
        assert_eq!((full.len(), full[0], full[512], full[1023]), (1024, 0, 128, 255));
        assert_eq!((video[64], video[512], video[940], video[1023]), (16, 128, 235, 255));
        assert_eq!(levels(8, true)[77], 77);
        assert_eq!(levels(12, false)[3760], 235);
    }

    #[test]
    fn colours_are_those_of_their_matrix() {
        let rgb =
            |matrix, full, y, b, r| Colours::of(Kind { sampling: Sampling::Whole, matrix, full }).unwrap().rgb(y, b, r);
        assert_eq!(rgb(1, false, 235, 128.0, 128.0), [255; 3]);
        assert_eq!(rgb(1, false, 16, 128.0, 128.0), [0; 3]);
        assert_eq!(rgb(0, true, 10, 20.0, 30.0), [30, 10, 20]);
        // Red and blue by the tables of BT.709 and BT.601.
        assert_eq!(rgb(1, false, 63, 102.0, 240.0), [255, 1, 0]);
        assert_eq!(rgb(6, true, 76, 85.0, 255.0), [254, 0, 0]);
        assert!(Colours::of(Kind { matrix: 14, ..WHOLE }).is_none());
    }

    #[test]
    fn tiles_lie_side_by_side_and_what_stands_over_is_cut_off() {
        let kind = Kind { sampling: Sampling::Gray, matrix: 1, full: true };
        let mut whole = Planes::new(kind, 3, 3).unwrap();
        for (number, (left, top)) in [(0, 0), (2, 0), (0, 2), (2, 2)].into_iter().enumerate() {
            let mut tile = Planes::new(kind, 2, 2).unwrap();
            tile.data[0].fill(number as u8 + 1);
            whole.lay(left, top, &tile).unwrap();
        }
        let Some(Raster::Packed(packed)) = whole.into_raster(None, false).unwrap() else { panic!("it is gray") };
        assert_eq!(packed.data, [1, 1, 2, 1, 1, 2, 3, 3, 4]);
        let mut halved = Planes::new(Kind { sampling: Sampling::Quarter, ..kind }, 4, 4).unwrap();
        let tile = Planes::new(halved.kind, 3, 3).unwrap();
        assert!(halved.lay(3, 0, &tile).is_none());
        assert!(halved.lay(2, 0, &Planes::new(kind, 2, 2).unwrap()).is_none());
    }
}
