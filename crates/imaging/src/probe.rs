//! Tells what a file is from its headers, without decoding anything.

use std::borrow::Cow;
use std::fmt;

use crate::exif::Exif;
use crate::orient::Orientation;
use crate::refusal::Refusal;

pub(crate) mod bmp;
pub(crate) mod gif;
mod heif;
pub(crate) mod jpeg;
pub(crate) mod jxl;
pub(crate) mod png;
pub(crate) mod tiff;
pub(crate) mod webp;

/// A profile for four inks has half a megabyte; what is longer than this is none.
pub(crate) const LONGEST_ICC: usize = 8 << 20;

/// A format of pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "these are the names of the formats")]
#[non_exhaustive]
pub enum Format {
    Avif,
    Bmp,
    Gif,
    Heic,
    Jpeg,
    Jxl,
    Png,
    Tiff,
    WebP,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 9] =
        [Self::Jpeg, Self::Png, Self::Gif, Self::WebP, Self::Bmp, Self::Tiff, Self::Jxl, Self::Avif, Self::Heic];

    /// The name that people know it by.
    pub fn name(self) -> &'static str {
        match self {
            Self::Avif => "AVIF",
            Self::Heic => "HEIC",
            Self::Bmp => "BMP",
            Self::Gif => "GIF",
            Self::Jpeg => "JPEG",
            Self::Jxl => "JPEG XL",
            Self::Png => "PNG",
            Self::Tiff => "TIFF",
            Self::WebP => "WebP",
        }
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Avif => "image/avif",
            Self::Heic => "image/heic",
            Self::Bmp => "image/bmp",
            Self::Gif => "image/gif",
            Self::Jpeg => "image/jpeg",
            Self::Jxl => "image/jxl",
            Self::Png => "image/png",
            Self::Tiff => "image/tiff",
            Self::WebP => "image/webp",
        }
    }

    /// The usual end of a file name, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Avif => "avif",
            Self::Heic => "heic",
            Self::Bmp => "bmp",
            Self::Gif => "gif",
            Self::Jpeg => "jpg",
            Self::Jxl => "jxl",
            Self::Png => "png",
            Self::Tiff => "tiff",
            Self::WebP => "webp",
        }
    }

    /// The format that the first bytes announce.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(b"\xFF\xD8\xFF") {
            Some(Self::Jpeg)
        } else if bytes.starts_with(png::SIGNATURE) {
            Some(Self::Png)
        } else if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") {
            Some(Self::Gif)
        } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
            Some(Self::WebP)
        } else if bmp::is_one(bytes) {
            Some(Self::Bmp)
        } else if tiff::is_one(bytes) {
            Some(Self::Tiff)
        } else if jxl::is_one(bytes) {
            Some(Self::Jxl)
        } else {
            crate::heif::format(bytes)
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How colours are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Lightness alone.
    Gray,
    /// Red, green and blue, or luma and chroma made of them.
    Rgb,
    /// Numbers of colours in a table.
    Palette,
    /// Four inks.
    Cmyk,
}

/// What a file is, as far as its headers tell.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Probe {
    /// The format of the content, whatever the file is called.
    pub format: Format,
    /// Pixels in a row, as it is shown.
    pub width: u32,
    /// Rows, as it is shown.
    pub height: u32,
    /// Pixels in a row, as it is stored.
    pub stored_width: u32,
    /// Rows, as it is stored.
    pub stored_height: u32,
    /// Frames; 1 for a still picture.
    pub frames: u32,
    /// Pixels of all frames together, as many of each as have to be looked at.
    pub pixels: u64,
    /// Passes in which a JPEG is sent; 1 for everything else.
    pub scans: u32,
    /// Bits of a sample.
    pub bit_depth: u8,
    /// How colours are stored.
    pub colour: Colour,
    /// Whether parts may be transparent.
    pub alpha: bool,
    /// How the stored picture is to be turned.
    pub orientation: Orientation,
    /// Whether it brings a colour profile (ICC).
    pub icc: bool,
    /// Whether it brings EXIF, where cameras write place, time and serial numbers.
    pub exif: bool,
    /// Bytes that decoding takes at once.
    pub memory: u64,
}

/// Tells what a file is from its headers. Nothing is decoded, so this costs little whatever the file claims.
pub fn probe(bytes: &[u8]) -> Result<Probe, Refusal> {
    Ok(read(bytes)?.probe)
}

