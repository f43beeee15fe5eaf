//! Handing in: an upload is begun, its bytes arrive, they are looked at, and an object is made of them.
//!
//! The row comes first. Before any byte can reach storage there is a row that knows its key, so that whatever a crash
//! leaves behind can be found. Bytes that come directly land under a staging key; they are copied to a final key that
//! nobody was ever given a URL for, and only what is found *there* counts. Where the storage lets a URL write once and
//! never replace anything, a single PUT lands at its final key, and nothing is copied. One transaction then makes the
//! object.

mod arrive;
mod begin;
mod complete;
mod receive;
mod settle;
mod urls;
mod verify;

use std::time::Duration;

use uuid::Uuid;

use crate::config::{Space, is_active};
use crate::content_type::Mismatch;
use crate::db::uploads::{Reason, Upload};
use crate::db::{self, objects::Object};
use crate::description::{Description, FieldError};
use crate::quota;
use crate::service::{Asker, Service};
use crate::spaces::Denied;
use crate::storage::{self, Bucket, KeyError};

pub use arrive::{Found, begin_completing, complete_if_arrived, has_arrived, told, waiting_for};
pub use begin::{Announced, begin, with_multipart_id};
pub use complete::{ClaimedPart, Completed, complete};
pub use receive::{Arriving, receive};
pub use settle::{expire, give_up, take_up_again};
pub use urls::{MAX_PARTS_AT_ONCE, PartUrl, Ticket, part_urls, ticket};

/// How long a verification is held before another may take it over; its holder renews it.
const LEASE: Duration = Duration::from_mins(1);

/// How long before the lease runs out its holder renews it.
const RENEW_EVERY: Duration = Duration::from_secs(20);

/// The longest object that S3 takes.
const MAX_OBJECT: u64 = 5 << 40;

/// Why nothing was handed in.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The principal may not.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// Something was said that cannot be.
    #[error("{} of the fields cannot be taken", .0.len())]
    Invalid(Vec<FieldError>),
    /// It is longer than the space takes.
    #[error("this is longer than the {limit} bytes that are taken here")]
    TooLarge {
        /// The longest that is taken, in bytes.
        limit: u64,
    },
    /// The space does not take this type.
    #[error("the space takes {accepted}, and this is {found}")]
    TypeNotAccepted {
        /// What it is.
        found: String,
        /// What is taken.
        accepted: String,
    },
    /// The bytes are not what was announced.
    #[error("{0}")]
    ContentMismatch(String),
    /// There is no room.
    #[error(transparent)]
    Quota(#[from] quota::Exceeded),
    /// The idempotency key was used for another request.
    #[error("this Idempotency-Key was used before, with a different request")]
    KeyReused,
    /// Somebody is at work on the same upload.
    #[error("this upload is being handed in or looked at at this moment; ask again soon")]
    InProgress,
    /// Not all bytes have arrived.
    #[error("{0}")]
    Incomplete(String),
    /// The upload was not completed in time.
    #[error("this upload has expired; begin another")]
    Expired,
    /// The upload ended without an object, or its object is gone.
    #[error("this upload {0}")]
    Ended(&'static str),
    /// The upload was looked at before, and rejected.
    #[error("this upload was rejected: {}", .0.detail)]
    Rejected(Reason),
    /// The upload is not made for this.
    #[error("{0}")]
    Unfit(String),
    /// As many large files come in as are taken at once.
    #[error("as many large files are coming in as are taken at once; try again soon, or send it directly to storage")]
    Busy,
    /// The program is at fault.
    #[error("the work broke down: {0}")]
    Broken(String),
    /// The body broke off.
    #[error("the body broke off: {0}")]
    BrokenOff(String),
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] db::Error),
}

impl From<quota::Error> for Error {
    fn from(error: quota::Error) -> Self {
        match error {
            quota::Error::Exceeded(exceeded) => Self::Quota(exceeded),
            quota::Error::Db(error) => Self::Db(error),
        }
    }
}

impl From<Mismatch> for Error {
    fn from(mismatch: Mismatch) -> Self {
        match mismatch {
            Mismatch::Malformed(_) => {
                Self::Invalid(vec![FieldError { field: "content_type", detail: mismatch.to_string() }])
            }
            Mismatch::NotThat { .. } => Self::ContentMismatch(mismatch.to_string()),
        }
    }
}

impl From<KeyError> for Error {
    fn from(error: KeyError) -> Self {
        Self::Storage(error.into())
    }
}

