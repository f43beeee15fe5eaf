//! `DeleteBucket`: removes a bucket that holds no object.

use http::{Response, StatusCode};

use crate::answer;
use crate::body::Body;
use crate::call::Call;
use crate::fault::Fault;
use crate::index::buckets;

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucket.html>
pub(super) async fn run(call: Call<'_>) -> Result<Response<Body>, Fault> {
    let name = call.target.bucket.clone();
    call.store.commit(None, move |connection| Ok(((), buckets::delete(connection, &name)?))).await?;
    Ok(answer::status(StatusCode::NO_CONTENT))
}
