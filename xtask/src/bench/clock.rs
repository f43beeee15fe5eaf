//! The stopwatch of the benches: the one place here that reads the clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The time in seconds since 1970, for signatures.
#[expect(clippy::disallowed_methods, reason = "servers of other makers look at the real clock")]
pub(super) fn seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// A moment to measure from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment(Instant);

impl Moment {
    #[expect(clippy::disallowed_methods, reason = "measuring time is what a bench is for")]
    pub(super) fn now() -> Self {
        Self(Instant::now())
    }

    pub(super) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    pub(super) fn elapsed_micros(self) -> u64 {
        u64::try_from(self.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}
