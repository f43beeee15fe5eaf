//! The line to one storage: what all its identities share when it is slow, overloaded or away.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use strongroom_presign::Request;
use tokio::time::Instant;

use super::client::Error;
use super::counts::Counts;
use crate::ambient::{Clock, Random};
use breaker::{Breaker, Permit};
use operation::Operation;

mod breaker;
mod operation;

/// How often a request is sent at the most.
const TRIES: u32 = 4;

/// No try begins later than this after the first one.
const LAST_TRY: Duration = Duration::from_secs(10);

/// The longest pause before the second try; it doubles for each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// No pause is longer. A storage that asks for more gets it, from whoever asked for something.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Tries over and above the first take from a purse that requests fill: where many fail, few are repeated, so that a
/// storage that recovers is not kept down by those who ask again.
const PURSE: u32 = 500;

/// What a further try takes.
const TRY_COSTS: u32 = 10;

/// The line to one storage. Clones share it.
#[derive(Debug, Clone)]
pub struct Line(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: reqwest::Client,
    clock: Clock,
    random: Random,
    counts: Counts,
    purse: AtomicU32,
    breaker: Breaker,
}

impl Line {
    /// A line of which nothing is known yet.
    pub fn new(http: reqwest::Client, clock: Clock, random: Random, counts: Counts) -> Self {
        let breaker = Breaker::new(counts.clone());
        Self(Arc::new(Inner { http, clock, random, counts, purse: AtomicU32::new(PURSE), breaker }))
    }

    pub(super) fn http(&self) -> &reqwest::Client {
        &self.0.http
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Whether nothing is sent at this moment, but by one who finds out whether the storage is back.
    pub(super) fn is_broken(&self) -> bool {
        self.0.breaker.is_open()
    }

    /// Asks once, and again when the storage was busy or the line broke, as long as there is a point in it.
    /// `body_bytes` is how much each try sends.
    pub(super) async fn ask<T, F>(
        &self,
        request: &Request<'_>,
        body_bytes: usize,
        mut once: impl FnMut() -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        let operation = Operation::of(request);
        let patience = operation.patience(body_bytes);
        let begun = Instant::now();
        let mut tries = 0;
        loop {
            let permit = self.permit(operation)?;
            // Whatever is asked for: a line that says nothing for so long is dead.
            let answered = tokio::time::timeout(patience, once()).await;
            let result = answered.unwrap_or(Err(Error::TimedOut(patience)));
            self.learn(operation, permit, &result);
            tries += 1;
            let Err(error) = &result else { return result };
            let Some(pause) = self.pause(error, tries, begun) else { return result };
            tracing::warn!(operation = operation.name(), %error, ?pause, "the storage failed; trying again");
            self.0.counts.retried();
            tokio::time::sleep(pause).await;
        }
    }

    /// The right to send a request; none while the storage is left alone.
    fn permit(&self, operation: Operation) -> Result<Permit<'_>, Error> {
        self.0.breaker.permit(Instant::now()).map_err(|left| {
            self.0.counts.asked(operation.name(), "not-sent");
            let reason = "it failed again and again, and is left alone for a moment".to_owned();
            Error::Busy { reason, retry_after: left }
        })
    }

    /// Takes note of what came of a try.
    fn learn<T>(&self, operation: Operation, permit: Permit<'_>, result: &Result<T, Error>) {
        match result {
            Err(Error::Unavailable(_) | Error::TimedOut(_)) => permit.failed(Instant::now()),
            // A storage that asks for patience is there, and so is one that refuses.
            _ => permit.succeeded(),
        }
        if result.is_ok() {
            let fill = |purse: u32| Some((purse + 1).min(PURSE));
            // The closure always gives a value, so the update cannot fail.
            let _ = self.0.purse.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fill);
        }
        self.0.counts.asked(operation.name(), outcome(result));
    }

    /// How long to wait before the next try, if there shall be one.
    fn pause(&self, error: &Error, tries: u32, begun: Instant) -> Option<Duration> {
        let asked_for = match error {
            Error::Unavailable(_) | Error::TimedOut(_) => Duration::ZERO,
            Error::Busy { retry_after, .. } => *retry_after,
            _ => return None,
        };
        let longest = (FIRST_PAUSE * 2_u32.saturating_pow(tries - 1)).min(LONGEST_PAUSE);
        // Anywhere between nothing and the longest, so that those who failed together do not come back together.
        let pause = asked_for.max(longest.mul_f64(self.luck()));
        if tries >= TRIES || pause > LONGEST_PAUSE || begun.elapsed() + pause > LAST_TRY {
            return None;
        }
        let pay = |purse: u32| purse.checked_sub(TRY_COSTS);
        self.0.purse.fetch_update(Ordering::Relaxed, Ordering::Relaxed, pay).ok().map(|_| pause)
    }

    /// A number from 0 to 1.
    fn luck(&self) -> f64 {
        f64::from(u32::from_ne_bytes(self.0.random.bytes())) / f64::from(u32::MAX)
    }
}

