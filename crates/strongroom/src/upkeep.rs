//! The clean-up: ends uploads that nobody completed, removes for good what was deleted, and clears leavings away.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use uuid::Uuid;

use crate::db::doomed::Doomed;
use crate::db::objects::Object;
use crate::db::uploads::{Method, State, Upload};
use crate::db::{self, Db};
use crate::pictures;
use crate::quota;
use crate::service::{Asker, Service};
use crate::storage::{self, Janitor, ObjectKey, Storage};
use crate::uploads;

/// How many rows are taken up at once.
const BATCH: i64 = 200;

/// How long bytes that arrived in time may be completed after the upload's URLs have ended.
const COMPLETABLE: Duration = Duration::from_hours(1);

/// How long an ended upload is remembered, so that a repeated request finds it.
const REMEMBERED: Duration = Duration::from_hours(24);

/// Why the clean-up stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] db::Error),
    /// An upload could not be taken up.
    #[error(transparent)]
    Upload(#[from] uploads::Error),
}

impl From<storage::KeyError> for Error {
    fn from(error: storage::KeyError) -> Self {
        Self::Storage(error.into())
    }
}

/// What a run did, or would do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Verifications taken up again.
    pub resumed: u64,
    /// Uploads that nobody completed although their bytes had arrived, and that were completed.
    pub arrived: u64,
    /// Uploads that had expired.
    pub expired: u64,
    /// Objects removed for good some time after they were deleted.
    pub purged: u64,
    /// Objects removed for good at the age that their space allows.
    pub outlived: u64,
    /// Pictures that were made on demand and had to make room, or that were not asked for again after they were refused.
    pub evicted: u64,
    /// Keys deleted from storage.
    pub deleted_keys: u64,
    /// Multipart uploads of nobody, ended.
    pub aborted_multiparts: u64,
    /// Staged bytes of nobody, deleted.
    pub orphans: u64,
    /// Keys to be deleted in buckets that are not configured any longer: nothing is done about them.
    pub set_aside: u64,
    /// What the storage refused, left to the next run.
    pub failed: u64,
}

/// How a run goes about it.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// How old leavings must be, so that nothing is taken from under a transfer that still runs.
    pub grace: Duration,
    /// How long an upload is left to its client before it is looked whether its bytes are there.
    pub unclaimed: Duration,
    /// Only count.
    pub dry_run: bool,
}

/// One run over everything. What fails with the storage is counted, logged and left to the next run; only a failing
/// database ends the run.
pub async fn run(service: &Service, terms: Terms) -> Result<Report, Error> {
    let mut run = Run { service, terms, now: service.now(), report: Report::default() };
    run.resume().await?;
    run.expire().await?;
    run.find_arrivals().await?;
    run.sweep_uploads().await?;
    run.purge().await?;
    run.end_outlived().await?;
    run.report.evicted = pictures::make_room(service, terms.dry_run).await?;
    run.delete_doomed().await?;
    for bucket in service.storage.buckets() {
        if let Err(error) = run.sweep_staging(&bucket.janitor).await {
            run.failed("staging", &error);
        }
    }
    if let Some(mirror) = &service.mirror {
        for bucket in mirror.storage.buckets() {
            if let Err(error) = run.sweep_mirror(&bucket.janitor, mirror.storage.location.as_str()).await {
                run.failed("mirror", &error);
            }
        }
    }
    if !terms.dry_run {
        let before = before(run.now, REMEMBERED);
        service.db.write(move |tx| Ok::<_, Error>(db::uploads::forget(tx, before)?)).await?;
    }
    Ok(run.report)
}

/// One run.
struct Run<'a> {
    service: &'a Service,
    terms: Terms,
    now: Timestamp,
    report: Report,
}

