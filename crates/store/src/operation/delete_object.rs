//! `DeleteObject`: removes the object of a key, whether there is one or not, or one version for good.

use http::header::{HeaderMap, HeaderValue};
use http::{Response, StatusCode};

use crate::answer;
use crate::body::Body;
use crate::call::Call;
use crate::conditions::any_matches;
use crate::conditions::failed;
use crate::fault::Fault;
use crate::headers;
use crate::index::{buckets, objects, versions};
use crate::publish::describe_version;

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html>
pub(super) async fn run(call: Call<'_>) -> Result<Response<Body>, Fault> {
    let version = call.version()?.map(str::to_owned);
    let tags = headers::text(&call.parts.headers, "if-match").map(str::to_owned);
    let (target, now, luck) = (call.target.clone(), call.now, call.store.luck());
    let bypass = call.bypasses_governance();
    let (named, change) = call
        .store
        .commit(None, move |connection| {
            let bucket = buckets::find(connection, &target.bucket)?;
            if let Some(tags) = tags
                && let Some(object) = match &version {
                    Some(version) => {
                        versions::find(connection, bucket.id, &target.key, version)?.map(|found| found.object)
                    }
                    None => objects::find(connection, bucket.id, &target.key)?,
                }
                && !any_matches(&tags, &object.etag)
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

/// Says that a version is a delete marker.
pub(super) fn mark(marker: bool, response: &mut HeaderMap) {
    if marker {
        response.insert("x-amz-delete-marker", HeaderValue::from_static("true"));
    }
}
