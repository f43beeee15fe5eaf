//! The life of a direct upload: begun, sent, completed once or several times, aborted, expired.

use futures_util::future::join_all;
use serde_json::json;

use super::FILES;
use crate::app::App;
use crate::caller::{client, send, text};
use crate::files;
use crate::ways::{Way, begin, complete, handed, object, put, send_to_storage};

#[tokio::test]
async fn an_upload_tells_what_the_client_has_to_send() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let picture = files::png(1);
    let file = handed("files", "a.png", "image/png", &picture);

    let put = begin(&alice, Way::Put, &file).await.ok(201);
    assert_eq!((text(&put["method"]), text(&put["state"])), ("put", "open"));
    assert!(text(&put["url"]).starts_with(app.store()));
    let content_type =
        put["headers"].as_object().unwrap().iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    assert_eq!(content_type.expect("the type is signed").1, "image/png");
    assert_eq!(put["fields"], json!(null));
    assert_eq!(put["parts"], json!(null));

    let post = begin(&alice, Way::Post, &file).await.ok(201);
    assert!(post["fields"]["policy"].is_string() && post["fields"]["key"].is_string(), "{post}");
    assert_eq!(post["parts"], json!(null));

    let multipart = begin(&alice, Way::Multipart, &file).await.ok(201);
    assert_eq!(multipart["part_count"], 1);
    assert_eq!(multipart["parts"].as_array().unwrap().len(), 1);
    assert_eq!(multipart["fields"], json!(null));
    // A large file takes its time, so an upload in parts stays open for a day.
    for (upload, life) in [(put, 600), (post, 600), (multipart, 86_400)] {
        let expires: jiff::Timestamp = text(&upload["expires_at"]).parse().unwrap();
        let left = expires.as_second() - crate::tokens::now();
        assert!((life - 100..=life).contains(&left), "{left} seconds");
        let seen = alice.get(&format!("/v1/uploads/{}", text(&upload["id"]))).await.ok(200);
        assert_eq!(seen["state"], "open");
        assert_eq!(seen["object_id"], upload["object_id"]);
    }
}

#[tokio::test]
async fn completing_before_anything_was_sent_leaves_the_upload_open() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let picture = files::png(1);
    let file = handed("files", "a.png", "image/png", &picture);
    for way in Way::DIRECT {
        let upload = begin(&alice, way, &file).await.ok(201);
        complete(&alice, &upload).await.refused(409, "upload-incomplete");
        assert_eq!(
            alice.get(&format!("/v1/uploads/{}", text(&upload["id"]))).await.ok(200)["state"],
            "open",
            "{way:?}"
        );
        assert_eq!(send_to_storage(&alice, &upload, &file).await.status / 100, 2);
        complete(&alice, &upload).await.ok(200);
    }
}

#[tokio::test]
async fn completing_twice_gives_the_same_object() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let picture = files::png(1);
    let file = handed("files", "a.png", "image/png", &picture);
    for way in Way::DIRECT {
        let upload = begin(&alice, way, &file).await.ok(201);
        assert_eq!(send_to_storage(&alice, &upload, &file).await.status / 100, 2);
        let first = complete(&alice, &upload).await.ok(200);
        assert_eq!(first["id"], upload["object_id"]);
        assert_eq!(complete(&alice, &upload).await.ok(200), first, "{way:?}");
        assert_eq!(alice.get(&format!("/v1/uploads/{}", text(&upload["id"]))).await.ok(200)["state"], "ready");
    }
}

#[tokio::test]
async fn completes_that_race_make_one_object() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let picture = files::large_png(1, 3_000_000);
    let file = handed("files", "a.png", "image/png", &picture);
    for way in Way::DIRECT {
        let upload = begin(&alice, way, &file).await.ok(201);
        assert_eq!(send_to_storage(&alice, &upload, &file).await.status / 100, 2);
        let answers = join_all((0..8).map(|_| complete(&alice, &upload))).await;
        let mut finished = 0;
        for answer in answers {
            match answer.status {
                200 => {
                    assert_eq!(answer.ok(200)["id"], upload["object_id"]);
                    finished += 1;
                }
                202 => {
                    assert!(!answer.header("retry-after").is_empty());
                    assert_eq!(answer.ok(202)["state"], "verifying");
                }
                other => panic!("{way:?}: {other} {}", answer.text()),
            }
        }
        assert!(finished >= 1, "{way:?}");
        complete(&alice, &upload).await.ok(200);
    }
    let list = alice.get("/v1/spaces/files/objects").await.ok(200);
    assert_eq!(list["items"].as_array().unwrap().len(), Way::DIRECT.len());
}

