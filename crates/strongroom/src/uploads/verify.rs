//! Looking at the real bytes of a direct upload: length, type, digest; and moving them out of the client's reach.

use super::complete::ClaimedPart;
use super::settle::Found;
use super::{Error, Service, bucket, check_accepted, parse_sha256, settings};
use crate::config::Space;
use crate::content_type::{self, HEAD_BYTES};
use crate::db::uploads::{Method, Reason, Upload};
use crate::db::{self};
use crate::digest;
use crate::media;
use crate::storage::{self, Content, KeyParts, ObjectKey, Part, fill};

/// The most parts that S3 takes.
const MOST_PARTS: usize = 10_000;

/// Promotes what has arrived and looks at it. An error that has a [`reason`] is the end of the upload; any other leaves
/// it open, because nothing is known against the bytes.
///
/// The copy comes before the look. Its target is a key that nobody can write to, so what is found there is what will
/// be served, whatever happens under the staging key meanwhile. What landed outside the staging prefix was written once
/// and cannot be replaced, so it is looked at where it lies, and copied only if it was given another type than it has,
/// or headers that would come along with every link.
pub(super) async fn look(service: &Service, upload: &Upload, parts: Option<Vec<ClaimedPart>>) -> Result<Found, Error> {
    let space = settings(service, upload)?;
    let staging = ObjectKey::new(upload.staging_key.clone())?;
    let bucket = bucket(service, upload)?;
    if upload.bucket != service.bucket_of(&upload.space) {
        return Err(Error::Ended("went to a bucket that its space has no longer; begin another"));
    }
    if upload.method == Method::Multipart {
        join_parts(service, upload, &staging, parts).await?;
    }
    let stored = bucket.janitor.head(&staging).await.map_err(|error| match error {
        storage::Error::NotFound => nothing_arrived(service, upload),
        other => other.into(),
    })?;
    let announced = u64::try_from(upload.bytes).unwrap_or(0);
    let fits = if upload.method == Method::Post { stored.bytes <= announced } else { stored.bytes == announced };
    if !fits {
        let detail = format!("{announced} bytes were announced, and {} have arrived", stored.bytes);
        return Err(Error::ContentMismatch(detail));
    }
    let head = bucket.reader.beginning(&staging, HEAD_BYTES).await?;
    let content_type = accepted_type(space, &head, &upload.content_type)?;

    let key = if staging.is_staging() || stored.plain_type.as_ref() != Some(&content_type) {
        let key = final_key(space, upload, &content_type)?;
        note_final_key(service, upload, &key).await?;
        match bucket.janitor.promote(&staging, &stored, &key, &content_type).await {
            Err(storage::Error::Precondition | storage::Error::NotFound) => {
                return Err(Error::Incomplete(
                    "the bytes changed while they were looked at; complete again".to_owned(),
                ));
            }
            other => other?,
        }
        key
    } else {
        staging
    };

    let seen = digest::look_at(bucket.reader.read(&key).await?).await?;
    if seen.bytes != stored.bytes || accepted_type(space, &seen.head, &upload.content_type)? != content_type {
        return Err(Error::ContentMismatch("the bytes changed while they were looked at".to_owned()));
    }
    if upload.sha256.as_deref().and_then(parse_sha256).is_some_and(|announced| announced != seen.sha256) {
        return Err(Error::ContentMismatch("the content has another SHA-256 than was announced".to_owned()));
    }
    let media = media::look(bucket, &key, &content_type, seen.bytes).await?;
    Ok(Found { key, content_type, bytes: seen.bytes, sha256: seen.sha256, media })
}

/// What somebody is told who completes before the bytes are there. Bytes that arrived in time may be completed later,
/// until the clean-up ends the upload.
fn nothing_arrived(service: &Service, upload: &Upload) -> Error {
    if is_over(service, upload) {
        return Error::Expired;
    }
    Error::Incomplete("nothing has arrived yet; send the bytes, then complete".to_owned())
}

/// Whether no URL of the upload works any longer.
fn is_over(service: &Service, upload: &Upload) -> bool {
    upload.expires_at <= service.now()
}

