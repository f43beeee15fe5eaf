//! `CopyObject`: gives a key the body of another object. No byte is moved.

use http::{HeaderMap, Response};

use crate::answer;
use crate::body::Body;
use crate::call::Call;
use crate::checksum::{Algorithm, Checksums};
use crate::fault::{Code, Fault};
use crate::headers;
use crate::index::objects::{self, Headers, Object};
use crate::index::{buckets, versions};
use crate::lock::Lock;
use crate::publish::describe_version;
use crate::tags::{self, Tags};
use crate::time::Moment;
use crate::xml::Xml;

use super::copy_source::{CopySource, Digested, TRIES, digest, of_original};

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html>
pub(super) async fn run(call: Call<'_>) -> Result<Response<Body>, Fault> {
    let request = &call.parts.headers;
    headers::refuse_unsupported(headers::lines(request))?;
    let algorithm = headers::text(request, "x-amz-checksum-algorithm").map(Algorithm::parse).transpose()?;
    let source = CopySource::of(&call)?;
    let changes = Changes::of(request, call.now)?;
    call.identity.demand_lock(changes.lock, &call.target.bucket, &call.target.key)?;
    if changes.headers.is_none() && changes.tags.is_none() && source.version.is_none() && source.target == *call.target
    {
        return Err(Fault::new(
            Code::InvalidRequest,
            "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
        ));
    }
    let conditions = call.write_conditions()?;
    for _ in 0..TRIES {
        let checksums = match algorithm {
            None => None,
            // Another checksum than the original has: its bytes are read through once, before the transaction.
            Some(algorithm) => {
                let Digested { original, sums, .. } = digest(call, &source, None, Some(algorithm)).await?;
                Some((original.object.body, sums.kept(Some(algorithm))))
            }
        };
        let (source, changes, conditions) = (source.clone(), changes.clone(), conditions.clone());
        let (target, modified, luck) = (call.target.clone(), call.store.now(), call.store.luck());
        let copied = call
            .store
            .commit(None, move |connection| {
                let original = source.find(connection)?;
                let to = buckets::find(connection, &target.bucket)?;
                conditions.demand_target(objects::find(connection, to.id, &target.key)?.as_ref())?;
                if checksums.as_ref().is_some_and(|(body, _)| *body != original.object.body) {
                    return Ok((None, Vec::new()));
                }
                let copy = changes.applied(original.object.clone(), checksums.map(|(_, sums)| sums));
                let copy = Object { modified, ..copy };
                let change = versions::put(connection, to, &target.key, &copy, (modified, luck))?;
                Ok((Some((copy, original, change.version)), change.freed))
            })
            .await?;
        if let Some((copy, original, version)) = copied {
            let mut document = Xml::rooted("CopyObjectResult");
            document.text("LastModified", &copy.modified.iso()).text("ETag", &format!("\"{}\"", copy.etag));
            answer::checksums(&mut document, &copy.checksums);
            document.close("CopyObjectResult");
            let mut response = answer::xml(document);
            describe_version(version.as_deref(), response.headers_mut())?;
            of_original(&original, response.headers_mut())?;
            return Ok(response);
        }
    }
    Err(Code::OperationAborted.into())
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

    fn applied(self, original: Object, checksums: Option<Checksums>) -> Object {
        Object {
            headers: self.headers.unwrap_or(original.headers),
            tags: self.tags.unwrap_or(original.tags),
            checksums: checksums.unwrap_or(original.checksums),
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
