//! `GetBucketAcl` and `GetObjectAcl`: there are no access control lists here, so the answer is always the private one
//! that clients take for "nothing special".

use http::Response;

use crate::answer;
use crate::body::Body;
use crate::call::Call;
use crate::fault::{Code, Fault};
use crate::xml::Xml;

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

fn private(call: Call<'_>) -> Response<Body> {
    let owner = call.identity.access_key_id();
    let mut document = Xml::rooted("AccessControlPolicy");
    document.open("Owner").text("ID", owner).text("DisplayName", owner).close("Owner");
    document.open("AccessControlList").open("Grant");
    document.open("Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"CanonicalUser\"");
    document.text("ID", owner).text("DisplayName", owner).close("Grantee");
    document.text("Permission", "FULL_CONTROL").close("Grant").close("AccessControlList");
    document.close("AccessControlPolicy");
    answer::xml(document)
}
