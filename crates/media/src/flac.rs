//! FLAC (RFC 9639): its first block tells how many samples there are.

use crate::Facts;
use crate::file::{Reader, milliseconds};

/// Reads what begins there.
pub(crate) fn tell(reader: &mut Reader<'_>, at: u64) -> Option<Facts> {
    let [kind] = reader.at(at + 4)?;
    if kind & 0x7F != 0 {
        return None;
    }
    // The lengths of blocks and frames come first.
    let word = u64::from_be_bytes(reader.at(at + 8 + 10)?);
    let (samples, per_second) = (word & ((1 << 36) - 1), word >> 44);
    Some(Facts { milliseconds: milliseconds(samples, per_second), size: None })
}
