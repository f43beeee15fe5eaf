//! Reads the header of a JPEG XL: size, depth, transparency. Its frames are looked at when they are decoded.

use std::borrow::Cow;

use jxl_bitstream::{Bitstream, ContainerParser, ParseEvent};
use jxl_oxide::ImageHeader;
use jxl_oxide::image::ExtraChannelInfo;
use jxl_oxide_common::Bundle as _;

use super::{Colour, Format, Found};
use crate::refusal::Refusal;

/// How it begins, bare or in a container.
const BARE: &[u8] = b"\xFF\x0A";
const CONTAINER: &[u8] = b"\0\0\0\x0CJXL \r\n\x87\n";
/// No header is longer, not even with names for 256 kinds of samples.
const LONGEST_HEADER: usize = 512 << 10;
/// The longest colour profile that is read, packed.
const LONGEST_PROFILE: u64 = 256 << 10;
/// Bytes that a sample takes while it is decoded: as it is coded, filtered and shown.
const SAMPLE: u64 = 12;
/// What decoding takes however small a picture is: for tables, and because it is done in whole blocks.
const SMALLEST: u64 = 1 << 20;
/// Pixels that are decoded at once.
const BAND: u32 = 4 << 20;
/// The least number of rows that are decoded at once, and how many of those around them are needed for that.
const LEAST_ROWS: u32 = 256;
const AROUND: u32 = 64;

/// Whether it begins as a JPEG XL does.
pub(crate) fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(BARE) || bytes.starts_with(CONTAINER)
}

/// The picture itself, out of its container if it is in one, as far as `most` bytes of it are there. What else is in the
/// container may be packed, and become as long as it likes, so nobody but this looks at it.
pub(crate) fn codestream(bytes: &[u8], most: usize) -> Result<Cow<'_, [u8]>, Refusal> {
    if bytes.starts_with(BARE) {
        return Ok(Cow::Borrowed(bytes));
    }
    let mut stream = Vec::new();
    for event in ContainerParser::new().feed_bytes(bytes) {
        if let ParseEvent::Codestream(part) = event.map_err(|error| Refusal::damaged(Format::Jxl, error))? {
            stream.extend_from_slice(part);
            if stream.len() >= most {
                break;
            }
        }
    }
    Ok(Cow::Owned(stream))
}

/// How many rows of a picture are decoded at once.
pub(crate) fn band(width: u32) -> u32 {
    (BAND / width.max(1)).max(LEAST_ROWS)
}

/// Reads the header.
pub(crate) fn read(bytes: &[u8]) -> Result<Found<'_>, Refusal> {
    let stream = codestream(bytes, LONGEST_HEADER)?;
    let refused = |error: jxl_bitstream::Error| {
        if error.unexpected_eof() {
            Refusal::Truncated { format: Format::Jxl }
        } else {
            Refusal::damaged(Format::Jxl, error)
        }
    };
    let mut bits = Bitstream::new(&stream);
    let header = ImageHeader::parse(&mut bits, ()).map_err(refused)?;
    let metadata = &header.metadata;
    if metadata.ec_info.iter().any(ExtraChannelInfo::is_black) {
        return Err(Refusal::unsupported(Format::Jxl, "with four inks"));
    }
    let profile = metadata.colour_encoding.want_icc();
    if profile && bits.read_u64().map_err(refused)? > LONGEST_PROFILE {
        return Err(Refusal::unsupported(Format::Jxl, "with a colour profile that is longer than any picture needs"));
    }
    let (width, height) = (header.width_with_orientation(), header.height_with_orientation());
    let alpha = metadata.ec_info.iter().any(ExtraChannelInfo::is_alpha);
    let pixels = u64::from(width) * u64::from(height);
    // What is kept, and what is decoded at once, of every kind of samples.
    let kept = pixels.saturating_mul(if alpha { 4 } else { 3 });
    let at_once = u64::from(width) * u64::from(height.min(band(width) + AROUND));
    let samples = 3 + metadata.ec_info.len() as u64;
    Ok(Found {
        width,
        height,
        bit_depth: metadata.bit_depth.bits_per_sample().min(32) as u8,
        colour: Some(if metadata.grayscale() { Colour::Gray } else { Colour::Rgb }),
        alpha,
        memory: kept
            .saturating_add(at_once.saturating_mul(samples * SAMPLE))
            .saturating_add(bytes.len() as u64 + SMALLEST),
        ..Found::default()
    })
}
