//! The container of AVIF and HEIC: the pictures that are in a file, what they are put together from, and what is said of
//! them (ISO/IEC 14496-12, ISO/IEC 23008-12, and the AV1 Image File Format).

use std::collections::BTreeMap;

use self::bytes::Bytes;
use self::colours::Cicp;
use self::meta::{Item, Meta};
use self::planes::Sampling;
use crate::orient::Orientation;
use crate::probe::Format;
use crate::refusal::Refusal;

mod bytes;
pub(crate) mod colours;
mod meta;
pub(crate) mod planes;

/// A picture that is put together from so many tiles is not taken; cameras need some fifty.
const MOST_TILES: u32 = 4096;

/// How the samples of a picture are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    Av1,
    Hevc,
}

/// What a file shows.
#[derive(Debug)]
pub(crate) struct Picture<'a> {
    pub(crate) colour: Image<'a>,
    pub(crate) alpha: Option<Image<'a>>,
    /// Whether colours are multiplied with alpha already.
    pub(crate) premultiplied: bool,
    /// What the container says about the colours.
    pub(crate) cicp: Option<Cicp>,
    pub(crate) icc: Option<&'a [u8]>,
    pub(crate) exif: Option<&'a [u8]>,
    /// Left, top, width and height of the part that is shown, as it is stored.
    pub(crate) clean: [u32; 4],
    pub(crate) orientation: Orientation,
}

/// One plane of colours or alpha, in tiles of one size.
#[derive(Debug)]
pub(crate) struct Image<'a> {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) columns: u32,
    pub(crate) codec: Codec,
    /// Width and height of each tile.
    pub(crate) tile: (u32, u32),
    pub(crate) depth: u8,
    pub(crate) sampling: Sampling,
    /// Row by row.
    pub(crate) tiles: Vec<Tile<'a>>,
}

/// What a decoder gets.
#[derive(Debug, Clone)]
pub(crate) struct Tile<'a> {
    /// `av1C` or `hvcC`.
    pub(crate) config: &'a [u8],
    /// One after the other they are the coded picture.
    pub(crate) parts: Vec<&'a [u8]>,
}

/// The format that the brands of a file announce.
pub(crate) fn format(bytes: &[u8]) -> Option<Format> {
    let mut rest = Bytes(bytes);
    let length = rest.uint(4)? as usize;
    if rest.take(4)? != b"ftyp" {
        return None;
    }
    let brands = bytes.get(8..length.min(bytes.len()))?;
    // The first is the major one, and the second a number.
    let mut brands = brands.as_chunks::<4>().0.iter().enumerate().filter(|(at, _)| *at != 1).map(|(_, brand)| brand);
    brands.find_map(|brand| match brand {
        b"avif" | b"avis" => Some(Format::Avif),
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" => Some(Format::Heic),
        _ => None,
    })
}

/// Reads what the file shows, without decoding anything.
pub(crate) fn read(bytes: &[u8], format: Format) -> Result<Picture<'_>, Refusal> {
    let meta = meta::read(bytes, format)?;
    let primary =
        meta.item(meta.primary.ok_or_else(|| Refusal::damaged(format, "it says not which picture it shows"))?)?;
    let reading = Reading { meta: &meta, format };
    let colour = reading.image(primary)?;
    let alpha = meta.alpha_of(primary.id).map(|item| reading.image(item)).transpose()?;
    if alpha.as_ref().is_some_and(|alpha| (alpha.width, alpha.height) != (colour.width, colour.height)) {
        return Err(Refusal::unsupported(format, "its transparency has another size than its colours"));
    }
    let premultiplied = alpha.is_some() && meta.refers(*b"prem", primary.id);
    let (cicp, icc) = reading.colours(primary)?;
    let (clean, orientation) = reading.shown(primary, (colour.width, colour.height))?;
    let exif = meta.exif_of(primary.id).and_then(|item| exif(&item.parts(&meta).ok()?));
    Ok(Picture { colour, alpha, premultiplied, cicp, icc, exif, clean, orientation })
}

/// The block behind the number that says where in it the TIFF begins.
fn exif<'a>(parts: &[&'a [u8]]) -> Option<&'a [u8]> {
    let mut rest = Bytes(parts.first()?);
    let skipped = rest.uint(4)?;
    rest.0.get(usize::try_from(skipped).ok()?..)
}

struct Reading<'m, 'a> {
    meta: &'m Meta<'a>,
    format: Format,
}

