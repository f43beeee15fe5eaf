//! The mirror: a second storage that gets every content once it is ready, loses what is removed for good, and is read
//! from while the first is away.
//!
//! What is left to do stands in rows (`copies`), written in the transaction that makes an object ready or removes it.
//! A row says only that the mirror may not be as it should be under a key: whoever takes it looks at the database and
//! makes it so. Doing it twice, or by two at once, makes no difference.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;

use crate::db::copies::{Copy, Lag};
use crate::db::objects::{Known, Object};
use crate::db::{self};
use crate::digest::Looking;
use crate::service::Service;
use crate::storage::{self, ObjectKey, Part, Storage};

/// How many keys are taken up at once.
const AT_ONCE: usize = 4;

/// How long nobody else takes up a key that somebody is at work on; it is lengthened while the work lasts.
const LEASE: Duration = Duration::from_mins(1);

/// How long before that is over it is lengthened.
const RENEW_EVERY: Duration = Duration::from_secs(20);

/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// The length of a part: what is not longer is sent in one piece.
const PART_BYTES: u64 = 8 << 20;

/// The most parts that S3 takes.
const MOST_PARTS: u64 = 10_000;

/// How long the first storage may take to answer whether it is there.
const PATIENCE: Duration = Duration::from_secs(3);

/// How many times in a row it must not answer to be taken for away.
const AWAY: u32 = 2;

/// The milestone that everything was asked for.
const MILESTONE: &str = "mirror";

/// Why the mirror is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The first storage failed.
    #[error("the storage that is mirrored failed: {0}")]
    Source(storage::Error),
    /// The mirror failed.
    #[error("the mirror failed: {0}")]
    Target(storage::Error),
    /// What lies in the first storage is not what was handed in.
    #[error(
        "the content in storage is not what was handed in, so it was not copied; see `strongroom verify --contents`"
    )]
    Damaged,
    /// The database failed.
    #[error(transparent)]
    Db(#[from] db::Error),
}

/// The second storage.
#[derive(Debug)]
pub struct Mirror {
    /// Where everything lies a second time, under the same keys.
    pub storage: Storage,
    /// Where it is reached, for the status.
    pub endpoint: String,
    /// How many times in a row the first storage did not answer.
    silences: AtomicU32,
}

/// What a round of work did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Round {
    /// Keys under which the mirror is as it should be now.
    pub done: u64,
    /// Keys that have to be tried again.
    pub failed: u64,
}

impl Mirror {
    /// Nothing is sent yet.
    pub fn new(storage: Storage, endpoint: String) -> Self {
        Self { storage, endpoint, silences: AtomicU32::new(0) }
    }

    /// Whether the first storage is away, so that links lead here.
    pub fn stands_in(&self) -> bool {
        self.silences.load(Ordering::Relaxed) >= AWAY
    }

    /// Asks the first storage whether it is there.
    pub async fn listen_for(&self, first: &Storage) {
        let answered = matches!(tokio::time::timeout(PATIENCE, first.own.janitor.probe()).await, Ok(Ok(())));
        let before = self.silences.load(Ordering::Relaxed);
        let silences = if answered { 0 } else { before.saturating_add(1) };
        self.silences.store(silences, Ordering::Relaxed);
        if silences == AWAY {
            tracing::warn!("the storage does not answer; links lead to the mirror until it does");
        } else if answered && before >= AWAY {
            tracing::info!("the storage answers again, and links lead to it");
        }
    }
}

/// Asks for a key to be brought in line, in the transaction that changes what should lie there.
pub fn ask(service: &Service, tx: &db::Tx, key: &str, now: Timestamp) -> Result<(), db::Error> {
    if service.mirror.is_some() { db::copies::ask(tx, key, now) } else { Ok(()) }
}

