//! `UploadPartCopy`: makes a stretch of another object a part of an upload. Its bytes are read for their digests, and
//! none is written unless the two are encrypted differently.

use http::Response;

use crate::answer;
use crate::body::Body;
use crate::call::Call;
use crate::checksum::hex;
use crate::content::Placed;
use crate::encryption::Reason;
use crate::fault::{Code, Fault};
use crate::headers;
use crate::index::bodies::{self, Segment};
use crate::index::{buckets, uploads};
use crate::publish::whole;
use crate::xml::Xml;

use super::copy_source::{CopySource, TRIES, Taken, of_original, take};
use super::upload_part::{Place, describe_part};

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html>
pub(super) async fn run(call: Call<'_>) -> Result<Response<Body>, Fault> {
    let (store, target, request) = (call.store, call.target, &call.parts.headers);
    headers::refuse_unsupported(headers::lines(request))?;
    let Place { id, number } = Place::of(&call)?;
    let source = CopySource::of(&call)?;
    let range = headers::text(request, "x-amz-copy-source-range");
    let upload = call.read(|connection, bucket| uploads::find(connection, bucket.id, &target.key, &id))?;
    let protection = store.unlock(upload.encryption.as_ref(), call.reader_key()?.as_ref(), Reason::AddPart).await?;
    // It reads as much as an upload writes, so it takes a place like one.
    let _place = store.admit_upload(call.identity)?;
    for _ in 0..TRIES {
        let looked = store.index.read(|connection| source.find(connection))?.object;
        let anew = (!protection.covers(looked.encryption.as_ref())).then_some(&protection);
        let Taken { original, slices, sums, placed } = take(call, &source, range, upload.algorithm, anew).await?;
        if looked.body != original.object.body {
            continue;
        }
        let written = placed.as_ref().map(Placed::written);
        let tag = store.tag(upload.encryption.as_ref(), &sums);
        let body = written.map_or_else(|| store.contents.number(), |written| written.number);
        let part = describe_part(number, body, tag, &sums, upload.algorithm, store.now());
        let shares = anew.is_none();
        let (noted, source, expected) = (part.clone(), source.clone(), original.object.body);
        let (bucket, key, id) = (target.bucket.clone(), target.key.clone(), id.clone());
        let done = store
            .commit(placed, move |connection| {
                let bucket = buckets::find(connection, &bucket)?;
                uploads::find(connection, bucket.id, &key, &id)?;
                // Only while somebody has the body that was read are its contents sure to stay.
                if source.find(connection)?.object.body != expected {
                    return Err(Code::OperationAborted.into());
                }
                let mut segments: Vec<Segment> = Vec::new();
                if shares {
                    segments.extend(slices.into_iter().map(|slice| Segment { part: number, slice }));
                }
                if let Some(written) = written {
                    bodies::add_content(connection, &written)?;
                    segments.push(whole(&written));
                }
                bodies::compose(connection, noted.body, &segments)?;
                Ok(((), uploads::put_part(connection, &id, &noted)?))
            })
            .await;
        match done {
            Err(fault) if fault.code == Code::OperationAborted => {}
            Err(fault) => return Err(fault),
            Ok(()) => {
                let mut document = Xml::rooted("CopyPartResult");
                document.text("LastModified", &part.modified.iso()).text("ETag", &format!("\"{}\"", hex(&tag)));
                if let Some(algorithm) = upload.algorithm
                    && let Some(value) = part.checksums.values.get(&algorithm)
                {
                    document.text(algorithm.element(), value);
                }
                document.close("CopyPartResult");
                let mut response = answer::xml(document);
                protection.describe(response.headers_mut())?;
                of_original(&original, response.headers_mut())?;
                return Ok(response);
            }
        }
    }
    Err(Code::OperationAborted.into())
}
