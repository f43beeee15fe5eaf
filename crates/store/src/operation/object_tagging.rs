//! `GetObjectTagging`, `PutObjectTagging` and `DeleteObjectTagging`: the tags of an object or of one of its versions.

use http::{Response, StatusCode};
use rusqlite::Connection;

use crate::access::Action;
use crate::answer;
use crate::body::Body;
use crate::call::Call;
use crate::fault::{Code, Fault};
use crate::index::buckets::{self, Bucket, Versioning};
use crate::index::objects;
use crate::index::versions::{self, Version};
use crate::payload::Payload;
use crate::publish::describe_version;
use crate::tags::{self, Tags};
use crate::xml::{self, Xml};

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectTagging.html>
pub(super) fn get(call: Call<'_>) -> Result<Response<Body>, Fault> {
    let wanted = Wanted::of(&call)?;
    let (tags, version) = call.read(|connection, bucket| {
        let found = wanted.find(connection, bucket)?;
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
    let (wanted, name) = (Wanted::of(&call)?, call.target.bucket.clone());
    let version = call
        .store
        .commit(None, move |connection| {
            let bucket = buckets::find(connection, &name)?;
            let found = wanted.find(connection, bucket)?;
            versions::set_tags(connection, bucket.id, &found, &tags)?;
            Ok((shown(bucket, found), Vec::new()))
        })
        .await?;
    let mut response = answer::status(status);
    describe_version(version.as_deref(), response.headers_mut())?;
    Ok(response)
}

/// Whose tags are meant.
struct Wanted {
    key: String,
    version: Option<String>,
    may_list: bool,
}

impl Wanted {
    fn of(call: &Call<'_>) -> Result<Self, Fault> {
        let key = call.target.key.clone();
        let may_list = call.identity.may(Action::List, &call.target.bucket, &key);
        Ok(Self { version: call.version()?.map(str::to_owned), key, may_list })
    }

    fn find(&self, connection: &Connection, bucket: Bucket) -> Result<Version, Fault> {
        let (found, missing) = if let Some(version) = &self.version {
            (versions::find(connection, bucket.id, &self.key, version)?, Code::NoSuchVersion)
        } else {
            let object = objects::find(connection, bucket.id, &self.key)?;
            (object.map(|object| Version { key: self.key.clone(), object, latest: true }), Code::NoSuchKey)
        };
        match found {
            Some(version) if version.object.is_marker() => Err(Code::MethodNotAllowed.into()),
            Some(version) => Ok(version),
            None => Err(Fault::from(if self.may_list { missing } else { Code::AccessDenied }).with("Key", &*self.key)),
        }
    }
}

fn shown(bucket: Bucket, found: Version) -> Option<String> {
    (bucket.versioning != Versioning::Never).then_some(found.object.version)
}
