//! `UploadPart`: takes in one part of an upload, in place of an earlier one with its number.

use http::{Response, StatusCode};

use crate::answer;
use crate::body::Body;
use crate::call::Call;
use crate::checksum::{Algorithm, Sums, hex};
use crate::content::Placed;
use crate::encryption::Reason;
use crate::fault::{Code, Fault};
use crate::index::uploads::{self, Part};
use crate::index::{bodies, buckets, signed};
use crate::payload::Payload;
use crate::publish::{describe, whole};
use crate::time::Moment;
use crate::{headers, intake};

/// The highest number of a part; S3's own figure.
pub(super) const MAX_PARTS: u32 = 10_000;

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html>
pub(super) async fn run(call: Call<'_>, mut payload: Payload) -> Result<Response<Body>, Fault> {
    let (store, target) = (call.store, call.target);
    headers::refuse_unsupported(headers::lines(&call.parts.headers))?;
    let Place { id, number } = Place::of(&call)?;
    let bytes = payload.demand_length(store.limits.object_bytes)?;
    let upload = call.read(|connection, bucket| uploads::find(connection, bucket.id, &target.key, &id))?;
    let protection = store.unlock(upload.encryption.as_ref(), call.reader_key()?.as_ref(), Reason::AddPart).await?;
    let _place = store.admit_upload(call.identity)?;
    let room = store.space.reserve(bytes)?;
    let sealing = store.seal(&protection);
    let received = intake::receive(&store.contents, &mut payload, upload.algorithm, sealing, room).await?;
    let (placed, sums) = (received.placed, received.sums);
    let written = placed.as_ref().map(Placed::written);
    let chosen = upload.algorithm.or(received.chosen);
    let body = written.map_or_else(|| store.contents.number(), |written| written.number);
    let tag = store.tag(upload.encryption.as_ref(), &sums);
    let part = describe_part(number, body, tag, &sums, chosen, store.now());
    let (bucket, key) = (target.bucket.clone(), target.key.clone());
    store
        .commit(placed, move |connection| {
            let bucket = buckets::id(connection, &bucket)?;
            uploads::find(connection, bucket, &key, &id)?;
            if let Some(written) = written {
                bodies::add_content(connection, &written)?;
                bodies::compose(connection, part.body, &[whole(&written)])?;
            }
            Ok(((), uploads::put_part(connection, &id, &part)?))
        })
        .await?;
    let mut response = answer::status(StatusCode::OK);
    describe(&hex(&tag), &sums.kept(chosen), response.headers_mut())?;
    protection.describe(response.headers_mut())?;
    response.headers_mut().remove("x-amz-checksum-type");
    Ok(response)
}

/// Which part of which upload a request is about.
pub(super) struct Place {
    /// The upload.
    pub(super) id: String,
    /// The part.
    pub(super) number: u32,
}

impl Place {
    /// Reads the query.
    pub(super) fn of(call: &Call<'_>) -> Result<Self, Fault> {
        let id = call.query.text("uploadId").ok_or_else(|| missing("uploadId"))?.to_owned();
        let number = call.query.number("partNumber")?.ok_or_else(|| missing("partNumber"))?;
        if !(1..=MAX_PARTS).contains(&number) {
            return Err(Fault::new(
                Code::InvalidArgument,
                format!("Part number must be an integer between 1 and {MAX_PARTS}, inclusive"),
            )
            .with("ArgumentName", "partNumber")
            .with("ArgumentValue", number.to_string()));
        }
        Ok(Self { id, number })
    }
}

/// What the index is to know of a part.
pub(super) fn describe_part(
    number: u32,
    body: u64,
    tag: [u8; 16],
    sums: &Sums,
    chosen: Option<Algorithm>,
    modified: Moment,
) -> Part {
    // What the upload's own checksum is composed of is kept, and the CRC-64 for when it has none.
    let mut checksums = sums.kept(chosen);
    checksums.values.extend(sums.kept(Some(Algorithm::Crc64nvme)).values);
    Part { number, body: signed(body), bytes: sums.bytes, md5: tag.to_vec(), modified, checksums }
}

fn missing(parameter: &str) -> Fault {
    Fault::new(Code::InvalidArgument, format!("This operation needs the parameter {parameter}."))
        .with("ArgumentName", parameter)
}
