//! `CompleteMultipartUpload`: makes the parts one object, moving none of their bytes, and answers a repeat the same.

use http::header::HOST;
use http::{HeaderMap, Response};

use crate::answer;
use crate::body::Body;
use crate::call::Call;
use crate::checksum::{Algorithm, Checksums, compose, composed_etag, hex};
use crate::conditions::{Conditions, bare};
use crate::encryption::{Reason, demand_key, describe};
use crate::fault::{Code, Fault};
use crate::headers;
use crate::index::objects::{self, Object};
use crate::index::uploads::{self, Completion, Part, Upload};
use crate::index::{buckets, signed, versions};
use crate::payload::Payload;
use crate::publish::describe_version;
use crate::xml::{self, CompleteMultipartUpload, CompletedPart, Xml};

use super::upload_part::MAX_PARTS;

/// What every part but the last must have; S3's own figure.
const LEAST_PART: u64 = 5 << 20;

/// What the request says of the whole.
#[derive(Debug)]
struct Whole {
    conditions: Conditions,
    bytes: Option<u64>,
    most: u64,
    checksum: Option<(Algorithm, String)>,
    composite: Option<bool>,
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html>
pub(super) async fn run(call: Call<'_>, payload: Payload) -> Result<Response<Body>, Fault> {
    let store = call.store;
    let id = call.query.get("uploadId").unwrap_or_default().to_owned();
    let whole = whole(&call.parts.headers, call.write_conditions()?, store.limits.object_bytes)?;
    let document = call.document(payload).await?;
    let wanted = xml::parse::<CompleteMultipartUpload>(&document)?.parts;
    check_order(&wanted)?;
    let (target, key) = (call.target.clone(), call.reader_key()?);
    let (body, modified, luck) = (signed(store.contents.number()), store.now(), store.luck());
    let completion = store
        .commit(None, move |connection| {
            let bucket = buckets::find(connection, &target.bucket)?;
            let upload = match uploads::find(connection, bucket.id, &target.key, &id) {
                Ok(upload) => upload,
                // The client may not have heard the answer to its first try.
                Err(unknown) => {
                    let before = uploads::completion(connection, bucket.id, &target.key, &id)?;
                    return before.map(|completion| (completion, Vec::new())).ok_or(unknown);
                }
            };
            // The parts are encrypted already, so the key may be left out, and is wrong if it is another.
            if key.is_some() {
                demand_key(upload.encryption.as_ref(), key.as_ref(), Reason::AddPart)?;
            }
            whole.conditions.demand_target(objects::find(connection, bucket.id, &target.key)?.as_ref())?;
            let there = uploads::parts(connection, &id, 0, MAX_PARTS as usize)?;
            let chosen = choose(&wanted, there, &upload)?;
            let object = compose_object(
                &upload,
                &chosen,
                &whole,
                Object {
                    body,
                    bytes: chosen.iter().map(|part| part.bytes).sum(),
                    etag: composed_etag(chosen.iter().map(|part| part.md5.as_slice())),
                    modified,
                    parts: u32::try_from(chosen.len()).ok(),
                    headers: upload.headers.clone(),
                    checksums: Checksums::default(),
                    version: versions::NULL.to_owned(),
                    sequence: 0,
                    tags: upload.tags.clone(),
                    lock: upload.lock,
                    encryption: upload.encryption.clone(),
                },
            )?;
            let (version, freed) = uploads::complete(connection, bucket, &upload, &chosen, &object, luck)?;
            let Object { etag, checksums, encryption, .. } = object;
            Ok((Completion { etag, checksums, version, encryption }, freed))
        })
        .await?;
    let host = headers::text(&call.parts.headers, HOST.as_str()).unwrap_or_default();
    // The path as it was asked for is right in either style, with the bucket in it or in the host's name.
    let location = format!("http://{host}{}", call.parts.uri.path());
    let mut document = Xml::rooted("CompleteMultipartUploadResult");
    document.text("Location", &location).text("Bucket", &call.target.bucket).text("Key", &call.target.key);
    document.text("ETag", &format!("\"{}\"", completion.etag));
    answer::checksums(&mut document, &completion.checksums);
    document.close("CompleteMultipartUploadResult");
    let mut response = answer::xml(document);
    describe(completion.encryption.as_ref(), None, response.headers_mut())?;
    describe_version(completion.version.as_deref(), response.headers_mut())?;
    Ok(response)
}

fn whole(request: &HeaderMap, conditions: Conditions, most: u64) -> Result<Whole, Fault> {
    let bytes = headers::text(request, "x-amz-mp-object-size").map(|text| {
        text.parse().map_err(|_| Fault::new(Code::InvalidArgument, "Value for x-amz-mp-object-size header is invalid."))
    });
    let checksum = Algorithm::ALL
        .into_iter()
        .find_map(|algorithm| Some((algorithm, headers::text(request, algorithm.header())?.to_owned())));
    let composite = match headers::text(request, "x-amz-checksum-type") {
        None => None,
        Some("COMPOSITE") => Some(true),
        Some("FULL_OBJECT") => Some(false),
        Some(_) => return Err(Fault::new(Code::InvalidRequest, "Value for x-amz-checksum-type header is invalid.")),
    };
    Ok(Whole { conditions, bytes: bytes.transpose()?, most, checksum, composite })
}

fn check_order(wanted: &[CompletedPart]) -> Result<(), Fault> {
    if wanted.is_empty() || wanted.len() > MAX_PARTS as usize {
        let message = format!("Name between 1 and {MAX_PARTS} parts; these are {}.", wanted.len());
        return Err(Fault::new(Code::MalformedXML, message));
    }
    if wanted.is_sorted_by(|one, next| one.number < next.number) { Ok(()) } else { Err(Code::InvalidPartOrder.into()) }
}

/// The parts the client names, each of which must be there and be the one it means.
fn choose(wanted: &[CompletedPart], there: Vec<Part>, upload: &Upload) -> Result<Vec<Part>, Fault> {
    let mut there = there.into_iter().peekable();
    let mut chosen = Vec::with_capacity(wanted.len());
    for (position, want) in wanted.iter().enumerate() {
        while there.next_if(|part| part.number < want.number).is_some() {}
        let part = there
            .next_if(|part| part.number == want.number && hex(&part.md5) == bare(&want.etag).to_ascii_lowercase())
            .filter(|part| has_checksums(part, want))
            .ok_or_else(|| {
                Fault::from(Code::InvalidPart)
                    .with("UploadId", upload.id.clone())
                    .with("PartNumber", want.number.to_string())
                    .with("ETag", want.etag.clone())
            })?;
        if part.bytes < LEAST_PART && position + 1 < wanted.len() {
            return Err(Fault::from(Code::EntityTooSmall)
                .with("ProposedSize", part.bytes.to_string())
                .with("MinSizeAllowed", LEAST_PART.to_string())
                .with("PartNumber", part.number.to_string())
                .with("ETag", hex(&part.md5)));
        }
        chosen.push(part);
    }
    Ok(chosen)
}

/// Whether the checksums the client kept are those of the part, as far as the store knows them.
fn has_checksums(part: &Part, want: &CompletedPart) -> bool {
    let kept = [
        (Algorithm::Crc32, &want.crc32),
        (Algorithm::Crc32c, &want.crc32c),
        (Algorithm::Crc64nvme, &want.crc64nvme),
        (Algorithm::Sha1, &want.sha1),
        (Algorithm::Sha256, &want.sha256),
    ];
    kept.into_iter().all(|(algorithm, value)| match (value, part.checksums.values.get(&algorithm)) {
        (Some(value), Some(known)) => value == known,
        _ => true,
    })
}

/// Gives the object its checksum and holds it to what the request says of the whole.
fn compose_object(upload: &Upload, chosen: &[Part], whole: &Whole, object: Object) -> Result<Object, Fault> {
    if let Some(bytes) = whole.bytes.filter(|bytes| *bytes != object.bytes) {
        let message = format!(
            "The provided 'x-amz-mp-object-size' header, {bytes}, does not match what was computed, {}.",
            object.bytes
        );
        return Err(Fault::new(Code::InvalidRequest, message));
    }
    if object.bytes > whole.most {
        return Err(Fault::from(Code::EntityTooLarge)
            .with("ProposedSize", object.bytes.to_string())
            .with("MaxSizeAllowed", whole.most.to_string()));
    }
    if whole.composite.is_some_and(|composite| composite != upload.composite) {
        let message = "The upload was created with another checksum type than the complete request has.";
        return Err(Fault::new(Code::InvalidRequest, message));
    }
    let algorithm = upload.algorithm.unwrap_or(Algorithm::Crc64nvme);
    let values: Option<Vec<(Vec<u8>, u64)>> = chosen
        .iter()
        .map(|part| Some((algorithm.decode(part.checksums.values.get(&algorithm)?).ok()?, part.bytes)))
        .collect();
    let checksums = values.map(|values| compose(algorithm, upload.composite, &values)).unwrap_or_default();
    if let Some((algorithm, value)) = &whole.checksum
        && checksums.values.get(algorithm).is_some_and(|known| known != value)
    {
        let message = format!("The {} you specified did not match the calculated checksum.", algorithm.name());
        return Err(Fault::new(Code::BadDigest, message));
    }
    Ok(Object { checksums, ..object })
}
