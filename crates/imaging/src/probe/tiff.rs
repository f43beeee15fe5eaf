//! Reads the first directory of a TIFF: size, how its samples lie, EXIF, colour profile.

use std::borrow::Cow;

use tiff::TiffError;
use tiff::decoder::{Decoder, Limits as Bounds};
use tiff::tags::Tag;

use super::{Colour, Format, Found};
use crate::limits::Limits;
use crate::reading::Reading;
use crate::refusal::Refusal;

/// How a TIFF begins, in either order of bytes, and as one of more than four gigabytes.
const SIGNATURES: [&[u8]; 4] = [b"II\x2A\0", b"MM\0\x2A", b"II\x2B\0", b"MM\0\x2B"];
/// The longest list or profile that is read, in bytes.
const LONGEST_VALUE: usize = 8 << 20;

/// What a sample means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Gray,
    Rgb,
    Palette,
    Cmyk,
}

/// Whether the sample behind the colours is how much of them is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Alpha {
    None,
    /// The colours were multiplied with it.
    Multiplied,
    Straight,
}

/// What the samples of a picture are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    pub(crate) kind: Kind,
    pub(crate) alpha: Alpha,
    /// Bits of a sample: 1, 2, 4, 8 or 16.
    pub(crate) bits: u16,
}

/// Whether it begins as a TIFF does. Cameras' raw files do, too; those of Canon say so at once.
pub(crate) fn is_one(bytes: &[u8]) -> bool {
    SIGNATURES.iter().any(|signature| bytes.starts_with(signature)) && bytes.get(8..10) != Some(b"CR")
}

/// Opens a file; it takes no more memory for pixels than one picture may.
pub(crate) fn open<'a>(bytes: &'a [u8], limits: &'a Limits<'a>) -> Result<Decoder<Reading<'a>>, Refusal> {
    let mut bounds = Bounds::default();
    bounds.decoding_buffer_size = usize::try_from(limits.memory).unwrap_or(usize::MAX);
    bounds.intermediate_buffer_size = bounds.decoding_buffer_size;
    bounds.ifd_value_size = LONGEST_VALUE;
    Ok(Decoder::new(Reading::new(bytes, limits)).map_err(refused)?.with_limits(bounds))
}

/// Reads the first directory. Pages behind the first are not looked at.
pub(crate) fn read(bytes: &[u8]) -> Result<Found<'_>, Refusal> {
    let limits = Limits::default();
    let mut decoder = open(bytes, &limits)?;
    let (width, height) = decoder.dimensions().map_err(refused)?;
    let layout = layout(&mut decoder)?;
    if !is_whole(&mut decoder, bytes.len() as u64).map_err(refused)? {
        return Err(Refusal::Truncated { format: Format::Tiff });
    }
    let stored = u64::from(decoder.colortype().map_or(1, |colours| colours.num_samples()));
    let (colour, kept) = match layout.kind {
        Kind::Gray => (Colour::Gray, 1),
        Kind::Rgb => (Colour::Rgb, 3),
        Kind::Palette => (Colour::Palette, 3),
        Kind::Cmyk => (Colour::Cmyk, 4),
    };
    let alpha = layout.alpha != Alpha::None;
    // The samples as they are stored, of 16 bits also of 8, and those that are kept; of a palette the file once more.
    let samples = stored * if layout.bits == 16 { 3 } else { 1 } + if alpha { 4 } else { kept };
    let again = if layout.kind == Kind::Palette { bytes.len() as u64 } else { 0 };
    let pixels = u64::from(width).saturating_mul(u64::from(height));
    Ok(Found {
        width,
        height,
        bit_depth: layout.bits as u8,
        colour: Some(colour),
        alpha,
        memory: pixels.saturating_mul(samples).saturating_add(again),
        // It is laid out as a TIFF itself.
        exif: Some(bytes),
        icc: decoder.get_tag_u8_vec(Tag::IccProfile).ok().map(Cow::Owned),
        ..Found::default()
    })
}