/// Asks for everything when there is a mirror that was not there before, and forgets what was asked when there is none.
pub async fn begin(service: &Service) -> Result<(), Error> {
    let (now, there) = (service.now(), service.mirror.is_some());
    let name = service.mirror.as_ref().map(|mirror| {
        format!("{MILESTONE} {} {} {}", mirror.endpoint, mirror.storage.own.name, mirror.storage.location.as_str())
    });
    service
        .db
        .write(move |tx| {
            match &name {
                Some(name) if !db::milestones::reached(tx, name)? => {
                    db::milestones::forget(tx, MILESTONE)?;
                    db::copies::ask_for_all(tx, now)?;
                    db::milestones::reach(tx, name, now)?;
                }
                _ if there => {}
                _ => {
                    db::milestones::forget(tx, MILESTONE)?;
                    db::copies::forget(tx)?;
                }
            }
            Ok::<_, Error>(())
        })
        .await
}

/// Asks for everything again.
pub async fn ask_for_all(service: &Service) -> Result<u64, Error> {
    let now = service.now();
    service.db.write(move |tx| Ok::<_, Error>(db::copies::ask_for_all(tx, now)?)).await
}

/// How far the mirror is behind.
pub async fn lag(service: &Service) -> Result<Lag, Error> {
    service.db.scan(|tx| Ok::<_, Error>(db::copies::lag(tx)?)).await
}

/// Works off some of what is due. Nothing is done when nothing is.
pub async fn work(service: &Service, mirror: &Mirror) -> Result<Round, Error> {
    let (now, mut round) = (service.now(), Round::default());
    let until = now + LEASE;
    let taken = service.db.write(move |tx| Ok::<_, Error>(db::copies::claim(tx, now, until, AT_ONCE as i64)?)).await?;
    let results = stream::iter(taken).map(|copy| async move {
        let result = under_lease(service, &copy, align(service, mirror, &copy.key)).await;
        (copy, result)
    });
    let mut results = results.buffer_unordered(AT_ONCE);
    while let Some((copy, result)) = results.next().await {
        match result {
            Ok(()) => {
                service.db.write(move |tx| Ok::<_, Error>(db::copies::done(tx, &copy)?)).await?;
                round.done += 1;
            }
            Err(Error::Db(error)) => return Err(error.into()),
            Err(error) => {
                tracing::warn!(key = copy.key, %error, "the mirror could not be brought in line; it is tried again");
                let pause = Duration::from_secs(1 << copy.attempts.clamp(0, 10)).min(LONGEST_PAUSE);
                let until = service.now() + pause;
                service.db.write(move |tx| Ok::<_, Error>(db::copies::put_off(tx, &copy, until)?)).await?;
                round.failed += 1;
            }
        }
    }
    service.metrics.mirrored(round.done, round.failed);
    Ok(round)
}

/// Those of the objects that the mirror does not hold yet, if links have to lead there at this moment.
pub async fn missing_of(service: &Service, objects: &[Object]) -> Result<Option<HashSet<String>>, db::Error> {
    if !service.mirror.as_ref().is_some_and(Mirror::stands_in) {
        return Ok(None);
    }
    let keys: Vec<String> = objects.iter().map(|object| object.version.key.clone()).collect();
    let look_up = move |tx: &db::Tx| {
        let mut missing = HashSet::new();
        for key in &keys {
            if db::copies::is_asked(tx, key)? {
                missing.insert(key.clone());
            }
        }
        Ok::<_, db::Error>(missing)
    };
    service.db.read(look_up).await.map(Some)
}

/// Lengthens the lease as long as the work lasts.
async fn under_lease(
    service: &Service,
    copy: &Copy,
    work: impl Future<Output = Result<(), Error>>,
) -> Result<(), Error> {
    let mut work = std::pin::pin!(work);
    loop {
        match tokio::time::timeout(RENEW_EVERY, &mut work).await {
            Ok(result) => return result,
            Err(_) => {
                let (copy, until) = (copy.clone(), service.now() + LEASE);
                service.db.write(move |tx| Ok::<_, Error>(db::copies::put_off(tx, &copy, until)?)).await?;
            }
        }
    }
}

