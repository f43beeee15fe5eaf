//! `CreateBucket`: makes a bucket in this store's one region.

use http::header::{HeaderValue, LOCATION};
use http::{Response, StatusCode};

use crate::body::Body;
use crate::call::Call;
use crate::fault::{Code, Fault};
use crate::index::buckets::{self, Rules, Versioning};
use crate::lock::BucketLock;
use crate::payload::Payload;
use crate::target::check_new_bucket;
use crate::xml::{self, CreateBucketConfiguration};
use crate::{answer, headers};

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html>
pub(super) async fn run(call: Call<'_>, payload: Payload) -> Result<Response<Body>, Fault> {
    headers::refuse_unsupported(headers::lines(&call.parts.headers))?;
    let locks = headers::text(&call.parts.headers, "x-amz-bucket-object-lock-enabled")
        .is_some_and(|text| text.eq_ignore_ascii_case("true"));
    let name = call.target.bucket.clone();
    check_new_bucket(&name).map_err(|rule| {
        Fault::new(Code::InvalidBucketName, format!("The specified bucket is not valid: {rule}."))
            .with("BucketName", &*name)
    })?;
    let document = call.document(payload).await?;
    if !document.is_empty() {
        let region = call.store.authentication.region();
        let wanted = xml::parse::<CreateBucketConfiguration>(&document)?.location;
        if let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty() && wanted != region) {
            return Err(Fault::from(Code::InvalidLocationConstraint).with("LocationConstraint", wanted));
        }
    }
    let location = format!("/{name}");
    let (now, again) = (call.now, Fault::from(Code::BucketAlreadyOwnedByYou).with("BucketName", &*name));
    let made = call
        .store
        .commit(None, move |connection| {
            let made = buckets::create(connection, &name, now)?;
            if made && locks {
                let bucket = buckets::find(connection, &name)?;
                buckets::set_versioning(connection, bucket.id, Versioning::Enabled)?;
                buckets::set_rules(connection, bucket.id, Rules::ObjectLock, Some(&BucketLock::default()))?;
            }
            Ok((made, Vec::new()))
        })
        .await?;
    if !made {
        return Err(again);
    }
    let mut response = answer::status(StatusCode::OK);
    response.headers_mut().insert(LOCATION, HeaderValue::from_str(&location).unwrap_or(HeaderValue::from_static("/")));
    Ok(response)
}
