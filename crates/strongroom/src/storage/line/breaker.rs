//! Leaves a storage alone that failed again and again: who asks learns at once that it is away, until one finds it back.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::storage::counts::Counts;

/// After so many failures, with no success between them, nothing is sent for a while.
const FAILURES: u32 = 5;

/// How long the first time; it doubles each time that the one who tries fails again.
const FIRST_REST: Duration = Duration::from_secs(1);

/// No rest is longer.
const LONGEST_REST: Duration = Duration::from_secs(8);

/// How long those wait who come while somebody tries.
const WHILE_TRYING: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Breaker {
    state: Mutex<State>,
    counts: Counts,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// All is sent.
    Closed { failures: u32 },
    /// Nothing is sent until then.
    Open { until: Instant, rest: Duration },
    /// One request is sent, to find out.
    Trying,
}

/// The right to send one request. What came of it has to be told; dropping it tells nothing.
#[derive(Debug)]
pub(super) struct Permit<'b> {
    breaker: &'b Breaker,
    /// How long the rest was after which this one tries, if it does.
    tries_after: Option<Duration>,
    is_told: bool,
}

impl Breaker {
    pub(super) fn new(counts: Counts) -> Self {
        Self { state: Mutex::new(State::Closed { failures: 0 }), counts }
    }

    /// The right to send a request now, or how long to wait for it.
    pub(super) fn permit(&self, now: Instant) -> Result<Permit<'_>, Duration> {
        let mut state = self.lock();
        let tries_after = match *state {
            State::Closed { .. } => None,
            State::Trying => return Err(WHILE_TRYING),
            State::Open { until, rest } => {
                let left = until.saturating_duration_since(now);
                if !left.is_zero() {
                    return Err(left);
                }
                *state = State::Trying;
                Some(rest)
            }
        };
        Ok(Permit { breaker: self, tries_after, is_told: false })
    }

    /// Whether nothing is sent but by one who finds out.
    pub(super) fn is_open(&self) -> bool {
        !matches!(*self.lock(), State::Closed { .. })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // What is guarded is whole after each change, whoever panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, state: &mut State, now: Instant, rest: Duration) {
        *state = State::Open { until: now + rest, rest };
        self.counts.breaker_open(true);
    }
}

impl Permit<'_> {
    /// The storage answered.
    pub(super) fn succeeded(mut self) {
        self.is_told = true;
        let mut state = self.breaker.lock();
        let was_closed = matches!(*state, State::Closed { .. });
        // Who was sent before the breaker opened says little about now, but an answer is an answer.
        *state = State::Closed { failures: 0 };
        if !was_closed {
            tracing::info!("the storage answers again");
            self.breaker.counts.breaker_open(false);
        }
    }

    /// It did not.
    pub(super) fn failed(mut self, now: Instant) {
        self.is_told = true;
        let mut state = self.breaker.lock();
        match (*state, self.tries_after) {
            (State::Closed { failures }, _) if failures + 1 < FAILURES => {
                *state = State::Closed { failures: failures + 1 };
            }
            (State::Closed { .. }, _) => {
                tracing::warn!("the storage failed {FAILURES} times; it is left alone for {FIRST_REST:?}");
                self.breaker.open(&mut state, now, FIRST_REST);
            }
            (_, Some(rest)) => self.breaker.open(&mut state, now, (rest * 2).min(LONGEST_REST)),
            // One that was sent before.
            (State::Open { .. } | State::Trying, None) => {}
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if let Some(rest) = self.tries_after.filter(|_| !self.is_told) {
            let mut state = self.breaker.lock();
            if matches!(*state, State::Trying) {
                // Whoever tried went away without finding out, perhaps because it took too long.
                *state = State::Open { until: Instant::now() + rest, rest };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A breaker that has just opened.
    fn open(now: Instant) -> Breaker {
        let breaker = Breaker::new(Counts::default());
        for _ in 0..FAILURES {
            breaker.permit(now).unwrap().failed(now);
        }
        breaker
    }

    #[test]
    fn one_finds_out_for_all_and_rests_grow_as_long_as_it_fails() {
        let mut now = Instant::now();
        let breaker = open(now);
        let mut rest = FIRST_REST;
        for _ in 0..6 {
            assert_eq!(breaker.permit(now).unwrap_err(), rest);
            now += rest;
            let trying = breaker.permit(now).unwrap();
            assert_eq!(breaker.permit(now).unwrap_err(), WHILE_TRYING);
            trying.failed(now);
            rest = (rest * 2).min(LONGEST_REST);
        }
        now += LONGEST_REST;
        breaker.permit(now).unwrap().succeeded();
        assert!(breaker.permit(now).is_ok() && breaker.permit(now).is_ok());
    }

    #[test]
    fn who_tries_and_goes_away_leaves_it_to_the_next() {
        let mut now = Instant::now();
        let breaker = open(now);
        now += FIRST_REST;
        drop(breaker.permit(now).unwrap());
        assert!(breaker.permit(now).is_err());
        // Going away is noticed at the real time, which is later than the beginning.
        now += FIRST_REST + LONGEST_REST;
        breaker.permit(now).unwrap().succeeded();
        assert!(breaker.permit(now).is_ok());
    }

    #[test]
    fn failures_with_successes_between_them_change_nothing() {
        let (now, breaker) = (Instant::now(), Breaker::new(Counts::default()));
        for _ in 0..100 {
            for _ in 1..FAILURES {
                breaker.permit(now).unwrap().failed(now);
            }
            breaker.permit(now).unwrap().succeeded();
        }
        assert!(breaker.permit(now).is_ok());
    }
}
