//! What somebody asks for of a picture that is there already: asked for once, made by one node, and awaited for a while.
//!
//! A demand is a row like the work on arrival, so whoever is killed over it is followed by another.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, Semaphore};
use tokio::time::{Duration, Instant};
use uuid::Uuid;

use super::{doom, is_picture, is_wanted, recipes_of};
use crate::config::{Space, Variant as Declared};
use crate::db::objects::Object;
use crate::db::pictures::{State, Variant};
use crate::db::{self};
use crate::service::Service;

/// How often somebody who waits looks again: other nodes ring no bell here.
const LOOKING: Duration = Duration::from_millis(200);

/// Why there is a picture, and not this variant of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unmade {
    /// It is being made.
    #[error("this variant is being made; ask again in a moment")]
    Waiting,
    /// So much waits already that it was not even asked for.
    #[error("as much waits to be made as is taken on; ask again soon")]
    Busy,
    /// None can be made.
    #[error("no variant can be made of this picture: {0}")]
    Refused(String),
    /// No such variant is declared, or the object is no picture.
    #[error("this object has no variant `{0}`; its space declares which there are, and only pictures have them")]
    NoSuch(String),
}

impl Unmade {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Waiting => "processing",
            Self::Busy => "overloaded",
            Self::Refused(_) => "picture-refused",
            Self::NoSuch(_) => "no-such-variant",
        }
    }
}

/// Why it could not be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not there, or not yet.
    #[error(transparent)]
    Unmade(#[from] Unmade),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] db::Error),
}

/// Where those who ask and those who work on it meet within a node.
#[derive(Debug)]
pub struct Demands {
    asked: Notify,
    ended: Notify,
    waiting: Semaphore,
}

impl Demands {
    /// For a node that works on so many requests at once: half of them may wait for pictures.
    pub fn of(requests: u32) -> Self {
        let places = (requests as usize / 2).max(1);
        Self { asked: Notify::new(), ended: Notify::new(), waiting: Semaphore::new(places) }
    }

    /// Returns when somebody has asked for something.
    pub(super) async fn asked(&self) {
        self.asked.notified().await;
    }

    /// Has everybody who waits look again.
    pub(super) fn tell_of_an_end(&self) {
        self.ended.notify_waiters();
    }
}

/// What was made of an object's served version by this declaration, after it was made if need be. Waits for that no
/// longer than `processing.wait` says.
pub async fn made(service: &Service, object: &Object, wanted: &Declared) -> Result<Vec<Variant>, Error> {
    if !is_picture(&service.config, &object.version.content_type) {
        return Err(Unmade::NoSuch(wanted.name.clone()).into());
    }
    let end = Instant::now() + service.config.processing.wait;
    if let Some(variants) = look(service, object, wanted).await? {
        return Ok(variants);
    }
    ask(service, std::slice::from_ref(&(object.clone(), wanted.clone())))
        .await?
        .remove(&object.id)
        .map_or(Ok(()), Err)?;
    // Who waits holds a place that others cannot have for what is there.
    let Ok(_place) = service.demands.waiting.try_acquire() else { return Err(Unmade::Waiting.into()) };
    loop {
        let mut ended = std::pin::pin!(service.demands.ended.notified());
        // What ends from here on is heard of, even while it is looked.
        ended.as_mut().enable();
        if let Some(variants) = look(service, object, wanted).await? {
            return Ok(variants);
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Unmade::Waiting.into());
        }
        // Whichever comes first: it is looked again.
        let _ = tokio::time::timeout(left.min(LOOKING), ended).await;
    }
}

/// Asks for what is not there yet of these objects, without waiting for it. Answers for which of them it is no use.
pub async fn ask(service: &Service, wanted: &[(Object, Declared)]) -> Result<HashMap<Uuid, Unmade>, db::Error> {
    let (now, context, wanted) = (service.now(), service.clone(), wanted.to_owned());
    let asking = move |tx: &db::Tx| {
        let (mut in_vain, mut is_anything_new) = (HashMap::new(), false);
        for (object, wanted) in &wanted {
            match ask_one(tx, &context, object, wanted, now)? {
                Ok(is_new) => is_anything_new |= is_new,
                Err(unmade) => {
                    in_vain.insert(object.id, unmade);
                }
            }
        }
        Ok::<_, db::Error>((in_vain, is_anything_new))
    };
    let (in_vain, is_anything_new) = service.db.write(asking).await?;
    if is_anything_new {
        service.demands.asked.notify_one();
    }
    Ok(in_vain)
}

