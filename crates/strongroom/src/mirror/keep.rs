//! Working off what the mirror still has to get: several keys at once, each under a lease, on every node.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::copy::align;
use super::{Error, Mirror};
use crate::db::copies::Copy;
use crate::db::{self};
use crate::lease::{self, after};
use crate::service::Service;

/// How many keys a node is at work on at once; each holds one piece of a content.
const AT_ONCE: usize = 8;

/// How many keys of those that were there before the mirror are asked for at once, where nothing else is to do.
const MORE: i64 = 200;

/// How long nobody else takes up a key that somebody is at work on; it is lengthened while the work lasts.
const LEASE: Duration = Duration::from_secs(30);

/// How often it is lengthened.
const RENEW_EVERY: Duration = Duration::from_secs(10);

/// The longest pause between two tries of one key; the first is two seconds.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// How long there is nothing to do before it is looked again.
const IDLE: Duration = Duration::from_millis(500);

/// The longest time that a node leaves everything alone because a storage is away; the first is a second.
const LONGEST_REST: Duration = Duration::from_secs(30);

/// How often the storages are asked whether they are there, and it is counted how far the mirror is behind.
const LISTENING: Duration = Duration::from_secs(2);

/// How many times as long as counting took it is not counted again: while the mirror is being filled, everything that it
/// lacks is counted.
const COUNTING: u32 = 100;

/// What came of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The mirror is as it should be there.
    Done,
    /// This key fails, and says nothing about the others.
    Failed,
    /// One of the storages, or the database, is away for all of them.
    Away,
}

/// Brings the mirror in line for as long as it is not stopped.
pub async fn keep(service: &Service, mirror: &Mirror, stop: &CancellationToken) {
    let mut working = FuturesUnordered::new();
    let (mut rest, mut next) = (Duration::ZERO, Instant::now());
    loop {
        let wanted = AT_ONCE - working.len();
        if wanted > 0 && Instant::now() >= next {
            match claim(service, mirror, wanted).await {
                Ok(taken) => {
                    if taken.len() < wanted {
                        next = Instant::now() + IDLE;
                    }
                    working.extend(taken.into_iter().map(|copy| bring_in_line(service, mirror, copy)));
                }
                Err(error) => {
                    tracing::warn!(%error, "the mirror cannot be looked after; it is tried again");
                    rest = longer(rest);
                    next = Instant::now() + rest;
                }
            }
        }
        tokio::select! {
            Some(outcome) = working.next(), if !working.is_empty() => match outcome {
                Outcome::Done => (rest, next) = (Duration::ZERO, Instant::now()),
                Outcome::Failed => {}
                Outcome::Away => {
                    rest = longer(rest);
                    next = Instant::now() + rest;
                }
            },
            () = tokio::time::sleep_until(next), if working.len() < AT_ONCE => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Asks both storages whether they are there, and counts how far the mirror is behind, for as long as it is not stopped.
pub async fn listen(service: &Service, mirror: &Mirror, stop: &CancellationToken) {
    let [of_first, of_mirror] = &mirror.watches;
    let mut count_at = Instant::now();
    loop {
        tokio::join!(of_first.ask(&service.storage), of_mirror.ask(&mirror.storage));
        service.metrics.mirror_stands_in(mirror.stands_in(&service.storage));
        let begun = Instant::now();
        if begun >= count_at {
            match super::lag(service, mirror).await {
                Ok(lag) => {
                    let age = lag.since.map_or(0, |since| service.now().as_second() - since.as_second());
                    service.metrics.mirror_is_behind(lag.pending, age.max(0));
                }
                Err(error) => tracing::warn!(%error, "how far the mirror is behind is not known"),
            }
            count_at = Instant::now() + begun.elapsed() * COUNTING;
        }
        if stop.run_until_cancelled(tokio::time::sleep(LISTENING)).await.is_none() {
            return;
        }
    }
}

fn longer(rest: Duration) -> Duration {
    (rest * 2).clamp(Duration::from_secs(1), LONGEST_REST)
}

/// Takes up some of what is due. Where that is less than wanted, more is asked for of what was there before the mirror.
async fn claim(service: &Service, mirror: &Mirror, wanted: usize) -> Result<Vec<Copy>, Error> {
    let now = service.now();
    if !service.db.read(move |tx| Ok::<_, Error>(db::copies::is_anything_due(tx, now)?)).await? {
        return Ok(Vec::new());
    }
    let (holder, until, place) = (service.new_id(), after(now, LEASE), mirror.place.clone());
    let wanted = i64::try_from(wanted).unwrap_or(i64::MAX);
    service
        .db
        .write(move |tx| {
            if db::copies::mirror(tx)?.as_ref() != Some(&place) {
                return Err(Error::OtherMirror);
            }
            let mut taken = db::copies::claim(tx, holder, now, until, wanted)?;
            if (taken.len() as i64) < wanted && db::copies::ask_for_more(tx, now, MORE)? {
                taken.extend(db::copies::claim(tx, holder, now, until, wanted - taken.len() as i64)?);
            }
            Ok(taken)
        })
        .await
}

async fn bring_in_line(service: &Service, mirror: &Mirror, copy: Copy) -> Outcome {
    let aligned = lease::under(RENEW_EVERY, || renew(service, &copy), align(service, mirror, &copy)).await;
    let result = aligned.and_then(|done| done.ok_or(Error::Overtaken));
    let outcome = match &result {
        Ok(()) => Outcome::Done,
        Err(Error::Source(error) | Error::Target(error)) if error.is_away() => Outcome::Away,
        Err(Error::Db(_)) => Outcome::Away,
        Err(_) => Outcome::Failed,
    };
    service.metrics.mirrored(outcome == Outcome::Done);
    match settle(service, &copy, result).await {
        Ok(()) => outcome,
        Err(error) => {
            // Its lease ends, and then it is taken up again.
            tracing::warn!(key = copy.key, %error, "what came of a copy could not be written down");
            Outcome::Away
        }
    }
}

/// Writes down what came of a key.
async fn settle(service: &Service, copy: &Copy, result: Result<(), Error>) -> Result<(), db::Error> {
    let (now, row) = (service.now(), copy.clone());
    let Err(error) = result else {
        return service.db.write(move |tx| db::copies::done(tx, &row, now)).await;
    };
    tracing::warn!(key = copy.key, %error, "the mirror could not be brought in line; it is tried again");
    let until = after(now, pause(copy.attempts));
    let reason = error.to_string();
    service.db.write(move |tx| db::copies::put_off(tx, &row, now, until, &reason)).await
}

/// The pause after so many tries.
fn pause(attempts: i64) -> Duration {
    Duration::from_secs(1 << attempts.clamp(1, 10)).min(LONGEST_PAUSE)
}

/// Lengthens the lease on a key; false when it is lost.
async fn renew(service: &Service, copy: &Copy) -> Result<bool, Error> {
    let (row, until) = (copy.clone(), after(service.now(), LEASE));
    service.db.write(move |tx| Ok::<_, Error>(db::copies::renew(tx, &row, until)?)).await
}