/// Makes the mirror hold under this key what the database says, whatever it holds now.
async fn align(service: &Service, mirror: &Mirror, key: &str) -> Result<(), Error> {
    let looked_for = key.to_owned();
    let version = service.db.read(move |tx| Ok::<_, Error>(db::objects::known(tx, &looked_for)?)).await?;
    let key = ObjectKey::new(key).map_err(|error| Error::Target(error.into()))?;
    let Some(version) = version else {
        return mirror.storage.own.janitor.delete(&key).await.map_err(Error::Target);
    };
    match mirror.storage.own.janitor.head(&key).await {
        // Keys are never written twice, so what has this length there is what was copied there.
        Ok(stored) if i64::try_from(stored.bytes) == Ok(version.bytes) => Ok(()),
        Ok(_) | Err(storage::Error::NotFound) => copy(service, mirror, &key, &version).await,
        Err(error) => Err(Error::Target(error)),
    }
}

/// Copies a content, and compares its SHA-256 before it becomes visible in the mirror.
async fn copy(service: &Service, mirror: &Mirror, key: &ObjectKey, version: &Known) -> Result<(), Error> {
    let bucket = service.storage.bucket(service.bucket_of(&version.space)).map_err(Error::Source)?;
    let opened = bucket.reader.open(key).await.map_err(Error::Source)?;
    let content_type = opened.content_type.unwrap_or_else(|| "application/octet-stream".to_owned());
    let (bytes, janitor) = (u64::try_from(version.bytes).unwrap_or(0), &mirror.storage.own.janitor);
    let mut source = Source { content: opened.content, looking: Looking::default(), rest: Bytes::new() };
    if bytes <= PART_BYTES {
        let content = source.next(PART_BYTES + 1).await?;
        source.compare(version)?;
        return janitor.put(key, &content_type, content).await.map_err(Error::Target);
    }
    let part_bytes = PART_BYTES.max(bytes.div_ceil(MOST_PARTS));
    let multipart = janitor.begin_multipart(key, &content_type).await.map_err(Error::Target)?;
    let sent = async {
        let mut parts: Vec<Part> = Vec::new();
        loop {
            let content = source.next(part_bytes).await?;
            if content.is_empty() {
                break;
            }
            let number = u16::try_from(parts.len() + 1).map_err(|_| Error::Damaged)?;
            parts.push(janitor.put_part(key, &multipart, number, content).await.map_err(Error::Target)?);
        }
        source.compare(version)?;
        janitor.complete_multipart(key, &multipart, &parts).await.map_err(Error::Target)
    };
    let sent = sent.await;
    if sent.is_err()
        && let Err(error) = janitor.abort_multipart(key, &multipart).await
    {
        tracing::warn!(%key, %error, "a multipart upload is left in the mirror");
    }
    sent
}

/// A content on its way.
struct Source<S> {
    content: S,
    looking: Looking,
    rest: Bytes,
}

impl<S: futures_util::Stream<Item = Result<Bytes, storage::Error>> + Unpin> Source<S> {
    /// The next bytes, so many unless the content ends before.
    async fn next(&mut self, bytes: u64) -> Result<Bytes, Error> {
        let wanted = usize::try_from(bytes).unwrap_or(usize::MAX);
        let mut part = BytesMut::new();
        while part.len() < wanted {
            if self.rest.is_empty() {
                match self.content.next().await {
                    Some(chunk) => self.rest = chunk.map_err(Error::Source)?,
                    None => break,
                }
                self.looking.see(&self.rest);
            }
            part.extend_from_slice(&self.rest.split_to(self.rest.len().min(wanted - part.len())));
        }
        Ok(part.freeze())
    }

    /// Whether everything that passed by is what was handed in.
    fn compare(&self, version: &Known) -> Result<(), Error> {
        let seen = self.looking.clone().seen();
        let same = i64::try_from(seen.bytes) == Ok(version.bytes) && seen.sha256_hex() == version.sha256;
        if same { Ok(()) } else { Err(Error::Damaged) }
    }
}
