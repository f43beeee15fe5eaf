//! `GetBucketLocation`: the region of a bucket, in S3's own spelling.

use http::Response;

use crate::answer;
use crate::body::Body;
use crate::call::Call;
use crate::fault::{Code, Fault};
use crate::xml::Xml;

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html>
pub(super) fn run(call: Call<'_>) -> Result<Response<Body>, Fault> {
    if !call.identity.knows(&call.target.bucket) {
        return Err(Code::AccessDenied.into());
    }
    call.read(|_, _| Ok(()))?;
    let mut document = Xml::rooted("LocationConstraint");
    // The first region has no name here, for reasons older than regions.
    let region = call.store.authentication.region();
    document.inner_text(if region == "us-east-1" { "" } else { region }).close("LocationConstraint");
    Ok(answer::xml(document))
}
