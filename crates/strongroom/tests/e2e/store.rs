//! The embedded store seen by the AWS SDK, with the keys that `strongroom store keys` prints.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Builder, Credentials, Region};
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use serde_json::Value;

use crate::app::App;
use crate::caller::{open, text};
use crate::files;
use crate::ways::{Way, handed, object};

const FILES: &str = "[spaces.files]\n";
const BUCKET: &str = "strongroom";

/// An SDK client that signs as one of the four identities.
pub(crate) fn sdk(app: &App, identity: &str) -> Client {
    let keys = app.command_json(&["store", "keys", "--json"]);
    client(&keys, identity)
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

/// Every key in the bucket, sorted.
pub(crate) async fn keys(app: &App) -> Vec<String> {
    let janitor = sdk(app, "janitor");
    let mut keys = Vec::new();
    let mut pages = janitor.list_objects_v2().bucket(BUCKET).into_paginator().send();
    while let Some(page) = pages.next().await {
        keys.extend(page.unwrap().contents().iter().map(|object| object.key().unwrap().to_owned()));
    }
    keys.sort();
    keys
}

/// How many contents the objects of the bucket are made of: one each, or as many as the entity tag of one that was
/// handed in in parts says (`…-2`).
pub(crate) async fn contents(app: &App) -> usize {
    let janitor = sdk(app, "janitor");
    let mut count = 0;
    let mut pages = janitor.list_objects_v2().bucket(BUCKET).into_paginator().send();
    while let Some(page) = pages.next().await {
        for object in page.unwrap().contents() {
            let parts =
                object.e_tag().unwrap().trim_matches('"').split_once('-').map(|(_, parts)| parts.parse::<usize>());
            count += parts.map_or(1, Result::unwrap);
        }
    }
    count
}

/// Every multipart upload that is neither complete nor aborted, as (key, id).
pub(crate) async fn multiparts(app: &App) -> Vec<(String, String)> {
    let listed = sdk(app, "janitor").list_multipart_uploads().bucket(BUCKET).send().await.unwrap();
    let both = |upload: &aws_sdk_s3::types::MultipartUpload| {
        (upload.key().unwrap().to_owned(), upload.upload_id().unwrap().to_owned())
    };
    listed.uploads().iter().map(both).collect()
}

fn body(text: &str) -> ByteStream {
    ByteStream::from(text.as_bytes().to_vec())
}

fn denied<T, E: ProvideErrorMetadata + std::fmt::Debug, R>(
    result: Result<T, aws_sdk_s3::error::SdkError<E, R>>,
    what: &str,
) where
    T: std::fmt::Debug,
    R: std::fmt::Debug,
{
    let error = result.expect_err(what);
    assert_eq!(error.code(), Some("AccessDenied"), "{what}: {error:?}");
}

#[tokio::test]
async fn what_was_handed_in_is_an_object_of_the_bucket() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    for (number, way) in (0..).zip(Way::ALL) {
        let bytes = files::large_png(number, 50_000);
        let object = object(&alice, way, &handed("files", "a.png", "image/png", &bytes)).await;
        let key = text(&object["version"]["key"]);
        let got = sdk(&app, "reader").get_object().bucket(BUCKET).key(key).send().await.unwrap();
        assert_eq!(got.content_type(), Some("image/png"));
        assert_eq!(got.body.collect().await.unwrap().to_vec(), bytes, "{way:?}");
    }
    assert_eq!(keys(&app).await.len(), Way::ALL.len(), "nothing but the objects");
    assert_eq!(multiparts(&app).await, []);
}

