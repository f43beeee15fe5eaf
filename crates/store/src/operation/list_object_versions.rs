//! `ListObjectVersions`: one page of versions and delete markers in order, from a seek in the index.

use http::Response;

use crate::access::Action;
use crate::answer;
use crate::body::Body;
use crate::call::Call;
use crate::encoding::Encoding;
use crate::fault::{Code, Fault};
use crate::index::buckets;
use crate::index::version_listing::{self, Entry};
use crate::index::versions::Version;
use crate::xml::Xml;

use super::list_objects::{MAX_ENTRIES, write_checksum_algorithms};

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html>
pub(super) async fn run(call: Call<'_>) -> Result<Response<Body>, Fault> {
    let query = call.query;
    let prefix = query.get("prefix").unwrap_or_default();
    call.identity.demand(Action::List, &call.target.bucket, prefix)?;
    let encoding = Encoding::of(query)?;
    let delimiter = query.get("delimiter").unwrap_or_default();
    let most = query.number("max-keys")?.unwrap_or(MAX_ENTRIES).min(MAX_ENTRIES);
    let (key_marker, version_marker) = (query.text("key-marker"), query.text("version-id-marker"));
    if key_marker.is_none() && version_marker.is_some() {
        let message = "A version-id marker cannot be specified without a key marker.";
        return Err(Fault::new(Code::InvalidArgument, message).with("ArgumentName", "version-id-marker"));
    }
    let wanted = version_listing::Query {
        prefix: prefix.to_owned(),
        delimiter: delimiter.to_owned(),
        key_marker: key_marker.map(str::to_owned),
        version_marker: version_marker.map(str::to_owned),
        limit: usize::try_from(most).unwrap_or_default(),
    };
    // A thousand rows take too long for a thread that serves others.
    let (index, bucket) = (call.store.index.clone(), call.target.bucket.clone());
    let finding = tokio::task::spawn_blocking(move || {
        index.read(|connection| version_listing::page(connection, buckets::id(connection, &bucket)?, &wanted))
    });
    let page = finding.await??;

    let mut document = Xml::rooted("ListVersionsResult");
    document.text("Name", &call.target.bucket).text("Prefix", &encoding.apply(prefix));
    document.text("KeyMarker", &encoding.apply(key_marker.unwrap_or_default()));
    document.text("VersionIdMarker", version_marker.unwrap_or_default());
    if page.truncated {
        match page.entries.last() {
            Some(Entry::Version(last)) => {
                document.text("NextKeyMarker", &encoding.apply(&last.key));
                document.text("NextVersionIdMarker", &last.object.version);
            }
            Some(Entry::Prefix(last)) => {
                document.text("NextKeyMarker", &encoding.apply(last));
            }
            None => {}
        }
    }
    document.value("MaxKeys", most);
    if !delimiter.is_empty() {
        document.text("Delimiter", &encoding.apply(delimiter));
    }
    encoding.declare(&mut document);
    document.value("IsTruncated", page.truncated);
    for entry in &page.entries {
        match entry {
            Entry::Version(version) => write_version(&mut document, encoding, version, call.identity.access_key_id()),
            Entry::Prefix(prefix) => {
                document.open("CommonPrefixes").text("Prefix", &encoding.apply(prefix)).close("CommonPrefixes");
            }
        }
    }
    document.close("ListVersionsResult");
    Ok(answer::xml(document))
}

fn write_version(document: &mut Xml, encoding: Encoding, version: &Version, owner: &str) {
    let Version { key, object, latest } = version;
    let element = if object.is_marker() { "DeleteMarker" } else { "Version" };
    document.open(element).text("Key", &encoding.apply(key)).text("VersionId", &object.version);
    document.value("IsLatest", latest).text("LastModified", &object.modified.iso());
    if !object.is_marker() {
        document.text("ETag", &format!("\"{}\"", object.etag));
        write_checksum_algorithms(document, object);
        document.value("Size", object.bytes).text("StorageClass", "STANDARD");
    }
    document.open("Owner").text("ID", owner).text("DisplayName", owner).close("Owner").close(element);
}
