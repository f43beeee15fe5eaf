//! Working off the pictures that wait: several at once, one of each owner in turn, each under a lease, on every node.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::demand::life_of_links;
use super::make::{self, Error, Memory};
use super::{digest_of, options, recipes_of};
use crate::config::{Optimise, Variant as Declared};
use crate::db::objects::{Object, Version};
use crate::db::pictures::work::{First, Work};
use crate::db::pictures::{Looks, Variant};
use crate::db::{self};
use crate::lease::{self, after};
use crate::quota;
use crate::service::{Asker, Service};
use crate::storage;

/// How long nobody else takes up a picture that somebody is at work on; it is lengthened while the work lasts.
const LEASE: Duration = Duration::from_secs(30);

/// How often it is lengthened.
const RENEW_EVERY: Duration = Duration::from_secs(10);

/// How long there is nothing to do before it is looked again.
const IDLE: Duration = Duration::from_millis(500);

/// How long a picture rests that could not be worked on for a reason that is not its own.
const REST: Duration = Duration::from_secs(5);

/// What a picture is refused for that brings down whatever works on it.
const POISONOUS: &str = "picture-poisonous";

/// What a picture is refused for whose content is not in storage any longer.
const GONE: &str = "picture-gone";

/// Works on pictures for as long as it is not stopped.
pub async fn keep(service: &Service, stop: &CancellationToken) {
    let processing = &service.config.processing;
    let (threads, memory) = (processing.threads(), Memory::of(processing.memory()));
    let (mut working, mut held, mut last_owner) = (FuturesUnordered::new(), Vec::<Work>::new(), String::new());
    let mut next = Instant::now();
    let mut first = First::Demands;
    loop {
        while working.len() < threads && Instant::now() >= next {
            match claim(service, first, &last_owner).await {
                Ok(Some(work)) => {
                    // Who waits for something comes first, and every other time what arrived does.
                    first = if first == First::Demands { First::Arrivals } else { First::Demands };
                    last_owner.clone_from(&work.owner);
                    held.push(work.clone());
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
            Some((holder, is_away)) = working.next(), if !working.is_empty() => {
                held.retain(|work| work.holder != holder);
                next = Instant::now() + if is_away { REST } else { Duration::ZERO };
            }
            () = service.demands.asked(), if working.len() < threads => next = Instant::now(),
            () = tokio::time::sleep_until(next), if working.len() < threads => {}
            () = stop.cancelled() => break,
        }
    }
    drop(working);
    // Others need not wait until the leases end, and that it was stopped says nothing of a picture.
    let now = service.now();
    for work in held {
        put_off(service, &work, now, true).await;
    }
}

async fn claim(service: &Service, first: First, after_owner: &str) -> Result<Option<Work>, db::Error> {
    let (now, holder) = (service.now(), service.new_id());
    if !service.db.read(move |tx| db::pictures::work::is_anything_due(tx, now)).await? {
        return Ok(None);
    }
    let (until, after_owner) = (after(now, LEASE), after_owner.to_owned());
    service.db.append(move |tx| db::pictures::work::claim(tx, holder, first, &after_owner, now, until)).await
}

/// Works on one picture. Answers who held it, and whether the storage or the database is away for all of them.
async fn work_on(service: &Service, memory: &Memory, work: Work) -> (Uuid, bool) {
    let given_up = Arc::new(AtomicBool::new(false));
    // Whatever ends this future, the thread that works for it hears of it.
    let guard = GivenUp(Arc::clone(&given_up));
    let begun = Instant::now();
    service.metrics.picture_taken_up();
    let planned = Mutex::default();
    let followed = follow(service, memory, &work, &planned, &given_up);
    let followed = lease::under(RENEW_EVERY, || renew(service, &work), followed).await;
    let result = followed.and_then(|outcome| outcome.ok_or(Error::Overtaken));
    drop(guard);
    let is_away = matches!(&result, Err(Error::Storage(_) | Error::Db(_)));
    let outcome = match result {
        Ok(outcome) => outcome,
        Err(Error::Overtaken) => {
            // Whoever has it now, or removed it, may not know of what was written meanwhile.
            let planned = planned.into_inner().unwrap_or_else(PoisonError::into_inner);
            doom(service, &work, planned).await;
            "overtaken"
        }
        Err(error) => {
            tracing::warn!(object = %work.object, %error, "a picture could not be worked on; it is tried again");
            // What the picture has no part in is no try of it.
            let is_blameless = is_away || matches!(error, Error::Drawing(_));
            put_off(service, &work, after(service.now(), REST), is_blameless).await;
            "failed"
        }
    };
    service.metrics.picture_worked_on(outcome, begun.elapsed());
    service.demands.tell_of_an_end();
    (work.holder, is_away)
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
    planned: &Mutex<Vec<String>>,
    given_up: &Arc<AtomicBool>,
) -> Result<&'static str, Error> {
    let (id, number, demand) = (work.object, work.number, work.demand.clone());
    let look_up = move |tx: &db::Tx| {
        let object = db::objects::get(tx, id)?.filter(|object| object.version.number == number);
        Ok::<_, db::Error>((object, db::pictures::of_demand(tx, id, number, &demand)?))
    };
    let (Some(object), Some(known)) = service.db.read(look_up).await? else { return Err(Error::Overtaken) };
    let space = service.config.spaces.get(&object.space);
    let declared: Vec<Declared> = match space {
        Some(space) if work.demand.is_empty() => space.made_on_arrival().cloned().collect(),
        Some(space) => options::declared(space, &work.demand).into_iter().collect(),
        None => Vec::new(),
    };
    // Whatever is made of it, somebody looks at every picture once.
    let is_looked_at =
        known.looks.is_some() || !work.demand.is_empty() || space.is_none_or(|space| space.variants.is_empty());
    let is_made = |one: &Declared, made: &Variant| one.name == made.name && digest_of(one) == made.recipe;
    let mut kept: Vec<String> = known
        .variants
        .iter()
        .filter(|made| declared.iter().any(|one| is_made(one, made)))
        .map(|made| made.key.clone())
        .collect();
    let optimise = space.and_then(|space| space.optimise.as_ref()).filter(|_| work.optimise);
    let missing: Vec<_> = declared
        .iter()
        .filter(|one| !known.variants.iter().any(|made| is_made(one, made)))
        .cloned()
        .chain(optimise.map(Optimise::as_variant))
        .collect();
    let recipes = recipes_of(space, &work.demand);
    let ending = Ending { service, work, object: &object, recipes };
    if missing.is_empty() && is_looked_at {
        return ending.write(Ok(None), kept, None).await;
    }
    let attempts = service.config.processing.attempts;
    if work.attempts >= attempts {
        let detail = format!(
            "whatever worked on this picture did not come to an end, {attempts} times; hand in another form of it"
        );
        return ending.write(Err((POISONOUS.to_owned(), detail)), kept, None).await;
    }
    let row = work.clone();
    let begin = service.db.append(move |tx| db::pictures::work::begin(tx, &row));
    // What did not come to an end before is decoded alone, so that no other is taken for the one to blame.
    let alone = work.attempts > 0;
    match make::make(service, memory, &object, &missing, alone, given_up, begin).await {
        Ok(made) => {
            let looks = made.looks.clone();
            let served = made.variants.iter().map(|(variant, _)| variant).find(|variant| variant.name.is_empty());
            let served = served.cloned();
            kept.extend(store(service, work, &object, made, planned).await?);
            kept.retain(|key| served.as_ref().is_none_or(|served| served.key != *key));
            ending.write(Ok(Some(looks)), kept, served).await
        }
        Err(Error::Refused(refusal)) if !refusal.may_pass_later() => {
            ending.write(Err((refusal.code().to_owned(), refusal.to_string())), kept, None).await
        }
        Err(Error::Storage(storage::Error::NotFound)) => {
            let detail = "the content of this picture is not in storage any longer; `strongroom verify` tells more";
            ending.write(Err((GONE.to_owned(), detail.to_owned())), kept, None).await
        }
        Err(error) => Err(error),
    }
}

/// Notes where the variants will be, and then puts them there.
async fn store(
    service: &Service,
    work: &Work,
    object: &Object,
    made: make::Made,
    planned: &Mutex<Vec<String>>,
) -> Result<Vec<String>, Error> {
    let variants: Vec<Variant> = made.variants.iter().map(|(variant, _)| variant.clone()).collect();
    let keys: Vec<String> = variants.iter().map(|variant| variant.key.clone()).collect();
    planned.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&keys);
    let (row, now, bucket) = (work.clone(), service.now(), service.bucket_of(&object.space).to_owned());
    let plan = move |tx: &db::Tx| {
        let Some(gone) = db::pictures::work::plan(tx, &row, &variants, after(now, LEASE))? else { return Ok(false) };
        gone.iter().try_for_each(|key| db::doomed::insert(tx, &bucket, key, now))?;
        Ok::<_, db::Error>(true)
    };
    if !service.db.append(plan).await? {
        return Err(Error::Overtaken);
    }
    for (variant, bytes) in made.variants {
        make::put(service, &object.space, &variant, bytes).await?;
    }
    Ok(keys)
}

