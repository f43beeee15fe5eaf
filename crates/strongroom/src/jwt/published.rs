//! The keys an issuer publishes: kept for a while, fetched again when they change, and still there while it is down.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::TokenError;
use super::keys::{VerifyingKey, read_set};
use super::signed::SignedToken;
use crate::config::Algorithm;
use crate::fetch::{Fetch, FetchError};

/// For how many seconds fetched keys are used without asking again, unless they may not become that old.
const FRESH: i64 = 10 * 60;
/// How many seconds lie between two attempts, whatever key ids strangers make up and however long the issuer is down.
const PAUSE: i64 = 10;

/// The keys of one issuer.
#[derive(Debug)]
pub(super) struct PublishedKeys {
    url: String,
    algorithms: Vec<Algorithm>,
    fetch: Fetch,
    /// For how many seconds keys are used without asking again.
    fresh: i64,
    /// For how many seconds keys are still used while the issuer cannot be reached.
    stale: i64,
    state: Mutex<State>,
    flight: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone, Default)]
struct State {
    keys: Arc<[VerifyingKey]>,
    fetched_at: Option<i64>,
    attempted_at: Option<i64>,
}

#[derive(Debug, thiserror::Error)]
enum RefreshError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("the answer is not a set of keys")]
    NotASet(#[from] serde_json::Error),
    #[error("the set holds no key that could be used")]
    Empty,
}

impl PublishedKeys {
    pub(super) fn new(url: String, algorithms: Vec<Algorithm>, max_age: Duration, fetch: Fetch) -> Self {
        let stale = i64::try_from(max_age.as_secs()).unwrap_or(i64::MAX);
        Self {
            url,
            algorithms,
            fetch,
            fresh: FRESH.min(stale / 3),
            stale,
            state: Mutex::default(),
            flight: tokio::sync::Mutex::default(),
        }
    }

    /// The keys to verify a token with, at the moment `now` in seconds. Fails if none of them suits it.
    pub(super) async fn keys_for(
        self: &Arc<Self>,
        token: &SignedToken<'_>,
        now: i64,
    ) -> Result<Arc<[VerifyingKey]>, TokenError> {
        let state = self.state().clone();
        let suits = state.suits(token);
        if suits && state.is_younger(self.fresh, now) {
            return Ok(state.keys);
        }
        // Until they are twice as old they are used while they are fetched again, so that nobody has to wait.
        if suits && state.is_younger(2 * self.fresh, now) {
            if state.is_due(now) {
                tokio::spawn(Arc::clone(self).refresh(now));
            }
            return Ok(state.keys);
        }
        // The refresh is a task of its own: it goes on when the caller who needed it first goes away.
        if tokio::spawn(Arc::clone(self).refresh(now)).await.is_err() {
            return Err(TokenError::KeysUnavailable);
        }
        let state = self.state().clone();
        if !state.is_younger(self.stale, now) {
            Err(TokenError::KeysUnavailable)
        } else if state.suits(token) {
            Ok(state.keys)
        } else {
            Err(TokenError::UnknownKey)
        }
    }

    /// Fetches the keys if it is time to. One call at a time does so; the others wait for it and use what it got.
    async fn refresh(self: Arc<Self>, now: i64) {
        let _flight = self.flight.lock().await;
        {
            let mut state = self.state();
            if !state.is_due(now) {
                return;
            }
            state.attempted_at = Some(now);
        }
        match self.fetch_keys().await {
            Ok(keys) => {
                let mut state = self.state();
                state.keys = keys;
                state.fetched_at = Some(now);
            }
            Err(error) => {
                let cause: &dyn std::error::Error = &error;
                tracing::warn!(url = self.url, error = cause, "the issuer's keys cannot be fetched");
            }
        }
    }

    async fn fetch_keys(&self) -> Result<Arc<[VerifyingKey]>, RefreshError> {
        let text = self.fetch.get(&self.url).await?;
        let keys = read_set(&text, &self.algorithms)?;
        if keys.is_empty() { Err(RefreshError::Empty) } else { Ok(keys.into()) }
    }

    // Nothing can panic while the lock is held, and the state would still be whole if it did.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn suits(&self, token: &SignedToken<'_>) -> bool {
        self.keys.iter().any(|key| key.suits(token))
    }

    /// Whether the keys were fetched within this many seconds. A clock that was set back makes them young.
    fn is_younger(&self, seconds: i64, now: i64) -> bool {
        self.fetched_at.is_some_and(|fetched_at| now.saturating_sub(fetched_at) < seconds)
    }

    /// Whether the last attempt is long enough ago. After a clock was set back, it is.
    fn is_due(&self, now: i64) -> bool {
        self.attempted_at.is_none_or(|attempted_at| now < attempted_at || now - attempted_at >= PAUSE)
    }
}
