//! `ListObjects` and `ListObjectsV2`: one page of keys in order, from a seek in the index.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Response;

use crate::access::Action;
use crate::answer;
use crate::body::Body;
use crate::call::Call;
use crate::encoding::Encoding;
use crate::fault::{Code, Fault};
use crate::index::buckets;
use crate::index::listing::{self, Entry, Page};
use crate::index::objects::Object;
use crate::xml::Xml;

/// The two forms of the operation, which differ in how they name the next page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjects.html>
    V1,
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>
    V2,
}

/// The most entries of a page.
pub(super) const MAX_ENTRIES: u32 = 1000;

/// Lists a page.
pub(super) async fn run(call: Call<'_>, dialect: Dialect) -> Result<Response<Body>, Fault> {
    let query = call.query;
    let prefix = query.get("prefix").unwrap_or_default();
    call.identity.demand(Action::List, &call.target.bucket, prefix)?;
    let encoding = Encoding::of(query)?;
    let most = query.number("max-keys")?.unwrap_or(MAX_ENTRIES).min(MAX_ENTRIES);
    let after = match dialect {
        Dialect::V1 => query.text("marker").map(str::to_owned),
        Dialect::V2 => match query.get("continuation-token") {
            Some(token) => Some(read_token(token)?),
            None => query.text("start-after").map(str::to_owned),
        },
    };
    let wanted = listing::Query {
        prefix: prefix.to_owned(),
        delimiter: query.get("delimiter").unwrap_or_default().to_owned(),
        after,
        limit: usize::try_from(most).unwrap_or_default(),
    };
    let page = find(call, wanted.clone()).await?;
    let next = page.truncated.then(|| page.entries.last().map(Entry::name)).flatten();

    let mut document = Xml::rooted("ListBucketResult");
    document.text("Name", &call.target.bucket).text("Prefix", &encoding.apply(prefix));
    match dialect {
        Dialect::V1 => {
            document.text("Marker", &encoding.apply(query.get("marker").unwrap_or_default()));
            if let Some(next) = next {
                document.text("NextMarker", &encoding.apply(next));
            }
        }
        Dialect::V2 => {
            document.value("KeyCount", page.entries.len());
            if let Some(start) = query.text("start-after") {
                document.text("StartAfter", &encoding.apply(start));
            }
            if let Some(token) = query.get("continuation-token") {
                document.text("ContinuationToken", token);
            }
            if let Some(next) = next {
                document.text("NextContinuationToken", &write_token(next));
            }
        }
    }
    document.value("MaxKeys", most);
    if !wanted.delimiter.is_empty() {
        document.text("Delimiter", &encoding.apply(&wanted.delimiter));
    }
    encoding.declare(&mut document);
    document.value("IsTruncated", page.truncated);
    let owner =
        (dialect == Dialect::V1 || query.get("fetch-owner") == Some("true")).then(|| call.identity.access_key_id());
    for entry in &page.entries {
        match entry {
            Entry::Key(key, object) => write_object(&mut document, &encoding.apply(key), object, owner),
            Entry::Prefix(prefix) => {
                document.open("CommonPrefixes").text("Prefix", &encoding.apply(prefix)).close("CommonPrefixes");
            }
        }
    }
    document.close("ListBucketResult");
    Ok(answer::xml(document))
}

/// A page of a thousand rows takes a millisecond or more, which is too long for a thread that serves others.
async fn find(call: Call<'_>, wanted: listing::Query) -> Result<Page, Fault> {
    let (index, bucket) = (call.store.index.clone(), call.target.bucket.clone());
    let finding = tokio::task::spawn_blocking(move || {
        index.read(|connection| listing::page(connection, buckets::id(connection, &bucket)?, &wanted))
    });
    finding.await?
}

fn write_object(document: &mut Xml, key: &str, object: &Object, owner: Option<&str>) {
    document.open("Contents").text("Key", key).text("LastModified", &object.modified.iso());
    document.text("ETag", &format!("\"{}\"", object.etag));
    write_checksum_algorithms(document, object);
    document.value("Size", object.bytes).text("StorageClass", "STANDARD");
    if let Some(owner) = owner {
        document.open("Owner").text("ID", owner).text("DisplayName", owner).close("Owner");
    }
    document.close("Contents");
}

/// Which checksums an object has, without their values.
pub(super) fn write_checksum_algorithms(document: &mut Xml, object: &Object) {
    for algorithm in object.checksums.values.keys() {
        document.text("ChecksumAlgorithm", algorithm.name());
    }
    if !object.checksums.values.is_empty() {
        document.text("ChecksumType", object.checksums.kind());
    }
}

/// A token says where the next page begins. Clients must not look into it, so it does not look like a key.
fn write_token(after: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("1{after}"))
}

fn read_token(token: &str) -> Result<String, Fault> {
    let read = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    read.as_deref().and_then(|text| text.strip_prefix('1')).map(str::to_owned).ok_or_else(|| {
        Fault::new(Code::InvalidArgument, "The continuation token provided is incorrect")
            .with("ArgumentName", "continuation-token")
            .with("ArgumentValue", token)
    })
}
