//! `GetObjectAttributes`: what is known of an object, without its bytes.

use http::Response;
use http::header::LAST_MODIFIED;

use crate::answer;
use crate::body::Body;
use crate::call::Call;
use crate::fault::{Code, Fault};
use crate::headers;
use crate::index::bodies::Segment;
use crate::publish::describe_version;
use crate::stored;
use crate::xml::Xml;

use super::get_object::{Found, find};
use super::list_objects::MAX_ENTRIES;

/// What can be asked for.
const ATTRIBUTES: [&str; 5] = ["Checksum", "ETag", "ObjectParts", "ObjectSize", "StorageClass"];

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAttributes.html>
pub(super) async fn run(call: Call<'_>) -> Result<Response<Body>, Fault> {
    let request = &call.parts.headers;
    let asked: Vec<&str> = request
        .get_all("x-amz-object-attributes")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect();
    if asked.is_empty() || asked.iter().any(|name| !ATTRIBUTES.contains(name)) {
        let message = format!("Name one or more of {} in x-amz-object-attributes.", ATTRIBUTES.join(", "));
        return Err(Fault::new(Code::InvalidArgument, message).with("ArgumentName", "x-amz-object-attributes"));
    }
    let Found { object, segments, version } = find(call, asked.contains(&"ObjectParts")).await?;
    let mut document = Xml::rooted("GetObjectAttributesResponse");
    if asked.contains(&"ETag") {
        document.text("ETag", &object.etag);
    }
    if asked.contains(&"Checksum") && !object.checksums.values.is_empty() {
        document.open("Checksum");
        answer::checksums(&mut document, &object.checksums);
        document.close("Checksum");
    }
    if asked.contains(&"ObjectParts") && object.parts.is_some() {
        write_parts(call, &mut document, &segments)?;
    }
    if asked.contains(&"StorageClass") {
        document.text("StorageClass", "STANDARD");
    }
    if asked.contains(&"ObjectSize") {
        document.value("ObjectSize", object.bytes);
    }
    document.close("GetObjectAttributesResponse");
    let mut response = answer::xml(document);
    response.headers_mut().insert(LAST_MODIFIED, headers::value(&object.modified.http())?);
    describe_version(version.as_deref(), response.headers_mut())?;
    Ok(response)
}

/// A page of the parts, counted from 1 as readers count them.
fn write_parts(call: Call<'_>, document: &mut Xml, segments: &[Segment]) -> Result<(), Fault> {
    let number = |name: &'static str| -> Result<Option<u32>, Fault> {
        let Some(text) = headers::text(&call.parts.headers, name) else { return Ok(None) };
        let number = text.parse().map_err(|_| {
            Fault::new(Code::InvalidArgument, format!("{name} is not a number.")).with("ArgumentName", name)
        })?;
        Ok(Some(number))
    };
    let after = number("x-amz-part-number-marker")?.unwrap_or(0);
    let most = number("x-amz-max-parts")?.unwrap_or(MAX_ENTRIES).min(MAX_ENTRIES);
    let parts = stored::parts(segments);
    let page: Vec<(u32, u64)> = (1..)
        .zip(&parts)
        .filter(|(number, _)| *number > after)
        .map(|(number, (_, stretch))| (number, stretch.bytes))
        .take(usize::try_from(most).unwrap_or_default())
        .collect();
    let last = page.last().map_or(after, |(number, _)| *number);
    document.open("ObjectParts").value("PartsCount", parts.len()).value("PartNumberMarker", after);
    document.value("NextPartNumberMarker", last).value("MaxParts", most);
    document.value("IsTruncated", most > 0 && (last as usize) < parts.len());
    for (number, bytes) in page {
        document.open("Part").value("PartNumber", number).value("Size", bytes).close("Part");
    }
    document.close("ObjectParts");
    Ok(())
}
