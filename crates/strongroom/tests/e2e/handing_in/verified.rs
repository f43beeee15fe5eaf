//! What was announced is compared with what arrived, byte for byte, before anybody can read it.

use serde_json::json;

use super::FILES;
use crate::app::App;
use crate::caller::{open, send, text};
use crate::files;
use crate::ways::{Handed, Way, begin, complete, hand_in, handed, object, post, put, send_to_storage};

const PICTURES: &str = "[spaces.pictures]\naccept = [\"image/*\"]\n";

#[tokio::test]
async fn a_page_or_a_drawing_that_is_called_a_picture_is_caught() {
    let app = App::start(PICTURES);
    let alice = app.user("alice");
    for way in Way::ALL {
        for bytes in [files::html(), files::svg(), files::pdf()] {
            let refused = hand_in(&alice, way, &handed("pictures", "cat.png", "image/png", &bytes)).await;
            refused.refused(415, "type-not-accepted");
        }
        // Of plain text nothing is known but that it is no picture.
        let text = files::text(1, 500);
        let refused = hand_in(&alice, way, &handed("pictures", "cat.png", "image/png", &text)).await;
        refused.refused(422, "content-mismatch");
    }
    assert_eq!(alice.get("/v1/spaces/pictures/objects").await.ok(200)["items"], json!([]));
}

#[tokio::test]
async fn an_announced_type_that_the_space_does_not_take_is_refused_at_once() {
    let app = App::start(PICTURES);
    let alice = app.user("alice");
    for content_type in ["application/pdf", "text/html", "image/svg+xml"] {
        for way in Way::DIRECT {
            begin(&alice, way, &handed("pictures", "a", content_type, &files::png(1)))
                .await
                .refused(415, "type-not-accepted");
        }
    }
}

#[tokio::test]
async fn a_rejected_upload_says_why_and_stays_rejected() {
    let app = App::start(PICTURES);
    let alice = app.user("alice");
    let page = files::html();
    for way in Way::DIRECT {
        let file = handed("pictures", "cat.png", "image/png", &page);
        let upload = begin(&alice, way, &file).await.ok(201);
        assert_eq!(upload["state"], "open");
        assert_eq!(send_to_storage(&alice, &upload, &file).await.status / 100, 2);
        complete(&alice, &upload).await.refused(415, "type-not-accepted");

        let seen = alice.get(&format!("/v1/uploads/{}", text(&upload["id"]))).await.ok(200);
        assert_eq!(seen["state"], "rejected");
        assert_eq!(seen["reason"]["code"], "type-not-accepted");
        assert!(!text(&seen["reason"]["detail"]).is_empty());
        complete(&alice, &upload).await.refused(415, "type-not-accepted");
        alice.get(&format!("/v1/objects/{}", text(&upload["object_id"]))).await.refused(404, "not-found");
    }
}

#[tokio::test]
async fn another_length_than_announced_does_not_get_into_storage() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let picture = files::large_png(1, 4000);
    for other in [files::large_png(1, 3999), files::large_png(1, 4001), files::png(1)] {
        let upload = begin(&alice, Way::Put, &handed("files", "a.png", "image/png", &picture)).await.ok(201);
        assert_eq!(send(put(&upload, &other)).await.status, 403);
    }
    // A form may be shorter than announced, because its policy can only bound it.
    let upload = begin(&alice, Way::Post, &handed("files", "a.png", "image/png", &picture)).await.ok(201);
    assert_eq!(send(post(&upload, "image/png", &files::large_png(1, 4001))).await.status, 400);
    let shorter = files::large_png(1, 3999);
    assert_eq!(send(post(&upload, "image/png", &shorter)).await.status / 100, 2);
    let object = complete(&alice, &upload).await.ok(200);
    assert_eq!(object["version"]["sha256"], files::sha256(&shorter));
    // The parts of a multipart upload have no length of their own, so the whole is measured.
    for other in [files::large_png(1, 3999), files::large_png(1, 4001)] {
        let file = handed("files", "a.png", "image/png", &picture);
        let upload = begin(&alice, Way::Multipart, &file).await.ok(201);
        let url = text(&upload["parts"][0]["url"]);
        let sent = send(crate::caller::client().put(url).body(other)).await;
        if sent.status < 300 {
            complete(&alice, &upload).await.refused(409, "upload-incomplete");
        }
        alice.get(&format!("/v1/objects/{}", text(&upload["object_id"]))).await.refused(404, "not-found");
    }
}

#[tokio::test]
async fn other_bytes_than_announced_are_refused() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let (announced, other) = (files::large_png(1, 4000), files::large_png(2, 4000));
    for way in Way::DIRECT {
        let more = json!({ "sha256": files::sha256(&announced) });
        let file = Handed { more, ..handed("files", "a.png", "image/png", &announced) };
        let upload = begin(&alice, way, &file).await.ok(201);
        let sent = send_to_storage(&alice, &upload, &Handed { bytes: &other, ..file.clone() }).await;
        if sent.status < 300 {
            complete(&alice, &upload).await.refused(422, "content-mismatch");
        }
        alice.get(&format!("/v1/objects/{}", text(&upload["object_id"]))).await.refused(404, "not-found");

        let object = object(&alice, way, &file).await;
        assert_eq!(object["version"]["sha256"], files::sha256(&announced), "{way:?}");
    }
}

#[tokio::test]
async fn the_digest_of_a_put_is_signed_so_that_storage_itself_refuses_other_bytes() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let (announced, other) = (files::large_png(1, 4000), files::large_png(2, 4000));
    let more = json!({ "sha256": files::sha256(&announced) });
    let upload =
        begin(&alice, Way::Put, &Handed { more, ..handed("files", "a.png", "image/png", &announced) }).await.ok(201);
    let is_signed =
        upload["headers"].as_object().unwrap().keys().any(|name| name.eq_ignore_ascii_case("x-amz-checksum-sha256"));
    assert!(is_signed || !app.is_embedded());
    let sent = send(put(&upload, &other)).await.status;
    if !is_signed {
        // Ceph's checksums are younger than the version that the tests know. What arrived is looked at in any case.
        assert_eq!(sent, 200);
        complete(&alice, &upload).await.refused(422, "content-mismatch");
        return;
    }
    assert_eq!(sent, 400);
    assert_eq!(send(put(&upload, &announced)).await.status, 200);
    complete(&alice, &upload).await.ok(200);
}

#[tokio::test]
async fn a_reused_upload_url_cannot_change_what_is_served() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let (first, second) = (files::large_png(1, 4000), files::large_png(2, 4000));
    for way in Way::DIRECT {
        let file = handed("files", "a.png", "image/png", &first);
        let upload = begin(&alice, way, &file).await.ok(201);
        assert_eq!(send_to_storage(&alice, &upload, &file).await.status / 100, 2, "{way:?}");
        let object = complete(&alice, &upload).await.ok(200);

        // Whatever storage answers: what is served stays what was verified.
        send_to_storage(&alice, &upload, &Handed { bytes: &second, ..file.clone() }).await;
        assert_eq!(complete(&alice, &upload).await.ok(200)["version"], object["version"], "{way:?}");
        let seen = alice.get(&format!("/v1/objects/{}", text(&object["id"]))).await.ok(200);
        assert_eq!(seen["version"]["sha256"], files::sha256(&first), "{way:?}");
        assert_eq!(open(text(&seen["link"]["url"])).await.body, first, "{way:?}");
    }
}
