//! What each identity of the embedded store may, seen by the AWS SDK with the keys that `strongroom store keys` prints.

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};

use crate::app::App;
use crate::bucket::{client, keys, multiparts, sdk};
use crate::caller::{open, send, text};
use crate::files;
use crate::ways::{Way, handed, object};

const FILES: &str = "[spaces.files]\n";
const BUCKET: &str = "strongroom";

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

#[tokio::test]
async fn the_keys_of_the_store_are_told_on_demand() {
    let app = App::start(FILES);
    let keys = app.command_json(&["store", "keys", "--json"]);
    assert_eq!(text(&keys["endpoint"]).trim_end_matches('/'), app.store());
    assert_eq!((text(&keys["region"]), text(&keys["bucket"])), ("us-east-1", "strongroom"));
    let said = String::from_utf8(app.command(&["store", "keys"]).stdout).unwrap();
    for identity in ["reader", "writer", "janitor", "operator"] {
        assert!(said.contains(identity) && said.contains(text(&keys[identity]["secret_access_key"])), "{said}");
    }
}

#[tokio::test]
async fn pages_of_allowed_origins_may_use_the_store_and_no_others() {
    let app = App::start("[spaces.files]\norigins = [\"https://app.example\"]\n");
    let preflight = async |url: String, origin: &str| {
        let request = crate::caller::client()
            .request(reqwest::Method::OPTIONS, url)
            .header("origin", origin)
            .header("access-control-request-method", "PUT")
            .header("access-control-request-headers", "content-type");
        send(request).await
    };
    let store = format!("{}/strongroom/staging/x", app.store());
    let allowed = preflight(store.clone(), "https://app.example").await;
    assert_eq!(allowed.status, 200, "{}", allowed.text());
    assert_eq!(allowed.header("access-control-allow-origin"), "https://app.example");
    assert_eq!(preflight(store, "https://evil.example").await.header("access-control-allow-origin"), "");
}
