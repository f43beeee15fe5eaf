//! The headers that are kept with an object, and those that would change its meaning and are refused.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::encryption::{CUSTOMER, SSE};
use crate::fault::{Code, Fault};
use crate::index::objects::Headers;

/// The plain headers that are kept.
const KEPT: &[&str] =
    &["cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires"];

/// What begins the name of a header of the client's own.
const META: &str = "x-amz-meta-";

/// The most that names and values of the client's own headers may take, in bytes; S3's own figure.
const META_BYTES: usize = 2048;

/// What S3 calls a content whose type nobody gave.
const DEFAULT_TYPE: &str = "binary/octet-stream";

/// The headers to keep with a new object.
pub(crate) fn to_keep<'a>(fields: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Headers, Fault> {
    let mut kept = Headers::new();
    for (name, value) in fields {
        let name = name.to_ascii_lowercase();
        if !KEPT.contains(&name.as_str()) && !name.starts_with(META) {
            continue;
        }
        let text = std::str::from_utf8(value).map_err(|_| {
            Fault::new(Code::InvalidArgument, format!("The header {name} is neither ASCII nor UTF-8."))
                .with("ArgumentName", &*name)
        })?;
        // A form's field could hold a line break, which no header may.
        if HeaderName::from_bytes(name.as_bytes()).is_err() || HeaderValue::from_bytes(value).is_err() {
            return Err(Fault::new(Code::InvalidArgument, format!("{name} holds what a header cannot carry."))
                .with("ArgumentName", &*name));
        }
        let text = if name == "content-encoding" { without_chunked(text) } else { text.to_owned() };
        if name == "content-encoding" && text.is_empty() {
            continue;
        }
        kept.entry(name).and_modify(|before| *before = format!("{before},{text}")).or_insert(text);
    }
    let meta: usize = kept.iter().filter_map(|(name, value)| Some(name.strip_prefix(META)?.len() + value.len())).sum();
    if meta > META_BYTES {
        return Err(Fault::from(Code::MetadataTooLarge)
            .with("Size", meta.to_string())
            .with("MaxSizeAllowed", META_BYTES.to_string()));
    }
    if kept.get("content-type").is_none_or(String::is_empty) {
        kept.insert("content-type".to_owned(), DEFAULT_TYPE.to_owned());
    }
    Ok(kept)
}

/// `aws-chunked` says how the body travelled, and not what it is.
fn without_chunked(encodings: &str) -> String {
    let kept: Vec<&str> = encodings
        .split(',')
        .map(str::trim)
        .filter(|encoding| !encoding.is_empty() && !encoding.eq_ignore_ascii_case("aws-chunked"))
        .collect();
    kept.join(",")
}

/// The header lines of a request, as `to_keep` wants them.
pub(crate) fn lines(headers: &HeaderMap) -> impl Iterator<Item = (&str, &[u8])> {
    headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()))
}

/// Refuses what asks for something the store does not do: ignoring it would be worse than saying no.
pub(crate) fn refuse_unsupported<'a>(fields: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<(), Fault> {
    for (name, value) in fields {
        let name = name.to_ascii_lowercase();
        let refused = match name.as_str() {
            "x-amz-acl" | "acl" if !matches!(value, b"private" | b"bucket-owner-full-control") => {
                Some(Code::AccessControlListNotSupported)
            }
            "x-amz-storage-class" if value != b"STANDARD" => Some(Code::InvalidStorageClass),
            "x-amz-website-redirect-location" | "x-amz-write-offset-bytes" => Some(Code::NotImplemented),
            grant if grant.starts_with("x-amz-grant-") => Some(Code::AccessControlListNotSupported),
            // Of encryption, what is not read elsewhere is about a key management service.
            other if other.starts_with(SSE) && other != SSE && !other.starts_with(CUSTOMER) => {
                Some(Code::NotImplemented)
            }
            _ => None,
        };
        if let Some(code) = refused {
            return Err(Fault::from(code).with("Header", name));
        }
    }
    Ok(())
}

/// Writes the kept headers into a response, each as it was given.
pub(crate) fn replay(kept: &Headers, response: &mut HeaderMap) {
    for (name, value) in kept {
        // They were checked when they were kept.
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value.as_bytes()))
        {
            response.insert(name, value);
        }
    }
}

/// A header value of text the store made or checked itself.
pub(crate) fn value(text: &str) -> Result<HeaderValue, Fault> {
    HeaderValue::from_bytes(text.as_bytes()).map_err(|error| Fault::from(Code::InternalError).because(error))
}

/// The text of a header, if it is there and is text.
pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
}

/// A tag as headers have it.
pub(crate) fn etag(tag: &str) -> Result<HeaderValue, Fault> {
    value(&format!("\"{tag}\""))
}

/// The announced length of a body, which HTTP has checked already.
pub(crate) fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
