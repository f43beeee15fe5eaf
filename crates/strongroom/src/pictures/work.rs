//! Working off the pictures that wait: several at once, one of each owner in turn, each under a lease, on every node.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::make::{self, Memory};
use crate::config::digest_of_all;
use crate::db::objects::Object;
use crate::db::pictures::{Looks, Variant, Work};
use crate::db::{self};
use crate::service::Service;

/// How long nobody else takes up a picture that somebody is at work on; it is lengthened while the work lasts.
const LEASE: Duration = Duration::from_secs(30);

/// How often it is lengthened.
const RENEW_EVERY: Duration = Duration::from_secs(10);

/// How long there is nothing to do before it is looked again, where nobody says that there is.
const IDLE: Duration = Duration::from_millis(500);

/// How long a picture rests that could not be worked on for a reason that is not its own.
const REST: Duration = Duration::from_secs(5);

/// What a picture is refused for that brings down whatever works on it.
const POISONOUS: &str = "picture-poisonous";

/// Why the work on a picture did not end.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Make(#[from] make::Error),
    #[error(transparent)]
    Db(#[from] db::Error),
    /// Somebody else is at work on it by now.
    #[error("somebody else took it up")]
    Overtaken,
}

/// Works on pictures for as long as it is not stopped.
pub async fn keep(service: &Service, stop: &CancellationToken) {
    let processing = &service.config.processing;
    let (threads, memory) = (processing.threads(), Memory::of(processing.memory()));
    let (mut working, mut last_owner) = (FuturesUnordered::new(), String::new());
    let mut next = Instant::now();
    loop {
        while working.len() < threads && Instant::now() >= next {
            match claim(service, &last_owner).await {
                Ok(Some(work)) => {
                    last_owner.clone_from(&work.owner);
                    working.push(work_on(service, &memory, work));
                }
                Ok(None) => next = Instant::now() + IDLE,
                Err(error) => {
                    tracing::warn!(%error, "pictures cannot be taken up; it is tried again");
                    next = Instant::now() + REST;
                }
            }
        }
        tokio::select! {
            Some(()) = working.next(), if !working.is_empty() => next = Instant::now(),
            () = service.pictures_wait.notified(), if working.len() < threads => next = Instant::now(),
            () = tokio::time::sleep_until(next), if working.len() < threads => {}
            () = stop.cancelled() => return,
        }
    }
}

async fn claim(service: &Service, after_owner: &str) -> Result<Option<Work>, db::Error> {
    let (now, holder) = (service.now(), service.new_id());
    if !service.db.read(move |tx| db::pictures::is_anything_due(tx, now)).await? {
        return Ok(None);
    }
    let (until, after_owner) = (after(now, LEASE), after_owner.to_owned());
    service.db.write(move |tx| db::pictures::claim(tx, holder, &after_owner, now, until)).await
}

async fn work_on(service: &Service, memory: &Memory, work: Work) {
    let given_up = Arc::new(AtomicBool::new(false));
    // Whatever ends this future, the thread that works for it hears of it.
    let _guard = GivenUp(Arc::clone(&given_up));
    let begun = Instant::now();
    service.metrics.picture_taken_up();
    let outcome = match under_lease(service, &work, follow(service, memory, &work, &given_up)).await {
        Ok(outcome) => outcome,
        Err(Error::Overtaken) => "overtaken",
        Err(error) => {
            tracing::warn!(object = %work.object, %error, "a picture could not be worked on; it is tried again");
            // A picture that brings down what works on it has used up one of its tries; the storage's failures are not
            // its own.
            let counts = matches!(&error, Error::Make(make::Error::BroughtDown | make::Error::Refused(_)));
            put_off(service, &work, counts).await;
            "failed"
        }
    };
    service.metrics.picture_worked_on(outcome, begun.elapsed());
}

