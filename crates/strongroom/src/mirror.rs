//! The mirror: a second storage that gets every content once it is ready, loses what is removed for good, and is read
//! from while the first is away.
//!
//! What is left to do stands in rows (`copies`), written in the transaction that makes an object ready or removes it.
//! A row says only that the mirror may not be as it should be under a key: whoever takes it up looks at the database and
//! makes it so. Doing it twice, or by two at once, makes no difference.

use std::collections::{BTreeMap, HashSet};

use tokio::sync::Semaphore;

use crate::config::{self, Space};
use crate::db::copies::{Failing, Lag};
use crate::db::{self};
use crate::service::Service;
use crate::storage::{self, Bucket, Storage};
use watch::Watch;

mod copy;
mod keep;
mod watch;

pub use keep::{keep, listen};

/// How many keys that fail are named.
const NAMED: i64 = 20;

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
    #[error("what lies in storage is not what was handed in, so it was not copied; see `strongroom verify --contents`")]
    Damaged,
    /// Somebody else has taken the key up, because this process was away for too long.
    #[error("another process took the key up meanwhile")]
    Overtaken,
    /// Another node has another configuration.
    #[error(
        "another node has another mirror in its configuration, or none, and was started later; give this one the same \
         configuration and start it again"
    )]
    OtherMirror,
    /// What is the storage now was the mirror, and did not get everything.
    #[error(
        "this storage was the mirror, and {pending} contents have not been copied to it yet; go back to the \
         configuration before, let `strongroom migrate storage` finish, and then change places"
    )]
    NotWhole {
        /// How many are missing.
        pending: i64,
    },
    /// The database failed.
    #[error(transparent)]
    Db(#[from] db::Error),
}

/// The second storage.
#[derive(Debug)]
pub struct Mirror {
    /// Where everything lies a second time, under the same keys.
    pub storage: Storage,
    /// Where browsers reach it, for the status.
    pub endpoint: String,
    /// Which storage it is, as the database knows it.
    place: String,
    /// Whether the first storage answers, and whether the mirror does.
    watches: [Watch; 2],
    /// The place for a content that is copied in long pieces: there is one, so that memory has a bound.
    long_pieces: Semaphore,
}

impl Mirror {
    /// Nothing is sent yet. `place` says which storage it is.
    pub fn new(storage: Storage, endpoint: String, place: String) -> Self {
        let watches = [Watch::of("storage"), Watch::of("mirror")];
        Self { storage, endpoint, place, watches, long_pieces: Semaphore::new(1) }
    }

    /// Whether links lead here, because the first storage is away and this one is not.
    pub fn stands_in(&self, first: &Storage) -> bool {
        let [of_first, of_mirror] = &self.watches;
        of_first.is_away(first) && !of_mirror.is_away(&self.storage)
    }

    /// Whether it answered when it was last asked.
    pub fn answers(&self) -> bool {
        !self.watches[1].is_away(&self.storage)
    }

    /// The bucket here that holds what belongs to a space.
    pub fn bucket(&self, service: &Service, space: &str) -> Result<&Bucket, storage::Error> {
        let space = service.config.spaces.get(space);
        self.storage.bucket(space.and_then(|space| space.mirror_bucket.as_deref()).unwrap_or_default())
    }
}

/// Has the database know the mirror of the configuration, or that there is none: from then on every change asks for its
/// copy, whichever node makes it. A mirror that was not known before gets everything.
pub async fn begin(service: &Service) -> Result<(), Error> {
    let (now, before) = (service.now(), place(&service.config.storage, &service.config.spaces));
    let place = service.mirror.as_ref().map(|mirror| mirror.place.clone());
    let changed = service
        .db
        .write(move |tx| {
            if db::copies::mirror(tx)?.is_some_and(|known| known == before) {
                // The two have changed places.
                let pending = db::copies::lag(tx, &before)?.pending;
                if pending > 0 {
                    return Err(Error::NotWhole { pending });
                }
            }
            Ok(match &place {
                Some(place) => db::copies::set_mirror(tx, place, now)?,
                None => db::copies::unset_mirror(tx)?,
            })
        })
        .await?;
    match &service.mirror {
        Some(mirror) if changed => tracing::info!(place = mirror.place, "there is a new mirror, which gets everything"),
        None if changed => tracing::info!("there is no mirror any longer"),
        _ => {}
    }
    Ok(())
}

/// How far the mirror is behind.
pub async fn lag(service: &Service, mirror: &Mirror) -> Result<Lag, db::Error> {
    let place = mirror.place.clone();
    service.db.scan(move |tx| db::copies::lag(tx, &place)).await
}

/// Whether the database knows this mirror: another node may have been started without it, or with another.
pub async fn is_known(service: &Service, mirror: &Mirror) -> Result<bool, db::Error> {
    let place = mirror.place.clone();
    service.db.read(move |tx| Ok(db::copies::mirror(tx)?.as_ref() == Some(&place))).await
}

/// Some of what fails, with the reasons.
pub async fn failing(service: &Service) -> Result<Vec<Failing>, db::Error> {
    service.db.scan(|tx| db::copies::failing(tx, NAMED)).await
}

/// Has everything that failed tried now, without waiting for its time.
pub async fn hurry(service: &Service) -> Result<(), db::Error> {
    let now = service.now();
    service.db.write(move |tx| db::copies::hurry(tx, now)).await
}

/// Asks for the mirror to be brought in line under the key of a version.
pub async fn ask(service: &Service, key: &str) -> Result<(), db::Error> {
    let (now, key) = (service.now(), key.to_owned());
    let ask = move |tx: &db::Tx| match db::objects::known(tx, &key)? {
        Some(version) => db::copies::ask(tx, &version.space, &key, now),
        None => Ok(()),
    };
    service.db.write(ask).await
}

/// Whether the mirror is as it should be under a key that a version has; nobody asked for it since.
pub async fn holds(service: &Service, mirror: &Mirror, key: &str) -> Result<bool, db::Error> {
    let (place, key) = (mirror.place.clone(), key.to_owned());
    service.db.read(move |tx| Ok(!db::copies::held(tx, &place, [&*key])?.is_empty())).await
}

/// Those of the keys whose content lies in the mirror, if links have to lead there at this moment.
pub async fn standing_in(
    service: &Service,
    keys: impl FnOnce() -> Vec<String>,
) -> Result<Option<HashSet<String>>, db::Error> {
    let Some(mirror) = service.mirror.as_ref().filter(|mirror| mirror.stands_in(&service.storage)) else {
        return Ok(None);
    };
    let (place, keys) = (mirror.place.clone(), keys());
    service.db.read(move |tx| db::copies::held(tx, &place, keys.iter().map(String::as_str))).await.map(Some)
}

/// The name of a storage in the database: where it is, and then which bucket of it each space has for itself.
pub fn place(storage: &config::Storage, spaces: &BTreeMap<String, Space>) -> String {
    let location = &storage.location;
    let place = match &storage.place {
        config::Place::Embedded(_) => format!("embedded/{location}"),
        config::Place::External(external) => format!("{}/{}/{location}", external.endpoint, external.bucket),
    };
    let own = spaces.iter().filter_map(|(name, space)| Some(format!(" {name}={}", space.bucket.as_ref()?)));
    std::iter::once(place).chain(own).collect()
}
