//! `UploadPartCopy`: makes a stretch of another object a part of an upload. Its bytes are read for their digests, and
//! none is written.

use http::Response;

use crate::answer;
use crate::body::Body;
use crate::call::Call;
use crate::fault::{Code, Fault};
use crate::headers;
use crate::index::bodies::{self, Segment};
use crate::index::{buckets, uploads};
use crate::xml::Xml;

use super::copy_source::{CopySource, Digested, TRIES, digest, of_original};
use super::upload_part::{Place, describe_part};

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html>
pub(super) async fn run(call: Call<'_>) -> Result<Response<Body>, Fault> {
    let (store, target, request) = (call.store, call.target, &call.parts.headers);
    headers::refuse_unsupported(headers::lines(request))?;
    let Place { id, number } = Place::of(&call)?;
    let source = CopySource::of(&call)?;
    let range = headers::text(request, "x-amz-copy-source-range");
    let upload = call.read(|connection, bucket| uploads::find(connection, bucket.id, &target.key, &id))?;
    // It reads as much as an upload writes, so it takes a place like one.
    let _place = store.admit_upload(call.identity)?;
    for _ in 0..TRIES {
        let Digested { original, slices, sums } = digest(call, &source, range, upload.algorithm).await?;
        let part = describe_part(number, store.contents.number(), &sums, upload.algorithm, store.now());
        let (noted, source, expected) = (part.clone(), source.clone(), original.object.body);
        let (bucket, key, id) = (target.bucket.clone(), target.key.clone(), id.clone());
        let done = store
            .commit(None, move |connection| {
                let bucket = buckets::find(connection, &bucket)?;
                uploads::find(connection, bucket.id, &key, &id)?;
                // Only while somebody has the body that was read are its contents sure to stay.
                if source.find(connection)?.object.body != expected {
                    return Ok((false, Vec::new()));
                }
                let segments: Vec<Segment> = slices.into_iter().map(|slice| Segment { part: number, slice }).collect();
                bodies::compose(connection, noted.body, &segments)?;
                Ok((true, uploads::put_part(connection, &id, &noted)?))
            })
            .await?;
        if done {
            let mut document = Xml::rooted("CopyPartResult");
            document.text("LastModified", &part.modified.iso()).text("ETag", &format!("\"{}\"", sums.etag()));
            if let Some(algorithm) = upload.algorithm
                && let Some(value) = part.checksums.values.get(&algorithm)
            {
                document.text(algorithm.element(), value);
            }
            document.close("CopyPartResult");
            let mut response = answer::xml(document);
            of_original(&original, response.headers_mut())?;
            return Ok(response);
        }
    }
    Err(Code::OperationAborted.into())
}
