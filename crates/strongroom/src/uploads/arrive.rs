//! Completing an upload whose client never came back: because the storage tells of its bytes, or the clean-up finds them.

use tokio::task::JoinHandle;
use uuid::Uuid;

use super::complete::{claim, verify_claimed, verify_once};
use super::{Error, as_i64, bucket};
use crate::db;
use crate::db::objects::Object;
use crate::db::uploads::{Method, State, Upload};
use crate::service::{Asker, Service};
use crate::storage::{self, ObjectKey};

/// The open upload that waits for bytes under this key of this bucket, if there is one.
pub async fn waiting_for(service: &Service, bucket: &str, key: ObjectKey) -> Result<Option<Upload>, Error> {
    let (staged, landed) = (key.staged_upload(), key.as_str().to_owned());
    let look_up = move |tx: &db::Tx| {
        Ok::<_, Error>(match staged {
            Some(id) => db::uploads::get(tx, id)?,
            None => db::uploads::by_final_key(tx, &landed)?,
        })
    };
    let Some(upload) = service.db.read_one(look_up).await? else { return Ok(None) };
    let is_here = upload.staging_key == key.as_str() && service.storage.bucket(&upload.bucket)?.name == bucket;
    Ok(Some(upload).filter(|upload| is_here && upload.state == State::Open && upload.method != Method::Service))
}

/// Takes the lease of an open upload, and looks at its bytes in the background; nothing when somebody else does so.
pub async fn begin_completing(
    service: &Service,
    id: Uuid,
) -> Result<Option<JoinHandle<Result<Option<Object>, Error>>>, Error> {
    let Some(upload) = claim(service, id).await? else { return Ok(None) };
    let service = service.clone();
    Ok(Some(tokio::spawn(async move { verify_claimed(&service, &Asker::upkeep(), upload, None).await })))
}

/// Writes down what came of it; nobody waits for the answer.
pub fn told(id: Uuid, result: Result<Result<Option<Object>, Error>, tokio::task::JoinError>) {
    match result {
        Ok(Ok(Some(object))) => tracing::debug!(upload = %id, object = %object.id, "completed without its client"),
        Ok(Ok(None)) => {}
        Ok(Err(error)) => tracing::info!(upload = %id, %error, "an upload could not be completed without its client"),
        Err(panic) => tracing::error!(upload = %id, %panic, "completing an upload broke down"),
    }
}

/// What became of an upload that was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Its bytes had arrived, and the upload has ended with them.
    Completed,
    /// Not all of them are there.
    Nothing,
    /// Somebody else is at it.
    Taken,
}

/// Completes an open upload if all of its bytes have arrived. Without them nothing is written.
pub async fn complete_if_arrived(service: &Service, upload: &Upload) -> Result<Found, Error> {
    if !has_arrived(service, upload).await? {
        return Ok(Found::Nothing);
    }
    match verify_once(service, &Asker::upkeep(), upload.id, None).await {
        Ok(Some(_)) | Err(Error::Rejected(_)) => Ok(Found::Completed),
        Ok(None) => Ok(Found::Taken),
        // What was there a moment ago is gone or changed; who sent it is at work.
        Err(Error::Incomplete(_) | Error::Expired) => Ok(Found::Nothing),
        Err(error) => Err(error),
    }
}

/// Whether all bytes of an upload are in storage.
pub async fn has_arrived(service: &Service, upload: &Upload) -> Result<bool, Error> {
    let staging = ObjectKey::new(upload.staging_key.clone())?;
    let janitor = &bucket(service, upload)?.janitor;
    if let (Method::Multipart, Some(multipart)) = (upload.method, &upload.multipart_id) {
        match janitor.parts(&staging, multipart).await {
            Ok(parts) => {
                let bytes: u64 = parts.iter().map(|part| part.bytes).sum();
                return Ok(as_i64(bytes) == upload.bytes);
            }
            // They may have been joined already.
            Err(storage::Error::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
    }
    match janitor.head(&staging).await {
        Ok(_) => Ok(true),
        Err(storage::Error::NotFound) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
