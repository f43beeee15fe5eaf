//! A repeated request does nothing twice.

use reqwest::Method;
use serde_json::json;

use crate::app::App;
use crate::caller::{Caller, send, text};
use crate::files;
use crate::ways::{complete, handed, put, raw};

const FILES: &str = "[spaces.files]\n";

fn begin(caller: &Caller, key: &str, name: &str) -> reqwest::RequestBuilder {
    let picture = files::png(1);
    let body = json!({ "method": "put", "name": name, "content_type": "image/png", "bytes": picture.len() });
    caller.json(Method::POST, "/v1/spaces/files/uploads", &body).header("idempotency-key", key)
}

#[tokio::test]
async fn a_repeated_upload_is_the_same_upload() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let first = send(begin(&alice, "k-1", "a.png")).await.ok(201);
    let again = send(begin(&alice, "k-1", "a.png")).await.ok(201);
    assert_eq!((&first["id"], &first["object_id"]), (&again["id"], &again["object_id"]));
    assert_eq!(send(put(&again, &files::png(1))).await.status, 200);
    let object = complete(&alice, &first).await.ok(200);
    let after = send(begin(&alice, "k-1", "a.png")).await.ok(201);
    assert_eq!((&after["id"], &after["state"]), (&first["id"], &json!("ready")));
    assert_eq!(object["id"], first["object_id"]);

    let usage = app.admin().get("/v1/usage").await.ok(200);
    assert!(usage["items"].as_array().unwrap().iter().all(|account| account["objects"] == 1), "{usage}");
}

#[tokio::test]
async fn a_repeated_file_is_the_same_object() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let picture = files::png(1);
    let file = handed("files", "a.png", "image/png", &picture);
    let first = send(raw(&alice, &file).header("idempotency-key", "k-2")).await.ok(201);
    let again = send(raw(&alice, &file).header("idempotency-key", "k-2")).await.ok(201);
    assert_eq!(first["id"], again["id"]);
    assert_eq!(alice.get("/v1/spaces/files/objects").await.ok(200)["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn repeats_at_the_same_moment_make_one_object() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let picture = files::large_png(1, 500_000);
    let file = handed("files", "a.png", "image/png", &picture);
    let all = (0..6).map(|_| send(raw(&alice, &file).header("idempotency-key", "k-3")));
    let mut made = 0;
    for answer in futures_util::future::join_all(all).await {
        if answer.status == 201 {
            made += 1;
        } else {
            answer.refused(409, "upload-in-progress");
        }
    }
    assert!(made >= 1);
    assert_eq!(alice.get("/v1/spaces/files/objects").await.ok(200)["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_belongs_to_one_request_of_one_principal() {
    let app = App::start(FILES);
    let (alice, bob) = (app.user("alice"), app.user("bob"));
    let first = send(begin(&alice, "k-4", "a.png")).await.ok(201);
    send(begin(&alice, "k-4", "b.png")).await.refused(422, "idempotency-key-reused");
    let other = send(begin(&bob, "k-4", "a.png")).await.ok(201);
    assert_ne!(first["id"], other["id"]);
    for key in ["", &"k".repeat(256)] {
        send(begin(&alice, key, "a.png")).await.refused(400, "bad-request");
    }
}

#[tokio::test]
async fn what_came_to_nothing_may_be_tried_again_under_the_same_key() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let first = send(begin(&alice, "k-5", "a.png")).await.ok(201);
    alice.delete(&format!("/v1/uploads/{}", text(&first["id"]))).await.ok(204);
    let second = send(begin(&alice, "k-5", "a.png")).await.ok(201);
    assert_ne!(first["id"], second["id"]);
    assert_eq!(second["state"], "open");
}
