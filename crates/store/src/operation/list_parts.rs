//! `ListParts`: what has arrived of an upload.

use http::Response;

use crate::answer;
use crate::body::Body;
use crate::call::Call;
use crate::checksum::hex;
use crate::encoding::Encoding;
use crate::encryption::{Reason, demand_key};
use crate::fault::Fault;
use crate::index::uploads;
use crate::xml::Xml;

use super::list_objects::MAX_ENTRIES;

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html>
pub(super) fn run(call: Call<'_>) -> Result<Response<Body>, Fault> {
    let (query, key) = (call.query, &call.target.key);
    let encoding = Encoding::of(query)?;
    let id = query.get("uploadId").unwrap_or_default();
    let after = query.number("part-number-marker")?.unwrap_or(0);
    let most = query.number("max-parts")?.unwrap_or(MAX_ENTRIES).min(MAX_ENTRIES);
    let limit = usize::try_from(most).unwrap_or_default();
    let key_of_customer = call.reader_key()?;
    let (upload, mut parts) = call.read(|connection, bucket| {
        let upload = uploads::find(connection, bucket.id, key, id)?;
        Ok((upload, uploads::parts(connection, id, after, limit + 1)?))
    })?;
    if key_of_customer.is_some() {
        demand_key(upload.encryption.as_ref(), key_of_customer.as_ref(), Reason::AddPart)?;
    }
    let truncated = parts.len() > limit && limit > 0;
    parts.truncate(limit);

    let mut document = Xml::rooted("ListPartsResult");
    document.text("Bucket", &call.target.bucket).text("Key", &encoding.apply(key)).text("UploadId", id);
    encoding.declare(&mut document);
    for role in ["Initiator", "Owner"] {
        document.open(role).text("ID", &upload.initiator).text("DisplayName", &upload.initiator).close(role);
    }
    document.text("StorageClass", "STANDARD").value("PartNumberMarker", after);
    if let Some(last) = parts.last().filter(|_| truncated) {
        document.value("NextPartNumberMarker", last.number);
    }
    document.value("MaxParts", most).value("IsTruncated", truncated);
    if let Some(algorithm) = upload.algorithm {
        document.text("ChecksumAlgorithm", algorithm.name());
        document.text("ChecksumType", if upload.composite { "COMPOSITE" } else { "FULL_OBJECT" });
    }
    for part in &parts {
        document.open("Part").value("PartNumber", part.number).text("LastModified", &part.modified.iso());
        document.text("ETag", &format!("\"{}\"", hex(&part.md5))).value("Size", part.bytes);
        if let Some((algorithm, value)) =
            upload.algorithm.and_then(|algorithm| part.checksums.values.get_key_value(&algorithm))
        {
            document.text(algorithm.element(), value);
        }
        document.close("Part");
    }
    document.close("ListPartsResult");
    Ok(answer::xml(document))
}
