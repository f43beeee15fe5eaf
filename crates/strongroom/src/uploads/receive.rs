//! Handing a file in through the service: it streams to its final key while it is counted, sniffed and digested.
//!
//! No URL for that key was ever given away, so what the service saw pass is what lies there.

use std::fmt::Display;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};
use sha2::{Digest as _, Sha256};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::begin::repeated;
use super::complete::under_lease;
use super::settle::{Found, accept, clear, end};
use super::verify::{accepted_type, final_key, note_final_key, reason};
use super::{Error, Idempotency, LEASE, as_i64, bucket, new_row, object_of};
use crate::config::Space;
use crate::content_type;
use crate::db::objects::Object;
use crate::db::uploads::{Lease, Method, State, Upload};
use crate::db::{self};
use crate::description::Description;
use crate::media;
use crate::places::Place;
use crate::quota::Account;
use crate::service::{Asker, Service};
use crate::spaces;
use crate::storage::{self, ObjectKey, Part};

/// How much is gathered before it is sent on: the length of a part, which S3 wants to be 5 MiB at least.
const PART_BYTES: usize = 8 << 20;

/// How long the client may send nothing.
const IDLE: Duration = Duration::from_secs(30);

/// How much has to come within each [`IDLE`] while a place for a large body is held.
const SLOWEST: u64 = 256 << 10;

/// Bodies beyond this length take a place, so that their buffers have a bound together.
const LARGE: usize = 1 << 20;

/// A file on its way in.
#[derive(Debug)]
pub struct Arriving<S> {
    /// What is said of it.
    pub description: Description,
    /// What its sender says it is.
    pub content_type: String,
    /// How long it is at the most, if that is known beforehand.
    pub at_most: Option<u64>,
    /// Whether it is exactly as long as that.
    pub exact: bool,
    /// Its bytes.
    pub body: S,
}

/// Takes a file in and makes an object of it, or finds the one that the same request made before.
pub async fn receive<S, E>(
    service: &Service,
    asker: &Asker,
    space_name: &str,
    arriving: Arriving<S>,
    idempotency: Option<Idempotency>,
) -> Result<Object, Error>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: Display,
{
    let space = spaces::find(service, &asker.principal, space_name)?;
    arriving.description.check().map_err(Error::Invalid)?;
    let owner = spaces::owner_of_new(space, space_name, &asker.principal, arriving.description.owner.as_deref())?;
    let content_type = content_type::normalise(&arriving.content_type)?;
    let most = u64::from(service.storage.profile.most_parts) * PART_BYTES as u64;
    let longest = space.max_bytes.unwrap_or(most).min(most);
    if arriving.exact && arriving.at_most.is_some_and(|bytes| bytes > longest) {
        return Err(Error::TooLarge { limit: longest });
    }

    let mut upload = new_row(service, asker, space_name, owner, arriving.description);
    upload.method = Method::Service;
    upload.state = State::Verifying;
    upload.content_type = content_type;
    upload.bytes = as_i64(arriving.at_most.unwrap_or(0).min(longest));
    upload.lease = Some(Lease { holder: service.new_id(), until: upload.created_at + LEASE });
    upload.expires_at = upload.created_at + space.uploads.expires;
    if let Some(Idempotency { key, digest }) = idempotency.filter(|_| asker.principal.is_signed_in()) {
        (upload.idempotency_key, upload.request_digest) = (Some(key), Some(digest));
    }
    if let Some(before) = enter(service, space, &upload).await? {
        return if before.state == State::Ready { object_of(service, &before).await } else { Err(Error::InProgress) };
    }

    let mut guard = Guard { service: service.clone(), asker: asker.clone(), upload: Some(upload.clone()) };
    let mut intake = Intake {
        service,
        space,
        longest,
        upload: upload.clone(),
        multipart: None,
        sending: None,
        spare: None,
        parts: Vec::new(),
    };
    let outcome = under_lease(service, &upload, intake.run(arriving.body)).await;
    let upload = intake.upload.clone();
    guard.upload = None;
    let lost = Error::Ended("took too long, and was cleared away");
    match outcome {
        Ok(Some(found)) => accept(service, asker, &upload, found).await?.ok_or(lost),
        Ok(None) => Err(lost),
        Err(error) => {
            undo(service, asker, &upload, Some(&error)).await;
            Err(error)
        }
    }
}

