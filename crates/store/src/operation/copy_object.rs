//! `CopyObject`: gives a key the body of another object. No byte is moved.

use http::Response;
use percent_encoding::percent_decode_str;

use crate::access::Action;
use crate::answer;
use crate::body::Body;
use crate::call::Call;
use crate::conditions::Conditions;
use crate::fault::{Code, Fault};
use crate::headers;
use crate::index::buckets;
use crate::index::objects::{self, Object};
use crate::target::Target;
use crate::xml::Xml;

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html>
pub(super) async fn run(call: Call<'_>) -> Result<Response<Body>, Fault> {
    let request = &call.parts.headers;
    headers::refuse_unsupported(headers::lines(request))?;
    if request.contains_key("x-amz-checksum-algorithm") {
        return Err(Fault::from(Code::NotImplemented).with("Header", "x-amz-checksum-algorithm"));
    }
    let source = source(headers::text(request, "x-amz-copy-source").unwrap_or_default())?;
    call.identity.demand(Action::Get, &source.bucket, &source.key)?;
    let replaced = match headers::text(request, "x-amz-metadata-directive") {
        None => None,
        Some(word) if word.eq_ignore_ascii_case("COPY") => None,
        Some(word) if word.eq_ignore_ascii_case("REPLACE") => Some(headers::to_keep(headers::lines(request))?),
        Some(word) => {
            return Err(Fault::new(Code::InvalidArgument, "Unknown metadata directive.")
                .with("ArgumentName", "x-amz-metadata-directive")
                .with("ArgumentValue", word));
        }
    };
    if replaced.is_none() && source == *call.target {
        return Err(Fault::new(
            Code::InvalidRequest,
            "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
        ));
    }
    let may_list = call.identity.may(Action::List, &source.bucket, &source.key);
    let (of_source, of_target) = (Conditions::of_source(request), call.write_conditions()?);
    let (target, modified) = (call.target.clone(), call.store.now());
    let copied = call
        .store
        .commit(None, move |connection| {
            let from = buckets::id(connection, &source.bucket)?;
            let to = buckets::id(connection, &target.bucket)?;
            let Some(original) = objects::find(connection, from, &source.key)? else {
                let code = if may_list { Code::NoSuchKey } else { Code::AccessDenied };
                return Err(Fault::from(code));
            };
            of_source.demand_source(&original)?;
            of_target.demand_target(objects::find(connection, to, &target.key)?.as_ref())?;
            let headers = replaced.unwrap_or_else(|| original.headers.clone());
            let copy = Object { modified, headers, ..original };
            let freed = objects::put(connection, to, &target.key, &copy)?;
            Ok((copy, freed))
        })
        .await?;
    let mut document = Xml::rooted("CopyObjectResult");
    document.text("LastModified", &copied.modified.iso()).text("ETag", &format!("\"{}\"", copied.etag));
    answer::checksums(&mut document, &copied.checksums);
    document.close("CopyObjectResult");
    Ok(answer::xml(document))
}

/// Reads `bucket/key`, with or without a leading slash, percent-encoded.
fn source(text: &str) -> Result<Target, Fault> {
    let malformed = || {
        Fault::new(Code::InvalidArgument, "Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
            .with("ArgumentName", "x-amz-copy-source")
            .with("ArgumentValue", text)
    };
    let (path, version) = match text.rsplit_once("?versionId=") {
        Some((path, version)) => (path, Some(version)),
        None => (text, None),
    };
    if let Some(version) = version.filter(|version| *version != "null") {
        return Err(Fault::from(Code::NoSuchVersion).with("VersionId", version));
    }
    let decoded = percent_decode_str(path).decode_utf8().map_err(|_| malformed())?;
    let decoded = decoded.strip_prefix('/').unwrap_or(&decoded);
    match decoded.split_once('/') {
        Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => {
            Ok(Target { bucket: bucket.to_owned(), key: key.to_owned() })
        }
        _ => Err(malformed()),
    }
}
