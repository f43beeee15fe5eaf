//! `GetObject` and `HeadObject`: an object or a stretch of it, from one consistent look at the index.

use std::io;
use std::sync::Arc;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use rusqlite::Connection;

use crate::access::Action;
use crate::body::{Body, Reading, STRETCH};
use crate::call::Call;
use crate::conditions::{Conditions, Verdict, any_matches, failed};
use crate::encryption::{CustomerKey, Reason, Secret, demand_key, describe};
use crate::fault::{Code, Fault};
use crate::index::bodies::{self, Segment};
use crate::index::buckets::{self, Bucket, Versioning};
use crate::index::composed::{self, ComposedPart};
use crate::index::objects::{self, Object};
use crate::index::versions;
use crate::publish::{describe_checksums, describe_version};
use crate::range::{self, Stretch};
use crate::{headers, stored, time};

use super::object_parts;

/// What a signed request may change in the answer, and the header it changes.
const OVERRIDES: [(&str, HeaderName); 6] = [
    ("response-cache-control", header::CACHE_CONTROL),
    ("response-content-disposition", header::CONTENT_DISPOSITION),
    ("response-content-encoding", header::CONTENT_ENCODING),
    ("response-content-language", header::CONTENT_LANGUAGE),
    ("response-content-type", header::CONTENT_TYPE),
    ("response-expires", header::EXPIRES),
];

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html>
pub(super) async fn run(call: Call<'_>) -> Result<Response<Body>, Fault> {
    let key = call.reader_key()?;
    let detail = if call.query.has("partNumber") { Detail::Parts } else { Detail::Segments };
    let mut missed = None;
    loop {
        let found = find(call, detail).await?;
        let (mut response, stretch) = head_of(call, &found, key.as_ref())?;
        let object = &found.object;
        let secret = call.store.unlock(object.encryption.as_ref(), key.as_ref(), Reason::Read).await?.secret;
        match open(call, &found, stretch, secret).await {
            Ok(Some(body)) => {
                *response.body_mut() = body;
                return Ok(response);
            }
            // It was replaced or deleted between the look and the opening: look again.
            Ok(None) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound && missed != Some(object.body) => {
                missed = Some(object.body);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html>
pub(super) async fn head(call: Call<'_>) -> Result<Response<Body>, Fault> {
    let key = call.reader_key()?;
    let detail = if call.query.has("partNumber") { Detail::Parts } else { Detail::Head };
    let found = find(call, detail).await?;
    Ok(head_of(call, &found, key.as_ref())?.0)
}

/// How much of an object is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// What stands in its row.
    Head,
    /// What it is made of, too.
    Segments,
    /// And the parts it was composed of.
    Parts,
}

/// How many parts are looked up at once on a thread that serves others. Ten thousand take milliseconds.
const FEW_PARTS: u32 = 64;

/// An object that was asked for.
#[derive(Debug)]
pub(super) struct Found {
    /// The object.
    pub(super) object: Object,
    /// What it is made of, if that was asked for.
    pub(super) segments: Vec<Segment>,
    /// The parts it was composed of, if it was, if that is known, and if that was asked for.
    pub(super) parts: Vec<ComposedPart>,
    /// Its version, where there are versions.
    pub(super) version: Option<String>,
}

/// The object or the version of it that is asked for and, if need be, what it is made of.
pub(super) async fn find(call: Call<'_>, detail: Detail) -> Result<Found, Fault> {
    let version = call.version()?;
    let key = &call.target.key;
    let look = match call.read(|connection, bucket| look(connection, bucket, key, version, detail, FEW_PARTS))? {
        Look::TooMany => {
            let (index, target) = (call.store.index.clone(), call.target.clone());
            let version = version.map(str::to_owned);
            let looking = tokio::task::spawn_blocking(move || {
                index.read(|connection| {
                    let bucket = buckets::find(connection, &target.bucket)?;
                    look(connection, bucket, &target.key, version.as_deref(), detail, u32::MAX)
                })
            });
            looking.await??
        }
        look => look,
    };
    // Who may not list is not told whether a key is there, as on S3.
    let may_list = call.identity.may(Action::List, &call.target.bucket, key);
    match look {
        Look::Found(found) => Ok(*found),
        _ if !may_list => Err(Code::AccessDenied.into()),
        Look::Marker(marker) => Err(hidden(call, &marker, version.is_some())?),
        Look::Nothing | Look::TooMany => Err(match version {
            Some(version) => Fault::from(Code::NoSuchVersion).with("Key", key).with("VersionId", version),
            None => Fault::from(Code::NoSuchKey).with("Key", key),
        }),
    }
}

/// The refusal of a key that is hidden by a delete marker, or of a marker that was named.
fn hidden(call: Call<'_>, marker: &Object, named: bool) -> Result<Fault, Fault> {
    let fault = if named {
        Fault::from(Code::MethodNotAllowed)
            .header(header::ALLOW, HeaderValue::from_static("DELETE"))
            .header(header::LAST_MODIFIED, headers::value(&marker.modified.http())?)
    } else {
        Fault::from(Code::NoSuchKey).with("Key", &call.target.key)
    };
    Ok(fault
        .header(HeaderName::from_static("x-amz-delete-marker"), HeaderValue::from_static("true"))
        .header(HeaderName::from_static("x-amz-version-id"), headers::value(&marker.version)?))
}

/// What one look at the index shows.
enum Look {
    Nothing,
    Marker(Box<Object>),
    TooMany,
    Found(Box<Found>),
}

fn look(
    connection: &Connection,
    bucket: Bucket,
    key: &str,
    version: Option<&str>,
    detail: Detail,
    most: u32,
) -> Result<Look, Fault> {
    let versioned = bucket.versioning != Versioning::Never;
    let object = match version {
        Some(version) => versions::find(connection, bucket.id, key, version)?.map(|found| found.object),
        None => match objects::find(connection, bucket.id, key)? {
            None if versioned => versions::hiding_marker(connection, bucket.id, key)?,
            object => object,
        },
    };
    let Some(object) = object else { return Ok(Look::Nothing) };
    if object.is_marker() {
        return Ok(Look::Marker(Box::new(object)));
    }
    if detail != Detail::Head && object.parts.is_some_and(|parts| parts > most) {
        return Ok(Look::TooMany);
    }
    let segments = if detail == Detail::Head { Vec::new() } else { bodies::segments(connection, object.body)? };
    let composed = detail == Detail::Parts && object.parts.is_some();
    let parts = if composed { composed::parts(connection, object.body)? } else { Vec::new() };
    let version = versioned.then(|| object.version.clone());
    Ok(Look::Found(Box::new(Found { object, segments, parts, version })))
}

/// Judges the key, the conditions and the range, and makes the head of the answer.
fn head_of(call: Call<'_>, found: &Found, key: Option<&CustomerKey>) -> Result<(Response<Body>, Stretch), Fault> {
    let Found { object, version, .. } = found;
    let request = &call.parts.headers;
    demand_key(object.encryption.as_ref(), key, Reason::Read)?;
    match Conditions::of(request).judge(object) {
        Verdict::Holds => {}
        Verdict::Fails(header) => return Err(failed(header)),
        Verdict::NotModified => return Err(not_modified(call, object)?),
    }
    let part = object_parts::asked_for(call, found)?;
    let range = match headers::text(request, "range") {
        Some(_) if part.is_some() => {
            return Err(Fault::new(
                Code::InvalidRequest,
                "Cannot specify both Range header and partNumber query parameter",
            ));
        }
        Some(text) if range_applies(request, object) => range::parse(text, object.bytes)?,
        _ => None,
    };
    let partial = part.as_ref().map(|part| part.stretch).or(range);
    let stretch = partial.unwrap_or(Stretch { start: 0, bytes: object.bytes });
    let mut response = Response::new(Body::empty());
    if partial.is_some() {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    let answer = response.headers_mut();
    headers::replay(&object.headers, answer);
    answer.insert(header::ETAG, headers::etag(&object.etag)?);
    answer.insert(header::LAST_MODIFIED, headers::value(&object.modified.http())?);
    answer.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    answer.insert(header::CONTENT_LENGTH, HeaderValue::from(stretch.bytes));
    if partial.is_some() && stretch.bytes > 0 {
        answer.insert(header::CONTENT_RANGE, headers::value(&stretch.header(object.bytes))?);
    }
    if headers::text(request, "x-amz-checksum-mode").is_some_and(|mode| mode.eq_ignore_ascii_case("enabled")) {
        match (&part, range) {
            (Some(part), _) => describe_checksums(&part.checksums, answer)?,
            (None, None) => describe_checksums(&object.checksums, answer)?,
            // Nobody knows the checksum of any stretch.
            (None, Some(_)) => {}
        }
    }
    describe(object.encryption.as_ref(), key.map(|key| key.md5.as_str()), answer)?;
    describe_version(version.as_deref(), answer)?;
    object.lock.describe(answer)?;
    if !object.tags.is_empty() {
        answer.insert("x-amz-tagging-count", HeaderValue::from(object.tags.len()));
    }
    if part.is_some() {
        answer.insert("x-amz-mp-parts-count", HeaderValue::from(object.parts.unwrap_or(1)));
    }
    apply_overrides(call, answer)?;
    Ok((response, stretch))
}

/// A 304 carries what a cache has to renew (RFC 9110, section 15.4.5).
fn not_modified(call: Call<'_>, object: &Object) -> Result<Fault, Fault> {
    let mut whole = HeaderMap::new();
    headers::replay(&object.headers, &mut whole);
    apply_overrides(call, &mut whole)?;
    let mut fault = Fault::from(Code::NotModified)
        .header(header::ETAG, headers::etag(&object.etag)?)
        .header(header::LAST_MODIFIED, headers::value(&object.modified.http())?);
    for name in [header::CACHE_CONTROL, header::EXPIRES] {
        if let Some(value) = whole.remove(&name) {
            fault = fault.header(name, value);
        }
    }
    Ok(fault)
}

/// `If-Range`: the range is only meant if the object is still the one the client has a part of.
fn range_applies(request: &HeaderMap, object: &Object) -> bool {
    headers::text(request, "if-range").is_none_or(|validator| match time::parse_http(validator) {
        Some(date) => object.modified.seconds() <= date,
        None => any_matches(validator, &object.etag),
    })
}

fn apply_overrides(call: Call<'_>, answer: &mut HeaderMap) -> Result<(), Fault> {
    for (parameter, header) in OVERRIDES {
        if let Some(text) = call.query.text(parameter) {
            let value = HeaderValue::from_bytes(text.as_bytes()).map_err(|_| {
                Fault::new(Code::InvalidArgument, format!("{parameter} holds what a header cannot carry."))
                    .with("ArgumentName", parameter)
            })?;
            answer.insert(header, value);
        }
    }
    Ok(())
}

/// Opens a stretch so that nothing can take it away any more; `None` if the object has changed meanwhile.
async fn open(call: Call<'_>, found: &Found, stretch: Stretch, secret: Option<Secret>) -> io::Result<Option<Body>> {
    let contents = &call.store.contents;
    let slices = stored::cut(&found.segments, stretch);
    let total: u64 = slices.iter().map(|slice| slice.bytes).sum();
    if total != stretch.bytes {
        return Err(io::Error::other("the index knows less of an object's content than of its length"));
    }
    match slices.as_slice() {
        [] => Ok(Some(Body::empty())),
        [_] => {
            let mut reading = Reading::new(Arc::clone(contents), slices, secret, None);
            // What is short is read at once, so that a small object costs one visit to the disk.
            let room = (total <= STRETCH as u64).then(|| reading.room());
            let opening = tokio::task::spawn_blocking(move || {
                reading.open()?;
                match room {
                    Some(room) => reading.next(room).map(|first| Body::begun(first, reading)),
                    None => Ok(Body::stored(reading)),
                }
            });
            opening.await.map_err(io::Error::other)?.map(Some)
        }
        _ => {
            // An open file outlives its name, but thousands of parts cannot all be open. A pin keeps them; whoever
            // removed them before the pin was there has committed that before, so a second look tells.
            let pin = contents.pin(slices.iter().map(|slice| slice.content).collect());
            let (key, version) = (&call.target.key, call.query.get("versionId"));
            let now = call
                .read(|connection, bucket| look(connection, bucket, key, version, Detail::Head, u32::MAX))
                .map_err(io::Error::other)?;
            if !matches!(now, Look::Found(now) if now.object.body == found.object.body) {
                return Ok(None);
            }
            Ok(Some(Body::stored(Reading::new(Arc::clone(contents), slices, secret, Some(pin)))))
        }
    }
}