fn outcome<T>(result: &Result<T, Error>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(Error::NotFound) => "not-found",
        Err(Error::Precondition) => "precondition",
        Err(Error::Refused { .. } | Error::Key(_) | Error::Sign(_) | Error::NoSuchBucket { .. }) => "refused",
        Err(Error::Busy { .. }) => "busy",
        Err(Error::TimedOut(_)) => "timed-out",
        Err(Error::Unavailable(_) | Error::BadAnswer(_)) => "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Line {
        let random = Random::from_fn(|bytes| bytes.fill(0));
        let _installed = rustls::crypto::ring::default_provider().install_default();
        Line::new(reqwest::Client::new(), Clock::system(), random, Counts::default())
    }

    async fn ask(line: &Line, answers: &mut Vec<Result<(), Error>>) -> Result<(), Error> {
        line.ask(&Request::get("key"), 0, || std::future::ready(answers.remove(0))).await
    }

    fn away() -> Result<(), Error> {
        Err(Error::Unavailable("away".to_owned()))
    }

    #[tokio::test]
    async fn what_fails_for_a_moment_succeeds_and_what_is_refused_is_not_asked_again() {
        let line = line();
        ask(&line, &mut vec![away(), Err(Error::TimedOut(LAST_TRY)), Ok(())]).await.unwrap();
        let mut answers = vec![Err(Error::NotFound), Ok(())];
        assert!(matches!(ask(&line, &mut answers).await, Err(Error::NotFound)));
        assert_eq!(answers.len(), 1);
    }

    #[tokio::test]
    async fn a_storage_is_given_the_time_that_it_asks_for_unless_that_is_long() {
        let line = line();
        let busy = |time| Err(Error::Busy { reason: "SlowDown".to_owned(), retry_after: time });
        let begun = Instant::now();
        ask(&line, &mut vec![busy(Duration::from_secs(1)), Ok(())]).await.unwrap();
        assert!(begun.elapsed() >= Duration::from_secs(1));
        let long = ask(&line, &mut vec![busy(Duration::from_secs(30)), Ok(())]).await;
        assert!(matches!(long, Err(Error::Busy { retry_after, .. }) if retry_after == Duration::from_secs(30)));
        assert!(begun.elapsed() < Duration::from_secs(20));
    }

    #[tokio::test]
    async fn a_dead_storage_costs_nothing_until_it_is_tried_again() {
        let line = line();
        while !matches!(ask(&line, &mut vec![away(), away(), away(), away()]).await, Err(Error::Busy { .. })) {}
        // Nothing is asked: there is no answer left to give.
        let mut none = Vec::new();
        assert!(matches!(ask(&line, &mut none).await, Err(Error::Busy { .. })));
        // It says itself when it can be tried again.
        while ask(&line, &mut vec![Ok(())]).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        ask(&line, &mut vec![Ok(())]).await.unwrap();
    }

    #[tokio::test]
    async fn where_much_fails_little_is_repeated() {
        let line = line();
        let mut asked = 0;
        for _ in 0..1_000 {
            // A refusal in between tells that the storage is there.
            let result = line
                .ask(&Request::get("key"), 0, || {
                    asked += 1;
                    let busy = Error::Busy { reason: "SlowDown".to_owned(), retry_after: Duration::ZERO };
                    std::future::ready(Err::<(), _>(busy))
                })
                .await;
            assert!(result.is_err());
        }
        assert_eq!(asked, 1_000 + PURSE / TRY_COSTS);
    }
}
