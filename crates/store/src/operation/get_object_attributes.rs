//! `GetObjectAttributes`: what is known of an object, without its bytes.

use http::Response;
use http::header::LAST_MODIFIED;

use crate::answer;
use crate::body::Body;
use crate::call::Call;
use crate::encryption::{Reason, demand_key};
use crate::fault::{Code, Fault};
use crate::headers;
use crate::publish::describe_version;
use crate::xml::Xml;

use super::get_object::{Detail, Found, find};
use super::list_objects::MAX_ENTRIES;
use super::object_parts::{ObjectPart, parts};

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
    let key = call.reader_key()?;
    let found = find(call, if asked.contains(&"ObjectParts") { Detail::Parts } else { Detail::Head }).await?;
    let Found { object, version, .. } = &found;
    demand_key(object.encryption.as_ref(), key.as_ref(), Reason::Read)?;
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
        write_parts(call, &mut document, &found)?;
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
fn write_parts(call: Call<'_>, document: &mut Xml, found: &Found) -> Result<(), Fault> {
    let number = |name: &'static str| -> Result<Option<u32>, Fault> {
        let Some(text) = headers::text(&call.parts.headers, name) else { return Ok(None) };
        let number = text.parse().map_err(|_| {
            Fault::new(Code::InvalidArgument, format!("{name} is not a number.")).with("ArgumentName", name)
        })?;
        Ok(Some(number))
    };
    let after = number("x-amz-part-number-marker")?.unwrap_or(0);
    let most = number("x-amz-max-parts")?.unwrap_or(MAX_ENTRIES).min(MAX_ENTRIES);
    let parts = parts(found);
    let page: Vec<(u32, &ObjectPart)> = (1..)
        .zip(&parts)
        .filter(|(number, _)| *number > after)
        .take(usize::try_from(most).unwrap_or_default())
        .collect();
    let last = page.last().map_or(after, |(number, _)| *number);
    document.open("ObjectParts").value("PartsCount", parts.len()).value("PartNumberMarker", after);
    document.value("NextPartNumberMarker", last).value("MaxParts", most);
    document.value("IsTruncated", most > 0 && (last as usize) < parts.len());
    for (number, part) in page {
        document.open("Part").value("PartNumber", number).value("Size", part.stretch.bytes);
        for (algorithm, value) in &part.checksums.values {
            document.text(algorithm.element(), value);
        }
        document.close("Part");
    }
    document.close("ObjectParts");
    Ok(())
}
