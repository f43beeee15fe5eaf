//! `ListBuckets`: a page of the buckets that are any business of the one who asks.

use http::Response;

use crate::answer;
use crate::body::Body;
use crate::call::Call;
use crate::fault::{Code, Fault};
use crate::index::buckets;
use crate::xml::Xml;

/// How many buckets a page may hold; S3's own figure.
const MAX_BUCKETS: u32 = 10_000;

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html>
pub(super) fn run(call: Call<'_>) -> Result<Response<Body>, Fault> {
    let (query, region) = (call.query, call.store.authentication.region());
    let prefix = query.get("prefix").unwrap_or_default();
    let most = query.number("max-buckets")?.unwrap_or(MAX_BUCKETS);
    if !(1..=MAX_BUCKETS).contains(&most) {
        let message = format!("max-buckets must be between 1 and {MAX_BUCKETS}.");
        return Err(Fault::new(Code::InvalidArgument, message).with("ArgumentName", "max-buckets"));
    }
    // A bucket's name is no secret to who gets the token, so the token is the name of the last one.
    let after = query.text("continuation-token").unwrap_or_default();
    let elsewhere = query.text("bucket-region").is_some_and(|wanted| wanted != region);
    let mut buckets = call.store.index.read(buckets::all)?;
    buckets.retain(|bucket| {
        !elsewhere
            && bucket.name.as_str() > after
            && bucket.name.starts_with(prefix)
            && call.identity.knows(&bucket.name)
    });
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let truncated = buckets.len() > most;
    buckets.truncate(most);
    let mut document = Xml::rooted("ListAllMyBucketsResult");
    document.open("Owner").text("ID", call.identity.access_key_id()).close("Owner").open("Buckets");
    for bucket in &buckets {
        document.open("Bucket").text("Name", &bucket.name).text("CreationDate", &bucket.created.iso());
        document.text("BucketRegion", region).close("Bucket");
    }
    document.close("Buckets");
    if !prefix.is_empty() {
        document.text("Prefix", prefix);
    }
    if let Some(last) = buckets.last().filter(|_| truncated) {
        document.text("ContinuationToken", &last.name);
    }
    document.close("ListAllMyBucketsResult");
    Ok(answer::xml(document))
}
