//! The bucket of a service, looked at beside it with the AWS SDK.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Builder, Credentials, Region};
use serde_json::Value;

use crate::app::App;
use crate::caller::text;

/// An SDK client that signs as one of the four identities.
pub(crate) fn sdk(app: &App, identity: &str) -> Client {
    client(&app.keys(), identity)
}

/// An SDK client with one of the keys.
pub(crate) fn client(keys: &Value, identity: &str) -> Client {
    let key = &keys[identity];
    let credentials =
        Credentials::new(text(&key["access_key_id"]), text(&key["secret_access_key"]), None, None, "the tests");
    let config = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(text(&keys["region"]).to_owned()))
        .endpoint_url(text(&keys["endpoint"]))
        .credentials_provider(credentials)
        .force_path_style(true)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

/// One who sees all of the bucket: the janitor is held to the location.
pub(crate) fn overseer(app: &App) -> Client {
    let mut keys = app.keys();
    if app.is_embedded() {
        keys["overseer"] = app.new_overseer();
    }
    client(&keys, "overseer")
}

/// Every key in the bucket, sorted.
pub(crate) async fn keys(app: &App) -> Vec<String> {
    let overseer = overseer(app);
    let mut keys = Vec::new();
    let mut pages = overseer.list_objects_v2().bucket(app.bucket()).into_paginator().send();
    while let Some(page) = pages.next().await {
        keys.extend(page.unwrap().contents().iter().map(|object| object.key().unwrap().to_owned()));
    }
    keys.sort();
    keys
}

/// Every multipart upload that is neither complete nor aborted, as (key, id).
pub(crate) async fn multiparts(app: &App) -> Vec<(String, String)> {
    let listed = sdk(app, "janitor").list_multipart_uploads().bucket(app.bucket()).send().await.unwrap();
    let both = |upload: &aws_sdk_s3::types::MultipartUpload| {
        (upload.key().unwrap().to_owned(), upload.upload_id().unwrap().to_owned())
    };
    listed.uploads().iter().map(both).collect()
}