#[tokio::test]
async fn the_reader_reads_and_does_nothing_else() {
    let app = App::start(FILES);
    let object = object(&app.user("alice"), Way::Raw, &handed("files", "a.png", "image/png", &files::png(1))).await;
    let key = text(&object["version"]["key"]);
    let reader = sdk(&app, "reader");
    reader.get_object().bucket(BUCKET).key(key).send().await.unwrap();
    reader.head_object().bucket(BUCKET).key(key).send().await.unwrap();
    denied(reader.put_object().bucket(BUCKET).key("staging/x").body(body("x")).send().await, "put");
    denied(reader.put_object().bucket(BUCKET).key(key).body(body("x")).send().await, "overwrite");
    denied(reader.delete_object().bucket(BUCKET).key(key).send().await, "delete");
    denied(reader.list_objects_v2().bucket(BUCKET).send().await, "list");
    denied(
        reader.copy_object().bucket(BUCKET).key("staging/x").copy_source(format!("{BUCKET}/{key}")).send().await,
        "copy",
    );
    denied(reader.create_multipart_upload().bucket(BUCKET).key("staging/x").send().await, "multipart");
    denied(reader.list_multipart_uploads().bucket(BUCKET).send().await, "list multipart uploads");
    assert_eq!(open(text(&object["link"]["url"])).await.body, files::png(1));
}

#[tokio::test]
async fn the_writer_writes_into_staging_makes_what_is_not_there_and_does_nothing_else() {
    let app = App::start(FILES);
    let object = object(&app.user("alice"), Way::Raw, &handed("files", "a.png", "image/png", &files::png(1))).await;
    let key = text(&object["version"]["key"]);
    let writer = sdk(&app, "writer");
    writer.put_object().bucket(BUCKET).key("staging/x").body(body("x")).send().await.unwrap();
    denied(writer.put_object().bucket(BUCKET).key(key).body(body("x")).send().await, "overwrite");
    let over = writer.put_object().bucket(BUCKET).key(key).body(body("x")).if_none_match("*").send().await.unwrap_err();
    assert_eq!(over.code(), Some("PreconditionFailed"));
    writer.put_object().bucket(BUCKET).key("files/new").body(body("x")).if_none_match("*").send().await.unwrap();
    denied(writer.create_multipart_upload().bucket(BUCKET).key(key).send().await, "overwrite in parts");
    denied(writer.get_object().bucket(BUCKET).key(key).send().await, "get");
    denied(writer.get_object().bucket(BUCKET).key("staging/x").send().await, "get what it wrote");
    denied(writer.delete_object().bucket(BUCKET).key("staging/x").send().await, "delete");
    denied(writer.delete_object().bucket(BUCKET).key(key).send().await, "delete an object");
    denied(writer.list_objects_v2().bucket(BUCKET).send().await, "list");
    denied(
        writer.copy_object().bucket(BUCKET).key("staging/y").copy_source(format!("{BUCKET}/{key}")).send().await,
        "copy an object into staging",
    );
    let multipart = writer.create_multipart_upload().bucket(BUCKET).key("staging/m").send().await.unwrap();
    let id = multipart.upload_id().unwrap();
    let part = writer.upload_part().bucket(BUCKET).key("staging/m").upload_id(id).part_number(1).body(body("x"));
    let part = part.send().await.unwrap();
    let part = CompletedPart::builder().part_number(1).e_tag(part.e_tag().unwrap()).build();
    let parts = CompletedMultipartUpload::builder().parts(part).build();
    let complete = writer.complete_multipart_upload().bucket(BUCKET).key("staging/m").upload_id(id);
    complete.multipart_upload(parts).send().await.unwrap();
    assert_eq!(open(text(&object["link"]["url"])).await.body, files::png(1));
}

#[tokio::test]
async fn without_the_right_key_there_is_nothing() {
    let app = App::start(FILES);
    let object = object(&app.user("alice"), Way::Raw, &handed("files", "a.png", "image/png", &files::png(1))).await;
    let key = text(&object["version"]["key"]);
    let mut keys = app.command_json(&["store", "keys", "--json"]);
    keys["reader"]["secret_access_key"] = "wrong".into();
    let refused = client(&keys, "reader").get_object().bucket(BUCKET).key(key).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("SignatureDoesNotMatch"), "{refused:?}");
    keys["reader"]["access_key_id"] = "nobody".into();
    let refused = client(&keys, "reader").get_object().bucket(BUCKET).key(key).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("InvalidAccessKeyId"), "{refused:?}");
    for path in [format!("/{BUCKET}/{key}"), format!("/{BUCKET}"), "/".to_owned(), format!("/{BUCKET}?list-type=2")] {
        assert_eq!(open(&format!("{}{path}", app.store())).await.status, 403, "{path}");
    }
}