/// The key that a version is served from.
pub(super) fn final_key(space: &Space, upload: &Upload, content_type: &str) -> Result<ObjectKey, Error> {
    let ext = content_type::extension(content_type, &upload.name);
    // What landed at the plain key, and cannot stay there, needs another.
    let is_staged = ObjectKey::new(upload.staging_key.clone())?.is_staging();
    let parts = KeyParts {
        space: &upload.space,
        owner: upload.owner.as_deref(),
        group: upload.group.as_deref(),
        id: upload.object_id,
        content: if is_staged { Content::HandedIn } else { Content::Moved },
        ext: &ext,
    };
    Ok(fill(&space.key, &parts)?)
}

/// Writes the final key down before the first byte can reach it. Should an earlier try have noted another, the type of
/// the bytes has changed between the two looks, and nobody changes honest bytes.
pub(super) async fn note_final_key(service: &Service, upload: &Upload, key: &ObjectKey) -> Result<(), Error> {
    let (id, holder) = (upload.id, upload.lease.map(|lease| lease.holder).unwrap_or_default());
    let (key, landed) = (key.as_str().to_owned(), upload.staging_key.clone());
    let noted = service
        .db
        .write(move |tx| {
            let before = db::uploads::get(tx, id)?.and_then(|upload| upload.final_key);
            if before.is_some_and(|before| before != key && before != landed) {
                return Err(Error::ContentMismatch(
                    "the type of the bytes changed while they were looked at".to_owned(),
                ));
            }
            Ok(db::uploads::set_final_key(tx, id, holder, &key)?)
        })
        .await?;
    if noted { Ok(()) } else { Err(Error::InProgress) }
}

/// The type that the bytes have, if the space takes it.
pub(super) fn accepted_type(space: &Space, head: &[u8], claimed: &str) -> Result<String, Error> {
    let found = content_type::settle(head, claimed)?;
    check_accepted(space, &found)?;
    Ok(found)
}

/// What an error says against the bytes themselves; nothing when they are not to blame.
pub(super) fn reason(error: &Error) -> Option<Reason> {
    let code = match error {
        Error::TypeNotAccepted { .. } => "type-not-accepted",
        Error::ContentMismatch(_) => "content-mismatch",
        Error::TooLarge { .. } => "too-large",
        Error::Quota(_) => "quota-exceeded",
        _ => return None,
    };
    Some(Reason { code: code.to_owned(), detail: error.to_string() })
}

/// Makes one object of the parts that have arrived.
async fn join_parts(
    service: &Service,
    upload: &Upload,
    staging: &ObjectKey,
    claimed: Option<Vec<ClaimedPart>>,
) -> Result<(), Error> {
    let multipart = upload.multipart_id.as_deref().ok_or(Error::InProgress)?;
    let mut parts = match bucket(service, upload)?.janitor.parts(staging, multipart).await {
        Ok(parts) => parts,
        // An earlier try joined them; whether that is so shows when the whole is looked for.
        Err(storage::Error::NotFound) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if let Some(claimed) = claimed {
        if claimed.len() > MOST_PARTS {
            return Err(Error::Unfit(format!("an upload has at most {MOST_PARTS} parts")));
        }
        parts = chosen(parts, &claimed)?;
    }
    let arrived: u64 = parts.iter().map(|part| part.bytes).sum();
    if i64::try_from(arrived) != Ok(upload.bytes) {
        let missing =
            format!("{arrived} of {} bytes have arrived; send the missing parts, then complete", upload.bytes);
        return Err(if is_over(service, upload) { Error::Expired } else { Error::Incomplete(missing) });
    }
    match bucket(service, upload)?.writer.complete_multipart(staging, multipart, &parts).await {
        Ok(()) | Err(storage::Error::NotFound) => Ok(()),
        Err(storage::Error::Refused { status: 400, code, message }) => {
            Err(Error::Unfit(format!("the storage does not join these parts: {code}: {message}")))
        }
        Err(error) => Err(error.into()),
    }
}

/// The parts that the client names, if they are as it has them.
fn chosen(parts: Vec<Part>, claimed: &[ClaimedPart]) -> Result<Vec<Part>, Error> {
    let bare = |etag: &str| etag.trim_matches('"').to_owned();
    for claim in claimed {
        let there = parts.iter().any(|part| part.number == claim.number && bare(&part.etag) == bare(&claim.etag));
        if !there {
            return Err(Error::Incomplete(format!(
                "part {} is not in storage with this ETag; send it again",
                claim.number
            )));
        }
    }
    Ok(parts.into_iter().filter(|part| claimed.iter().any(|claim| claim.number == part.number)).collect())
}