/// What the samples are, if they are of a kind that is read.
pub(crate) fn layout(decoder: &mut Decoder<Reading<'_>>) -> Result<Layout, Refusal> {
    let unsupported = |what: &str| Err(Refusal::unsupported(Format::Tiff, what));
    let mut list = |tag| decoder.find_tag_unsigned_vec::<u16>(tag).map_err(refused);
    let bits = list(Tag::BitsPerSample)?.unwrap_or_else(|| vec![1]);
    let formats = list(Tag::SampleFormat)?.unwrap_or_default();
    let extra = list(Tag::ExtraSamples)?.unwrap_or_default();
    let mut one = |tag, usual| Ok(list(tag)?.and_then(|numbers| numbers.first().copied()).unwrap_or(usual));
    let (meaning, packing) = (one(Tag::PhotometricInterpretation, 1)?, one(Tag::Compression, 1)?);
    let (samples, predictor, part) =
        (one(Tag::SamplesPerPixel, 1)?, one(Tag::Predictor, 1)?, one(Tag::NewSubfileType, 0)?);
    if part & 1 != 0 || decoder.find_tag(Tag::Unknown(DNG_VERSION)).map_err(refused)?.is_some() {
        return unsupported("a camera's raw file, of which only a small likeness could be read");
    }
    if matches!(packing, 6 | 7) {
        return unsupported("packed as a JPEG");
    }
    let (kind, colours, depths): (_, _, &[u16]) = match meaning {
        0 | 1 => (Kind::Gray, 1, &[1, 2, 4, 8, 16]),
        2 => (Kind::Rgb, 3, &[8, 16]),
        3 => (Kind::Palette, 1, &[1, 2, 4, 8]),
        5 => (Kind::Cmyk, 4, &[8, 16]),
        6 => return unsupported("with luma and chroma"),
        8..=10 => return unsupported("with L*a*b* colours"),
        _ => return unsupported("with colours that are rare"),
    };
    let depth = bits.first().copied().unwrap_or(1);
    if !depths.contains(&depth) || bits.iter().any(|bits| *bits != depth) || (depth < 8 && samples != 1) {
        return Err(Refusal::unsupported(Format::Tiff, format!("with samples of {depth} bits")));
    }
    if formats.iter().any(|format| *format != 1) {
        return unsupported("with samples that are no whole numbers from 0 up");
    }
    if samples < colours {
        return Err(Refusal::damaged(Format::Tiff, "it has fewer samples than colours"));
    }
    let alpha = match (kind, samples > colours, extra.first()) {
        (Kind::Gray | Kind::Rgb, true, Some(1)) => Alpha::Multiplied,
        (Kind::Gray | Kind::Rgb, true, Some(2)) => Alpha::Straight,
        _ => Alpha::None,
    };
    if predictor != 1 && samples > colours && alpha == Alpha::None {
        return unsupported("with samples that mean nothing, stored as differences");
    }
    Ok(Layout { kind, alpha, bits: depth })
}

/// Whether all strips or tiles are in the file; of a fax the end would not be missed.
fn is_whole(decoder: &mut Decoder<Reading<'_>>, length: u64) -> Result<bool, TiffError> {
    let mut list = |tag| Ok::<_, TiffError>(decoder.find_tag_unsigned_vec::<u64>(tag)?.unwrap_or_default());
    for [places, lengths] in [[Tag::StripOffsets, Tag::StripByteCounts], [Tag::TileOffsets, Tag::TileByteCounts]] {
        let mut parts = list(places)?.into_iter().zip(list(lengths)?);
        if parts.any(|(place, bytes)| place.saturating_add(bytes) > length) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The tag that raw files of the open kind have.
const DNG_VERSION: u16 = 50_706;

/// What the decoder says, as a refusal.
pub(crate) fn refused(error: TiffError) -> Refusal {
    match error {
        TiffError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Refusal::Truncated { format: Format::Tiff }
        }
        TiffError::UnsupportedError(what) => Refusal::unsupported(Format::Tiff, what.to_string()),
        TiffError::LimitsExceeded => Refusal::damaged(Format::Tiff, "a part of it is longer than any picture needs"),
        other => Refusal::damaged(Format::Tiff, other),
    }
}
