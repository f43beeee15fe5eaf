//! What a storage cannot do is done in another way, and the answer says so.

use serde_json::{Value, json};

use crate::app::App;
use crate::bucket;
use crate::caller::{open, text};
use crate::files;
use crate::ways::{Way, begin, complete, handed, send_to_storage};

#[tokio::test]
async fn a_form_becomes_a_put_where_the_storage_takes_no_forms() {
    let app = App::start("[storage.profile]\nform_post = false\n[spaces.files]\n");
    let alice = app.user("alice");
    let picture = files::png(1);
    let file = handed("files", "a.png", "image/png", &picture);
    let upload = begin(&alice, Way::Post, &file).await.ok(201);
    assert_eq!((text(&upload["method"]), text(&upload["instead_of"])), ("put", "post"));
    assert_eq!(upload["fields"], Value::Null);
    let seen = alice.get(&format!("/v1/uploads/{}", text(&upload["id"]))).await.ok(200);
    assert_eq!(seen["instead_of"], "post");
    assert_eq!(send_to_storage(&alice, &upload, &file).await.status, 200);
    let object = complete(&alice, &upload).await.ok(200);
    assert_eq!(open(text(&object["link"]["url"])).await.body, picture);

    let asked = begin(&alice, Way::Put, &file).await.ok(201);
    assert_eq!((text(&asked["method"]), &asked["instead_of"]), ("put", &Value::Null));
    // A PUT has its length signed, and nothing can be signed that nobody said.
    let open_ended = json!({ "method": "post", "name": "a.png", "content_type": "image/png" });
    let refused = alice.post("/v1/spaces/files/uploads", &open_ended).await.refused(422, "validation-failed");
    assert!(refused.to_string().contains("this storage takes no form POST"), "{refused}");
}

#[tokio::test]
async fn what_is_too_long_for_one_request_comes_in_parts() {
    let app = App::start("[storage.profile]\nlongest_put = \"8 MiB\"\n[spaces.files]\n");
    let alice = app.user("alice");
    let picture = files::large_png(1, (8 << 20) + 1);
    let file = handed("files", "a.png", "image/png", &picture);
    for way in [Way::Put, Way::Post] {
        let upload = begin(&alice, way, &file).await.ok(201);
        assert_eq!((text(&upload["method"]), text(&upload["instead_of"])), ("multipart", way.method()));
        assert_eq!((&upload["part_bytes"], &upload["part_count"]), (&json!(8 << 20), &json!(2)));
        assert_eq!(send_to_storage(&alice, &upload, &file).await.status, 200);
        let object = complete(&alice, &upload).await.ok(200);
        assert_eq!(object["version"]["sha256"], files::sha256(&picture));
    }
}

#[tokio::test]
async fn what_is_too_long_for_one_copy_is_promoted_in_parts() {
    let app = App::start("[storage.profile]\nlongest_copy = \"5 MiB\"\n[spaces.files]\n");
    let alice = app.user("alice");
    let picture = files::large_png(1, 12_345_678);
    let file = handed("files", "a.png", "image/png", &picture);
    for way in [Way::Multipart, Way::Post] {
        let begun = begin(&alice, way, &file).await;
        if app.is_on("ceph") {
            // Only the owner of an object copies it in parts there, and that is the writer.
            begun.refused(413, "too-large");
            continue;
        }
        let upload = begun.ok(201);
        assert_eq!(send_to_storage(&alice, &upload, &file).await.status / 100, 2);
        let object = complete(&alice, &upload).await.ok(200);
        let served = open(text(&object["link"]["url"])).await;
        assert!(served.body == picture, "{way:?}: {} bytes", served.body.len());
        assert_eq!(served.header("content-type"), "image/png");
        // The entity tag of what was made of three parts says so.
        assert!(served.header("etag").trim_matches('"').ends_with("-3"), "{}", served.header("etag"));
    }
    assert_eq!(bucket::keys(&app).await.len(), if app.is_on("ceph") { 0 } else { 2 });
    assert_eq!(bucket::multiparts(&app).await, []);
}
