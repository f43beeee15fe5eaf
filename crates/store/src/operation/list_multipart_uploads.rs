//! `ListMultipartUploads`: the uploads under way in a bucket, by key and then by when they began.

use std::ops::ControlFlow;

use http::Response;
use rusqlite::Connection;

use crate::access::Action;
use crate::answer;
use crate::body::Body;
use crate::call::Call;
use crate::encoding::Encoding;
use crate::fault::Fault;
use crate::index::buckets;
use crate::index::listing::{common_prefix, end_of};
use crate::index::uploads::{self, Upload};
use crate::xml::Xml;

use super::list_objects::MAX_ENTRIES;

/// An upload, or a prefix that stands for all uploads under it.
enum Entry {
    Upload(Box<Upload>),
    Prefix(String),
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html>
pub(super) async fn run(call: Call<'_>) -> Result<Response<Body>, Fault> {
    let query = call.query;
    let prefix = query.get("prefix").unwrap_or_default();
    call.identity.demand(Action::ListUploads, &call.target.bucket, prefix)?;
    let encoding = Encoding::of(query)?;
    let delimiter = query.get("delimiter").unwrap_or_default();
    let most = query.number("max-uploads")?.unwrap_or(MAX_ENTRIES).min(MAX_ENTRIES);
    let (key_marker, id_marker) = (query.text("key-marker"), query.text("upload-id-marker"));
    let wanted = Wanted {
        prefix: prefix.to_owned(),
        delimiter: delimiter.to_owned(),
        key_marker: key_marker.map(str::to_owned),
        id_marker: id_marker.map(str::to_owned),
        limit: usize::try_from(most).unwrap_or_default(),
    };
    // A thousand rows take too long for a thread that serves others.
    let (index, bucket) = (call.store.index.clone(), call.target.bucket.clone());
    let finding = tokio::task::spawn_blocking(move || {
        index.read(|connection| page(connection, buckets::id(connection, &bucket)?, &wanted))
    });
    let (entries, truncated) = finding.await??;

    let mut document = Xml::rooted("ListMultipartUploadsResult");
    document.text("Bucket", &call.target.bucket);
    document.text("KeyMarker", &encoding.apply(key_marker.unwrap_or_default()));
    document.text("UploadIdMarker", id_marker.unwrap_or_default());
    if truncated {
        match entries.last() {
            Some(Entry::Upload(last)) => {
                document.text("NextKeyMarker", &encoding.apply(&last.key)).text("NextUploadIdMarker", &last.id);
            }
            Some(Entry::Prefix(last)) => {
                document.text("NextKeyMarker", &encoding.apply(last));
            }
            None => {}
        }
    }
    document.text("Prefix", &encoding.apply(prefix));
    if !delimiter.is_empty() {
        document.text("Delimiter", &encoding.apply(delimiter));
    }
    encoding.declare(&mut document);
    document.value("MaxUploads", most).value("IsTruncated", truncated);
    for entry in &entries {
        match entry {
            Entry::Upload(upload) => write_upload(&mut document, &encoding.apply(&upload.key), upload),
            Entry::Prefix(prefix) => {
                document.open("CommonPrefixes").text("Prefix", &encoding.apply(prefix)).close("CommonPrefixes");
            }
        }
    }
    document.close("ListMultipartUploadsResult");
    Ok(answer::xml(document))
}

/// Which uploads are wanted.
struct Wanted {
    prefix: String,
    delimiter: String,
    key_marker: Option<String>,
    id_marker: Option<String>,
    limit: usize,
}

impl Wanted {
    /// Where the page begins: after this key's upload of this id. Nothing sorts between a key and the key with a zero
    /// byte.
    fn first(&self) -> (Vec<u8>, String) {
        let from = match (self.key_marker.as_deref(), &self.id_marker) {
            (Some(key), Some(id)) => (key.as_bytes().to_vec(), id.clone()),
            (Some(key), None) if common_prefix(key, &self.prefix, &self.delimiter) == Some(key) => {
                (end_of(key.as_bytes()), String::new())
            }
            (Some(key), None) => ([key.as_bytes(), &[0]].concat(), String::new()),
            (None, _) => (Vec::new(), String::new()),
        };
        if from.0.as_slice() < self.prefix.as_bytes() { (self.prefix.as_bytes().to_vec(), String::new()) } else { from }
    }
}

/// A page of uploads and whether more follow, found as a page of keys is: by seeks, each past a whole common prefix.
fn page(connection: &Connection, bucket: i64, wanted: &Wanted) -> Result<(Vec<Entry>, bool), Fault> {
    let end = end_of(wanted.prefix.as_bytes());
    let mut entries = Vec::new();
    let mut next = Some(wanted.first());
    let mut truncated = false;
    while let Some((key, id)) = next.take() {
        uploads::list(connection, bucket, (&key, &id), &end, |upload| {
            if entries.len() == wanted.limit {
                truncated = wanted.limit > 0;
                return ControlFlow::Break(());
            }
            if let Some(common) = common_prefix(&upload.key, &wanted.prefix, &wanted.delimiter) {
                next = Some((end_of(common.as_bytes()), String::new()));
                entries.push(Entry::Prefix(common.to_owned()));
                return ControlFlow::Break(());
            }
            entries.push(Entry::Upload(Box::new(upload)));
            ControlFlow::Continue(())
        })?;
    }
    Ok((entries, truncated))
}

fn write_upload(document: &mut Xml, key: &str, upload: &Upload) {
    document.open("Upload").text("Key", key).text("UploadId", &upload.id);
    for role in ["Initiator", "Owner"] {
        document.open(role).text("ID", &upload.initiator).text("DisplayName", &upload.initiator).close(role);
    }
    document.text("StorageClass", "STANDARD").text("Initiated", &upload.initiated.iso());
    if let Some(algorithm) = upload.algorithm {
        document.text("ChecksumAlgorithm", algorithm.name());
        document.text("ChecksumType", if upload.composite { "COMPOSITE" } else { "FULL_OBJECT" });
    }
    document.close("Upload");
}