/// Tells a thread that nobody waits for it any longer.
struct GivenUp(Arc<AtomicBool>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Makes what is missing of a picture's variants, and writes down what came of it: a word for the metrics.
async fn follow(
    service: &Service,
    memory: &Memory,
    work: &Work,
    given_up: &Arc<AtomicBool>,
) -> Result<&'static str, Error> {
    let (id, number) = (work.object, work.number);
    let look_up = move |tx: &db::Tx| {
        let object = db::objects::get(tx, id)?.filter(|object| object.version.number == number);
        Ok::<_, db::Error>((object, db::pictures::variants(tx, id, number)?))
    };
    let (object, there) = service.db.read(look_up).await?;
    let Some(object) = object else { return Err(Error::Overtaken) };
    let declared = service.config.spaces.get(&object.space).map_or(&[][..], |space| &space.variants);
    let recipes = digest_of_all(declared);
    let kept: Vec<String> = there
        .iter()
        .filter(|made| declared.iter().any(|one| one.name == made.name && one.digest() == made.recipe))
        .map(|made| made.key.clone())
        .collect();
    let missing: Vec<_> = declared
        .iter()
        .filter(|one| !there.iter().any(|made| one.name == made.name && one.digest() == made.recipe))
        .cloned()
        .collect();
    if work.attempts > service.config.processing.attempts {
        let detail = format!(
            "whatever worked on this picture did not come to an end, {} times; hand in another form of it",
            service.config.processing.attempts
        );
        return finish(service, work, &object, &recipes, Err((POISONOUS.to_owned(), detail)), kept).await;
    }
    match make::make(service, memory, &object, &missing, given_up).await {
        Ok(made) => {
            let (looks, keys) = (made.looks.clone(), store(service, work, &object, made).await?);
            let kept = kept.into_iter().chain(keys).collect();
            finish(service, work, &object, &recipes, Ok(looks), kept).await
        }
        Err(make::Error::Refused(refusal)) if !refusal.may_pass_later() => {
            let reason = (refusal.code().to_owned(), refusal.to_string());
            finish(service, work, &object, &recipes, Err(reason), kept).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Notes where the variants will be, and then puts them there.
async fn store(service: &Service, work: &Work, object: &Object, made: make::Made) -> Result<Vec<String>, Error> {
    let planned: Vec<Variant> = made.variants.iter().map(|(variant, _)| variant.clone()).collect();
    let keys = planned.iter().map(|variant| variant.key.clone()).collect();
    let (row, until) = (work.clone(), after(service.now(), LEASE));
    if !service.db.write(move |tx| db::pictures::plan(tx, &row, &planned, until)).await? {
        return Err(Error::Overtaken);
    }
    for (variant, bytes) in made.variants {
        make::put(service, &object.space, &variant, bytes).await?;
    }
    Ok(keys)
}

/// Writes down what came of a picture, and dooms what it had before.
async fn finish(
    service: &Service,
    work: &Work,
    object: &Object,
    recipes: &str,
    outcome: Result<Looks, (String, String)>,
    kept: Vec<String>,
) -> Result<&'static str, Error> {
    let told = if outcome.is_ok() { "made" } else { "refused" };
    let (now, row, recipes) = (service.now(), work.clone(), recipes.to_owned());
    let (bucket, space) = (service.bucket_of(&object.space).to_owned(), object.space.clone());
    let settle = move |tx: &db::Tx| {
        let Some(gone) = db::pictures::finish(tx, &row, &recipes, &outcome, &kept, now)? else { return Ok(false) };
        for key in &gone {
            db::doomed::insert(tx, &bucket, key, now)?;
        }
        for key in gone.iter().chain(&kept) {
            db::copies::ask(tx, &space, key, now)?;
        }
        Ok::<_, db::Error>(true)
    };
    if service.db.write(settle).await? { Ok(told) } else { Err(Error::Overtaken) }
}

async fn put_off(service: &Service, work: &Work, counts: bool) {
    let (until, row) = (after(service.now(), REST), work.clone());
    if let Err(error) = service.db.write(move |tx| db::pictures::put_off(tx, &row, until, counts)).await {
        // Its lease ends, and then it is taken up again.
        tracing::warn!(object = %work.object, %error, "what came of a picture could not be written down");
    }
}

/// Lengthens the lease as long as the work lasts, and ends the work when the lease is lost.
async fn under_lease<T>(
    service: &Service,
    work: &Work,
    doing: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let mut doing = std::pin::pin!(doing);
    loop {
        if let Ok(result) = tokio::time::timeout(RENEW_EVERY, &mut doing).await {
            return result;
        }
        let (row, until) = (work.clone(), after(service.now(), LEASE));
        if !service.db.write(move |tx| db::pictures::hold(tx, &row, until)).await? {
            return Err(Error::Overtaken);
        }
    }
}

/// So much later.
fn after(now: Timestamp, time: Duration) -> Timestamp {
    now.checked_add(time).unwrap_or(Timestamp::MAX)
}
