//! Decodes HEVC in Rust: one intra picture, from parameter sets that were compared with the container before.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rusty_h265::nal::unescape;
use rusty_h265::ps::parse_sps;
use rusty_h265::{Decoder, Error, Frame};

use crate::heif::colours::Cicp;
use crate::heif::planes::{Kind, Planes, Sampling, levels};
use crate::heif::{Image, Tile};
use crate::limits::Limits;
use crate::probe::Format;
use crate::refusal::Refusal;

/// The kinds of units that a stream consists of (H.265, table 7-1).
const SLICES: std::ops::Range<u8> = 0..32;
const WHOLE_PICTURES: std::ops::RangeInclusive<u8> = 19..=20;
const PARAMETERS: std::ops::RangeInclusive<u8> = 32..=34;
const SEQUENCE_PARAMETERS: u8 = 33;

/// What the coded picture may be larger than what is shown of it: blocks have up to 64 pixels a side.
const BLOCK: u32 = 64;

/// Decodes one tile.
pub(super) fn decode(
    tile: &Tile<'_>,
    image: &Image<'_>,
    said: Option<Cicp>,
    format: Format,
    limits: &Limits<'_>,
) -> Result<(Planes, Cicp), Refusal> {
    let truncated = || Refusal::Truncated { format };
    let config = Config::read(tile.config).ok_or_else(truncated)?;
    let coded = check(&config, image, format)?;
    let data = tile.parts.concat();
    // It is safe code that trusts what it reads, so what contradicts itself may lead it out of a table.
    let decoded = catch_unwind(AssertUnwindSafe(|| frame(&config, &data, format, limits)));
    let decoded = decoded.unwrap_or_else(|_| Err(Refusal::damaged(format, "its coding contradicts itself")))?;
    if (decoded.width, decoded.height) != (image.tile.0 as usize, image.tile.1 as usize) {
        return Err(Refusal::damaged(format, "its headers contradict each other"));
    }
    let cicp = said.unwrap_or(coded);
    let kind = Kind { sampling: image.sampling, matrix: cicp.matrix, full: cicp.full };
    let mut planes = Planes::new(kind, image.tile.0, image.tile.1)?;
    let picture = &decoded.picture;
    let levels = levels(image.depth, cicp.full);
    for number in 0..kind.sampling.count() {
        let stored = &picture.planes[number];
        let (left, top) = kind.sampling.size(number, (picture.crop.0 as u32, picture.crop.1 as u32));
        let rows = stored.data.chunks_exact(stored.stride.max(1)).skip(top as usize);
        for (row, stored) in planes.rows_mut(number).zip(rows) {
            for (out, sample) in row.iter_mut().zip(&stored[left as usize..]) {
                *out = levels.get(usize::from(*sample)).copied().unwrap_or(u8::MAX);
            }
        }
    }
    Ok((planes, cicp))
}

/// What `hvcC` says: how many bytes a length has, and the parameter sets.
struct Config<'a> {
    length: usize,
    sets: Vec<&'a [u8]>,
}

impl<'a> Config<'a> {
    fn read(body: &'a [u8]) -> Option<Self> {
        let (head, mut rest) = body.split_at_checked(23)?;
        let mut sets = Vec::new();
        for _ in 0..head[22] {
            let (array, tail) = rest.split_first_chunk::<3>()?;
            rest = tail;
            for _ in 0..u16::from_be_bytes([array[1], array[2]]) {
                sets.push(unit(&mut rest, 2)?);
            }
        }
        Some(Self { length: usize::from(head[21] & 0b11) + 1, sets })
    }
}

/// The next unit, behind its length.
fn unit<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(length)?;
    let length = head.iter().fold(0_usize, |number, byte| number << 8 | usize::from(*byte));
    let (unit, tail) = tail.split_at_checked(length)?;
    *rest = tail;
    Some(unit)
}

fn kind(unit: &[u8]) -> u8 {
    unit.first().map_or(u8::MAX, |head| head >> 1 & 0x3F)
}

/// Compares what is coded with what the container says, before anything is allocated for it, and tells its colours.
fn check(config: &Config<'_>, image: &Image<'_>, format: Format) -> Result<Cicp, Refusal> {
    if image.sampling != Sampling::Quarter || image.depth > 10 {
        let (sampling, depth) = (image.sampling, image.depth);
        let what = match sampling {
            Sampling::Gray => "without colours",
            Sampling::Quarter => "4:2:0",
            Sampling::Half => "4:2:2",
            Sampling::Whole => "4:4:4",
        };
        return Err(Refusal::unsupported(format, format!("HEVC of {depth} bits, {what}")));
    }
    let mut cicp = None;
    for set in config.sets.iter().filter(|set| kind(set) == SEQUENCE_PARAMETERS) {
        let sequence =
            parse_sps(&unescape(set.get(2..).unwrap_or_default()).data).map_err(|error| refused(error, format))?;
        let fits = |coded: u32, shown: u32| coded <= shown.saturating_add(BLOCK);
        let same = sequence.output_size() == image.tile
            && fits(sequence.width, image.tile.0)
            && fits(sequence.height, image.tile.1)
            && sequence.chroma_format_idc == 1
            && sequence.bit_depth_luma == image.depth
            && sequence.bit_depth_chroma == image.depth;
        if !same {
            return Err(Refusal::damaged(format, "its headers contradict each other"));
        }
        let said = sequence.vui.unwrap_or_default();
        // Nothing said is 0 here, which says another thing in H.273.
        let number = |number: u8| if number == 0 { 2 } else { number };
        cicp = Some(Cicp {
            primaries: number(said.colour_primaries),
            transfer: number(said.transfer_characteristics),
            matrix: number(said.matrix_coeffs),
            full: said.video_full_range_flag,
        });
    }
    cicp.ok_or_else(|| Refusal::damaged(format, "it does not say how it is coded"))
}

/// Decodes the one picture of a stream.
fn frame(config: &Config<'_>, data: &[u8], format: Format, limits: &Limits<'_>) -> Result<Frame, Refusal> {
    let refused = |error| refused(error, format);
    let mut decoder = Decoder::new();
    for set in config.sets.iter().filter(|set| PARAMETERS.contains(&kind(set))) {
        decoder.push_nal(set, None).map_err(refused)?;
    }
    let mut rest = data;
    let mut pictures = 0;
    while !rest.is_empty() {
        let slice = unit(&mut rest, config.length).ok_or(Refusal::Truncated { format })?;
        // Parameter sets in between could say another size.
        if !SLICES.contains(&kind(slice)) {
            continue;
        }
        if !WHOLE_PICTURES.contains(&kind(slice)) {
            return Err(Refusal::unsupported(format, "it needs other pictures to be shown"));
        }
        pictures += usize::from(slice.get(2).is_some_and(|head| head & 0x80 != 0));
        if pictures > 1 {
            return Err(Refusal::unsupported(format, "a still picture in it has many frames"));
        }
        limits.check_time()?;
        decoder.push_nal(slice, None).map_err(refused)?;
    }
    decoder.flush();
    decoder.next_frame().map_err(refused)
}

fn refused(error: Error, format: Format) -> Refusal {
    match error {
        Error::Unsupported(what) => Refusal::unsupported(format, what),
        Error::Again | Error::Eof => Refusal::Truncated { format },
        other => Refusal::damaged(format, other),
    }
}
