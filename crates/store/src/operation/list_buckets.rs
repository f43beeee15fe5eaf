//! `ListBuckets`: the buckets that are any business of the one who asks.

use http::Response;

use crate::answer;
use crate::body::Body;
use crate::call::Call;
use crate::fault::Fault;
use crate::index::buckets;
use crate::xml::Xml;

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html>
pub(super) fn run(call: Call<'_>) -> Result<Response<Body>, Fault> {
    let buckets = call.store.index.read(buckets::all)?;
    let mut document = Xml::rooted("ListAllMyBucketsResult");
    document.open("Owner").text("ID", call.identity.access_key_id()).close("Owner").open("Buckets");
    for bucket in buckets.iter().filter(|bucket| call.identity.knows(&bucket.name)) {
        document.open("Bucket").text("Name", &bucket.name).text("CreationDate", &bucket.created.iso()).close("Bucket");
    }
    document.close("Buckets").close("ListAllMyBucketsResult");
    Ok(answer::xml(document))
}
