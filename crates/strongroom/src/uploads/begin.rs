//! Beginning a direct upload: everything is checked and reserved before a URL is signed.

use super::settle::end_now;
use super::verify::final_key;
use super::{Error, Idempotency, as_i64, bucket, check_accepted, check_length, longest_direct, new_row, parse_sha256};
use crate::config::{Profile, Space};
use crate::content_type;
use crate::db::uploads::{Method, State, Upload};
use crate::db::{self};
use crate::description::{Description, FieldError};
use crate::quota::Account;
use crate::service::{Asker, Service};
use crate::spaces;
use crate::storage::ObjectKey;

/// What a client announces of the bytes that it wants to send to storage.
#[derive(Debug, Clone, PartialEq)]
pub struct Announced {
    /// How they will come.
    pub method: Method,
    /// Their content type.
    pub content_type: String,
    /// Their number; only a form POST may leave it open.
    pub bytes: Option<u64>,
    /// Their SHA-256 in hex, if the client knows it.
    pub sha256: Option<String>,
    /// What is said of the object.
    pub description: Description,
}

/// Begins an upload, or finds the one that the same request began before.
pub async fn begin(
    service: &Service,
    asker: &Asker,
    space_name: &str,
    announced: Announced,
    idempotency: Option<Idempotency>,
) -> Result<Upload, Error> {
    let space = spaces::find(service, &asker.principal, space_name)?;
    announced.description.check().map_err(Error::Invalid)?;
    let owner = spaces::owner_of_new(space, space_name, &asker.principal, announced.description.owner.as_deref())?;
    let content_type = content_type::normalise(&announced.content_type)?;
    check_accepted(space, &content_type)?;
    let method = possible(&service.storage.profile, &announced);
    let bytes = length(service, space, &announced, method)?;
    let sha256 = match &announced.sha256 {
        Some(text) => Some(super::hex(
            &parse_sha256(text)
                .ok_or_else(|| invalid("sha256", "must be the SHA-256 of the content as 64 hex digits"))?,
        )),
        None => None,
    };

    let mut upload = new_row(service, asker, space_name, owner, announced.description);
    upload.method = method;
    upload.instead_of = Some(announced.method).filter(|asked| *asked != method);
    upload.content_type = content_type;
    upload.bytes = as_i64(bytes);
    upload.sha256 = sha256;
    let open_for = match upload.method {
        Method::Multipart => space.uploads.multipart_expires,
        _ => space.uploads.expires,
    };
    upload.expires_at = upload.created_at + open_for;
    if upload.method == Method::Put && service.storage.profile.puts_are_final() {
        let key = final_key(space, &upload, &upload.content_type)?.as_str().to_owned();
        (upload.staging_key, upload.final_key) = (key.clone(), Some(key));
    }
    // A key that would be too long should be known before any byte is sent.
    final_key(space, &upload, &upload.content_type)?.in_bucket(&service.storage.location)?;
    if let Some(Idempotency { key, digest }) = idempotency.filter(|_| asker.principal.is_signed_in()) {
        (upload.idempotency_key, upload.request_digest) = (Some(key), Some(digest));
    }

    let entry = asker
        .entry(upload.created_at, "upload.begin")
        .on(space_name, Some(upload.object_id))
        .with("upload", upload.id.to_string())
        .with("method", upload.method.as_str());
    let settings = space.clone();
    let row = upload.clone();
    let found = service
        .db
        .write(move |tx| {
            if let Some(before) = repeated(tx, &row)? {
                return Ok(Some(before));
            }
            let account = Account { settings: &settings, space: &row.space, owner: row.owner.as_deref() };
            account.reserve(tx, row.bytes, 1)?;
            db::uploads::insert(tx, &row)?;
            entry.write(tx)?;
            Ok::<_, Error>(None)
        })
        .await?;
    if let Some(before) = found {
        return with_multipart_id(service, before).await;
    }
    service.metrics.uploads_begun(upload.method);
    with_multipart_id(service, upload).await
}

/// The upload that the same request began before, unless that came to nothing.
pub(super) fn repeated(tx: &db::Tx, new: &Upload) -> Result<Option<Upload>, Error> {
    let Some(key) = &new.idempotency_key else { return Ok(None) };
    let Some(before) = db::uploads::by_idempotency_key(tx, &new.actor, key)? else { return Ok(None) };
    if before.request_digest != new.request_digest {
        return Err(Error::KeyReused);
    }
    let alive = match before.lease {
        // What comes through the service is alive for as long as somebody holds it, however long it takes.
        _ if before.state == State::Ready => true,
        Some(lease) if before.method == Method::Service => before.state.is_pending() && lease.until > new.created_at,
        _ => before.state.is_pending() && before.expires_at > new.created_at,
    };
    if alive {
        return Ok(Some(before));
    }
    if before.state.is_pending() {
        end_now(tx, &before, State::Expired, None, new.created_at)?;
    }
    db::uploads::forget_idempotency_key(tx, before.id)?;
    Ok(None)
}

/// Opens the multipart upload in storage, if it is one and that was not done yet.
pub async fn with_multipart_id(service: &Service, mut upload: Upload) -> Result<Upload, Error> {
    if upload.method != Method::Multipart || upload.multipart_id.is_some() || upload.state != State::Open {
        return Ok(upload);
    }
    let key = ObjectKey::new(upload.staging_key.clone())?;
    let multipart = bucket(service, &upload)?.writer.begin_multipart(&key, &upload.content_type).await?;
    let (id, ours) = (upload.id, multipart.clone());
    let kept = service.db.write(move |tx| Ok::<_, Error>(db::uploads::set_multipart_id(tx, id, &ours)?)).await?;
    if kept.as_deref() != Some(multipart.as_str()) {
        // The same request came twice, and the other one was first.
        bucket(service, &upload)?.janitor.abort_multipart(&key, &multipart).await?;
    }
    upload.multipart_id = kept;
    Ok(upload)
}

/// The way that was asked for, or else the one that does the same where the storage cannot go it: what it takes in no
/// form comes by PUT, and what is too long for one request comes in parts.
fn possible(profile: &Profile, announced: &Announced) -> Method {
    let Some(bytes) = announced.bytes else { return announced.method };
    match announced.method {
        Method::Put | Method::Post if bytes > profile.longest_put => Method::Multipart,
        Method::Post if !profile.form_post => Method::Put,
        asked => asked,
    }
}

/// How much is reserved: what was announced, or as much as the space takes where a form leaves it open.
fn length(service: &Service, space: &Space, announced: &Announced, method: Method) -> Result<u64, Error> {
    let profile = &service.storage.profile;
    let longest = longest_direct(service, space);
    let bytes = match (announced.bytes, method) {
        (Some(bytes), _) => bytes,
        (None, Method::Post) if profile.form_post => longest.min(profile.longest_put),
        (None, Method::Post) => {
            return Err(invalid(
                "bytes",
                "is missing; this storage takes no form POST, and what comes by PUT instead has its length signed",
            ));
        }
        (None, _) => return Err(invalid("bytes", "is missing; say how long the content is, or use the method post")),
    };
    check_length(space, bytes)?;
    if bytes > longest {
        return Err(Error::TooLarge { limit: longest });
    }
    if method == Method::Multipart && bytes == 0 {
        return Err(invalid("bytes", "must be 1 or more for the method multipart"));
    }
    Ok(bytes)
}

fn invalid(field: &'static str, detail: &str) -> Error {
    Error::Invalid(vec![FieldError { field, detail: detail.to_owned() }])
}