impl<'a> Reading<'_, 'a> {
    fn damaged(&self, why: &str) -> Refusal {
        Refusal::damaged(self.format, why)
    }

    fn image(&self, item: &Item) -> Result<Image<'a>, Refusal> {
        let (width, height) = self.size(item)?;
        if &item.kind != b"grid" {
            let coded = self.coded(item)?;
            let tiles = vec![Tile { config: coded.config, parts: item.parts(self.meta)? }];
            let Coded { codec, depth, sampling, .. } = coded;
            return Ok(Image { width, height, columns: 1, codec, tile: (width, height), depth, sampling, tiles });
        }
        let parts = item.parts(self.meta)?;
        let grid = parts.first().and_then(|part| grid(part)).ok_or_else(|| self.damaged("its grid is not readable"))?;
        let tiles = self.meta.made_of(item.id);
        let count = grid.columns * grid.rows;
        if tiles.len() as u64 != u64::from(count) {
            return Err(self.damaged("its grid has another number of tiles than it says"));
        }
        if count > MOST_TILES {
            return Err(Refusal::unsupported(self.format, format!("it has more than {MOST_TILES} tiles")));
        }
        if (grid.width, grid.height) != (width, height) {
            return Err(self.damaged("its grid has another size than it says"));
        }
        let first = self.meta.item(*tiles.first().ok_or_else(|| self.damaged("its grid has no tiles"))?)?;
        let (tile, coded) = (self.size(first)?, self.coded(first)?);
        // All but the last column and row are seen whole, and of those something.
        let fits = |count: u32, side: u32, whole: u32| {
            let (count, side, whole) = (u64::from(count), u64::from(side), u64::from(whole));
            (count - 1) * side < whole && whole <= count * side
        };
        if !fits(grid.columns, tile.0, width) || !fits(grid.rows, tile.1, height) {
            return Err(self.damaged("its tiles do not fill its grid"));
        }
        let tiles = tiles.iter().map(|id| {
            let item = self.meta.item(*id)?;
            let same = self.coded(item)?;
            if self.size(item)? != tile || !same.is_like(&coded) {
                return Err(self.damaged("its tiles are not of one kind"));
            }
            Ok(Tile { config: same.config, parts: item.parts(self.meta)? })
        });
        let tiles = tiles.collect::<Result<_, Refusal>>()?;
        let (columns, Coded { codec, depth, sampling, .. }) = (grid.columns, coded);
        Ok(Image { width, height, columns, codec, tile, depth, sampling, tiles })
    }

    fn size(&self, item: &Item) -> Result<(u32, u32), Refusal> {
        let read = || {
            let mut rest = Bytes(self.meta.property(item, *b"ispe")?.get(4..)?);
            Some((rest.uint(4)? as u32, rest.uint(4)? as u32))
        };
        match read() {
            Some((width, height)) if width > 0 && height > 0 => Ok((width, height)),
            _ => Err(self.damaged("it does not say how large it is")),
        }
    }

    /// What is known of a coded picture from its configuration.
    fn coded(&self, item: &Item) -> Result<Coded<'a>, Refusal> {
        let (name, codec) = match &item.kind {
            b"av01" => (*b"av1C", Codec::Av1),
            b"hvc1" | b"hev1" => (*b"hvcC", Codec::Hevc),
            kind => {
                let kind = kind.escape_ascii();
                return Err(Refusal::unsupported(self.format, format!("it is coded as {kind}")));
            }
        };
        let missing = || self.damaged("it does not say how it is coded");
        let config = self.meta.property(item, name).ok_or_else(missing)?;
        let byte = |at: usize| config.get(at).copied().ok_or_else(missing);
        let (depth, sampling) = match codec {
            Codec::Av1 => {
                let flags = byte(2)?;
                let sampling = match (flags >> 4 & 1, flags >> 2 & 0b11) {
                    (1, _) => Sampling::Gray,
                    (_, 0b11) => Sampling::Quarter,
                    (_, 0b10) => Sampling::Half,
                    _ => Sampling::Whole,
                };
                (if flags & 0x40 == 0 { 8 } else { 10 + (flags >> 4 & 2) }, sampling)
            }
            Codec::Hevc => {
                let sampling = [Sampling::Gray, Sampling::Quarter, Sampling::Half, Sampling::Whole];
                (8 + (byte(17)? & 0b111), sampling[usize::from(byte(16)? & 0b11)])
            }
        };
        Ok(Coded { config, codec, depth, sampling })
    }

    /// The colours of a picture, or of its first tile where it says nothing itself.
    fn colours(&self, item: &Item) -> Result<(Option<Cicp>, Option<&'a [u8]>), Refusal> {
        let tile = self.meta.made_of(item.id).first().copied();
        let items = [Some(item.id), tile].into_iter().flatten();
        let (mut cicp, mut icc) = (None, None);
        for id in items {
            if cicp.is_some() || icc.is_some() {
                break;
            }
            for colr in self.meta.properties(self.meta.item(id)?, *b"colr") {
                match colr.split_first_chunk::<4>() {
                    Some((b"nclx", said)) => cicp = cicp.or(Cicp::read(said)),
                    Some((b"prof" | b"rICC", said)) => icc = icc.or(Some(said)),
                    _ => {}
                }
            }
        }
        Ok((cicp, icc))
    }

    /// The part that is shown, and how it is turned.
    fn shown(&self, item: &Item, size: (u32, u32)) -> Result<([u32; 4], Orientation), Refusal> {
        let mut clean = [0, 0, size.0, size.1];
        let (mut quarters, mut mirror) = (0, None);
        for (kind, body) in self.meta.all_properties(item) {
            match &kind {
                b"clap" => {
                    clean = self::clean(body, size).ok_or_else(|| self.damaged("it shows more than there is of it"))?;
                }
                b"irot" => {
                    let turns = body.first().copied().unwrap_or(0) & 0b11;
                    // What is mirrored before turns the other way round.
                    quarters = (quarters + if mirror.is_none() { turns } else { 4 - turns }) & 0b11;
                }
                b"imir" => mirror = Some(body.first().copied().unwrap_or(0) & 1),
                _ => {}
            }
        }
        Ok((clean, Orientation::from_turns(quarters, mirror)))
    }
}

