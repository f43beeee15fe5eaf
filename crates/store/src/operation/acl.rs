//! `GetBucketAcl`, `GetObjectAcl`, `PutBucketAcl` and `PutObjectAcl`: there are no access control lists here, so the
//! answer is always the private one that clients take for "nothing special", and only that one may be set.

use http::{Response, StatusCode};

use crate::answer;
use crate::body::Body;
use crate::call::Call;
use crate::fault::{Code, Fault};
use crate::headers;
use crate::payload::Payload;
use crate::xml::{self, AccessControlPolicy, Xml};

use super::chosen::Chosen;

const EVERYTHING: &str = "FULL_CONTROL";

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketAcl.html>
pub(super) fn of_bucket(call: Call<'_>) -> Result<Response<Body>, Fault> {
    if !call.identity.knows(&call.target.bucket) {
        return Err(Code::AccessDenied.into());
    }
    call.read(|_, _| Ok(()))?;
    Ok(private(call))
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAcl.html>
pub(super) async fn of_object(call: Call<'_>) -> Result<Response<Body>, Fault> {
    super::get_object::find(call, super::get_object::Detail::Head).await?;
    Ok(private(call))
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketAcl.html>
pub(super) async fn put_of_bucket(call: Call<'_>, payload: Payload) -> Result<Response<Body>, Fault> {
    call.read(|_, _| Ok(()))?;
    keep_private(call, payload).await
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectAcl.html>
pub(super) async fn put_of_object(call: Call<'_>, payload: Payload) -> Result<Response<Body>, Fault> {
    let chosen = Chosen::of(&call)?;
    call.read(|connection, bucket| chosen.find(connection, bucket).map(drop))?;
    keep_private(call, payload).await
}

/// Setting what is so already changes nothing: clients that copy an object give the copy the list of its source.
async fn keep_private(call: Call<'_>, payload: Payload) -> Result<Response<Body>, Fault> {
    let request = &call.parts.headers;
    headers::refuse_unsupported(headers::lines(request))?;
    let document = call.document(payload).await?;
    if document.is_empty() && request.contains_key("x-amz-acl") {
        return Ok(answer::status(StatusCode::OK));
    }
    let AccessControlPolicy { list } = xml::parse(&document)?;
    match list.grants.as_slice() {
        [grant] if grant.is(call.identity.access_key_id(), EVERYTHING) => Ok(answer::status(StatusCode::OK)),
        _ => Err(Code::AccessControlListNotSupported.into()),
    }
}

fn private(call: Call<'_>) -> Response<Body> {
    let owner = call.identity.access_key_id();
    let mut document = Xml::rooted("AccessControlPolicy");
    document.open("Owner").text("ID", owner).text("DisplayName", owner).close("Owner");
    document.open("AccessControlList").open("Grant");
    document.open("Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"CanonicalUser\"");
    document.text("ID", owner).text("DisplayName", owner).close("Grantee");
    document.text("Permission", EVERYTHING).close("Grant").close("AccessControlList");
    document.close("AccessControlPolicy");
    answer::xml(document)
}
