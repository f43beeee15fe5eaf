//! Reads from EXIF what a result may need, and writes what it may keep: orientation, copyright and artist.

use crate::encode::Metadata;
use crate::orient::Orientation;

const ORIENTATION: u16 = 0x0112;
const ARTIST: u16 = 0x013B;
const COPYRIGHT: u16 = 0x8298;
const ASCII: u16 = 2;
const SHORT: u16 = 3;
/// A directory with more entries than any camera writes is not read to its end.
const MOST_ENTRIES: usize = 512;
/// No more of a copyright notice is kept.
const LONGEST_TEXT: usize = 1024;

/// What the first directory of EXIF says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Exif {
    pub(crate) orientation: Orientation,
    pub(crate) artist: Option<String>,
    pub(crate) copyright: Option<String>,
}

/// Reads a block of EXIF, with or without its `Exif\0\0` in front. What cannot be read says nothing.
pub(crate) fn read(block: &[u8]) -> Exif {
    let block = block.strip_prefix(b"Exif\0\0").unwrap_or(block);
    parse(block).unwrap_or_default()
}

fn parse(tiff: &[u8]) -> Option<Exif> {
    let big = match tiff.get(..4)? {
        b"MM\0\x2A" => true,
        b"II\x2A\0" => false,
        _ => return None,
    };
    let short = |at: usize| -> Option<u16> {
        let bytes: [u8; 2] = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    };
    let long = |at: usize| -> Option<usize> {
        let bytes: [u8; 4] = tiff.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) } as usize)
    };
    let directory = long(4)?;
    let count = usize::from(short(directory)?).min(MOST_ENTRIES);
    let mut exif = Exif::default();
    for entry in (0..count).map(|index| directory + 2 + index * 12) {
        let (Some(tag), Some(kind), Some(length)) = (short(entry), short(entry + 2), long(entry + 4)) else { break };
        let text = || {
            let at = if length <= 4 { entry + 8 } else { long(entry + 8)? };
            let bytes = tiff.get(at..at.checked_add(length.min(LONGEST_TEXT))?)?;
            let text = String::from_utf8_lossy(bytes);
            // A copyright has two parts, of the photographer and of the editor, with a zero between them.
            let text = text.split('\0').map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ");
            (!text.is_empty()).then_some(text)
        };
        match (tag, kind) {
            (ORIENTATION, SHORT) => exif.orientation = Orientation::from_exif(short(entry + 8)?),
            (ARTIST, ASCII) => exif.artist = text(),
            (COPYRIGHT, ASCII) => exif.copyright = text(),
            _ => {}
        }
    }
    Some(exif)
}

/// A block of EXIF with nothing but copyright and artist, without `Exif\0\0`; none when there is neither.
pub(crate) fn write(metadata: &Metadata) -> Option<Vec<u8>> {
    let texts: Vec<(u16, &str)> = [(ARTIST, &metadata.artist), (COPYRIGHT, &metadata.copyright)]
        .into_iter()
        .filter_map(|(tag, text)| Some((tag, text.as_deref()?)))
        .collect();
    if texts.is_empty() {
        return None;
    }
    let mut tiff = b"MM\0\x2A\0\0\0\x08".to_vec();
    tiff.extend((texts.len() as u16).to_be_bytes());
    // Behind the directory and the offset of the next one, which there is not.
    let mut at = 8 + 2 + texts.len() * 12 + 4;
    let mut tail = Vec::new();
    for (tag, text) in texts {
        let mut value = text.as_bytes().to_vec();
        value.push(0);
        tiff.extend(tag.to_be_bytes());
        tiff.extend(ASCII.to_be_bytes());
        tiff.extend((value.len() as u32).to_be_bytes());
        if value.len() <= 4 {
            value.resize(4, 0);
            tiff.extend(value);
        } else {
            tiff.extend((at as u32).to_be_bytes());
            at += value.len();
            tail.extend(value);
        }
    }
    tiff.extend([0; 4]);
    tiff.extend(tail);
    Some(tiff)
}

#[cfg(test)]
mod tests {
    use super::{read, write};
    use crate::encode::Metadata;
    use crate::orient::Orientation;

    #[test]
    fn what_is_written_is_read_back() {
        let metadata =
            Metadata { copyright: Some("© Example".into()), artist: Some("Ada".into()), ..Metadata::default() };
        let exif = read(&write(&metadata).unwrap());
        assert_eq!(exif.copyright.as_deref(), Some("© Example"));
        assert_eq!(exif.artist.as_deref(), Some("Ada"));
        assert_eq!(exif.orientation, Orientation::Upright);
        assert_eq!(write(&Metadata::default()), None);
    }

    #[test]
    fn an_orientation_is_read_in_either_byte_order() {
        let little = b"II\x2A\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
        let big = b"Exif\0\0MM\0\x2A\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        assert_eq!(read(little).orientation, Orientation::TurnedLeft);
        assert_eq!(read(big).orientation, Orientation::TurnedLeft);
    }

    #[test]
    fn nonsense_says_nothing() {
        for block in [&b""[..], b"MM", b"MM\0\x2A\xFF\xFF\xFF\xFF", b"II\x2A\0\x08\0\0\0\xFF\xFF"] {
            assert_eq!(read(block), super::Exif::default());
        }
    }
}
