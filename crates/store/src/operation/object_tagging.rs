//! `GetObjectTagging`, `PutObjectTagging` and `DeleteObjectTagging`: the tags of an object or of one of its versions.

use http::{Response, StatusCode};

use crate::answer;
use crate::body::Body;
use crate::call::Call;
use crate::fault::Fault;
use crate::index::buckets::{self, Bucket, Versioning};
use crate::index::versions::{self, Version};
use crate::payload::Payload;
use crate::publish::describe_version;
use crate::tags::{self, Tags};
use crate::xml::{self, Xml};

use super::chosen::Chosen;

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectTagging.html>
pub(super) fn get(call: Call<'_>) -> Result<Response<Body>, Fault> {
    let chosen = Chosen::of(&call)?;
    let (tags, version) = call.read(|connection, bucket| {
        let found = chosen.find(connection, bucket)?;
        Ok((found.object.tags.clone(), shown(bucket, found)))
    })?;
    let mut document = Xml::rooted("Tagging");
    tags::write(&mut document, &tags);
    document.close("Tagging");
    let mut response = answer::xml(document);
    describe_version(version.as_deref(), response.headers_mut())?;
    Ok(response)
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectTagging.html>
pub(super) async fn put(call: Call<'_>, payload: Payload) -> Result<Response<Body>, Fault> {
    let document = call.document(payload).await?;
    change(call, tags::of_document(xml::parse(&document)?)?, StatusCode::OK).await
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjectTagging.html>
pub(super) async fn delete(call: Call<'_>) -> Result<Response<Body>, Fault> {
    change(call, Tags::new(), StatusCode::NO_CONTENT).await
}

async fn change(call: Call<'_>, tags: Tags, status: StatusCode) -> Result<Response<Body>, Fault> {
    let (chosen, name) = (Chosen::of(&call)?, call.target.bucket.clone());
    let version = call
        .store
        .commit(None, move |connection| {
            let bucket = buckets::find(connection, &name)?;
            let found = chosen.find(connection, bucket)?;
            versions::set_tags(connection, bucket.id, &found, &tags)?;
            Ok((shown(bucket, found), Vec::new()))
        })
        .await?;
    let mut response = answer::status(status);
    describe_version(version.as_deref(), response.headers_mut())?;
    Ok(response)
}

fn shown(bucket: Bucket, found: Version) -> Option<String> {
    (bucket.versioning != Versioning::Never).then_some(found.object.version)
}
