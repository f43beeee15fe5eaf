//! Ogg with Opus or Vorbis (RFC 3533, RFC 7845): its last page tells how many samples came before its end.

use crate::Facts;
use crate::file::{Reader, milliseconds};

/// More than the longest page.
const TAIL: usize = 65_536;

/// The head of a page without the lengths of its segments.
const HEAD: usize = 27;

pub(crate) fn tell(reader: &mut Reader<'_>) -> Option<Facts> {
    let head = reader.at::<HEAD>(0)?;
    let packet = HEAD as u64 + u64::from(head[HEAD - 1]);
    let (skipped, per_second) = match reader.at(packet)? {
        [b'O', b'p', b'u', b's', b'H', b'e', b'a', b'd'] => (u16::from_le_bytes(reader.at(packet + 10)?), 48_000),
        [1, b'v', b'o', b'r', b'b', b'i', b's', _] => (0, u32::from_le_bytes(reader.at(packet + 12)?)),
        _ => return None,
    };
    let tail = reader.stretch(reader.length().saturating_sub(TAIL as u64), TAIL)?;
    let pages = tail.windows(HEAD).rev().filter(|page| page.starts_with(b"OggS\0") && page[14..18] == head[14..18]);
    let mut ends = pages.filter_map(|page| Some(u64::from_le_bytes(*page[6..].first_chunk()?)));
    // A page that ends within a packet has none.
    let samples = ends.find(|end| *end != u64::MAX)?.saturating_sub(skipped.into());
    Some(Facts { milliseconds: milliseconds(samples, per_second.into()), size: None })
}