impl Run<'_> {
    /// How many rows are taken up at once. A dry run takes none up, so it has to see them all in one look.
    fn batch(&self) -> i64 {
        if self.terms.dry_run { i64::MAX } else { BATCH }
    }

    fn failed(&mut self, what: &str, error: &dyn std::error::Error) {
        self.report.failed += 1;
        tracing::warn!(what, error = %error, "the clean-up left this to its next run");
    }

    /// Takes up verifications whose holder is gone.
    async fn resume(&mut self) -> Result<(), Error> {
        let (now, batch) = (self.now, self.batch());
        let forsaken: Vec<Upload> = self.service.db.read(move |tx| db::uploads::forsaken(tx, now, batch)).await?;
        for upload in forsaken {
            self.report.resumed += 1;
            if self.terms.dry_run {
                continue;
            }
            match uploads::take_up_again(self.service, &upload).await {
                Err(uploads::Error::Db(error)) => return Err(error.into()),
                Err(error) => self.failed("upload", &error),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// Ends uploads that nobody completed in time: those whose bytes arrived become objects a little later, and the
    /// others expire.
    async fn expire(&mut self) -> Result<(), Error> {
        let until = before(self.now, self.terms.grace.min(COMPLETABLE));
        self.each_open((Timestamp::MIN, until), true).await
    }

    /// Completes uploads whose bytes arrived without anybody saying so.
    async fn find_arrivals(&mut self) -> Result<(), Error> {
        let over = before(self.now, self.terms.grace.min(COMPLETABLE));
        self.each_open((over, Timestamp::MAX), false).await
    }

    /// Looks at each open upload whose URLs stop working after the one time and not after the other. Those that were
    /// begun just now are left to their clients, unless they are over.
    async fn each_open(&mut self, (after, until): (Timestamp, Timestamp), over: bool) -> Result<(), Error> {
        let (batch, mut last) = (self.batch(), (after, Uuid::max()));
        let begun_before = if over { Timestamp::MAX } else { before(self.now, self.terms.unclaimed) };
        loop {
            let look_up = move |tx: &db::Tx| db::uploads::open(tx, last, until, begun_before, batch);
            let open: Vec<Upload> = self.service.db.read(look_up).await?;
            let Some(end) = open.last().map(|upload| (upload.expires_at, upload.id)) else { return Ok(()) };
            last = end;
            for upload in open {
                if !self.settle(&upload, over).await? {
                    return Ok(());
                }
            }
        }
    }

    /// False when the storage does not answer: then asking for the others is in vain.
    async fn settle(&mut self, upload: &Upload, over: bool) -> Result<bool, Error> {
        let configured = self.service.config.spaces.contains_key(&upload.space)
            // Nothing comes of what went to a bucket that the space has no longer.
            && upload.bucket == self.service.bucket_of(&upload.space);
        let found = if self.terms.dry_run && configured {
            let arrived = uploads::has_arrived(self.service, upload).await;
            arrived.map(|arrived| if arrived { uploads::Found::Completed } else { uploads::Found::Nothing })
        } else if configured {
            uploads::complete_if_arrived(self.service, upload).await
        } else {
            Ok(uploads::Found::Nothing)
        };
        match found {
            Ok(uploads::Found::Completed) => self.report.arrived += 1,
            Ok(uploads::Found::Nothing) if over => {
                if self.terms.dry_run || uploads::expire(self.service, upload).await? {
                    self.report.expired += 1;
                }
            }
            Ok(uploads::Found::Nothing | uploads::Found::Taken) => {}
            Err(uploads::Error::Db(error)) => return Err(error.into()),
            Err(error) => {
                self.failed("upload", &error);
                return Ok(!matches!(error, uploads::Error::Storage(error) if error.is_away()));
            }
        }
        Ok(true)
    }

    /// Clears what any ended upload left, once transfers that began in time are over.
    async fn sweep_uploads(&mut self) -> Result<(), Error> {
        if self.terms.dry_run {
            return Ok(());
        }
        let now = self.now;
        let before = before(now, self.terms.grace);
        loop {
            let due: Vec<Upload> = self.service.db.read(move |tx| db::uploads::to_sweep(tx, before, BATCH)).await?;
            let more = due.len() as i64 == BATCH;
            for upload in due {
                if let Err(error) = self.abort_multipart(&upload).await {
                    self.failed("multipart upload", &error);
                }
                let sweep = move |tx: &db::Tx| {
                    // A URL may have been used again after the bytes were promoted.
                    if upload.method != Method::Service {
                        db::doomed::insert(tx, &upload.bucket, &upload.staging_key, now)?;
                    }
                    if let Some(key) = upload.final_key.as_ref().filter(|_| upload.state != State::Ready) {
                        db::doomed::insert(tx, &upload.bucket, key, now)?;
                    }
                    Ok::<_, Error>(db::uploads::set_swept(tx, upload.id, now)?)
                };
                self.service.db.write(sweep).await?;
            }
            if !more {
                return Ok(());
            }
        }
    }

    async fn abort_multipart(&self, upload: &Upload) -> Result<(), Error> {
        let Some(multipart) = &upload.multipart_id else { return Ok(()) };
        let key = match upload.method {
            Method::Service => upload.final_key.as_ref(),
            _ => Some(&upload.staging_key),
        };
        // What lies in a bucket that is not configured any longer cannot be reached.
        let (Some(key), Ok(bucket)) = (key, self.service.storage.bucket(&upload.bucket)) else { return Ok(()) };
        Ok(bucket.janitor.abort_multipart(&ObjectKey::new(key.clone())?, multipart).await?)
    }

    /// Removes for good what was deleted long enough ago. The keys are doomed in the same transaction.
    async fn purge(&mut self) -> Result<(), Error> {
        for (name, space) in &self.service.config.spaces {
            let due = (&**name, before(self.now, space.deleted_retention));
            self.report.purged += self.remove_all(due, "object.purge", db::objects::deleted_before).await?;
        }
        Ok(())
    }

    /// Removes for good what is as old as its space lets objects become, deleted or not.
    async fn end_outlived(&mut self) -> Result<(), Error> {
        for (name, space) in &self.service.config.spaces {
            let Some(age) = space.lifecycle.expire_after else { continue };
            let due = (&**name, before(self.now, age));
            self.report.outlived += self.remove_all(due, "object.expire", db::objects::handed_in_before).await?;
        }
        Ok(())
    }

    /// Removes every object of a space that is due at this time; how many.
    async fn remove_all(
        &self,
        (space, before): (&str, Timestamp),
        action: &'static str,
        due: Due,
    ) -> Result<u64, Error> {
        let (batch, mut count) = (self.batch(), 0);
        loop {
            let space = space.to_owned();
            let objects: Vec<Object> = self.service.db.read(move |tx| due(tx, &space, before, batch)).await?;
            let more = objects.len() as i64 == batch;
            count += objects.len() as u64;
            if !self.terms.dry_run {
                for object in objects {
                    remove(self.service, object, self.now, action).await?;
                }
            }
            if !more {
                return Ok(count);
            }
        }
    }

    /// Deletes the bytes under every doomed key that no version needs, in all buckets that can be reached.
    async fn delete_doomed(&mut self) -> Result<(), Error> {
        let aside = set_aside(&self.service.storage, &self.service.db).await?;
        let buckets = self.service.db.scan(db::doomed::buckets).await?;
        for (bucket, _) in buckets {
            if !aside.iter().any(|(name, _)| *name == bucket) {
                self.delete_doomed_in(bucket).await?;
            }
        }
        for (bucket, keys) in aside {
            self.report.set_aside += keys.unsigned_abs();
            tracing::warn!(
                bucket,
                keys,
                "keys are to be deleted in a bucket that is not configured any longer; name it as the bucket of a space \
                 until they are, or run `strongroom gc --forget-bucket` for it"
            );
        }
        Ok(())
    }

    async fn delete_doomed_in(&mut self, bucket: String) -> Result<(), Error> {
        let mut after = Doomed { bucket, key: String::new() };
        loop {
            let keys: Vec<Doomed> = self.service.db.read(move |tx| db::doomed::list(tx, &after, BATCH)).await?;
            let Some(last) = keys.last().cloned() else { return Ok(()) };
            for doomed in keys {
                let looked_for = doomed.key.clone();
                let needed: bool = self.service.db.read(move |tx| db::objects::holds_key(tx, &looked_for)).await?;
                if !needed {
                    self.report.deleted_keys += 1;
                    if !self.terms.dry_run
                        && let Err(error) = self.delete(&doomed).await
                    {
                        self.failed(&doomed.key, &error);
                        continue;
                    }
                }
                if !self.terms.dry_run {
                    self.service.db.write(move |tx| Ok::<_, Error>(db::doomed::remove(tx, &doomed)?)).await?;
                }
            }
            after = last;
        }
    }

    async fn delete(&self, doomed: &Doomed) -> Result<(), Error> {
        let bucket = self.service.storage.bucket(&doomed.bucket)?;
        Ok(bucket.janitor.delete(&ObjectKey::new(&*doomed.key)?).await?)
    }

    /// Clears staged bytes and multipart uploads that belong to no upload that is still open. What others keep in the
    /// same bucket is not ours to touch: only what is named like an upload, or is known to be one, counts.
    async fn sweep_staging(&mut self, janitor: &Janitor) -> Result<(), Error> {
        let service = self.service;
        let old_enough = before(self.now, self.terms.grace);
        for listed in janitor.multiparts(service.storage.location.as_str()).await? {
            let ours = is_awaited(service, &listed.key, Some(&listed.multipart)).await?;
            if listed.initiated <= old_enough && ours == Some(false) {
                self.report.aborted_multiparts += 1;
                if !self.terms.dry_run {
                    janitor.abort_multipart(&listed.key, &listed.multipart).await?;
                }
            }
        }
        let prefix = ObjectKey::staging_prefix(&service.storage.location);
        let mut token: Option<String> = None;
        loop {
            let (page, next) = janitor.list(&prefix, token.as_deref()).await?;
            for listed in page {
                if listed.modified <= old_enough && is_awaited(service, &listed.key, None).await? == Some(false) {
                    self.report.orphans += 1;
                    if !self.terms.dry_run {
                        janitor.delete(&listed.key).await?;
                    }
                }
            }
            match next {
                Some(next) => token = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// Ends what a crash left of copies that were made in parts.
    async fn sweep_mirror(&mut self, janitor: &Janitor, location: &str) -> Result<(), Error> {
        let (now, old_enough) = (self.now, before(self.now, self.terms.grace));
        for listed in janitor.multiparts(location).await? {
            let key = listed.key.as_str().to_owned();
            let is_left = move |tx: &db::Tx| {
                let ours = db::objects::holds_key(tx, &key)? || db::copies::is_asked(tx, &key)?;
                Ok::<_, Error>(ours && !db::copies::is_held(tx, &key, now)?)
            };
            if listed.initiated <= old_enough && self.service.db.read(is_left).await? {
                self.report.aborted_multiparts += 1;
                if !self.terms.dry_run {
                    janitor.abort_multipart(&listed.key, &listed.multipart).await?;
                }
            }
        }
        Ok(())
    }
}

/// The buckets that are not configured any longer although keys are to be deleted in them, and how many.
pub async fn set_aside(storage: &Storage, db: &Db) -> Result<Vec<(String, i64)>, db::Error> {
    let mut buckets = db.scan(db::doomed::buckets).await?;
    buckets.retain(|(bucket, _)| storage.bucket(bucket).is_err());
    Ok(buckets)
}

/// Looks up objects of a space that are due to be removed, at most so many.
type Due = fn(&db::Tx, &str, Timestamp, i64) -> Result<Vec<Object>, db::Error>;

/// Removes one object, unless somebody deleted or restored it since it was read.
async fn remove(service: &Service, object: Object, now: Timestamp, action: &'static str) -> Result<(), Error> {
    let bucket = service.bucket_of(&object.space).to_owned();
    let entry = Asker::upkeep().entry(now, action).on(&object.space, Some(object.id));
    service
        .db
        .write(move |tx| {
            let still = db::objects::get(tx, object.id)?.is_some_and(|now| now.deleted_at == object.deleted_at);
            if still {
                for key in db::objects::keys(tx, object.id)?.into_iter().chain(db::pictures::keys(tx, object.id)?) {
                    db::doomed::insert(tx, &bucket, &key, now)?;
                    db::copies::ask(tx, &object.space, &key, now)?;
                }
                db::objects::remove(tx, object.id)?;
                quota::forget(tx, &object.space, object.owner.as_deref(), object.version.bytes)?;
                entry.write(tx)?;
            }
            Ok::<_, Error>(())
        })
        .await
}

/// So long before a moment; the beginning of time when that is longer ago than a time can say.
fn before(moment: Timestamp, ago: Duration) -> Timestamp {
    moment.saturating_sub(SignedDuration::try_from(ago).unwrap_or(SignedDuration::MAX)).unwrap_or(Timestamp::MIN)
}

/// Whether an upload that has not ended waits for what lies under this key; nothing when no upload ever did.
async fn is_awaited(service: &Service, key: &ObjectKey, multipart: Option<&str>) -> Result<Option<bool>, Error> {
    let upload: Option<Upload> = if let Some(id) = key.staged_upload() {
        service.db.read(move |tx| db::uploads::get(tx, id)).await?
    } else {
        let looked_for = key.as_str().to_owned();
        let found: Option<Upload> = service.db.read(move |tx| db::uploads::by_final_key(tx, &looked_for)).await?;
        if found.is_none() {
            return Ok(None);
        }
        found
    };
    Ok(Some(upload.is_some_and(|upload| {
        // A final key that is not where the bytes land is being copied to, maybe in parts.
        let copied = upload.method != Method::Service && upload.staging_key != key.as_str();
        let same = multipart.is_none_or(|multipart| upload.multipart_id.as_deref() == Some(multipart) || copied);
        upload.state.is_pending() && same
    })))
}
