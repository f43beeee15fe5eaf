//! The credentials of the identities as they are now: some last, others are fetched anew before they end.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use jiff::{SignedDuration, Timestamp};
use strongroom_presign::Credentials;
use tokio::sync::Notify;

use super::counts::{Counts, Fetched};
use crate::ambient::Clock;

mod aws;
mod keyring;
mod sender;

pub use aws::owner;
pub use keyring::{Keyring, KeyringError};

/// Fetched credentials are replaced so long before they end, or halfway to their end if that is sooner.
const LEAD: SignedDuration = SignedDuration::from_mins(10);

/// What has no end is fetched again so often: a profile may hold other keys by then.
const AGAIN: SignedDuration = SignedDuration::from_mins(15);

/// No pause is longer, so that a clock that was set, or a computer that slept, is noticed.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// The pause after the first fetch that brought nothing; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Between two fetches because the storage refused the credentials lies at least so much time.
const DOUBT_RESTS: SignedDuration = SignedDuration::from_secs(10);

/// How long fetching may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why credentials could not be fetched, in words that hold no secret.
pub(super) type Reason = String;

/// Fetches credentials anew.
pub(super) trait Source: fmt::Debug + Send + Sync {
    /// Asks for them.
    fn fetch(&self) -> Pin<Box<dyn Future<Output = Result<Credentials, Reason>> + Send + '_>>;
}

/// The credentials of one identity, or of several that share them. Clones share what is held.
#[derive(Debug, Clone)]
pub(super) struct Held(Arc<Inner>);

struct Inner {
    /// The identities, for logs and metrics.
    names: Vec<&'static str>,
    current: ArcSwap<Credentials>,
    /// Why the last fetch brought nothing, if it did not.
    trouble: Mutex<Option<Reason>>,
    /// Somebody found that the storage no longer takes them.
    doubted: Arc<Notify>,
    clock: Clock,
    counts: Counts,
}

impl Held {
    /// Credentials that stay as they are.
    pub(super) fn fixed(names: Vec<&'static str>, credentials: Credentials, clock: &Clock, counts: &Counts) -> Self {
        let held = Self(Arc::new(Inner {
            names,
            current: ArcSwap::from_pointee(credentials),
            trouble: Mutex::default(),
            doubted: Arc::default(),
            clock: clock.clone(),
            counts: counts.clone(),
        }));
        held.0.show_end();
        held
    }

    /// Fetches credentials now, and again before they end for as long as anybody holds them.
    pub(super) async fn fetched(
        names: Vec<&'static str>,
        source: impl Source + 'static,
        clock: &Clock,
        counts: &Counts,
    ) -> Result<Self, Reason> {
        let credentials = fetch(&source, clock).await?;
        let held = Self::fixed(names, credentials, clock, counts);
        tokio::spawn(keep_fresh(Arc::downgrade(&held.0), Arc::clone(&held.0.doubted), source));
        Ok(held)
    }

    /// The credentials as they are now.
    pub(super) fn now(&self) -> Guard<Arc<Credentials>> {
        self.0.current.load()
    }

    /// The storage does not take them any more: they are fetched again at once, if they can be.
    pub(super) fn doubt(&self) {
        self.0.doubted.notify_one();
    }

    /// What is wrong with them, if anything is.
    pub(super) fn state(&self) -> State {
        let end = self.now().expires_at();
        let names = self.0.names.join(", ");
        let trouble = self.0.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match (end, &*trouble) {
            (Some(end), reason) if end <= self.0.clock.now().as_second() => {
                let reason = reason.as_deref().unwrap_or("nothing newer could be fetched");
                State::Ended(format!("the credentials of the {names} ended at {}: {reason}", moment(end)))
            }
            (Some(end), Some(reason)) => State::Troubled(format!(
                "the credentials of the {names} end at {} and could not be fetched anew: {reason}",
                moment(end)
            )),
            (None, Some(reason)) => {
                State::Troubled(format!("the credentials of the {names} could not be fetched anew: {reason}"))
            }
            (_, None) => State::Good,
        }
    }
}

/// How credentials are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// Well.
    Good,
    /// They still hold, and could not be replaced.
    Troubled(String),
    /// They hold no more.
    Ended(String),
}

impl Inner {
    /// Replaces what is held by what was fetched; false when that is nothing newer.
    fn take(&self, fetched: Result<Credentials, Reason>) -> bool {
        let old = self.current.load();
        let (outcome, trouble) = match fetched {
            // Who gives them out has no newer ones yet, which is how those of machines and containers are.
            Ok(new) if new.access_key() == old.access_key() && new.expires_at() <= old.expires_at() => {
                (Fetched::Same, None)
            }
            Ok(new) => {
                self.current.store(Arc::new(new));
                self.show_end();
                (Fetched::New, None)
            }
            Err(reason) => {
                tracing::warn!(identities = ?self.names, reason, "credentials could not be fetched; trying again");
                (Fetched::Failed, Some(reason))
            }
        };
        for name in &self.names {
            self.counts.credentials_fetched(name, outcome);
        }
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
        outcome == Fetched::New
    }

    fn show_end(&self) {
        let end = self.current.load().expires_at();
        for name in &self.names {
            self.counts.credentials_end(name, end);
        }
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held")
            .field("names", &self.names)
            .field("current", &self.current.load())
            .finish_non_exhaustive()
    }
}

/// When credentials fetched at `now` are due to be replaced.
fn due(credentials: &Credentials, now: Timestamp) -> Timestamp {
    match credentials.expires_at().and_then(|end| Timestamp::from_second(end).ok()) {
        Some(end) => end - LEAD.min(end.duration_since(now) / 2),
        None => now + AGAIN,
    }
}

/// Fetches again whenever it is time, until nobody holds the credentials any more.
async fn keep_fresh(held: Weak<Inner>, doubted: Arc<Notify>, source: impl Source) {
    let begun = held.upgrade().map(|held| (due(&held.current.load(), held.clock.now()), held.clock.clone()));
    let Some((mut next, clock)) = begun else { return };
    let mut pause = FIRST_PAUSE;
    let mut fetched_at = Timestamp::MIN;
    loop {
        if held.strong_count() == 0 {
            return;
        }
        let now = clock.now();
        let left = next.duration_since(now);
        if left.is_positive() {
            tokio::select! {
                () = tokio::time::sleep(left.unsigned_abs().min(LONGEST_PAUSE)) => {}
                // Many requests may find out at once, and go on to do so until there are others.
                () = doubted.notified() => next = next.min(fetched_at.max(now - DOUBT_RESTS) + DOUBT_RESTS),
            }
            continue;
        }
        let fetched = fetch(&source, &clock).await;
        let Some(inner) = held.upgrade() else { return };
        fetched_at = clock.now();
        if inner.take(fetched) {
            (next, pause) = (due(&inner.current.load(), fetched_at), FIRST_PAUSE);
        } else {
            (next, pause) =
                (fetched_at.saturating_add(pause).unwrap_or(Timestamp::MAX), (pause * 2).min(LONGEST_PAUSE));
        }
    }
}

async fn fetch(source: &impl Source, clock: &Clock) -> Result<Credentials, Reason> {
    let too_late = |_| Err(format!("there was no answer within {} seconds", PATIENCE.as_secs()));
    let credentials = tokio::time::timeout(PATIENCE, source.fetch()).await.unwrap_or_else(too_late)?;
    match credentials.expires_at() {
        Some(end) if end <= clock.now().as_second() => {
            Err(format!("what was fetched has ended already, at {}", moment(end)))
        }
        _ => Ok(credentials),
    }
}

fn moment(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |moment| moment.to_string())
}
