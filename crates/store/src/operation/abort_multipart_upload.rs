//! `AbortMultipartUpload`: ends an upload and lets go of its parts.

use http::{Response, StatusCode};

use crate::answer;
use crate::body::Body;
use crate::call::Call;
use crate::fault::Fault;
use crate::index::{buckets, uploads};

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html>
pub(super) async fn run(call: Call<'_>) -> Result<Response<Body>, Fault> {
    let target = call.target.clone();
    let id = call.query.get("uploadId").unwrap_or_default().to_owned();
    call.store
        .commit(None, move |connection| {
            let bucket = buckets::id(connection, &target.bucket)?;
            uploads::find(connection, bucket, &target.key, &id)?;
            Ok(((), uploads::remove(connection, bucket, &target.key, &id)?))
        })
        .await?;
    Ok(answer::status(StatusCode::NO_CONTENT))
}
