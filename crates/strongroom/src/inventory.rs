//! The inventory: what lies in storage, compared with what the database knows.
//!
//! Both are walked through in the order of keys, page by page, while the service goes on working. What seems to be wrong
//! is looked at once more, in the database and then in storage, before anything is said of it.

use std::cmp::Ordering;
use std::collections::VecDeque;

use futures_util::{StreamExt as _, stream};
use serde::Serialize;
use uuid::Uuid;

use crate::db::objects::Known;
use crate::db::{self};
use crate::digest;
use crate::mirror::{self, Mirror};
use crate::service::Service;
use crate::storage::{self, Bucket, Listed, ObjectKey, Storage};

/// How many rows of the database are read at once.
const BATCH: i64 = 1000;

/// How many contents are read at once.
const READING: usize = 8;

/// Why the inventory stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] db::Error),
}

impl From<storage::KeyError> for Error {
    fn from(error: storage::KeyError) -> Self {
        Self::Storage(error.into())
    }
}

/// What is wrong with one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Where: `storage` or `mirror`.
    pub storage: &'static str,
    /// What is wrong.
    pub what: What,
    /// The key, without the location.
    pub key: String,
    /// Whose content lies there, or should.
    pub object: Option<Uuid>,
    /// The same in words.
    pub detail: String,
}

/// The kinds of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// The database knows a content that is not there.
    Missing,
    /// What is there is not what was handed in.
    Differs,
    /// Nobody knows what is there.
    Orphan,
}

/// The numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Versions that the database knows.
    pub versions: u64,
    /// Contents that were read whole.
    pub read: u64,
    /// Versions whose content is not there.
    pub missing: u64,
    /// Versions whose content is another.
    pub differ: u64,
    /// Keys that nobody knows.
    pub orphans: u64,
    /// Keys under which the mirror is still to be brought in line; they are no findings.
    pub awaited: u64,
}

impl Report {
    fn count(&mut self, what: What) {
        match what {
            What::Missing => self.missing += 1,
            What::Differs => self.differ += 1,
            What::Orphan => self.orphans += 1,
        }
    }
}

/// One of the storages.
#[derive(Debug, Clone, Copy)]
pub enum Side<'a> {
    /// The first.
    Storage(&'a Storage),
    /// The second.
    Mirror(&'a Mirror),
}

impl<'a> Side<'a> {
    /// Both, or the one that there is.
    pub fn all(service: &'a Service) -> impl Iterator<Item = Self> {
        std::iter::once(Self::Storage(&service.storage)).chain(service.mirror.as_ref().map(Self::Mirror))
    }

    fn storage(self) -> &'a Storage {
        match self {
            Self::Storage(storage) => storage,
            Self::Mirror(mirror) => &mirror.storage,
        }
    }

    /// The bucket that holds what belongs to a space.
    fn bucket(self, service: &Service, space: &str) -> Result<&'a Bucket, Error> {
        Ok(match self {
            Self::Storage(storage) => storage.bucket(service.bucket_of(space))?,
            Self::Mirror(mirror) => mirror.bucket(service, space)?,
        })
    }

    /// Its name, as the configuration calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Storage(_) => "storage",
            Self::Mirror(_) => "mirror",
        }
    }
}

/// How many versions the database knows.
pub async fn size(service: &Service) -> Result<u64, Error> {
    let count: i64 = service.db.scan(|tx| Ok::<_, Error>(db::objects::count_known(tx, "")?)).await?;
    Ok(count.unsigned_abs())
}

/// How storage is compared with the database.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Terms {
    /// Every content is read, too, and its SHA-256 compared.
    pub contents: bool,
    /// The mirror gets once more what is missing or differs there.
    pub repair: bool,
}

/// Compares everything. Each finding is told as it is found, and how many versions were looked at.
pub async fn compare(
    service: &Service,
    side: Side<'_>,
    terms: Terms,
    tell: &mut dyn FnMut(Option<Finding>, u64),
) -> Result<Report, Error> {
    let mut report = Report::default();
    for bucket in side.storage().buckets() {
        report = compare_bucket(Walk { service, side, bucket, terms, report, to_read: Vec::new(), tell }).await?;
    }
    Ok(report)
}

