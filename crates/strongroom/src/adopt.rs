//! Adopting: what lies in the bucket already becomes objects, under the keys where it lies, without moving a byte.
//!
//! Everything is read once, because what is served was looked at before, and its type and SHA-256 are what is known of
//! it. A key becomes one object only, so adopting again adds nothing.

mod table;

use futures_util::StreamExt as _;
use strongroom_presign::Address;
use uuid::Uuid;

use crate::config::{Space, is_active};
use crate::content_type::{self, HEAD_BYTES};
use crate::db::objects::{Media, Object, Version};
use crate::db::{self, usage};
use crate::description::{Description, FieldError};
use crate::digest::{self, Seen};
use crate::media;
use crate::pictures;
use crate::service::{Asker, Service};
use crate::storage::{self, Bucket, KeyError, ObjectKey, Opened};

pub use table::{TableError, TableRow, read as read_table};

/// What shall be adopted.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Where it lies: a key, an `s3://` URI, or a permanent URL.
    pub reference: String,
    /// The key itself, for what was found by looking.
    pub key: Option<ObjectKey>,
    /// What is said of it. Without a name it gets the last segment of its key.
    pub description: Description,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adopted {
    /// It is an object now.
    Now(Uuid),
    /// It was an object before.
    Before(Uuid),
    /// It would be one; this was only a look.
    Possible,
}

/// Why it was not adopted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read as the name of something in storage.
    #[error("{0}")]
    Malformed(String),
    /// It names something in another bucket.
    #[error("it lies in another bucket than that of this installation")]
    Elsewhere,
    /// It is none of ours.
    #[error(
        "it does not lie below storage.location, and every key of this installation does; copy it there, or adopt it with an installation whose location holds it"
    )]
    Outside,
    /// Uploads land there.
    #[error("it lies below the staging prefix, where uploads land and everything is cleared away")]
    Staging,
    /// No key of ours can be like that.
    #[error("its key cannot be used: {0}")]
    Key(#[from] KeyError),
    /// Something is said of it that cannot be.
    #[error("{}", .0.iter().map(|error| format!("`{}` {}", error.field, error.detail)).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<FieldError>),
    /// There is nothing.
    #[error("there is nothing under this key")]
    Missing,
    /// The space does not take it.
    #[error("it is {0}, which the space does not take")]
    NotAccepted(String),
    /// A browser would run what is no page.
    #[error(
        "storage serves it as {stored}, which a browser runs, but its bytes are {found}; copy it onto itself with the right Content-Type first"
    )]
    ServedAsActive {
        /// What storage says.
        stored: String,
        /// What it is.
        found: String,
    },
    /// It is on its way in or out.
    #[error("it belongs to an upload, or to an object that is being removed; run `strongroom gc` first")]
    InUse,
    /// There is no such space.
    #[error("there is no space `{0}` in the configuration")]
    NoSpace(String),
    /// The storage failed.
    #[error(transparent)]
    Storage(storage::Error),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] db::Error),
}

impl Error {
    /// A stable word for it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::Elsewhere => "elsewhere",
            Self::Outside => "outside-location",
            Self::Staging => "staging",
            Self::Key(_) => "bad-key",
            Self::Invalid(_) => "invalid",
            Self::Missing => "missing",
            Self::NotAccepted(_) => "type-not-accepted",
            Self::ServedAsActive { .. } => "served-as-active",
            Self::InUse => "in-use",
            Self::NoSpace(_) => "no-space",
            Self::Storage(_) => "storage",
            Self::Db(_) => "database",
        }
    }
}

impl From<storage::Error> for Error {
    fn from(error: storage::Error) -> Self {
        match error {
            storage::Error::NotFound => Self::Missing,
            storage::Error::Key(error) => Self::Key(error),
            other => Self::Storage(other),
        }
    }
}

/// Adopts one thing into a space, or only looks whether that would go.
pub async fn adopt(service: &Service, space_name: &str, row: &Row, only_look: bool) -> Result<Adopted, Error> {
    let space = service.config.spaces.get(space_name).ok_or_else(|| Error::NoSpace(space_name.to_owned()))?;
    let bucket = service.storage.bucket(service.bucket_of(space_name))?;
    let key = match &row.key {
        Some(key) => key.clone(),
        None => key_of(service, bucket, &row.reference)?,
    };
    let mut description = row.description.clone();
    if description.name.is_empty() {
        key.as_str().rsplit('/').next().unwrap_or_default().clone_into(&mut description.name);
    }
    description.check().map_err(Error::Invalid)?;
    let looked_for = key.clone();
    if let Some(id) = service.db.read(move |tx| known(tx, &looked_for)).await? {
        return Ok(Adopted::Before(id));
    }
    // Only who may list is told that nothing is there.
    bucket.janitor.head(&key).await?;
    let mut opened = bucket.reader.open(&key).await?;
    if only_look {
        let mut head = Vec::new();
        while head.len() < HEAD_BYTES
            && let Some(chunk) = opened.content.next().await
        {
            head.extend_from_slice(&chunk?);
        }
        settle_type(space, &head, &opened)?;
        return Ok(Adopted::Possible);
    }
    let seen = digest::look_at(&mut opened.content).await?;
    if seen.bytes != opened.bytes {
        return Err(Error::Storage(storage::Error::Unavailable("the content broke off".to_owned())));
    }
    let content_type = settle_type(space, &seen.head, &opened)?;
    let mut object = object(service, space_name, description, &key, &seen, content_type, opened.modified);
    object.version.media = media::look(bucket, &key, &object.version.content_type, seen.bytes).await?;
    write(service, object, key).await
}

