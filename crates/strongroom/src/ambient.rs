//! Time and luck as they come from outside: the one place that asks the operating system for either.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use rand::Rng as _;
use uuid::Uuid;

/// Says what time it is. Clones share the source.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl Clock {
    /// The computer's own clock.
    #[expect(clippy::disallowed_methods, reason = "this is where the time is handed in from")]
    pub fn system() -> Self {
        Self(Arc::new(SystemTime::now))
    }

    /// Any other source: a test sets the time with it.
    pub fn from_fn(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The time, to the millisecond that the database keeps.
    pub fn now(&self) -> Timestamp {
        let since_epoch = (self.0)().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let millis = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
    }

    /// The same source as a plain function, for crates that know nothing of this one.
    pub fn as_fn(&self) -> Arc<dyn Fn() -> SystemTime + Send + Sync> {
        Arc::clone(&self.0)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// Fills a buffer.
type Fill = dyn Fn(&mut [u8]) + Send + Sync;

/// Fills bytes with luck that nobody can guess. Clones share the source.
#[derive(Clone)]
pub struct Random(Arc<Fill>);

impl Random {
    /// A generator seeded by the operating system, fit for secrets.
    #[expect(clippy::disallowed_methods, reason = "this is where randomness is handed in from")]
    pub fn system() -> Self {
        Self(Arc::new(|bytes| rand::rng().fill_bytes(bytes)))
    }

    /// Any other source: a test knows what comes next with it.
    pub fn from_fn(fill: impl Fn(&mut [u8]) + Send + Sync + 'static) -> Self {
        Self(Arc::new(fill))
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        (self.0)(&mut bytes);
        bytes
    }

    /// 32 random bytes as 43 characters of URL-safe base64.
    pub fn secret(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes::<32>())
    }

    /// A UUID of version 7 (RFC 9562): it sorts by `now`, and 74 of its bits cannot be guessed.
    pub fn id(&self, now: Timestamp) -> Uuid {
        let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &self.bytes()).into_uuid()
    }
}

impl fmt::Debug for Random {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Random")
    }
}