/// Compares what lies in one bucket with what the database knows of it.
async fn compare_bucket(mut walk: Walk<'_>) -> Result<Report, Error> {
    let (mut known, mut listed) = (KnownPages::default(), ListedPages::default());
    loop {
        known.fill(&walk).await?;
        listed.fill(&walk).await?;
        let order = match (known.rows.front(), listed.rows.front()) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(known), Some(listed)) => known.key.as_str().cmp(listed.key.as_str()),
        };
        let version = if order == Ordering::Greater { None } else { known.rows.pop_front() };
        let there = if order == Ordering::Less { None } else { listed.rows.pop_front() };
        match (version, there) {
            (Some(version), Some(there)) => walk.compare(version, there.bytes).await?,
            (Some(version), None) => walk.look_again(version).await?,
            (None, Some(there)) => walk.whose(there).await?,
            (None, None) => break,
        }
    }
    walk.read().await?;
    Ok(walk.report)
}

/// The database's side.
#[derive(Default)]
struct KnownPages {
    rows: VecDeque<Known>,
    after: String,
    is_over: bool,
}

impl KnownPages {
    async fn fill(&mut self, walk: &Walk<'_>) -> Result<(), Error> {
        while self.rows.is_empty() && !self.is_over {
            let after = self.after.clone();
            let page: Vec<Known> = walk.service.db.read(move |tx| db::objects::known_after(tx, &after, BATCH)).await?;
            match page.last() {
                Some(last) => self.after.clone_from(&last.key),
                None => self.is_over = true,
            }
            for version in page {
                if walk.side.bucket(walk.service, &version.space)?.name == walk.bucket.name {
                    self.rows.push_back(version);
                }
            }
        }
        Ok(())
    }
}

/// The storage's side.
#[derive(Default)]
struct ListedPages {
    rows: VecDeque<Listed>,
    token: Option<String>,
    is_over: bool,
}

impl ListedPages {
    async fn fill(&mut self, walk: &Walk<'_>) -> Result<(), Error> {
        while self.rows.is_empty() && !self.is_over {
            let location = walk.side.storage().location.as_str();
            let (page, next) = walk.bucket.janitor.list(location, self.token.as_deref()).await?;
            self.rows = page.into();
            self.is_over = next.is_none();
            self.token = next;
        }
        Ok(())
    }
}

struct Walk<'a> {
    service: &'a Service,
    side: Side<'a>,
    bucket: &'a Bucket,
    terms: Terms,
    report: Report,
    /// Versions whose length is right, and whose content is to be read.
    to_read: Vec<Known>,
    tell: &'a mut dyn FnMut(Option<Finding>, u64),
}

