//! Completing a direct upload: one caller verifies it under a lease, the others wait for what comes of that.

use std::time::Duration;

use uuid::Uuid;

use super::settle::{accept, clear, clear_staging, end};
use super::verify::{look, reason};
use super::{Error, LEASE, RENEW_EVERY, find, object_of};
use crate::db::objects::Object;
use crate::db::uploads::{Lease, Reason, State, Upload};
use crate::db::{self};
use crate::lease;
use crate::service::{Asker, Service};

/// How long a caller waits for a verification that another caller runs.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often it looks whether that has ended.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// A part as the client has it from the storage's answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedPart {
    /// Its number.
    pub number: u16,
    /// Its entity tag, quoted or not.
    pub etag: String,
}

/// What came of completing.
#[derive(Debug, Clone, PartialEq)]
pub enum Completed {
    /// The object is there.
    Object(Box<Object>),
    /// Somebody still looks at the bytes.
    StillVerifying(Box<Upload>),
}

/// Verifies and promotes. Repeating it gives the same answer.
pub async fn complete(
    service: &Service,
    asker: &Asker,
    id: Uuid,
    parts: Option<Vec<ClaimedPart>>,
) -> Result<Completed, Error> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let upload = find(service, asker, id).await?;
        match upload.state {
            State::Ready => return Ok(Completed::Object(Box::new(object_of(service, &upload).await?))),
            State::Rejected => return Err(rejected(&upload)),
            State::Aborted => return Err(Error::Ended("was aborted")),
            State::Expired => return Err(Error::Expired),
            State::Open | State::Verifying => {}
        }
        if let Some(object) = verify_once(service, asker, id, parts.clone()).await? {
            return Ok(Completed::Object(Box::new(object)));
        }
        if tokio::time::Instant::now() >= deadline {
            return Ok(Completed::StillVerifying(Box::new(upload)));
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Verifies under a lease; nothing when another holds it.
///
/// The work goes on when the caller goes away: half of it is done in storage, and the next caller should find it whole.
pub(super) async fn verify_once(
    service: &Service,
    asker: &Asker,
    id: Uuid,
    parts: Option<Vec<ClaimedPart>>,
) -> Result<Option<Object>, Error> {
    let (service, asker) = (service.clone(), asker.clone());
    let work = tokio::spawn(async move {
        let Some(upload) = claim(&service, id).await? else { return Ok(None) };
        verify_claimed(&service, &asker, upload, parts).await
    });
    work.await.unwrap_or_else(|panic| Err(Error::Broken(panic.to_string())))
}

/// Verifies an upload whose lease was just taken; nothing when that is lost meanwhile.
pub(super) async fn verify_claimed(
    service: &Service,
    asker: &Asker,
    upload: Upload,
    parts: Option<Vec<ClaimedPart>>,
) -> Result<Option<Object>, Error> {
    let found = match under_lease(service, &upload, look(service, &upload, parts)).await {
        Ok(Some(found)) => found,
        Ok(None) => return Ok(None),
        Err(error) => return Err(turn_down(service, asker, &upload, error).await?),
    };
    match accept(service, asker, &upload, found).await {
        Ok(Some(object)) => {
            clear_staging(service, &upload, &object).await;
            Ok(Some(object))
        }
        Ok(None) => Ok(None),
        Err(error) => Err(turn_down(service, asker, &upload, error).await?),
    }
}

/// Ends the upload if its bytes are to blame, and leaves it open otherwise. Returns what the caller is told.
async fn turn_down(service: &Service, asker: &Asker, upload: &Upload, error: Error) -> Result<Error, Error> {
    let Some(reason) = reason(&error) else {
        let (id, holder) = (upload.id, upload.lease.map(|lease| lease.holder).unwrap_or_default());
        service.db.write(move |tx| Ok::<_, Error>(db::uploads::release(tx, id, holder)?)).await?;
        return Ok(error);
    };
    if let Some(ended) = end(service, asker, upload, State::Rejected, Some(reason.clone())).await? {
        service.metrics.uploads_rejected(&reason.code);
        clear(service, &ended).await;
    }
    Ok(Error::Rejected(reason))
}

/// Why an upload was rejected, said again.
fn rejected(upload: &Upload) -> Error {
    let unknown = || Reason { code: "content-mismatch".to_owned(), detail: "no reason was kept".to_owned() };
    Error::Rejected(upload.reason.clone().unwrap_or_else(unknown))
}

/// Takes the lease; nothing when another has it, or the upload has ended.
pub(super) async fn claim(service: &Service, id: Uuid) -> Result<Option<Upload>, Error> {
    let now = service.now();
    let lease = Lease { holder: service.new_id(), until: now + LEASE };
    service
        .db
        .write(move |tx| {
            if !db::uploads::claim(tx, id, now, lease)? {
                return Ok(None);
            }
            Ok(db::uploads::get(tx, id)?)
        })
        .await
}

/// Runs `work` and renews the lease meanwhile; nothing when the lease is lost.
pub(super) async fn under_lease<T>(
    service: &Service,
    upload: &Upload,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<Option<T>, Error> {
    lease::under(RENEW_EVERY, || renew(service, upload), work).await
}

/// Lengthens the lease that `upload` is held under; false when it is lost.
async fn renew(service: &Service, upload: &Upload) -> Result<bool, Error> {
    let Some(Lease { holder, .. }) = upload.lease else { return Ok(false) };
    let (id, lease) = (upload.id, Lease { holder, until: service.now() + LEASE });
    service.db.write(move |tx| Ok::<_, Error>(db::uploads::renew(tx, id, lease)?)).await
}
