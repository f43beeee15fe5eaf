//! `CopyObject`: gives a key the body of another object. No byte is moved, unless the two are encrypted differently.

use http::{HeaderMap, Response};
use rusqlite::Connection;

use crate::answer;
use crate::body::Body;
use crate::call::Call;
use crate::checksum::{Algorithm, Checksums, hex};
use crate::conditions::Conditions;
use crate::content::{Placed, Written};
use crate::encryption::{Asked, Encryption};
use crate::fault::{Code, Fault};
use crate::headers;
use crate::index::objects::{self, Headers, Object};
use crate::index::{bodies, buckets, signed, versions};
use crate::lock::Lock;
use crate::publish::{describe_version, whole};
use crate::tags::{self, Tags};
use crate::time::Moment;
use crate::xml::Xml;

use super::copy_source::{CopySource, TRIES, of_original, take};

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html>
pub(super) async fn run(call: Call<'_>) -> Result<Response<Body>, Fault> {
    let request = &call.parts.headers;
    headers::refuse_unsupported(headers::lines(request))?;
    let algorithm = headers::text(request, "x-amz-checksum-algorithm").map(Algorithm::parse).transpose()?;
    let asked = Asked::of(headers::lines(request))?;
    let source = CopySource::of(&call)?;
    let changes = Changes::of(request, call.now)?;
    call.identity.demand_lock(changes.lock, &call.target.bucket, &call.target.key)?;
    let changes_something = changes.headers.is_some() || changes.tags.is_some() || asked.is_something();
    if !changes_something && source.version.is_none() && source.target == *call.target {
        return Err(Fault::new(
            Code::InvalidRequest,
            "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
        ));
    }
    let conditions = call.write_conditions()?;
    for _ in 0..TRIES {
        match copy(call, &source, &asked, algorithm, &changes, &conditions).await {
            // Somebody replaced the source meanwhile.
            Err(fault) if fault.code == Code::OperationAborted => {}
            done => return done,
        }
    }
    Err(Code::OperationAborted.into())
}

async fn copy(
    call: Call<'_>,
    source: &CopySource,
    asked: &Asked,
    algorithm: Option<Algorithm>,
    changes: &Changes,
    conditions: &Conditions,
) -> Result<Response<Body>, Fault> {
    let store = call.store;
    let looked = store.index.read(|connection| source.find(connection))?.object;
    // What is encrypted does not lose that by being copied.
    let kept = if looked.encryption.is_some() && !asked.is_something() { &Asked::Store } else { asked };
    let protection = store.protect(kept).await?;
    let shares = protection.covers(looked.encryption.as_ref());
    let (mut known, mut placed) = (None, None);
    if !shares || algorithm.is_some() {
        // Another encryption or another checksum than the original has: its bytes are read through once, before the
        // transaction.
        let _place = store.admit_upload(call.identity)?;
        let algorithm = algorithm.or(looked.checksums.values.keys().next().copied());
        let taken = take(call, source, None, algorithm, (!shares).then_some(&protection)).await?;
        known = Some(Known {
            of: taken.original.object.body,
            checksums: taken.sums.kept(algorithm),
            bytes: taken.sums.bytes,
            etag: hex(&store.tag(protection.encryption.as_ref(), &taken.sums)),
            written: taken.placed.as_ref().map(Placed::written),
        });
        placed = taken.placed;
    }
    let (source, changes, conditions, covering) =
        (source.clone(), changes.clone(), conditions.clone(), protection.clone());
    let (target, modified, luck, number) = (call.target.clone(), store.now(), store.luck(), store.contents.number());
    let (copy, original, version) = store
        .commit(placed, move |connection| {
            let original = source.find(connection)?;
            let to = buckets::find(connection, &target.bucket)?;
            conditions.demand_target(objects::find(connection, to.id, &target.key)?.as_ref())?;
            let is_other = known.as_ref().is_some_and(|known| known.of != original.object.body);
            if is_other || shares != covering.covers(original.object.encryption.as_ref()) {
                return Err(Code::OperationAborted.into());
            }
            let copy = Object { modified, ..changes.applied(original.object.clone()) };
            let copy = match known {
                None => copy,
                Some(known) if shares => Object { checksums: known.checksums, ..copy },
                Some(known) => known.into_object(connection, number, covering.encryption, copy)?,
            };
            let change = versions::put(connection, to, &target.key, &copy, (modified, luck))?;
            Ok(((copy, original, change.version), change.freed))
        })
        .await?;
    let mut document = Xml::rooted("CopyObjectResult");
    document.text("LastModified", &copy.modified.iso()).text("ETag", &format!("\"{}\"", copy.etag));
    answer::checksums(&mut document, &copy.checksums);
    document.close("CopyObjectResult");
    let mut response = answer::xml(document);
    protection.describe(response.headers_mut())?;
    describe_version(version.as_deref(), response.headers_mut())?;
    of_original(&original, response.headers_mut())?;
    Ok(response)
}

/// What became known of the original when its bytes were read.
struct Known {
    /// The body that was read.
    of: i64,
    checksums: Checksums,
    bytes: u64,
    etag: String,
    /// The content that they were written into, if they were.
    written: Option<Written>,
}

impl Known {
    /// Makes what was written the copy: in one piece, whatever the original was composed of.
    fn into_object(
        self,
        connection: &Connection,
        number: u64,
        encryption: Option<Encryption>,
        copy: Object,
    ) -> Result<Object, Fault> {
        let body = signed(self.written.map_or(number, |written| written.number));
        if let Some(written) = self.written {
            bodies::add_content(connection, &written)?;
            bodies::compose(connection, body, &[whole(&written)])?;
        }
        let Self { checksums, bytes, etag, .. } = self;
        Ok(Object { body, bytes, etag, parts: None, checksums, encryption, ..copy })
    }
}

/// What the copy is to have in place of what the original has.
#[derive(Debug, Clone)]
struct Changes {
    headers: Option<Headers>,
    tags: Option<Tags>,
    /// A lock is never copied.
    lock: Lock,
}

impl Changes {
    fn of(request: &HeaderMap, now: Moment) -> Result<Self, Fault> {
        let (mut kept, mut tagged) = (None, None);
        if replaces(request, "x-amz-metadata-directive")? {
            kept = Some(headers::to_keep(headers::lines(request))?);
        }
        if replaces(request, "x-amz-tagging-directive")? {
            tagged = Some(tags::of_header(headers::text(request, "x-amz-tagging").unwrap_or_default())?);
        }
        Ok(Self { headers: kept, tags: tagged, lock: Lock::of(headers::lines(request), now)? })
    }

    fn applied(self, original: Object) -> Object {
        Object {
            headers: self.headers.unwrap_or(original.headers),
            tags: self.tags.unwrap_or(original.tags),
            version: versions::NULL.to_owned(),
            sequence: 0,
            lock: self.lock,
            ..original
        }
    }
}

/// Reads a directive: whether the copy is to have what this request says.
fn replaces(request: &HeaderMap, name: &'static str) -> Result<bool, Fault> {
    match headers::text(request, name) {
        None => Ok(false),
        Some(word) if word.eq_ignore_ascii_case("COPY") => Ok(false),
        Some(word) if word.eq_ignore_ascii_case("REPLACE") => Ok(true),
        Some(word) => Err(Fault::new(Code::InvalidArgument, format!("Unknown directive in {name}."))
            .with("ArgumentName", name)
            .with("ArgumentValue", word)),
    }
}
