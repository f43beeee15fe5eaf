//! From when until when a URL works: a fixed life, or a stable window in which the same object keeps the same URL.

/// S3 takes no presigned URL that lives longer: 7 days, in seconds.
pub const MAX_LIFE: u32 = 604_800;

/// When a URL is signed and for how many seconds it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    signed_at: i64,
    seconds: u32,
}

impl Validity {
    /// From `now` (Unix seconds) for `seconds`, of which S3 takes 1 to 604,800.
    pub fn new(now: i64, seconds: u32) -> Result<Self, ValidityError> {
        match seconds {
            0 => Err(ValidityError::Zero),
            1..=MAX_LIFE => Ok(Self { signed_at: now, seconds }),
            _ => Err(ValidityError::OverSevenDays(u64::from(seconds))),
        }
    }

    /// The time in `X-Amz-Date`, in Unix seconds.
    pub fn signed_at(self) -> i64 {
        self.signed_at
    }

    /// The number in `X-Amz-Expires`.
    pub fn seconds(self) -> u32 {
        self.seconds
    }

    /// The first second at which the URL no longer works, in Unix seconds.
    pub fn expires_at(self) -> i64 {
        self.signed_at.saturating_add(i64::from(self.seconds))
    }

    /// How many seconds are left at `now`: what a `Cache-Control: max-age` may say at most.
    pub fn remaining(self, now: i64) -> u32 {
        let left = self.expires_at().saturating_sub(now).clamp(0, i64::from(self.seconds));
        u32::try_from(left).unwrap_or(self.seconds)
    }
}

/// Stable windows: within `every` seconds the same request gives the same URL, so that browsers and CDNs can cache
/// what it names, and each URL still lives at least `at_least` seconds when it is handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    every: u32,
    at_least: u32,
}

impl Window {
    /// `every` and `at_least` in seconds; both at least 1, together at most 7 days.
    pub fn new(every: u32, at_least: u32) -> Result<Self, ValidityError> {
        if every == 0 || at_least == 0 {
            return Err(ValidityError::Zero);
        }
        let longest = u64::from(every) + u64::from(at_least);
        if longest > u64::from(MAX_LIFE) {
            return Err(ValidityError::OverSevenDays(longest));
        }
        Ok(Self { every, at_least })
    }

    /// The life of a URL handed out at `now`, which never passes `credentials_end` where there is one. The signing
    /// time is `now` floored to the window, so the URL's remaining life lies between `at_least` and the sum of both.
    pub fn at(self, now: i64, credentials_end: Option<i64>) -> Result<Validity, ValidityError> {
        let signed_at = now.checked_sub(now.rem_euclid(i64::from(self.every))).ok_or(ValidityError::Time(now))?;
        let wanted = Validity { signed_at, seconds: self.every + self.at_least };
        match credentials_end {
            Some(end) if end < wanted.expires_at() => {
                if end.saturating_sub(now) < i64::from(self.at_least) {
                    return Err(ValidityError::CredentialsEnd {
                        end,
                        needed: now.saturating_add(i64::from(self.at_least)),
                    });
                }
                let seconds = u32::try_from(end - signed_at).unwrap_or(wanted.seconds);
                Ok(Validity { signed_at, seconds })
            }
            _ => Ok(wanted),
        }
    }

    /// The life of a URL handed out at `now` that ends with the credentials at `end`, however little that leaves of the
    /// time it was to live at least; nothing when they have ended.
    pub fn until(self, now: i64, end: i64) -> Result<Validity, ValidityError> {
        let needed = now.saturating_add(1);
        if end < needed {
            return Err(ValidityError::CredentialsEnd { end, needed });
        }
        Self { at_least: self.at_least.min(u32::try_from(end - now).unwrap_or(u32::MAX)), ..self }.at(now, Some(end))
    }
}

/// Why no URL can live that long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValidityError {
    /// A URL that never works.
    #[error("a life of zero seconds")]
    Zero,
    /// S3 refuses more than 604,800 seconds.
    #[error("a life of {0} seconds; S3 takes at most 604800, which is 7 days")]
    OverSevenDays(u64),
    /// The credentials end first (both in Unix seconds).
    #[error("the credentials end at {end}, before {needed}")]
    CredentialsEnd {
        /// When the credentials end.
        end: i64,
        /// Until when they would have to last.
        needed: i64,
    },
    /// The protocol's dates cannot hold this time.
    #[error("{0} lies outside the years 1970 to 9999")]
    Time(i64),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_with_the_credentials_lives_as_long_as_they_do() {
        let window = Window::new(900, 300).unwrap();
        for (end, lives_until) in [(1_801, Some(1_801)), (2_000, Some(2_000)), (9_000, Some(1_800 + 900 + 300 - 900))] {
            let lives_until = lives_until.map(|until: i64| until.min(900 + 1_200));
            assert_eq!(window.until(1_700, end).ok().map(Validity::expires_at), lives_until, "{end}");
        }
        assert_eq!(window.until(1_700, 1_700), Err(ValidityError::CredentialsEnd { end: 1_700, needed: 1_701 }));
    }

    #[test]
    fn no_moment_is_too_early_or_too_late_to_be_answered() {
        let window = Window::new(900, 300).unwrap();
        assert_eq!(window.at(i64::MIN, None), Err(ValidityError::Time(i64::MIN)));
        assert_eq!(window.at(i64::MAX, None).unwrap().expires_at(), i64::MAX);
        for now in [i64::MIN, i64::MAX] {
            for end in [i64::MIN, 0, i64::MAX] {
                let answered = window.at(now, Some(end));
                assert!(answered.is_err() || (now, end) == (i64::MAX, i64::MAX), "{now} {end}: {answered:?}");
            }
            let validity = Validity::new(now, 300).unwrap();
            assert!(validity.remaining(i64::MIN) <= 300 && validity.remaining(i64::MAX) == 0);
        }
    }
}
