//! `DeleteObject`: removes the object of a key, whether there is one or not.

use http::{Response, StatusCode};

use crate::answer;
use crate::body::Body;
use crate::call::Call;
use crate::conditions::any_matches;
use crate::conditions::failed;
use crate::fault::{Code, Fault};
use crate::headers;
use crate::index::{buckets, objects};

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObject.html>
pub(super) async fn run(call: Call<'_>) -> Result<Response<Body>, Fault> {
    if let Some(version) = call.query.text("versionId").filter(|version| *version != "null") {
        return Err(Fault::from(Code::NoSuchVersion).with("VersionId", version));
    }
    let tags = headers::text(&call.parts.headers, "if-match").map(str::to_owned);
    let target = call.target.clone();
    call.store
        .commit(None, move |connection| {
            let bucket = buckets::id(connection, &target.bucket)?;
            if let Some(tags) = tags
                && let Some(object) = objects::find(connection, bucket, &target.key)?
                && !any_matches(&tags, &object.etag)
            {
                return Err(failed("If-Match"));
            }
            Ok(((), objects::delete(connection, bucket, &target.key)?))
        })
        .await?;
    Ok(answer::status(StatusCode::NO_CONTENT))
}
