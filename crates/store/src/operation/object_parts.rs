//! The parts of an object as its readers count them: from 1, each with its place, its length and its checksums.

use crate::call::Call;
use crate::checksum::Checksums;
use crate::fault::{Code, Fault};
use crate::range::Stretch;
use crate::stored;

use super::get_object::Found;

/// A part of an object.
#[derive(Debug)]
pub(super) struct ObjectPart {
    /// Where it lies in the object.
    pub(super) stretch: Stretch,
    /// Its checksums, as far as they are known.
    pub(super) checksums: Checksums,
}

/// The parts of an object. What was composed before parts were noted has those that its stretches tell of.
pub(super) fn parts(found: &Found) -> Vec<ObjectPart> {
    if !found.parts.is_empty() {
        let mut start = 0;
        return found
            .parts
            .iter()
            .map(|part| {
                let stretch = Stretch { start, bytes: part.bytes };
                start += part.bytes;
                // What the checksum of a part is like, S3 says of the whole.
                let composite = found.object.checksums.composite;
                ObjectPart { stretch, checksums: Checksums { composite, ..part.checksums.clone() } }
            })
            .collect();
    }
    let whole = if found.object.parts.is_none() { found.object.checksums.clone() } else { Checksums::default() };
    let mut parts: Vec<ObjectPart> = stored::parts(&found.segments)
        .into_iter()
        .map(|(_, stretch)| ObjectPart { stretch, checksums: whole.clone() })
        .collect();
    if parts.is_empty() {
        parts.push(ObjectPart { stretch: Stretch { start: 0, bytes: 0 }, checksums: whole });
    }
    parts
}

/// The part that is asked for by number.
pub(super) fn asked_for(call: Call<'_>, found: &Found) -> Result<Option<ObjectPart>, Fault> {
    let Some(number) = call.query.number("partNumber")? else { return Ok(None) };
    let mut parts = parts(found);
    let count = parts.len();
    let index = usize::try_from(number).unwrap_or(usize::MAX).checked_sub(1).filter(|index| *index < count);
    index.map(|index| Some(parts.swap_remove(index))).ok_or_else(|| {
        Fault::from(Code::InvalidPartNumber)
            .with("ActualPartCount", count.to_string())
            .with("PartNumberRequested", number.to_string())
    })
}