/// Writes the row and reserves what is announced, unless the same request did so before.
async fn enter(service: &Service, space: &Space, upload: &Upload) -> Result<Option<Upload>, Error> {
    let (row, settings) = (upload.clone(), space.clone());
    service
        .db
        .write(move |tx| {
            if let Some(before) = repeated(tx, &row)? {
                return Ok(Some(before));
            }
            Account { settings: &settings, space: &row.space, owner: row.owner.as_deref() }
                .reserve(tx, row.bytes, 1)?;
            db::uploads::insert(tx, &row)?;
            Ok(None)
        })
        .await
}

/// Undoes a file that did not come to its end.
async fn undo(service: &Service, asker: &Asker, upload: &Upload, error: Option<&Error>) {
    let reason = error.and_then(reason);
    let state = if reason.is_some() { State::Rejected } else { State::Aborted };
    if let Some(reason) = &reason {
        service.metrics.uploads_rejected(&reason.code);
    }
    match end(service, asker, upload, state, reason).await {
        Ok(Some(ended)) => clear(service, &ended).await,
        Ok(None) => {}
        Err(error) => tracing::warn!(upload = %upload.id, %error, "an upload that broke off is left to the clean-up"),
    }
}

/// Undoes the file when its request is dropped, because the client hung up.
struct Guard {
    service: Service,
    asker: Asker,
    upload: Option<Upload>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(upload) = self.upload.take() {
            let (service, asker) = (self.service.clone(), self.asker.clone());
            tokio::spawn(async move { undo(&service, &asker, &upload, None).await });
        }
    }
}

/// A file while it streams.
struct Intake<'a> {
    service: &'a Service,
    space: &'a Space,
    /// The longest file that is taken.
    longest: u64,
    upload: Upload,
    /// What is known once the first part is full: the key, its type, the storage's id of the multipart upload.
    multipart: Option<(ObjectKey, String, String)>,
    /// The part that is being sent while the next one fills, and its content.
    sending: Option<(JoinHandle<Result<Part, storage::Error>>, Bytes)>,
    /// The buffer of a part that has arrived. Two buffers serve for all parts of a file.
    spare: Option<BytesMut>,
    parts: Vec<Part>,
}

