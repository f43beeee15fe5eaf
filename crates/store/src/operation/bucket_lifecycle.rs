//! `GetBucketLifecycleConfiguration`, `PutBucketLifecycleConfiguration` and `DeleteBucketLifecycle`: what goes by itself.

use http::{Response, StatusCode};

use crate::answer;
use crate::body::Body;
use crate::call::Call;
use crate::fault::{Code, Fault};
use crate::index::buckets::{self, Rules};
use crate::lifecycle::{LifecycleConfiguration, Rule};
use crate::payload::Payload;
use crate::xml::{self, Xml};

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLifecycleConfiguration.html>
pub(super) fn get(call: Call<'_>) -> Result<Response<Body>, Fault> {
    let rules: Option<Vec<Rule>> =
        call.read(|connection, bucket| buckets::rules(connection, bucket.id, Rules::Lifecycle))?;
    let rules = rules.ok_or(Code::NoSuchLifecycleConfiguration)?;
    let mut document = Xml::rooted("LifecycleConfiguration");
    for rule in &rules {
        rule.write(&mut document);
    }
    document.close("LifecycleConfiguration");
    Ok(answer::xml(document))
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketLifecycleConfiguration.html>
pub(super) async fn put(call: Call<'_>, payload: Payload) -> Result<Response<Body>, Fault> {
    let document = call.document(payload).await?;
    let rules = xml::parse::<LifecycleConfiguration>(&document)?.checked(call.store.luck())?;
    change(call, Some(rules)).await?;
    Ok(answer::status(StatusCode::OK))
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucketLifecycle.html>
pub(super) async fn delete(call: Call<'_>) -> Result<Response<Body>, Fault> {
    change(call, None).await?;
    Ok(answer::status(StatusCode::NO_CONTENT))
}

async fn change(call: Call<'_>, rules: Option<Vec<Rule>>) -> Result<(), Fault> {
    let name = call.target.bucket.clone();
    call.store
        .commit(None, move |connection| {
            let bucket = buckets::find(connection, &name)?;
            Ok((buckets::set_rules(connection, bucket.id, Rules::Lifecycle, rules.as_ref())?, Vec::new()))
        })
        .await
}
