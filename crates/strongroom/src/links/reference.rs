//! The ways to name an object: its id, its key, an `s3://` URI, or a permanent S3 URL in any of its forms.

use strongroom_presign::Address;
use uuid::Uuid;

use crate::db::objects::{self, Object};
use crate::db::{self, Tx};
use crate::service::Service;

/// What somebody named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// An object by its id.
    Id(Uuid),
    /// An object by the key of its content.
    Keys {
        /// The key, with or without the location; the first that exists counts.
        keys: Vec<String>,
        /// The spaces that have the bucket which was named; without one, all of them count.
        spaces: Option<Vec<String>>,
    },
    /// Something in another bucket, which is never ours.
    Elsewhere,
}

/// Reads what somebody wrote; the error says why it can name nothing.
pub(super) fn read(service: &Service, text: &str) -> Result<Reference, String> {
    if let Ok(id) = Uuid::try_parse(text) {
        return Ok(Reference::Id(id));
    }
    if text.contains('\0') {
        return Err("it holds a NUL, which no name has".to_owned());
    }
    let address = Address::read(text, service.storage.endpoints()).map_err(|error| error.to_string())?;
    let spaces = address.bucket.as_deref().map(|bucket| spaces_in(service, bucket));
    if spaces.as_ref().is_some_and(Vec::is_empty) {
        return Ok(Reference::Elsewhere);
    }
    let key = address.key.ok_or("it names a bucket, and no object in it")?;
    let inside = service.storage.location.strip(&key).map(str::to_owned);
    // Only a bare key may leave the location out: with a bucket in front of it, it is the whole name.
    let bare = address.bucket.is_none().then_some(key);
    Ok(Reference::Keys { keys: inside.into_iter().chain(bare).collect(), spaces })
}

/// The spaces whose objects lie in the bucket of this name.
fn spaces_in(service: &Service, bucket: &str) -> Vec<String> {
    let lies_there = |space: &str| {
        let own = service.storage.bucket(service.bucket_of(space));
        own.is_ok_and(|own| own.name == bucket)
    };
    service.config.spaces.keys().filter(|space| lies_there(space)).cloned().collect()
}

impl Reference {
    /// The object, if there is one.
    pub(super) fn find(&self, tx: &Tx) -> Result<Option<Object>, db::Error> {
        match self {
            Self::Id(id) => objects::get(tx, *id),
            Self::Keys { keys, spaces } => {
                for key in keys {
                    let there = |object: &Object| spaces.as_ref().is_none_or(|spaces| spaces.contains(&object.space));
                    if let Some(object) = objects::by_key(tx, key)?.filter(there) {
                        return Ok(Some(object));
                    }
                }
                Ok(None)
            }
            Self::Elsewhere => Ok(None),
        }
    }
}