/// Asks for one; whether nobody had before.
fn ask_one(
    tx: &db::Tx,
    service: &Service,
    object: &Object,
    wanted: &Declared,
    now: Timestamp,
) -> Result<Result<bool, Unmade>, db::Error> {
    let (id, number, demand) = (object.id, object.version.number, &*wanted.name);
    let is_served =
        db::objects::get(tx, id)?.is_some_and(|object| object.deleted_at.is_none() && object.version.number == number);
    if !is_served || !is_picture(&service.config, &object.version.content_type) {
        return Ok(Err(Unmade::NoSuch(demand.to_owned())));
    }
    if let Some((State::Refused, Some((_, detail)))) =
        db::pictures::of_demand(tx, id, number, "")?.map(|picture| (picture.state, picture.reason))
    {
        return Ok(Err(Unmade::Refused(detail)));
    }
    let space = service.config.spaces.get(&object.space);
    if space.is_some_and(|space| is_wanted(&service.config, space, &object.version.content_type)) {
        // It may have come before its space made anything of pictures.
        db::pictures::ask(tx, object, false, now)?;
    }
    let recipes = recipes_of(space, demand);
    match db::pictures::demand::state(tx, id, number, demand)? {
        Some((made_by, _)) if made_by.is_empty() => return Ok(Ok(false)),
        Some((made_by, _)) if made_by == recipes => {
            let refused = db::pictures::of_demand(tx, id, number, demand)?.and_then(|picture| picture.reason);
            return Ok(refused.map_or(Ok(false), |(_, detail)| Err(Unmade::Refused(detail))));
        }
        _ => {}
    }
    if db::pictures::demand::is_full(tx, service.config.processing.queue.into())? {
        return Ok(Err(Unmade::Busy));
    }
    let gone = db::pictures::demand::forget(tx, id, number, demand)?;
    doom(tx, &object.space, service.bucket_of(&object.space), &gone, now)?;
    db::pictures::demand::ask(tx, object, demand, now).map(Ok)
}

/// What is there of it by this very declaration.
async fn look(service: &Service, object: &Object, wanted: &Declared) -> Result<Option<Vec<Variant>>, Error> {
    let (id, number, demand) = (object.id, object.version.number, wanted.name.clone());
    let look_up = move |tx: &db::Tx| {
        let state = db::pictures::demand::state(tx, id, number, &demand)?;
        Ok::<_, db::Error>(state.zip(db::pictures::of_demand(tx, id, number, &demand)?))
    };
    let space = service.config.spaces.get(&object.space);
    let recipes = recipes_of(space, &wanted.name);
    let Some(((_, used_at), picture)) = service.db.read(look_up).await?.filter(|((made_by, _), _)| *made_by == recipes)
    else {
        return Ok(None);
    };
    if let Some((_, detail)) = picture.reason {
        return Err(Unmade::Refused(detail).into());
    }
    let (now, life) = (service.now(), space.map_or(SignedDuration::ZERO, life_of_links));
    if now.duration_since(used_at) >= life {
        let demand = wanted.name.clone();
        service.db.append(move |tx| db::pictures::demand::used(tx, id, number, &demand, now)).await?;
    }
    Ok(Some(picture.variants))
}

/// How long links of a space live at the most. What was asked for is remembered as often, and is not let go for twice
/// as long, so that no link leads nowhere.
pub(super) fn life_of_links(space: &Space) -> SignedDuration {
    SignedDuration::try_from(space.links.minimum.saturating_add(space.links.window)).unwrap_or(SignedDuration::MAX)
}

/// The declaration of a variant that is made on demand.
pub fn declared_on_demand<'a>(service: &'a Service, space: &str, name: &str) -> Option<&'a Declared> {
    service.config.spaces.get(space)?.made_on_demand().find(|variant| variant.name == name)
}