/// What is written down in the end.
struct Ending<'a> {
    service: &'a Service,
    work: &'a Work,
    object: &'a Object,
    recipes: String,
}

impl Ending<'_> {
    /// Writes down what came of the picture, and dooms what it had before. What is `served` takes the place of what was
    /// handed in.
    async fn write(
        self,
        outcome: Result<Option<Looks>, (String, String)>,
        kept: Vec<String>,
        served: Option<Variant>,
    ) -> Result<&'static str, Error> {
        let Self { service, work, object, recipes } = self;
        let (told, recipes) = if outcome.is_ok() {
            ("made", recipes)
        } else {
            let space = service.config.spaces.get(&object.space);
            ("refused", super::refused_of(space, &recipes, &service.config.processing))
        };
        let (now, row) = (service.now(), work.clone());
        let (bucket, space) = (service.bucket_of(&object.space).to_owned(), object.space.clone());
        let (id, life) = (object.id, service.config.spaces.get(&space).map_or(SignedDuration::ZERO, life_of_links));
        let settle = move |tx: &db::Tx| {
            let Some(mut gone) = db::pictures::work::finish(tx, &row, &recipes, &outcome, &kept, now)? else {
                return Ok(false);
            };
            if let Some(served) = &served {
                gone.retain(|key| *key != served.key);
                // Links that lead there live on for a while.
                let no_link_is_left = now.checked_add(life).unwrap_or(Timestamp::MAX);
                if let Some(before) = put_in_place(tx, id, served, now)? {
                    db::doomed::insert(tx, &bucket, &before, no_link_is_left)?;
                    db::copies::ask(tx, &space, &before, now)?;
                    db::copies::ask(tx, &space, &served.key, now)?;
                }
            }
            super::doom(tx, &space, &bucket, &gone, now)?;
            kept.iter().try_for_each(|key| db::copies::ask(tx, &space, key, now))?;
            Ok::<_, db::Error>(true)
        };
        if service.db.write(settle).await? { Ok(told) } else { Err(Error::Overtaken) }
    }
}

