//! Makes a received body the object of a key, in one transaction that judges the write's conditions.

use std::sync::Arc;

use http::HeaderMap;
use http::header::ETAG;

use crate::body::Slice;
use crate::checksum::Checksums;
use crate::conditions::Conditions;
use crate::content::Placed;
use crate::fault::Fault;
use crate::headers;
use crate::index::objects::{self, Headers, Object};
use crate::index::{bodies, buckets, signed};
use crate::intake::Received;
use crate::store::Inner;

/// Makes `received` the object of `key`. Whoever asks after this answers `Ok` gets the new object, after any crash.
pub(crate) async fn publish(
    store: &Arc<Inner>,
    bucket: &str,
    key: &str,
    kept: Headers,
    received: Received,
    conditions: Conditions,
) -> Result<Object, Fault> {
    let Received { placed, sums, chosen } = received;
    // A body of one content has that content's number; an empty one has only the number.
    let number = placed.as_ref().map(Placed::number);
    let object = Object {
        body: signed(number.unwrap_or_else(|| store.contents.number())),
        bytes: sums.bytes,
        etag: sums.etag(),
        modified: store.now(),
        parts: None,
        headers: kept,
        checksums: sums.kept(chosen),
    };
    let (bucket, key, published) = (bucket.to_owned(), key.to_owned(), object.clone());
    store
        .commit(placed, move |connection| {
            let bucket = buckets::id(connection, &bucket)?;
            let existing = objects::find(connection, bucket, &key)?;
            conditions.demand_target(existing.as_ref())?;
            if let Some(number) = number {
                bodies::add_content(connection, number, sums.bytes, sums.crc64())?;
                bodies::compose(connection, object.body, &[whole(number, sums.bytes)])?;
            }
            Ok(((), objects::put(connection, bucket, &key, &object)?))
        })
        .await?;
    Ok(published)
}

/// All of a content, as the first and only part.
pub(crate) fn whole(content: u64, bytes: u64) -> bodies::Segment {
    bodies::Segment { part: 1, slice: Slice { content, start: 0, bytes, crc64: None } }
}

/// The tag and the checksums, as the answer to a write has them.
pub(crate) fn describe(etag: &str, checksums: &Checksums, response: &mut HeaderMap) -> Result<(), Fault> {
    response.insert(ETAG, headers::etag(etag)?);
    describe_checksums(checksums, response)
}

/// The checksums, as headers.
pub(crate) fn describe_checksums(checksums: &Checksums, response: &mut HeaderMap) -> Result<(), Fault> {
    for (algorithm, value) in &checksums.values {
        response.insert(algorithm.header(), headers::value(value)?);
        response.insert("x-amz-checksum-type", headers::value(checksums.kind())?);
    }
    Ok(())
}