impl Intake<'_> {
    async fn run<S, E>(&mut self, mut body: S) -> Result<Found, Error>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
        E: Display,
    {
        let (mut total, mut digest, mut buffer) = (0_u64, Sha256::new(), BytesMut::new());
        let mut place: Option<Place> = None;
        let (mut since, mut came) = (Instant::now(), 0_u64);
        loop {
            let chunk = match tokio::time::timeout(IDLE, body.next()).await {
                Err(_) => return Err(Error::BrokenOff(format!("nothing came for {} seconds", IDLE.as_secs()))),
                Ok(None) => break,
                Ok(Some(Err(error))) => return Err(Error::BrokenOff(error.to_string())),
                Ok(Some(Ok(chunk))) => chunk,
            };
            total += chunk.len() as u64;
            came += chunk.len() as u64;
            if total > self.longest {
                return Err(Error::TooLarge { limit: self.longest });
            }
            // Who holds a place has to make use of it; the time that the storage takes is not the client's.
            if since.elapsed() >= IDLE {
                if place.is_some() && came < SLOWEST {
                    return Err(Error::BrokenOff(
                        "it comes too slowly; send it directly to storage, in parts".to_owned(),
                    ));
                }
                (since, came) = (Instant::now(), 0);
            }
            self.reserve(total).await?;
            digest.update(&chunk);
            let mut rest = chunk;
            while !rest.is_empty() {
                buffer.extend_from_slice(&rest.split_to(rest.len().min(PART_BYTES - buffer.len())));
                if place.is_none() && buffer.len() > LARGE {
                    place = Some(self.service.places.take(&self.upload.actor).await.ok_or(Error::Busy)?);
                }
                if buffer.len() == PART_BYTES {
                    self.send(buffer.freeze()).await?;
                    buffer = self.spare.take().unwrap_or_else(|| BytesMut::with_capacity(PART_BYTES));
                }
            }
        }
        let (key, content_type) = self.finish(buffer.freeze()).await?;
        // All of it has arrived: it is not sent again for what would only be nice to know.
        let media = media::look(bucket(self.service, &self.upload)?, &key, &content_type, total).await;
        let media = media.unwrap_or_default();
        Ok(Found { key, content_type, bytes: total, sha256: digest.finalize().into(), media })
    }

    /// Reserves more where the length was not known beforehand, a part at a time.
    async fn reserve(&mut self, total: u64) -> Result<(), Error> {
        let total = as_i64(total);
        if total <= self.upload.bytes {
            return Ok(());
        }
        let more = as_i64(PART_BYTES as u64).max(total - self.upload.bytes);
        let wanted = self.upload.bytes + more;
        let (row, settings) = (self.upload.clone(), self.space.clone());
        let exact = total - self.upload.bytes;
        let got = self
            .service
            .db
            .write(move |tx| {
                let account = Account { settings: &settings, space: &row.space, owner: row.owner.as_deref() };
                // Near the limit there may be room for what has come, though not for a whole part more.
                let got = if account.reserve(tx, more, 0).is_ok() {
                    wanted
                } else {
                    account.reserve(tx, exact, 0)?;
                    total
                };
                let holder = row.lease.map(|lease| lease.holder).unwrap_or_default();
                if !db::uploads::set_bytes(tx, row.id, holder, got)? {
                    return Err(Error::Ended("took too long, and was cleared away"));
                }
                Ok(got)
            })
            .await?;
        self.upload.bytes = got;
        Ok(())
    }

    /// Judges the type by the first bytes, and writes the key down that it leads to.
    async fn settle_type(&mut self, head: &[u8]) -> Result<(ObjectKey, String), Error> {
        let content_type = accepted_type(self.space, head, &self.upload.content_type)?;
        let key = final_key(self.space, &self.upload, &content_type)?;
        note_final_key(self.service, &self.upload, &key).await?;
        self.upload.final_key = Some(key.as_str().to_owned());
        Ok((key, content_type))
    }

    /// Sends a full part while the next one fills; the one before must have arrived.
    async fn send(&mut self, content: Bytes) -> Result<(), Error> {
        if self.multipart.is_none() {
            let (key, content_type) = self.settle_type(&content).await?;
            let multipart = bucket(self.service, &self.upload)?.janitor.begin_multipart(&key, &content_type).await?;
            self.upload.multipart_id = Some(multipart.clone());
            let (id, noted) = (self.upload.id, multipart.clone());
            self.service.db.write(move |tx| Ok::<_, Error>(db::uploads::set_multipart_id(tx, id, &noted)?)).await?;
            self.multipart = Some((key, content_type, multipart));
        }
        self.arrived().await?;
        let Some((key, _, multipart)) = self.multipart.clone() else { return Ok(()) };
        let number = u16::try_from(self.parts.len() + 1).unwrap_or(u16::MAX);
        let (service, name) = (self.service.clone(), self.upload.bucket.clone());
        let sent = content.clone();
        let task = tokio::spawn(async move {
            service.storage.bucket(&name)?.janitor.put_part(&key, &multipart, number, sent).await
        });
        self.sending = Some((task, content));
        Ok(())
    }

    /// Waits for the part that is being sent.
    async fn arrived(&mut self) -> Result<(), Error> {
        if let Some((task, content)) = self.sending.take() {
            let part = task.await.map_err(|panic| Error::Broken(panic.to_string()))??;
            self.parts.push(part);
            self.spare = content.try_into_mut().ok().map(|mut buffer| {
                buffer.clear();
                buffer
            });
        }
        Ok(())
    }

    /// Sends what is left: all of a short file, or the last part of a long one.
    async fn finish(&mut self, rest: Bytes) -> Result<(ObjectKey, String), Error> {
        if self.multipart.is_none() {
            let (key, content_type) = self.settle_type(&rest).await?;
            bucket(self.service, &self.upload)?.janitor.put(&key, &content_type, rest).await?;
            return Ok((key, content_type));
        }
        if !rest.is_empty() {
            self.send(rest).await?;
        }
        self.arrived().await?;
        let Some((key, content_type, multipart)) = self.multipart.take() else {
            return Err(Error::Unfit("no part was sent".to_owned()));
        };
        match bucket(self.service, &self.upload)?.janitor.complete_multipart(&key, &multipart, &self.parts).await {
            // A try whose answer was lost may have joined the parts already.
            Err(storage::Error::NotFound) => bucket(self.service, &self.upload)?.janitor.head(&key).await.map(drop)?,
            other => other?,
        }
        Ok((key, content_type))
    }
}

impl Drop for Intake<'_> {
    /// A part that nobody waits for any more must not keep its buffer alive.
    fn drop(&mut self) {
        if let Some((task, _)) = &self.sending {
            task.abort();
        }
    }
}
