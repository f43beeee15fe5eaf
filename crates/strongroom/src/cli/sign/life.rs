//! How long what is signed shall work.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use jiff::Timestamp;
use strongroom_presign::{Signer, Validity, ValidityError, Window};

use crate::config::duration;

/// For how long.
#[derive(Debug, Args)]
pub(super) struct Life {
    /// How long it works, up to 7d
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration::parse)]
    expires: Duration,
    /// Sign the same for as long as this, so that it can be cached; --expires is then the least that is left
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    window: Option<Duration>,
}

impl Life {
    /// From when until when.
    pub(super) fn from(&self, signer: &Signer, now: Timestamp) -> anyhow::Result<Validity> {
        let now = now.as_second();
        let expires = whole_seconds(self.expires, "--expires")?;
        let validity = match self.window {
            None => Validity::new(now, expires),
            Some(window) => {
                Window::new(whole_seconds(window, "--window")?, expires).and_then(|window| signer.stable(window, now))
            }
        };
        let validity = validity.map_err(explain)?;
        match signer.credentials_end() {
            Some(end) if end < validity.expires_at() => {
                Err(explain(ValidityError::CredentialsEnd { end, needed: validity.expires_at() }))
            }
            _ => Ok(validity),
        }
    }
}

/// A length of time in seconds, which S3 counts whole.
pub(super) fn whole_seconds(duration: Duration, option: &str) -> anyhow::Result<u32> {
    ensure!(
        duration.subsec_nanos() == 0,
        "{option} is `{}`, and S3 counts whole seconds; write one such as 90s or 15m",
        duration::show(duration)
    );
    u32::try_from(duration.as_secs()).with_context(|| format!("{option} is over 7 days, the longest that S3 takes"))
}

/// The moment as people and programs read it.
pub(super) fn moment(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |moment| moment.to_string())
}

fn explain(error: ValidityError) -> anyhow::Error {
    match error {
        ValidityError::Zero => anyhow::anyhow!("a life of no time at all; write one such as 15m"),
        ValidityError::OverSevenDays(seconds) => anyhow::anyhow!(
            "a life of {} is more than 7 days, the longest that S3 takes; write a shorter one, and sign again when it ends",
            duration::show(Duration::from_secs(seconds))
        ),
        ValidityError::CredentialsEnd { end, needed } => anyhow::anyhow!(
            "the credentials end at {}, before the link would at {}; write a shorter --expires, or fetch fresh ones",
            moment(end),
            moment(needed)
        ),
        other => other.into(),
    }
}
