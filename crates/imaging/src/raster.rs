//! Pixels in memory: packed samples, or planes of luma and halved chroma.

use crate::refusal::Refusal;

/// What the samples of a pixel mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Model {
    /// Lightness.
    Gray,
    /// Luma and two of chroma, BT.601 with all 256 levels, as in JPEG.
    Ycc,
    /// Red, green and blue.
    Rgb,
    /// Red, green and blue multiplied with alpha, and alpha. So transparent pixels have no colour that could bleed into
    /// their neighbours when resizing.
    Premultiplied,
    /// Red, green, blue and alpha by themselves.
    Rgba,
    /// Four inks, 255 is all of it.
    Cmyk,
    /// Four inks as Adobe's programs write them: luma, chroma and what is left of white after black.
    Ycck,
}

impl Model {
    /// Samples of a pixel, of one byte each.
    pub(crate) fn channels(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::Ycc | Self::Rgb => 3,
            Self::Premultiplied | Self::Rgba | Self::Cmyk | Self::Ycck => 4,
        }
    }

    pub(crate) fn has_alpha(self) -> bool {
        matches!(self, Self::Premultiplied | Self::Rgba)
    }
}

/// Pixels whose samples lie side by side, row by row, without gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packed {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) model: Model,
    pub(crate) data: Vec<u8>,
}

impl Packed {
    /// A picture of one colour.
    pub(crate) fn filled(width: u32, height: u32, model: Model, pixel: &[u8]) -> Self {
        let data = pixel.repeat(width as usize * height as usize);
        Self { width, height, model, data }
    }

    /// Each row.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.data.chunks_exact(self.width as usize * self.model.channels())
    }

    /// Each pixel, from left to right and from top to bottom.
    pub(crate) fn pixels(&self) -> impl Iterator<Item = &[u8]> {
        self.data.chunks_exact(self.model.channels())
    }

    /// The same with other samples for each pixel.
    pub(crate) fn map<const OUT: usize>(&self, model: Model, change: impl Fn(&[u8]) -> [u8; OUT]) -> Self {
        let mut data = Vec::with_capacity(self.width as usize * self.height as usize * OUT);
        data.extend(self.pixels().flat_map(change));
        Self { width: self.width, height: self.height, model, data }
    }
}

/// One plane of samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plane {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) data: Vec<u8>,
}

/// How many of the 256 levels are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Range {
    /// All of them, as in JPEG.
    Full,
    /// 16 to 235 for luma and 16 to 240 for chroma, as in WebP.
    Video,
}

/// Luma, and two planes of chroma with half as many columns and rows, rounded up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Planar {
    pub(crate) range: Range,
    pub(crate) luma: Plane,
    pub(crate) chroma: [Plane; 2],
}

/// A decoded picture or what has become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Raster {
    Packed(Packed),
    Planar(Planar),
}

impl Raster {
    pub(crate) fn width(&self) -> u32 {
        match self {
            Self::Packed(packed) => packed.width,
            Self::Planar(planar) => planar.luma.width,
        }
    }

    pub(crate) fn height(&self) -> u32 {
        match self {
            Self::Packed(packed) => packed.height,
            Self::Planar(planar) => planar.luma.height,
        }
    }

    pub(crate) fn has_alpha(&self) -> bool {
        matches!(self, Self::Packed(packed) if packed.model.has_alpha())
    }
}

/// A sample of up to eight bits out of a row in which they lie side by side, the first in the highest bits.
pub(crate) fn few_bits(row: &[u8], x: usize, bits: usize) -> Option<u8> {
    Some((row.get(x * bits / 8)? >> (8 - bits - x * bits % 8)) & (0xFF >> (8 - bits)))
}

/// Room for so many bytes, or a refusal instead of an abort when there is none.
pub(crate) fn room(bytes: usize) -> Result<Vec<u8>, Refusal> {
    let refusal = Refusal::TooMuchMemory { needed: bytes as u64, limit: 0 };
    let mut data = Vec::new();
    data.try_reserve_exact(bytes).map_err(|_| refusal)?;
    data.resize(bytes, 0);
    Ok(data)
}
