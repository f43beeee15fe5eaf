//! The `Range` header: which stretch of an object is wanted (RFC 9110, section 14).

use http::header::CONTENT_RANGE;

use crate::fault::{Code, Fault};
use crate::headers;

/// A stretch of an object: its first byte and its length, which is not zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// The first byte.
    pub(crate) start: u64,
    /// How many.
    pub(crate) bytes: u64,
}

impl Stretch {
    /// As `Content-Range` has it.
    pub(crate) fn header(self, size: u64) -> String {
        format!("bytes {}-{}/{size}", self.start, self.start + self.bytes - 1)
    }
}

/// Reads a `Range`. What is not a single well-formed range is ignored, as the RFC and S3 have it; one that lies outside
/// the object is refused.
pub(crate) fn parse(text: &str, size: u64) -> Result<Option<Stretch>, Fault> {
    let Some((first, last)) = text.trim().strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Ok(None);
    };
    let number = |text: &str| -> Option<Option<u64>> {
        match text.trim() {
            "" => Some(None),
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                // A number too large for 64 bits lies beyond every object.
                Some(Some(digits.parse().unwrap_or(u64::MAX)))
            }
            _ => None,
        }
    };
    let (start, end) = match (number(first), number(last)) {
        (Some(Some(start)), Some(None)) => (start, size),
        (Some(Some(start)), Some(Some(last))) if start <= last => (start, size.min(last.saturating_add(1))),
        (Some(None), Some(Some(suffix))) => (size - size.min(suffix), size),
        _ => return Ok(None),
    };
    if start >= end {
        return Err(Fault::from(Code::InvalidRange)
            .with("RangeRequested", text)
            .with("ActualObjectSize", size.to_string())
            .header(CONTENT_RANGE, headers::value(&format!("bytes */{size}"))?));
    }
    Ok(Some(Stretch { start, bytes: end - start }))
}

#[cfg(test)]
mod tests {
    use super::{Stretch, parse};

    #[test]
    fn single_ranges_are_read_and_everything_else_is_ignored_or_refused() {
        let read = |text| parse(text, 10).map(|range| range.map(|Stretch { start, bytes }| (start, bytes)));
        assert_eq!(read("bytes=0-0").unwrap(), Some((0, 1)));
        assert_eq!(read("bytes=2-").unwrap(), Some((2, 8)));
        assert_eq!(read("bytes=-3").unwrap(), Some((7, 3)));
        assert_eq!(read("bytes=-30").unwrap(), Some((0, 10)));
        assert_eq!(read("bytes=5-99999999999999999999999").unwrap(), Some((5, 5)));
        for ignored in ["bytes=5-4", "bytes=a-b", "bytes=0-1,3-4", "items=0-1", "bytes=-", "bytes=0x1-2"] {
            assert_eq!(read(ignored).unwrap(), None, "{ignored}");
        }
        for refused in ["bytes=10-", "bytes=10-12", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert!(read(refused).is_err(), "{refused}");
        }
    }
}
