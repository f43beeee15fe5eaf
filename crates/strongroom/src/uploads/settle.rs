//! The ends of an upload, each one transaction: an object, a rejection, or nothing.

use super::{Error, Service, as_i64, bucket, find, settings};
use crate::db::objects::{Media, Object, Version};
use crate::db::uploads::{Method, Reason, State, Upload};
use crate::db::{self, Tx};
use crate::pictures;
use crate::quota::{self, Account};
use crate::service::Asker;
use crate::storage::ObjectKey;
use jiff::Timestamp;
use uuid::Uuid;

/// What was found in the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) key: ObjectKey,
    pub(super) content_type: String,
    pub(super) bytes: u64,
    pub(super) sha256: [u8; 32],
    pub(super) media: Media,
}

/// Makes the object visible; nothing when somebody else ended the upload meanwhile.
pub(super) async fn accept(
    service: &Service,
    asker: &Asker,
    upload: &Upload,
    found: Found,
) -> Result<Option<Object>, Error> {
    let now = service.now();
    let space = settings(service, upload)?.clone();
    let object = Object {
        id: upload.object_id,
        space: upload.space.clone(),
        owner: upload.owner.clone(),
        creator: upload.creator.clone(),
        group: upload.group.clone(),
        name: upload.name.clone(),
        tags: upload.tags.clone(),
        metadata: upload.metadata.clone(),
        shared_with: Vec::new(),
        created_at: upload.created_at,
        updated_at: now,
        deleted_at: None,
        version: Version {
            number: 1,
            key: found.key.as_str().to_owned(),
            content_type: found.content_type,
            bytes: as_i64(found.bytes),
            sha256: super::hex(&found.sha256),
            media: found.media,
            created_at: now,
        },
    };
    let entry = asker
        .entry(now, "object.create")
        .on(&object.space, Some(object.id))
        .with("upload", upload.id.to_string())
        .with("bytes", object.version.bytes)
        .with("content_type", object.version.content_type.clone())
        .with("sha256", object.version.sha256.clone());
    let (upload, made) = (upload.clone(), object.clone());
    let is_wanted = pictures::is_wanted(&service.config, &space, &made.version.content_type);
    let accepted = service
        .db
        .write(move |tx| {
            if !db::uploads::finish(tx, &upload, State::Ready, None)? {
                return Ok(false);
            }
            let account = Account { settings: &space, space: &upload.space, owner: upload.owner.as_deref() };
            account.settle(tx, upload.bytes, made.version.bytes)?;
            db::objects::insert(tx, &made)?;
            if is_wanted {
                db::pictures::ask(tx, &made, space.optimise.is_some(), made.updated_at)?;
            }
            db::copies::ask(tx, &made.space, &made.version.key, now)?;
            if upload.method != Method::Service && upload.staging_key != made.version.key {
                db::doomed::insert(tx, &upload.bucket, &upload.staging_key, now)?;
            }
            entry.write(tx)?;
            Ok::<_, Error>(true)
        })
        .await?;
    if accepted {
        service.metrics.objects_created(object.version.bytes);
    }
    Ok(accepted.then_some(object))
}

/// Ends an upload without an object, and dooms whatever it left in storage. Returns its row as it was at the end;
/// nothing when it had ended otherwise.
pub(super) async fn end(
    service: &Service,
    asker: &Asker,
    upload: &Upload,
    state: State,
    reason: Option<Reason>,
) -> Result<Option<Upload>, Error> {
    let now = service.now();
    let mut entry = asker
        .entry(now, &format!("upload.{}", state.as_str()))
        .on(&upload.space, Some(upload.object_id))
        .with("upload", upload.id.to_string());
    if let Some(reason) = &reason {
        entry = entry.with("code", reason.code.clone());
    }
    let seen = upload.clone();
    service
        .db
        .write(move |tx| {
            let ended = end_now(tx, &seen, state, reason.as_ref(), now)?;
            if ended.is_some() {
                entry.write(tx)?;
            }
            Ok(ended)
        })
        .await
}