/// What the headers say, for the decoders too.
#[derive(Debug)]
pub(crate) struct Header<'a> {
    pub(crate) probe: Probe,
    pub(crate) exif: Exif,
    /// The colour profile, where it is stored as it is.
    pub(crate) icc: Option<Cow<'a, [u8]>>,
    /// The colour profile of a PNG, compressed and with its name.
    pub(crate) packed_icc: Option<&'a [u8]>,
    /// What Adobe's marker says about the colours of a JPEG: 0 that they are stored as they are, and otherwise as luma
    /// and chroma.
    pub(crate) adobe: Option<u8>,
    /// How much chroma a JPEG has.
    pub(crate) chroma: Chroma,
    /// For what is put together from patches on a canvas, as every animation is.
    pub(crate) layers: Option<Layers>,
}

/// How many columns and rows the components of a JPEG have besides the first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Chroma {
    /// As many as the first.
    #[default]
    Whole,
    /// Half as many of both, rounded up, and there are two such components.
    Halved,
    /// Something else.
    Other,
}

/// What is known of a picture that is put together from patches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layers {
    /// How often an animation is played; 0 for without end.
    pub(crate) loops: u32,
    /// Pixels of all frames together.
    pixels: u64,
}

/// What a container's headers tell, before it is completed by what is the same for all of them.
#[derive(Debug, Default)]
pub(crate) struct Found<'a> {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) frames: u32,
    pub(crate) scans: u32,
    pub(crate) bit_depth: u8,
    pub(crate) colour: Option<Colour>,
    pub(crate) alpha: bool,
    pub(crate) memory: u64,
    pub(crate) exif: Option<&'a [u8]>,
    /// Where the container says how the picture is turned, whatever EXIF says.
    pub(crate) orientation: Option<Orientation>,
    pub(crate) icc: Option<Cow<'a, [u8]>>,
    /// The profile, with its name, where it is compressed.
    pub(crate) packed_icc: Option<&'a [u8]>,
    pub(crate) adobe: Option<u8>,
    pub(crate) chroma: Chroma,
    pub(crate) layers: Option<Layers>,
}

impl Found<'_> {
    /// Reckons what frames cost that are laid on a canvas: the largest patch has `largest` pixels, and there are these.
    fn lay(&mut self, loops: u32, largest: u64, patches: impl Iterator<Item = u64>) {
        let canvas = u64::from(self.width).saturating_mul(u64::from(self.height));
        let pixels = patches.fold(0, |sum: u64, patch| sum.saturating_add(patch.max(canvas)));
        self.layers = Some(Layers { loops, pixels });
        // The canvas, what it was before, and the frame that is given away; the patch as it is stored and as it is laid.
        self.memory = canvas.saturating_mul(12).saturating_add(largest.saturating_mul(8));
    }
}

/// Reads the headers of a file of any known format.
pub(crate) fn read(bytes: &[u8]) -> Result<Header<'_>, Refusal> {
    let format = Format::of(bytes).ok_or(Refusal::NotAPicture)?;
    let found = match format {
        Format::Avif | Format::Heic => heif::read(bytes, format)?,
        Format::Bmp => bmp::read(bytes)?,
        Format::Gif => gif::read(bytes)?,
        Format::Jpeg => jpeg::read(bytes)?,
        Format::Jxl => jxl::read(bytes)?,
        Format::Png => png::read(bytes)?,
        Format::Tiff => tiff::read(bytes)?,
        Format::WebP => webp::read(bytes)?,
    };
    if found.width == 0 || found.height == 0 {
        return Err(Refusal::damaged(format, "it has no pixels"));
    }
    let mut exif = found.exif.map(crate::exif::read).unwrap_or_default();
    if let Some(orientation) = found.orientation {
        exif.orientation = orientation;
    }
    let (width, height) = exif.orientation.size((found.width, found.height));
    let probe = Probe {
        format,
        width,
        height,
        stored_width: found.width,
        stored_height: found.height,
        frames: found.frames.max(1),
        pixels: match found.layers {
            Some(layers) => layers.pixels,
            None => u64::from(found.width).saturating_mul(u64::from(found.height)),
        },
        scans: found.scans.max(1),
        bit_depth: found.bit_depth,
        colour: found.colour.unwrap_or(Colour::Rgb),
        alpha: found.alpha,
        orientation: exif.orientation,
        icc: found.icc.is_some() || found.packed_icc.is_some(),
        exif: found.exif.is_some(),
        memory: found.memory,
    };
    let Found { icc, packed_icc, adobe, chroma, layers, .. } = found;
    Ok(Header { probe, exif, icc, packed_icc, adobe, chroma, layers })
}