/// What the caller named a request, so that repeating it does nothing twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The `Idempotency-Key` header.
    pub key: String,
    /// A digest of everything that makes the request another one.
    pub digest: String,
}

/// The upload under this id, for whoever began it and for administrators.
pub async fn find(service: &Service, asker: &Asker, id: Uuid) -> Result<Upload, Error> {
    let upload = service.db.read(move |tx| Ok::<_, Error>(db::uploads::get(tx, id)?)).await?;
    let nothing = || Error::Denied(crate::spaces::nothing_for(&asker.principal));
    let upload = upload.ok_or_else(nothing)?;
    let is_theirs = upload.actor == asker.actor() || asker.principal.is_admin();
    if is_theirs { Ok(upload) } else { Err(nothing()) }
}

/// The object that a finished upload became.
async fn object_of(service: &Service, upload: &Upload) -> Result<Object, Error> {
    let id = upload.object_id;
    let object = service.db.read(move |tx| Ok::<_, Error>(db::objects::get(tx, id)?)).await?;
    object.filter(|object| object.deleted_at.is_none()).ok_or(Error::Ended("became an object that was deleted since"))
}

/// Refuses a content type that the space does not take.
fn check_accepted(space: &Space, content_type: &str) -> Result<(), Error> {
    if space.accept.allows(content_type) {
        return Ok(());
    }
    let mut accepted = space.accept.patterns().collect::<Vec<_>>().join(", ");
    if is_active(content_type) {
        accepted.push_str(" (types that a browser would run only where they are named)");
    }
    Err(Error::TypeNotAccepted { found: content_type.to_owned(), accepted })
}

/// The longest file that the space takes by a direct upload: it has to come in parts, and to be copied in parts, or at
/// once where the storage does not copy in parts.
fn longest_direct(service: &Service, space: &Space) -> u64 {
    let profile = &service.storage.profile;
    let in_parts = profile.longest_copy.min(profile.longest_put).saturating_mul(u64::from(profile.most_parts));
    let longest = if profile.copies_in_parts { in_parts } else { in_parts.min(profile.longest_copy) };
    space.max_bytes.unwrap_or(MAX_OBJECT).min(MAX_OBJECT).min(longest)
}

/// Refuses a length that the space does not take.
fn check_length(space: &Space, bytes: u64) -> Result<(), Error> {
    let limit = space.max_bytes.unwrap_or(MAX_OBJECT).min(MAX_OBJECT);
    if bytes > limit { Err(Error::TooLarge { limit }) } else { Ok(()) }
}

/// Settings of the space that an upload was begun in; a space may have been taken out of the configuration since.
fn settings<'a>(service: &'a Service, upload: &Upload) -> Result<&'a Space, Error> {
    service.config.spaces.get(&upload.space).ok_or(Error::Ended("belongs to a space that is no longer configured"))
}

/// The bucket that an upload goes to.
fn bucket<'a>(service: &'a Service, upload: &Upload) -> Result<&'a Bucket, storage::Error> {
    service.storage.bucket(&upload.bucket)
}

/// A length as the database keeps it; every length was checked against [`MAX_OBJECT`].
fn as_i64(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// Reads lowercase or uppercase hex of a SHA-256.
fn parse_sha256(hex: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    let whole = base16ct::mixed::decode(hex, &mut digest).is_ok_and(|bytes| bytes.len() == 32);
    whole.then_some(digest)
}

fn hex(bytes: &[u8]) -> String {
    base16ct::lower::encode_string(bytes)
}

/// What an upload that is begun holds from the start.
fn new_row(service: &Service, asker: &Asker, space: &str, owner: Option<String>, what: Description) -> Upload {
    let now = service.now();
    let id = service.random.id(now);
    Upload {
        id,
        object_id: service.random.id(now),
        space: space.to_owned(),
        method: db::uploads::Method::Service,
        instead_of: None,
        state: db::uploads::State::Open,
        actor: asker.actor(),
        owner,
        creator: asker.principal.subject.clone(),
        group: what.group,
        name: what.name,
        tags: what.tags,
        metadata: what.metadata,
        content_type: String::new(),
        bytes: 0,
        sha256: None,
        bucket: service.bucket_of(space).to_owned(),
        staging_key: storage::ObjectKey::staging(id).as_str().to_owned(),
        final_key: None,
        multipart_id: None,
        idempotency_key: None,
        request_digest: None,
        lease: None,
        reason: None,
        created_at: now,
        expires_at: now,
    }
}
