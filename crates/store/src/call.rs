//! The head of one authenticated request on its way through an operation.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;

use crate::access::{Action, Identity};
use crate::conditions::Conditions;
use crate::encryption::CustomerKey;
use crate::fault::{Code, Fault};
use crate::headers;
use crate::index::buckets::{self, Bucket};
use crate::payload::Payload;
use crate::store::Inner;
use crate::target::{Query, Target};
use crate::time::Moment;

/// What an operation works with. Rights that depend on bucket and key alone have been checked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    /// The store.
    pub(crate) store: &'a Arc<Inner>,
    /// The head of the request.
    pub(crate) parts: &'a Parts,
    /// Its bucket and key.
    pub(crate) target: &'a Target,
    /// Its query.
    pub(crate) query: &'a Query,
    /// Who asks.
    pub(crate) identity: &'a Identity,
    /// When it came.
    pub(crate) now: Moment,
}

impl Call<'_> {
    /// The conditions of a write, if the one who asks may learn what they tell.
    pub(crate) fn write_conditions(&self) -> Result<Conditions, Fault> {
        let conditions = Conditions::of(&self.parts.headers);
        if conditions.tell_content() {
            self.identity.demand(Action::Get, &self.target.bucket, &self.target.key)?;
        }
        Ok(conditions)
    }

    /// Runs a short query on the index, with the bucket, which must exist.
    pub(crate) fn read<T>(
        &self,
        query: impl FnOnce(&rusqlite::Connection, Bucket) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.store.index.read(|connection| query(connection, buckets::find(connection, &self.target.bucket)?))
    }

    /// The version that is asked for by name.
    pub(crate) fn version(&self) -> Result<Option<&str>, Fault> {
        match self.query.get("versionId") {
            Some("") => Err(Fault::new(Code::InvalidArgument, "Version id cannot be the empty string")
                .with("ArgumentName", "versionId")),
            version => Ok(version),
        }
    }

    /// The customer's key that came with a request which makes no object.
    pub(crate) fn reader_key(&self) -> Result<Option<CustomerKey>, Fault> {
        CustomerKey::of_reader(headers::lines(&self.parts.headers))
    }

    /// Whether locks that can be lifted are to be, by one who may.
    pub(crate) fn bypasses_governance(&self) -> bool {
        let asked = headers::text(&self.parts.headers, "x-amz-bypass-governance-retention");
        asked.is_some_and(|word| word.eq_ignore_ascii_case("true"))
            && self.identity.may(Action::Configure, &self.target.bucket, &self.target.key)
    }

    /// Reads a document of bounded length. It takes one of the places for bodies, as an object does.
    pub(crate) async fn document(&self, mut payload: Payload) -> Result<Bytes, Fault> {
        let _place = self.store.admit_upload(self.identity)?;
        payload.document(self.store.limits.xml_bytes).await
    }
}
