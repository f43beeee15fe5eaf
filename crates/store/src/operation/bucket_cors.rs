//! `GetBucketCors`, `PutBucketCors` and `DeleteBucketCors`: which pages may call a bucket from a browser.

use http::{Response, StatusCode};

use crate::answer;
use crate::body::Body;
use crate::call::Call;
use crate::cors::{CorsConfiguration, CorsRule};
use crate::fault::{Code, Fault};
use crate::index::buckets::{self, Rules};
use crate::payload::Payload;
use crate::xml::{self, Xml};

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketCors.html>
pub(super) fn get(call: Call<'_>) -> Result<Response<Body>, Fault> {
    let rules: Option<Vec<CorsRule>> =
        call.read(|connection, bucket| buckets::rules(connection, bucket.id, Rules::Cors))?;
    let rules = rules.ok_or(Code::NoSuchCORSConfiguration)?;
    let mut document = Xml::rooted("CORSConfiguration");
    for rule in &rules {
        rule.write(&mut document);
    }
    document.close("CORSConfiguration");
    Ok(answer::xml(document))
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketCors.html>
pub(super) async fn put(call: Call<'_>, payload: Payload) -> Result<Response<Body>, Fault> {
    let document = call.document(payload).await?;
    let rules = xml::parse::<CorsConfiguration>(&document)?.checked()?;
    change(call, Some(rules)).await?;
    Ok(answer::status(StatusCode::OK))
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketCors.html>
pub(super) async fn delete(call: Call<'_>) -> Result<Response<Body>, Fault> {
    change(call, None).await?;
    Ok(answer::status(StatusCode::NO_CONTENT))
}

async fn change(call: Call<'_>, rules: Option<Vec<CorsRule>>) -> Result<(), Fault> {
    let name = call.target.bucket.clone();
    call.store
        .commit(None, move |connection| {
            let bucket = buckets::find(connection, &name)?;
            Ok((buckets::set_rules(connection, bucket.id, Rules::Cors, rules.as_ref())?, Vec::new()))
        })
        .await
}
