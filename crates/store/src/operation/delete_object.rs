//! `DeleteObject`: removes the object of a key, whether there is one or not, or one version for good.

use http::header::{HeaderMap, HeaderValue};
use http::{Response, StatusCode};
use rusqlite::Connection;

use crate::answer;
use crate::body::Body;
use crate::call::Call;
use crate::conditions::{any_matches, failed};
use crate::fault::Fault;
use crate::headers;
use crate::index::buckets::{Bucket, Versioning};
use crate::index::{buckets, objects, versions};
use crate::publish::describe_version;

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html>
pub(super) async fn run(call: Call<'_>) -> Result<Response<Body>, Fault> {
    let version = call.version()?.map(str::to_owned);
    if version.is_none() {
        demand_room(call)?;
    }
    let tags = headers::text(&call.parts.headers, "if-match").map(str::to_owned);
    let (target, now, luck) = (call.target.clone(), call.now, call.store.luck());
    let bypass = call.bypasses_governance();
    let (named, change) = call
        .store
        .commit(None, move |connection| {
            let bucket = buckets::find(connection, &target.bucket)?;
            if let Some(tags) = tags
                && !is_meant(connection, bucket, &target.key, version.as_deref(), &tags)?
            {
                return Err(failed("If-Match"));
            }
            let change = match &version {
                Some(version) => versions::delete_version(connection, bucket, &target.key, version, (now, bypass))?
                    .unwrap_or_default(),
                None => versions::delete(connection, bucket, &target.key, now, luck)?,
            };
            let freed = change.freed;
            Ok(((version, (change.version, change.marker)), freed))
        })
        .await?;
    let mut response = answer::status(StatusCode::NO_CONTENT);
    let (version, marker) = change;
    describe_version(named.or(version).as_deref(), response.headers_mut())?;
    mark(marker, response.headers_mut());
    Ok(response)
}

/// Whether what is to be deleted is there and is what the client has seen. As for every `If-Match`, what is not there
/// is not (RFC 9110, section 13.1.1).
pub(super) fn is_meant(
    connection: &Connection,
    bucket: Bucket,
    key: &str,
    version: Option<&str>,
    tags: &str,
) -> Result<bool, Fault> {
    let object = match version {
        Some(version) => versions::find(connection, bucket.id, key, version)?.map(|found| found.object),
        None => objects::find(connection, bucket.id, key)?,
    };
    Ok(object.is_some_and(|object| any_matches(tags, &object.etag)))
}

/// Demands the room that delete markers take in the index, where there are any. Whatever goes for good needs none.
pub(super) fn demand_room(call: Call<'_>) -> Result<(), Fault> {
    let versioning = call.read(|_, bucket| Ok(bucket.versioning))?;
    if versioning == Versioning::Never { Ok(()) } else { call.store.space.demand() }
}

/// Says that a version is a delete marker.
pub(super) fn mark(marker: bool, response: &mut HeaderMap) {
    if marker {
        response.insert("x-amz-delete-marker", HeaderValue::from_static("true"));
    }
}