/// The same inside a transaction that does more.
pub(super) fn end_now(
    tx: &Tx,
    seen: &Upload,
    state: State,
    reason: Option<&Reason>,
    now: Timestamp,
) -> Result<Option<Upload>, Error> {
    if !db::uploads::finish(tx, seen, state, reason)? {
        return Ok(None);
    }
    // Since it was seen, more may have been reserved, and its final key may have been noted.
    let Some(ended) = db::uploads::get(tx, seen.id)? else { return Ok(None) };
    quota::release(tx, &ended.space, ended.owner.as_deref(), ended.bytes)?;
    let staging = Some(&ended.staging_key).filter(|_| ended.method != Method::Service);
    for key in [staging, ended.final_key.as_ref()].into_iter().flatten() {
        db::doomed::insert(tx, &ended.bucket, key, now)?;
    }
    Ok(Some(ended))
}

/// Gives an upload up on its client's word.
pub async fn give_up(service: &Service, asker: &Asker, id: Uuid) -> Result<(), Error> {
    let upload = find(service, asker, id).await?;
    match upload.state {
        State::Aborted => return Ok(()),
        State::Open => {}
        State::Verifying => return Err(Error::InProgress),
        State::Ready => return Err(Error::Unfit("this upload is complete; delete its object instead".to_owned())),
        State::Rejected | State::Expired => return Err(Error::Ended("has ended already")),
    }
    let ended = end(service, asker, &upload, State::Aborted, None).await?.ok_or(Error::InProgress)?;
    clear(service, &ended).await;
    Ok(())
}

/// Ends an upload that nobody completed in time; false when it has ended otherwise meanwhile.
pub async fn expire(service: &Service, upload: &Upload) -> Result<bool, Error> {
    Ok(end(service, &Asker::upkeep(), upload, State::Expired, None).await?.is_some())
}

/// Takes up an upload whose verification was left lying by somebody who is gone.
pub async fn take_up_again(service: &Service, upload: &Upload) -> Result<(), Error> {
    let asker = Asker::upkeep();
    if upload.method == Method::Service {
        // Its bytes came with a request that is over; they will not come again.
        if let Some(ended) = end(service, &asker, upload, State::Aborted, None).await? {
            clear(service, &ended).await;
        }
        return Ok(());
    }
    match super::complete::verify_once(service, &asker, upload.id, None).await {
        // The clean-up does not care whether an object came of it.
        Err(Error::Storage(error)) => Err(error.into()),
        Err(Error::Db(error)) => Err(error.into()),
        _ => Ok(()),
    }
}

/// Clears the staged bytes of an object that is there by now, unless they are what it serves.
pub(super) async fn clear_staging(service: &Service, upload: &Upload, object: &Object) {
    if upload.staging_key == object.version.key {
        return;
    }
    let cleared = async {
        let staging = ObjectKey::new(upload.staging_key.clone())?;
        bucket(service, upload)?.janitor.delete(&staging).await?;
        Ok::<_, Error>(())
    };
    if let Err(error) = cleared.await {
        tracing::warn!(upload = %upload.id, %error, "staged bytes are left to the clean-up");
    }
}

/// Clears away what an upload that came to nothing left in storage. What fails here is cleared by the clean-up later.
pub(super) async fn clear(service: &Service, upload: &Upload) {
    let cleared = async {
        let janitor = &bucket(service, upload)?.janitor;
        let staging = ObjectKey::new(upload.staging_key.clone())?;
        if let Some(multipart) = &upload.multipart_id {
            let key = match upload.method {
                Method::Service => upload.final_key.clone().map(ObjectKey::new).transpose()?,
                _ => Some(staging.clone()),
            };
            if let Some(key) = key {
                janitor.abort_multipart(&key, multipart).await?;
            }
        }
        janitor.delete(&staging).await?;
        if let Some(key) = upload.final_key.clone() {
            janitor.delete(&ObjectKey::new(key)?).await?;
        }
        Ok::<_, Error>(())
    };
    if let Err(error) = cleared.await {
        tracing::warn!(upload = %upload.id, %error, "an ended upload could not be cleared away yet");
    }
}
