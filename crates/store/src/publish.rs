//! Makes a received body the object of a key, in one transaction that judges the write's conditions.

use std::sync::Arc;

use http::HeaderMap;
use http::header::ETAG;

use crate::body::Slice;
use crate::checksum::{Checksums, hex};
use crate::conditions::Conditions;
use crate::content::{Placed, Written};
use crate::encryption::Protection;
use crate::fault::Fault;
use crate::headers;
use crate::index::objects::{self, Headers, Object};
use crate::index::{bodies, buckets, signed, versions};
use crate::intake::Received;
use crate::lock::Lock;
use crate::store::Inner;
use crate::tags::{self, Tags};
use crate::time::Moment;

/// What is kept with a new object besides its bytes.
#[derive(Debug)]
pub(crate) struct Kept {
    /// Its content type and whatever else came with it.
    pub(crate) headers: Headers,
    /// Its tags.
    pub(crate) tags: Tags,
    /// What keeps it from being removed.
    pub(crate) lock: Lock,
}

impl Kept {
    /// Reads the headers of a request, refusing those that ask for something the store does not do.
    pub(crate) fn of(request: &HeaderMap, now: Moment) -> Result<Self, Fault> {
        headers::refuse_unsupported(headers::lines(request))?;
        let tags = headers::text(request, "x-amz-tagging").map(tags::of_header).transpose()?;
        Ok(Self {
            headers: headers::to_keep(headers::lines(request))?,
            tags: tags.unwrap_or_default(),
            lock: Lock::of(headers::lines(request), now)?,
        })
    }
}

/// What has become of a body that was handed in.
#[derive(Debug)]
pub(crate) struct Published {
    /// The object.
    pub(crate) object: Object,
    /// The version it is, where there are versions.
    pub(crate) version: Option<String>,
}

/// Makes `received` the object of `key`, as which it was protected while it came. Whoever asks after this answers `Ok` gets the new object, after any crash.
pub(crate) async fn publish(
    store: &Arc<Inner>,
    bucket: &str,
    key: &str,
    kept: Kept,
    (received, protection): (Received, &Protection),
    conditions: Conditions,
) -> Result<Published, Fault> {
    let Received { placed, sums, chosen } = received;
    // A body of one content has that content's number; an empty one has only the number.
    let written = placed.as_ref().map(Placed::written);
    let encryption = protection.encryption.clone();
    let object = Object {
        body: signed(written.map_or_else(|| store.contents.number(), |written| written.number)),
        bytes: sums.bytes,
        etag: hex(&store.tag(encryption.as_ref(), &sums)),
        modified: store.now(),
        parts: None,
        headers: kept.headers,
        checksums: sums.kept(chosen),
        version: versions::NULL.to_owned(),
        sequence: 0,
        tags: kept.tags,
        lock: kept.lock,
        encryption,
    };
    let (bucket, key, luck) = (bucket.to_owned(), key.to_owned(), store.luck());
    store
        .commit(placed, move |connection| {
            let bucket = buckets::find(connection, &bucket)?;
            let existing = objects::find(connection, bucket.id, &key)?;
            conditions.demand_target(existing.as_ref())?;
            if let Some(written) = written {
                bodies::add_content(connection, &written)?;
                bodies::compose(connection, object.body, &[whole(&written)])?;
            }
            let change = versions::put(connection, bucket, &key, &object, (object.modified, luck))?;
            Ok((Published { object, version: change.version }, change.freed))
        })
        .await
}

/// All of a content, as the first and only part.
pub(crate) fn whole(content: &Written) -> bodies::Segment {
    let Written { number, bytes, .. } = *content;
    bodies::Segment { part: 1, slice: Slice { content: number, start: 0, bytes, crc64: None, sealed: None } }
}

/// The tag and the checksums, as the answer to a write has them.
pub(crate) fn describe(etag: &str, checksums: &Checksums, response: &mut HeaderMap) -> Result<(), Fault> {
    response.insert(ETAG, headers::etag(etag)?);
    describe_checksums(checksums, response)
}

/// The version, as answers have it where there are versions.
pub(crate) fn describe_version(version: Option<&str>, response: &mut HeaderMap) -> Result<(), Fault> {
    if let Some(version) = version {
        response.insert("x-amz-version-id", headers::value(version)?);
    }
    Ok(())
}

/// The checksums, as headers.
pub(crate) fn describe_checksums(checksums: &Checksums, response: &mut HeaderMap) -> Result<(), Fault> {
    for (algorithm, value) in &checksums.values {
        response.insert(algorithm.header(), headers::value(value)?);
        response.insert("x-amz-checksum-type", headers::value(checksums.kind())?);
    }
    Ok(())
}