/// How a picture is coded.
struct Coded<'a> {
    config: &'a [u8],
    codec: Codec,
    depth: u8,
    sampling: Sampling,
}

impl Coded<'_> {
    fn is_like(&self, other: &Self) -> bool {
        (self.codec, self.depth, self.sampling) == (other.codec, other.depth, other.sampling)
    }
}

struct Grid {
    columns: u32,
    rows: u32,
    width: u32,
    height: u32,
}

fn grid(body: &[u8]) -> Option<Grid> {
    let mut rest = Bytes(body);
    let [version, flags, rows, columns] = *rest.take(4)?.first_chunk::<4>()?;
    let wide = if flags & 1 == 0 { 2 } else { 4 };
    let (width, height) = (rest.uint(wide)? as u32, rest.uint(wide)? as u32);
    (version == 0).then_some(Grid { columns: u32::from(columns) + 1, rows: u32::from(rows) + 1, width, height })
}

/// The clean aperture: width, height, and how far its middle lies from that of the picture, each as a fraction.
fn clean(body: &[u8], (width, height): (u32, u32)) -> Option<[u32; 4]> {
    let mut rest = Bytes(body);
    let mut fraction = || Some((rest.uint(4)? as u32, rest.uint(4)? as u32));
    let (across, down) = (fraction()?, fraction()?);
    let (right, below) = (fraction()?, fraction()?);
    let whole = |(above, below): (u32, u32)| (below != 0 && above % below == 0).then(|| above / below);
    // Twice the way from one end, because a middle may lie between two pixels.
    let start = |side: u32, part: u32, (above, below): (u32, u32)| -> Option<u32> {
        let (above, below) = (i64::from(above.cast_signed()), i64::from(below.cast_signed()));
        if below == 0 {
            return None;
        }
        let doubled = (i64::from(side) - i64::from(part)) * below + 2 * above;
        let start = u32::try_from((doubled % (2 * below) == 0).then_some(doubled / (2 * below))?).ok()?;
        (part > 0 && start.checked_add(part)? <= side).then_some(start)
    };
    let (across, down) = (whole(across)?, whole(down)?);
    Some([start(width, across, right)?, start(height, down, below)?, across, down])
}

/// What refers to what, by the kind of the reference.
type References = BTreeMap<([u8; 4], u32), Vec<u32>>;

#[cfg(test)]
mod tests {
    use super::{clean, format};
    use crate::probe::Format;

    fn aperture(numbers: [i32; 8]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
    }

    #[test]
    fn an_aperture_lies_inside_its_picture() {
        assert_eq!(clean(&aperture([4, 1, 2, 1, 0, 1, 0, 1]), (10, 8)), Some([3, 3, 4, 2]));
        assert_eq!(clean(&aperture([5, 1, 8, 1, 1, 2, 0, 1]), (10, 8)), Some([3, 0, 5, 8]));
        assert_eq!(clean(&aperture([5, 1, 8, 1, -5, 2, 0, 1]), (10, 8)), Some([0, 0, 5, 8]));
        for wrong in
            [[5, 1, 8, 1, 0, 1, 0, 1], [11, 1, 8, 1, 0, 1, 0, 1], [4, 0, 8, 1, 0, 1, 0, 1], [4, 1, 8, 1, 9, 1, 0, 1]]
        {
            assert_eq!(clean(&aperture(wrong), (10, 8)), None, "{wrong:?}");
        }
    }

    #[test]
    fn brands_tell_the_format() {
        let file = |brands: &[u8]| [&(8 + brands.len() as u32).to_be_bytes()[..], b"ftyp", brands].concat();
        assert_eq!(format(&file(b"avif\0\0\0\0mif1")), Some(Format::Avif));
        assert_eq!(format(&file(b"mif1\0\0\0\0miafavif")), Some(Format::Avif));
        assert_eq!(format(&file(b"mif1\0\0\0\0mif1heic")), Some(Format::Heic));
        assert_eq!(format(&file(b"heix\0\0\0\0mif1")), Some(Format::Heic));
        assert_eq!(format(&file(b"isom\0\0\0\0mp42")), None);
        assert_eq!(format(b"\xFF\xFF\xFF\xFFftypavif"), Some(Format::Avif));
        assert_eq!(format(b"\0\0\0\x04ftyp"), None);
    }
}
