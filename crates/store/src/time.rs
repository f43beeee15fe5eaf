//! Moments as the store keeps them (milliseconds since 1970) and as the protocol writes them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::fmt::rfc2822;

/// A moment in milliseconds since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(pub(crate) i64);

impl Moment {
    /// The moment a clock shows. Before 1970 and after the year 9999 the nearest of the two is taken.
    pub(crate) fn of(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let millis = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        Self(millis.clamp(0, Timestamp::MAX.as_millisecond()))
    }

    /// Whole seconds since 1970: what HTTP dates and conditions see.
    pub(crate) fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This moment earlier by `age`.
    pub(crate) fn before(self, age: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(age.as_millis()).unwrap_or(i64::MAX)))
    }

    /// As S3's XML has it: `2026-01-02T03:04:05.678Z`.
    pub(crate) fn iso(self) -> String {
        format!("{:.3}", self.timestamp())
    }

    /// As HTTP headers have it (RFC 9110): `Fri, 02 Jan 2026 03:04:05 GMT`.
    pub(crate) fn http(self) -> String {
        rfc2822::DateTimePrinter::new()
            .timestamp_to_rfc9110_string(&self.timestamp())
            .unwrap_or_else(|_| "Thu, 01 Jan 1970 00:00:00 GMT".to_owned())
    }

    fn timestamp(self) -> Timestamp {
        Timestamp::from_millisecond(self.0.clamp(0, Timestamp::MAX.as_millisecond())).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

/// Reads an HTTP date, as seconds since 1970; `None` if it is not one, which RFC 9110 says to ignore.
pub(crate) fn parse_http(text: &str) -> Option<i64> {
    rfc2822::DateTimeParser::new().parse_timestamp(text).ok().map(Timestamp::as_second)
}

#[cfg(test)]
mod tests {
    use super::{Moment, parse_http};

    #[test]
    fn a_moment_is_written_as_s3_and_http_write_it() {
        let moment = Moment(1_440_938_160_070);
        assert_eq!(moment.iso(), "2015-08-30T12:36:00.070Z");
        assert_eq!(moment.http(), "Sun, 30 Aug 2015 12:36:00 GMT");
        assert_eq!(parse_http("Sun, 30 Aug 2015 12:36:00 GMT"), Some(moment.seconds()));
        assert_eq!(parse_http("yesterday"), None);
    }
}