/// Puts the optimised form of an object in the place of what was handed in. Returns where that lies.
fn put_in_place(tx: &db::Tx, id: Uuid, served: &Variant, now: Timestamp) -> Result<Option<String>, db::Error> {
    let Some(Object { version, space, owner, .. }) = db::objects::get(tx, id)? else { return Ok(None) };
    let Variant { key, content_type, bytes, sha256, .. } = served.clone();
    quota::replace(tx, &space, owner.as_deref(), version.bytes, bytes)?;
    let entry = Asker::upkeep().entry(now, "object.optimise").on(&space, Some(id));
    let entry = entry.with("bytes", bytes).with("content_type", content_type.clone()).with("sha256", sha256.clone());
    entry.with("handed_in", json!({ "bytes": version.bytes, "sha256": version.sha256 })).write(tx)?;
    let before = version.key.clone();
    db::objects::replace(tx, id, &Version { key, content_type, bytes, sha256, ..version }, now)?;
    Ok(Some(before))
}

/// Has the clean-up remove what was planned for a picture that somebody else has by now.
async fn doom(service: &Service, work: &Work, keys: Vec<String>) {
    if keys.is_empty() {
        return;
    }
    let (bucket, now) = (service.bucket_of(&work.space).to_owned(), service.now());
    let doom = move |tx: &db::Tx| {
        for key in &keys {
            // One that was finished after all, before its maker knew, stays.
            if db::objects::known(tx, key)?.is_none() {
                db::doomed::insert(tx, &bucket, key, now)?;
            }
        }
        Ok::<_, db::Error>(())
    };
    if let Err(error) = service.db.write(doom).await {
        tracing::warn!(object = %work.object, %error, "variants of nobody may be left in storage; `strongroom verify` tells");
    }
}

async fn put_off(service: &Service, work: &Work, until: Timestamp, came_to_an_end: bool) {
    let row = work.clone();
    if let Err(error) = service.db.append(move |tx| db::pictures::work::put_off(tx, &row, until, came_to_an_end)).await
    {
        // Its lease ends, and then it is taken up again.
        tracing::warn!(object = %work.object, %error, "what came of a picture could not be written down");
    }
}

/// Lengthens the lease on a picture; false when it is lost.
async fn renew(service: &Service, work: &Work) -> Result<bool, Error> {
    let (row, until) = (work.clone(), after(service.now(), LEASE));
    Ok(service.db.append(move |tx| db::pictures::work::hold(tx, &row, until)).await?)
}
