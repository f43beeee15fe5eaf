//! The object or the version that a request about its description means.

use rusqlite::Connection;

use crate::access::Action;
use crate::call::Call;
use crate::fault::{Code, Fault};
use crate::index::buckets::Bucket;
use crate::index::objects;
use crate::index::versions::{self, Version};

/// Which one is meant.
#[derive(Debug)]
pub(super) struct Chosen {
    key: String,
    version: Option<String>,
    may_list: bool,
}

impl Chosen {
    /// Reads the request.
    pub(super) fn of(call: &Call<'_>) -> Result<Self, Fault> {
        let key = call.target.key.clone();
        let may_list = call.identity.may(Action::List, &call.target.bucket, &key);
        Ok(Self { version: call.version()?.map(str::to_owned), key, may_list })
    }

    /// Finds it; a delete marker has no description.
    pub(super) fn find(&self, connection: &Connection, bucket: Bucket) -> Result<Version, Fault> {
        let (found, missing) = if let Some(version) = &self.version {
            (versions::find(connection, bucket.id, &self.key, version)?, Code::NoSuchVersion)
        } else {
            let object = objects::find(connection, bucket.id, &self.key)?;
            (object.map(|object| Version { key: self.key.clone(), object, latest: true }), Code::NoSuchKey)
        };
        match found {
            Some(version) if version.object.is_marker() => Err(Code::MethodNotAllowed.into()),
            Some(version) => Ok(version),
            None => Err(Fault::from(if self.may_list { missing } else { Code::AccessDenied }).with("Key", &*self.key)),
        }
    }
}
