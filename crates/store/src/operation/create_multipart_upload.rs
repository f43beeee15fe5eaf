//! `CreateMultipartUpload`: begins an upload in parts, whose object will have this request's headers.

use http::Response;

use crate::answer;
use crate::body::Body;
use crate::call::Call;
use crate::checksum::Algorithm;
use crate::encryption::Asked;
use crate::fault::{Code, Fault};
use crate::headers;
use crate::index::uploads::Upload;
use crate::index::{buckets, uploads};
use crate::publish::Kept;
use crate::xml::Xml;

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html>
pub(super) async fn run(call: Call<'_>) -> Result<Response<Body>, Fault> {
    let (request, store) = (&call.parts.headers, call.store);
    let kept = Kept::of(request, call.now)?;
    call.identity.demand_lock(kept.lock, &call.target.bucket, &call.target.key)?;
    let (algorithm, composite) = checksum(request)?;
    let protection = store.protect(&Asked::of(headers::lines(request))?).await?;
    let upload = Upload {
        // The time makes ids sort by when they began; the luck makes them impossible to guess.
        id: format!("{:012x}{:032x}", call.now.0, store.random()),
        key: call.target.key.clone(),
        initiator: call.identity.access_key_id().to_owned(),
        initiated: call.now,
        headers: kept.headers,
        algorithm,
        composite,
        tags: kept.tags,
        lock: kept.lock,
        encryption: protection.encryption.clone(),
    };
    let (bucket, begun) = (call.target.bucket.clone(), upload.clone());
    store
        .commit(None, move |connection| {
            let bucket = buckets::id(connection, &bucket)?;
            uploads::begin(connection, bucket, &upload)?;
            Ok(((), Vec::new()))
        })
        .await?;
    let mut document = Xml::rooted("InitiateMultipartUploadResult");
    document.text("Bucket", &call.target.bucket).text("Key", &begun.key).text("UploadId", &begun.id);
    document.close("InitiateMultipartUploadResult");
    let mut response = answer::xml(document);
    protection.describe(response.headers_mut())?;
    if let Some(algorithm) = algorithm {
        response.headers_mut().insert("x-amz-checksum-algorithm", headers::value(algorithm.name())?);
        let kind = if composite { "COMPOSITE" } else { "FULL_OBJECT" };
        response.headers_mut().insert("x-amz-checksum-type", headers::value(kind)?);
    }
    Ok(response)
}

/// The checksum the object will have, and whether it is made of the parts' checksums.
fn checksum(request: &http::HeaderMap) -> Result<(Option<Algorithm>, bool), Fault> {
    let algorithm = headers::text(request, "x-amz-checksum-algorithm").map(Algorithm::parse).transpose()?;
    let kind = headers::text(request, "x-amz-checksum-type");
    let refused = |message: &str| Err(Fault::new(Code::InvalidRequest, message));
    match (algorithm, kind) {
        (None, None) => Ok((None, false)),
        (None, Some(_)) => {
            refused("The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.")
        }
        (Some(Algorithm::Crc64nvme), Some("COMPOSITE")) => {
            refused("The COMPOSITE checksum type cannot be used with the crc64nvme checksum algorithm.")
        }
        (Some(Algorithm::Sha1 | Algorithm::Sha256), Some("FULL_OBJECT")) => {
            refused("The FULL_OBJECT checksum type cannot be used with the SHA algorithms.")
        }
        (Some(Algorithm::Crc64nvme), None) | (Some(_), Some("FULL_OBJECT")) => Ok((algorithm, false)),
        (Some(_), None | Some("COMPOSITE")) => Ok((algorithm, true)),
        (Some(_), Some(_)) => refused("Value for x-amz-checksum-type header is invalid."),
    }
}