/// All keys below a prefix of the space's bucket that could be adopted, in their order. The prefix counts from the
/// bucket's root.
pub async fn below(service: &Service, space_name: &str, prefix: &str) -> Result<Vec<ObjectKey>, Error> {
    let bucket = service.storage.bucket(service.bucket_of(space_name))?;
    let location = service.storage.location.as_str();
    if !prefix.starts_with(location) {
        return Err(Error::Outside);
    }
    let (mut keys, mut token) = (Vec::new(), None);
    loop {
        let (page, next) = bucket.janitor.list(prefix, token.as_deref()).await?;
        keys.extend(page.into_iter().map(|listed| listed.key).filter(|key| !key.is_staging()));
        match next {
            Some(next) => token = Some(next),
            None => return Ok(keys),
        }
    }
}

/// The key that somebody's database names. A bare key may leave the location out.
fn key_of(service: &Service, bucket: &Bucket, reference: &str) -> Result<ObjectKey, Error> {
    let address = Address::read(reference, service.storage.endpoints());
    let address = address.map_err(|error| Error::Malformed(error.to_string()))?;
    if address.bucket.as_deref().is_some_and(|named| named != bucket.name) {
        return Err(Error::Elsewhere);
    }
    let name = address.key.ok_or_else(|| Error::Malformed("it names a bucket, and no object in it".to_owned()))?;
    let inside = service.storage.location.strip(&name).map(str::to_owned);
    let bare = address.bucket.is_none().then_some(name);
    let key = ObjectKey::new(inside.or(bare).ok_or(Error::Outside)?)?;
    if key.is_staging() { Err(Error::Staging) } else { Ok(key) }
}

/// The type that its bytes show, if the space takes it, and if storage does not serve it as something that a browser
/// would run: links hand out what lies there with the type that lies there.
fn settle_type<S>(space: &Space, head: &[u8], opened: &Opened<S>) -> Result<String, Error> {
    const UNKNOWN: &str = "application/octet-stream";
    let stored = opened.content_type.as_deref().and_then(|text| content_type::normalise(text).ok());
    let stored = stored.unwrap_or_else(|| UNKNOWN.to_owned());
    let found = content_type::settle(head, &stored).or_else(|_| content_type::settle(head, UNKNOWN));
    let found = found.unwrap_or_else(|_| UNKNOWN.to_owned());
    if is_active(&stored) && stored != found {
        return Err(Error::ServedAsActive { stored, found });
    }
    if space.accept.allows(&found) { Ok(found) } else { Err(Error::NotAccepted(found)) }
}

fn object(
    service: &Service,
    space: &str,
    what: Description,
    key: &ObjectKey,
    seen: &Seen,
    content_type: String,
    modified: Option<jiff::Timestamp>,
) -> Object {
    let now = service.now();
    // It is as old as it is, and stands there in lists.
    let created_at = modified.filter(|modified| *modified < now).unwrap_or(now);
    Object {
        id: service.random.id(created_at),
        space: space.to_owned(),
        owner: what.owner,
        creator: None,
        group: what.group,
        name: what.name,
        tags: what.tags,
        metadata: what.metadata,
        shared_with: Vec::new(),
        created_at,
        updated_at: now,
        deleted_at: None,
        version: Version {
            number: 1,
            key: key.as_str().to_owned(),
            content_type,
            bytes: i64::try_from(seen.bytes).unwrap_or(i64::MAX),
            sha256: seen.sha256_hex(),
            media: Media::default(),
            created_at: now,
        },
    }
}

/// The object that holds this key already; an error when the key is on its way in or out.
fn known(tx: &db::Tx, key: &ObjectKey) -> Result<Option<Uuid>, Error> {
    if let Some(object) = db::objects::holder_of_key(tx, key.as_str())? {
        return Ok(Some(object));
    }
    // What is not a version there is a variant, which is no object of its own.
    let is_ours = db::doomed::holds(tx, key.as_str())? || db::objects::holds_key(tx, key.as_str())?;
    if is_ours || db::uploads::by_final_key(tx, key.as_str())?.is_some() { Err(Error::InUse) } else { Ok(None) }
}

async fn write(service: &Service, object: Object, key: ObjectKey) -> Result<Adopted, Error> {
    let entry = Asker::upkeep()
        .entry(service.now(), "object.adopt")
        .on(&object.space, Some(object.id))
        .with("key", object.version.key.clone())
        .with("bytes", object.version.bytes)
        .with("content_type", object.version.content_type.clone())
        .with("sha256", object.version.sha256.clone());
    let now = service.now();
    let space = service.config.spaces.get(&object.space);
    let is_wanted =
        space.is_some_and(|space| pictures::is_wanted(&service.config, space, &object.version.content_type));
    service
        .db
        .write(move |tx| {
            if let Some(before) = known(tx, &key)? {
                return Ok(Adopted::Before(before));
            }
            // It takes room whether or not there is any: it lies there already.
            let change = usage::Change { bytes: object.version.bytes, objects: 1, ..usage::Change::default() };
            usage::change(tx, &object.space, object.owner.as_deref(), change)?;
            db::objects::insert(tx, &object)?;
            if is_wanted {
                // What lies there already stays as it is.
                db::pictures::ask(tx, &object, false, object.updated_at)?;
            }
            db::copies::ask(tx, &object.space, key.as_str(), now)?;
            entry.write(tx)?;
            Ok(Adopted::Now(object.id))
        })
        .await
}
