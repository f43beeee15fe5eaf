//! Reads the clocks: the processor time of this thread, and the time of day that is signed.

use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use rustix::time::{ClockId, clock_gettime};

/// How long the processor has worked for this thread. Waiting for other programs does not count.
pub(crate) fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    // The kernel counts from the thread's start, so neither number is ever negative.
    Duration::new(time.tv_sec.cast_unsigned(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The time of day. Several contenders sign for their own clock alone, so all sign for the present.
#[expect(clippy::disallowed_methods, reason = "half of the contenders know no other clock")]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// The same in Unix seconds.
pub(crate) fn now_unix() -> Result<i64> {
    let since = now().duration_since(SystemTime::UNIX_EPOCH).context("the clock stands before 1970")?;
    i64::try_from(since.as_secs()).context("the clock is far off")
}