impl Walk<'_> {
    async fn found(&mut self, what: What, key: String, object: Option<Uuid>, detail: String) -> Result<(), Error> {
        self.report.count(what);
        if self.terms.repair && what != What::Orphan && matches!(self.side, Side::Mirror(_)) {
            // At once, because a mirror may lack more than fits into memory.
            mirror::ask(self.service, &key).await?;
        }
        let finding = Finding { storage: self.side.name(), what, key, object, detail };
        (self.tell)(Some(finding), self.report.versions);
        Ok(())
    }

    /// Whether the mirror still has to be brought in line under a key. Asked before the mirror itself is, so that what
    /// is done meanwhile is seen there.
    async fn is_awaited(&self, version: &Known) -> Result<bool, Error> {
        match self.side {
            Side::Storage(_) => Ok(false),
            Side::Mirror(mirror) => Ok(!mirror::holds(self.service, mirror, &version.key).await?),
        }
    }

    /// A version, and what was listed under its key.
    async fn compare(&mut self, version: Known, bytes: u64) -> Result<(), Error> {
        if i64::try_from(bytes) != Ok(version.bytes) {
            return self.look_again(version).await;
        }
        self.report.versions += 1;
        if self.terms.contents {
            self.to_read.push(version);
            if self.to_read.len() >= READING * READING {
                self.read().await?;
            }
        }
        (self.tell)(None, self.report.versions);
        Ok(())
    }

    /// A version whose key was not listed, or with another length: it may have come since, or gone.
    async fn look_again(&mut self, version: Known) -> Result<(), Error> {
        let is_awaited = self.is_awaited(&version).await?;
        let bytes = match self.bucket.janitor.head(&ObjectKey::new(version.key.clone())?).await {
            Ok(stored) if i64::try_from(stored.bytes) == Ok(version.bytes) => {
                return Box::pin(self.compare(version, stored.bytes)).await;
            }
            Ok(stored) => Some(stored.bytes),
            Err(storage::Error::NotFound) => None,
            Err(error) => return Err(error.into()),
        };
        self.report.versions += 1;
        match bytes {
            _ if is_awaited => self.report.awaited += 1,
            Some(bytes) => {
                let detail = format!("{bytes} bytes are there, and {} were handed in", version.bytes);
                self.found(What::Differs, version.key, Some(version.object), detail).await?;
            }
            None => self.lost(version).await?,
        }
        Ok(())
    }

    /// A version whose content is not there, unless it was removed meanwhile.
    async fn lost(&mut self, version: Known) -> Result<(), Error> {
        let key = version.key.clone();
        if self.service.db.read(move |tx| Ok::<_, Error>(db::objects::holds_key(tx, &key)?)).await? {
            let detail = "its content is not there".to_owned();
            self.found(What::Missing, version.key, Some(version.object), detail).await?;
        }
        Ok(())
    }

    /// A key that is no version's: it may be an upload's, or be about to go.
    async fn whose(&mut self, there: Listed) -> Result<(), Error> {
        let (key, upload) = (there.key.as_str().to_owned(), there.key.staged_upload());
        let is_known = move |tx: &db::Tx| {
            let of_upload = match upload {
                Some(id) => db::uploads::get(tx, id)?.is_some(),
                None => db::uploads::by_final_key(tx, &key)?.is_some(),
            };
            let is_to_go = db::doomed::holds(tx, &key)? || db::copies::is_asked(tx, &key)?;
            Ok::<_, Error>(of_upload || is_to_go || db::objects::holds_key(tx, &key)?)
        };
        // What was to go may have gone since it was listed.
        if !self.service.db.read(is_known).await? && self.is_there(&there.key).await? {
            let detail = format!("nobody knows what lies here ({} bytes, since {})", there.bytes, there.modified);
            self.found(What::Orphan, there.key.as_str().to_owned(), None, detail).await?;
        }
        Ok(())
    }

    async fn is_there(&self, key: &ObjectKey) -> Result<bool, Error> {
        match self.bucket.janitor.head(key).await {
            Ok(_) => Ok(true),
            Err(storage::Error::NotFound) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads what is to be read, several at once.
    async fn read(&mut self) -> Result<(), Error> {
        let bucket = self.bucket;
        let versions = std::mem::take(&mut self.to_read);
        let reading = stream::iter(versions).map(|version| async move {
            let seen = async {
                let key = ObjectKey::new(version.key.clone())?;
                digest::look_at(bucket.reader.read(&key).await?).await
            };
            let seen = seen.await;
            (version, seen)
        });
        let mut reading = reading.buffer_unordered(READING);
        let mut done = Vec::new();
        while let Some(result) = reading.next().await {
            done.push(result);
        }
        drop(reading);
        for (version, seen) in done {
            match seen {
                Ok(seen) if seen.sha256_hex() == version.sha256 => self.report.read += 1,
                Ok(seen) => {
                    self.report.read += 1;
                    let detail = format!("its SHA-256 is {} now, and was {}", seen.sha256_hex(), version.sha256);
                    if !self.is_awaited(&version).await? {
                        self.found(What::Differs, version.key, Some(version.object), detail).await?;
                    }
                }
                Err(error @ (storage::Error::NotFound | storage::Error::Refused { status: 403, .. })) => {
                    // Who may not list is not told that nothing is there.
                    match self.bucket.janitor.head(&ObjectKey::new(version.key.clone())?).await {
                        Err(storage::Error::NotFound) => self.lost(version).await?,
                        _ => return Err(error.into()),
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}
