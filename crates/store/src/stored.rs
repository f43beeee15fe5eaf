//! Stretches of stored bodies: cut out of their segments, kept from being removed, and digested.

use std::io;
use std::sync::Arc;

use crate::body::{Reading, Slice};
use crate::checksum::{Algorithm, Digests, Sums};
use crate::content::Contents;
use crate::encryption::Secret;
use crate::index::bodies::Segment;
use crate::range::Stretch;

/// The slices that make up a stretch of a body.
pub(crate) fn cut(segments: &[Segment], stretch: Stretch) -> Vec<Slice> {
    let (mut skip, mut left) = (stretch.start, stretch.bytes);
    let mut slices = Vec::new();
    for Segment { slice, .. } in segments {
        if left == 0 {
            break;
        }
        if skip >= slice.bytes {
            skip -= slice.bytes;
            continue;
        }
        let bytes = (slice.bytes - skip).min(left);
        // Only what is read from its beginning to its end can be compared with its checksum.
        let crc64 = slice.crc64.filter(|_| bytes == slice.bytes);
        let sealed = slice.sealed.clone();
        slices.push(Slice { content: slice.content, start: slice.start + skip, bytes, crc64, sealed });
        skip = 0;
        left -= bytes;
    }
    slices
}

/// The parts of a composed object that are not empty, each with its own number. Those need not be gapless; readers count
/// them from 1.
pub(crate) fn parts(segments: &[Segment]) -> Vec<(u32, Stretch)> {
    let mut parts: Vec<(u32, Stretch)> = Vec::new();
    let mut start = 0;
    for segment in segments {
        match parts.last_mut() {
            Some((part, stretch)) if *part == segment.part => stretch.bytes += segment.slice.bytes,
            _ => parts.push((segment.part, Stretch { start, bytes: segment.slice.bytes })),
        }
        start += segment.slice.bytes;
    }
    parts
}

/// Reads slices through once, on a blocking thread, and answers their digests; `None` if one of them has been removed.
pub(crate) async fn digest(
    contents: &Arc<Contents>,
    slices: Vec<Slice>,
    secret: Option<Secret>,
    asked: Option<Algorithm>,
) -> io::Result<Option<Sums>> {
    let pin = contents.pin(slices.iter().map(|slice| slice.content).collect());
    let contents = Arc::clone(contents);
    let reading = tokio::task::spawn_blocking(move || {
        let mut reading = Reading::new(contents, slices, secret, Some(pin));
        let mut digests = Digests::new(asked);
        while reading.left() > 0 {
            digests.update(&reading.next(reading.room())?);
        }
        Ok(digests.finish())
    });
    match reading.await.map_err(io::Error::other)? {
        Ok(sums) => Ok(Some(sums)),
        Err(error) if io::Error::kind(&error) == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
