//! The source of a copy: named in a header, readable for the one who asks, and looked up as a read would.

use http::HeaderMap;
use percent_encoding::percent_decode_str;
use rusqlite::Connection;

use crate::access::Action;
use crate::body::Slice;
use crate::call::Call;
use crate::checksum::{Algorithm, Sums};
use crate::conditions::Conditions;
use crate::content::Placed;
use crate::encryption::{CustomerKey, Protection, Reason, demand_key};
use crate::fault::{Code, Fault};
use crate::headers;
use crate::index::buckets::Versioning;
use crate::index::objects::{self, Object};
use crate::index::{bodies, buckets, versions};
use crate::range::Stretch;
use crate::stored;
use crate::target::Target;

use super::copied_bytes::write;

/// What is copied. The right to read it has been checked.
#[derive(Debug, Clone)]
pub(super) struct CopySource {
    /// Its bucket and key.
    pub(super) target: Target,
    /// Its version, if one is named.
    pub(super) version: Option<String>,
    /// What opens it, if it is encrypted with a customer's key.
    key: Option<CustomerKey>,
    conditions: Conditions,
    may_list: bool,
}

/// The source as it was found.
#[derive(Debug)]
pub(super) struct Original {
    /// The object.
    pub(super) object: Object,
    /// Its version, where there are versions.
    pub(super) version: Option<String>,
}

impl CopySource {
    /// Reads `x-amz-copy-source` and its conditions.
    pub(super) fn of(call: &Call<'_>) -> Result<Self, Fault> {
        let request: &HeaderMap = &call.parts.headers;
        let (target, version) = read(headers::text(request, "x-amz-copy-source").unwrap_or_default())?;
        call.identity.demand(Action::Get, &target.bucket, &target.key)?;
        let may_list = call.identity.may(Action::List, &target.bucket, &target.key);
        let key = CustomerKey::of_source(headers::lines(request))?;
        Ok(Self { target, version, key, conditions: Conditions::of_source(request), may_list })
    }

    /// Finds it, and holds it to the key and the conditions.
    pub(super) fn find(&self, connection: &Connection) -> Result<Original, Fault> {
        let bucket = buckets::find(connection, &self.target.bucket)?;
        let missing = |code| Fault::from(if self.may_list { code } else { Code::AccessDenied });
        let object = match &self.version {
            None => objects::find(connection, bucket.id, &self.target.key)?.ok_or_else(|| missing(Code::NoSuchKey))?,
            Some(version) => {
                let found = versions::find(connection, bucket.id, &self.target.key, version)?;
                let object = found.ok_or_else(|| missing(Code::NoSuchVersion))?.object;
                if object.is_marker() {
                    let message =
                        "The source of a copy request may not specifically refer to a delete marker by version id.";
                    return Err(Fault::new(Code::InvalidRequest, message));
                }
                object
            }
        };
        demand_key(object.encryption.as_ref(), self.key.as_ref(), Reason::Read)?;
        self.conditions.demand_source(&object)?;
        let version = (bucket.versioning != Versioning::Never).then(|| object.version.clone());
        Ok(Original { object, version })
    }
}

/// Reads `bucket/key`, with or without a leading slash, percent-encoded, and the version that may follow.
fn read(text: &str) -> Result<(Target, Option<String>), Fault> {
    let malformed = || {
        Fault::new(Code::InvalidArgument, "Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
            .with("ArgumentName", "x-amz-copy-source")
            .with("ArgumentValue", text)
    };
    let (path, version) = match text.rsplit_once("?versionId=") {
        Some((path, version)) => (path, Some(version.to_owned())),
        None => (text, None),
    };
    let decoded = percent_decode_str(path).decode_utf8().map_err(|_| malformed())?;
    let decoded = decoded.strip_prefix('/').unwrap_or(&decoded);
    match decoded.split_once('/') {
        Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => {
            Ok((Target { bucket: bucket.to_owned(), key: key.to_owned() }, version))
        }
        _ => Err(malformed()),
    }
}

/// How often a copy that has to read its source begins again because somebody replaced the source meanwhile.
pub(super) const TRIES: usize = 4;

/// A stretch of a source that has been read through.
#[derive(Debug)]
pub(super) struct Taken {
    /// The source as it was then.
    pub(super) original: Original,
    /// What the stretch is made of.
    pub(super) slices: Vec<Slice>,
    /// Its length and digests.
    pub(super) sums: Sums,
    /// The content that it was written into, if it was and is not empty.
    pub(super) placed: Option<Placed>,
}

/// Reads a source through, before the transaction that copies it: all of it or what `range` asks for. What is not to
/// share the source's contents is written anew on the way, protected as `anew` says.
pub(super) async fn take(
    call: Call<'_>,
    source: &CopySource,
    range: Option<&str>,
    algorithm: Option<Algorithm>,
    anew: Option<&Protection>,
) -> Result<Taken, Fault> {
    let mut missed = None;
    loop {
        let (index, wanted) = (call.store.index.clone(), source.clone());
        let looking = tokio::task::spawn_blocking(move || {
            index.read(|connection| {
                let original = wanted.find(connection)?;
                let segments = bodies::segments(connection, original.object.body)?;
                Ok::<_, Fault>((original, segments))
            })
        });
        let (original, segments) = looking.await??;
        let slices = stored::cut(&segments, stretch(range, original.object.bytes)?);
        let from = call.store.unlock(original.object.encryption.as_ref(), source.key.as_ref(), Reason::Read).await?;
        let read = match anew {
            None => {
                let sums = stored::digest(&call.store.contents, slices.clone(), from.secret, algorithm).await?;
                sums.map(|sums| (sums, None))
            }
            Some(anew) => write(call, slices.clone(), from, anew, algorithm).await?,
        };
        match read {
            Some((sums, placed)) => return Ok(Taken { original, slices, sums, placed }),
            None if missed == Some(original.object.body) => {
                return Err(Fault::from(Code::InternalError).because("a content that the index knows is not on disk"));
            }
            // It was replaced or deleted between the look and the reading: look again.
            None => missed = Some(original.object.body),
        }
    }
}

/// Reads `x-amz-copy-source-range`, which must name both ends and lie within the source.
fn stretch(range: Option<&str>, size: u64) -> Result<Stretch, Fault> {
    let Some(text) = range else { return Ok(Stretch { start: 0, bytes: size }) };
    let refused = |message: String| {
        Fault::new(Code::InvalidArgument, message)
            .with("ArgumentName", "x-amz-copy-source-range")
            .with("ArgumentValue", text)
    };
    let ends = text.strip_prefix("bytes=").and_then(|ends| ends.split_once('-'));
    let ends = ends.and_then(|(first, last)| Some((first.parse::<u64>().ok()?, last.parse::<u64>().ok()?)));
    match ends {
        Some((first, last)) if first <= last && last < size => Ok(Stretch { start: first, bytes: last - first + 1 }),
        Some((first, last)) if first <= last => {
            Err(refused(format!("Range specified is not valid for source object of size: {size}")))
        }
        _ => Err(refused(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy".to_owned(),
        )),
    }
}

/// Says which version was copied.
pub(super) fn of_original(original: &Original, response: &mut HeaderMap) -> Result<(), Fault> {
    if let Some(version) = &original.version {
        response.insert("x-amz-copy-source-version-id", headers::value(version)?);
    }
    Ok(())
}