#[tokio::test]
async fn an_aborted_upload_is_over() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let picture = files::png(1);
    let file = handed("files", "a.png", "image/png", &picture);
    for way in Way::DIRECT {
        let upload = begin(&alice, way, &file).await.ok(201);
        let path = format!("/v1/uploads/{}", text(&upload["id"]));
        assert_eq!(send_to_storage(&alice, &upload, &file).await.status / 100, 2);
        alice.delete(&path).await.ok(204);
        alice.delete(&path).await.ok(204);
        assert_eq!(alice.get(&path).await.ok(200)["state"], "aborted");
        complete(&alice, &upload).await.refused(410, "upload-ended");
        alice.get(&format!("/v1/objects/{}", text(&upload["object_id"]))).await.refused(404, "not-found");
    }
}

#[tokio::test]
async fn what_became_an_object_cannot_be_aborted() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let picture = files::png(1);
    let file = handed("files", "a.png", "image/png", &picture);
    let upload = begin(&alice, Way::Put, &file).await.ok(201);
    send(put(&upload, &picture)).await;
    let object = complete(&alice, &upload).await.ok(200);
    alice.delete(&format!("/v1/uploads/{}", text(&upload["id"]))).await.refused(409, "conflict");
    alice.get(&format!("/v1/objects/{}", text(&object["id"]))).await.ok(200);
}

#[tokio::test]
async fn an_abandoned_upload_expires_and_its_bytes_go() {
    let app = App::start("[spaces.files]\nuploads = { expires = \"1s\", multipart_expires = \"1s\" }\n");
    let alice = app.user("alice");
    let picture = files::png(1);
    let file = handed("files", "a.png", "image/png", &picture);
    let long = files::large_png(2, 9 << 20);
    let mut uploads = Vec::new();
    for (way, file) in
        [(Way::Put, &file), (Way::Post, &file), (Way::Multipart, &handed("files", "b.png", "image/png", &long))]
    {
        let upload = begin(&alice, way, file).await.ok(201);
        if way == Way::Multipart
            && let Some(url) = upload["parts"][0]["url"].as_str()
        {
            // The first of two parts, if it is not too late already.
            let part = upload["part_bytes"].as_u64().and_then(|bytes| usize::try_from(bytes).ok()).unwrap();
            let _sent_or_too_late = send(client().put(url).body(long[..part].to_vec())).await;
        }
        uploads.push(upload);
    }
    for upload in &uploads {
        let path = format!("/v1/uploads/{}", text(&upload["id"]));
        // The clean-up ends what is over; it is asked until that is so, a second later at most.
        while alice.get(&path).await.ok(200)["state"] != "expired" {
            app.command_json(&["gc", "--grace", "0s", "--json"]);
        }
        let seen = alice.get(&path).await.ok(200);
        assert_eq!((&seen["url"], &seen["fields"], &seen["parts"]), (&json!(null), &json!(null), &json!(null)));
        complete(&alice, upload).await.refused(410, "upload-expired");
        if upload["method"] == "put" {
            assert_eq!(send(put(upload, &picture)).await.status, app.refusal(), "the URL still works");
        }
    }
    app.command_json(&["gc", "--grace", "0s", "--json"]);
    assert_eq!(crate::bucket::keys(&app).await, [""; 0], "nothing may be left of abandoned uploads");
    assert_eq!(crate::bucket::multiparts(&app).await, []);
    let usage = app.admin().get("/v1/usage").await.ok(200);
    for account in usage["items"].as_array().unwrap() {
        assert_eq!((&account["reserved_bytes"], &account["reserved_objects"]), (&json!(0), &json!(0)), "{usage}");
    }
}

#[tokio::test]
async fn nobody_else_sees_or_ends_an_upload() {
    let app = App::start("[spaces.files]\nread = [\"signed-in\"]\n");
    let (alice, bob) = (app.user("alice"), app.user("bob"));
    let picture = files::png(1);
    let file = handed("files", "a.png", "image/png", &picture);
    let upload = begin(&alice, Way::Multipart, &file).await.ok(201);
    let path = format!("/v1/uploads/{}", text(&upload["id"]));
    bob.get(&path).await.refused(404, "not-found");
    bob.delete(&path).await.refused(404, "not-found");
    complete(&bob, &upload).await.refused(404, "not-found");
    bob.post(&format!("{path}/parts"), &json!({ "numbers": [1] })).await.refused(404, "not-found");
    assert_eq!(send_to_storage(&alice, &upload, &file).await.status / 100, 2);
    complete(&alice, &upload).await.ok(200);
    object(&bob, Way::Put, &file).await;
}
