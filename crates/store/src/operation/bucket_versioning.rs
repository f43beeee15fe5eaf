//! `GetBucketVersioning` and `PutBucketVersioning`: whether a bucket keeps what is replaced or deleted.

use http::{Response, StatusCode};

use crate::answer;
use crate::body::Body;
use crate::call::Call;
use crate::fault::{Code, Fault};
use crate::index::buckets::{self, Versioning};
use crate::payload::Payload;
use crate::xml::{self, VersioningConfiguration, Xml};

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketVersioning.html>
pub(super) fn get(call: Call<'_>) -> Result<Response<Body>, Fault> {
    if !call.identity.knows(&call.target.bucket) {
        return Err(Code::AccessDenied.into());
    }
    let versioning = call.read(|_, bucket| Ok(bucket.versioning))?;
    let mut document = Xml::rooted("VersioningConfiguration");
    if let Some(word) = versioning.word() {
        document.text("Status", word);
    }
    document.close("VersioningConfiguration");
    Ok(answer::xml(document))
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketVersioning.html>
pub(super) async fn put(call: Call<'_>, payload: Payload) -> Result<Response<Body>, Fault> {
    let document = call.document(payload).await?;
    let VersioningConfiguration { status, mfa_delete } = xml::parse(&document)?;
    if mfa_delete.is_some_and(|word| word != "Disabled") {
        return Err(Fault::from(Code::NotImplemented).with("Header", "MfaDelete"));
    }
    let versioning = match status.as_deref() {
        Some("Enabled") => Versioning::Enabled,
        Some("Suspended") => Versioning::Suspended,
        _ => return Err(Fault::new(Code::MalformedXML, "Status must be Enabled or Suspended.")),
    };
    let name = call.target.bucket.clone();
    call.store
        .commit(None, move |connection| {
            let bucket = buckets::find(connection, &name)?;
            if bucket.locks && versioning == Versioning::Suspended {
                let message = "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.";
                return Err(Fault::new(Code::InvalidBucketState, message));
            }
            Ok((buckets::set_versioning(connection, bucket.id, versioning)?, Vec::new()))
        })
        .await?;
    Ok(answer::status(StatusCode::OK))
}
