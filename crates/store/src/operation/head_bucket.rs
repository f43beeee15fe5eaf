//! `HeadBucket`: whether a bucket is there for the one who asks.

use http::{Response, StatusCode};

use crate::body::Body;
use crate::call::Call;
use crate::fault::{Code, Fault};
use crate::{answer, headers};

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadBucket.html>
pub(super) fn run(call: Call<'_>) -> Result<Response<Body>, Fault> {
    if !call.identity.knows(&call.target.bucket) {
        return Err(Code::AccessDenied.into());
    }
    call.read(|_, _| Ok(()))?;
    let mut response = answer::status(StatusCode::OK);
    response.headers_mut().insert("x-amz-bucket-region", headers::value(call.store.authentication.region())?);
    Ok(response)
}
