//! The ten promises that hold whatever happens, each broken in every way that we could think of.

mod hidden;
mod keys;
mod rights;
mod told;

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::App;
use crate::caller::{open, send, text};
use crate::files;
use crate::ways::{Way, begin, complete, handed, object, put, send_to_storage};

const FILES: &str = "[spaces.files]\nread = [\"owner\", \"shared\"]\n";
const LIST: &str = "/v1/spaces/files/objects";

#[tokio::test]
async fn invariant_1_what_is_not_ready_is_never_readable() {
    let app = App::start("[spaces.files]\naccept = [\"image/*\"]\n");
    let alice = app.user("alice");
    let (picture, page) = (files::png(1), files::html());
    for way in Way::DIRECT {
        for bytes in [&picture, &page] {
            let file = handed("files", "a.png", "image/png", bytes);
            let upload = begin(&alice, way, &file).await.ok(201);
            assert_eq!(send_to_storage(&alice, &upload, &file).await.status / 100, 2);
            if *bytes == page {
                complete(&alice, &upload).await.refused(415, "type-not-accepted");
            }
            for caller in [&alice, &app.admin(), &app.user("mallory"), &app.anonymous()] {
                nothing_readable(&app, caller, &upload).await;
            }
        }
    }
}

async fn nothing_readable(app: &App, caller: &crate::caller::Caller, upload: &Value) {
    let (id, object) = (text(&upload["id"]), text(&upload["object_id"]));
    for path in [format!("/v1/objects/{object}"), format!("/v1/objects/{object}/download"), format!("/v1/objects/{id}")]
    {
        let answer = caller.get(&path).await;
        assert!(matches!(answer.status, 401 | 404), "{path}: {}", answer.text());
    }
    let names = [
        object.to_owned(),
        id.to_owned(),
        format!("staging/{id}"),
        format!("s3://{}/staging/{id}", app.bucket()),
        format!("{}/{}/staging/{id}", app.store(), app.bucket()),
        format!("files/{object}.png"),
    ];
    let links = caller.post("/v1/links", &json!({ "items": names })).await;
    if links.status == 200 {
        let links = links.ok(200);
        assert!(links["items"].as_array().unwrap().iter().all(|item| item["url"].is_null()), "{links}");
    }
    for query in ["", "?deleted=true"] {
        let list = caller.get(&format!("{LIST}{query}")).await;
        assert!(list.status >= 400 || list.ok(200)["items"] == json!([]));
    }
    let staged = open(&format!("{}/{}/staging/{id}", app.store(), app.bucket())).await;
    assert_eq!(staged.status, 403);
}

#[tokio::test]
async fn invariant_2_a_served_byte_is_a_verified_byte() {
    let app = App::start("[spaces.files]\naccept = [\"image/*\"]\n");
    let alice = app.user("alice");
    let (good, bad) = (files::large_png(1, 2_000_000), files::html());
    // The bytes change over and over while they are verified. Whatever is served afterwards was looked at.
    for _ in 0..5 {
        let mut padded = bad.clone();
        padded.resize(good.len(), b' ');
        let upload = begin(&alice, Way::Put, &handed("files", "a.png", "image/png", &good)).await.ok(201);
        assert_eq!(send(put(&upload, &good)).await.status, 200);
        let replace = async {
            for bytes in [&padded, &good, &padded] {
                let _refused_or_not = send(put(&upload, bytes)).await;
            }
        };
        let (answer, ()) = tokio::join!(complete(&alice, &upload), replace);
        if answer.status != 200 {
            answer.problem();
            continue;
        }
        let object = answer.ok(200);
        let served = open(text(&object["link"]["url"])).await;
        assert_eq!(served.body, good);
        assert_eq!(object["version"]["sha256"], files::sha256(&served.body));
        // What arrives under the upload's URL later changes nothing either.
        send(put(&upload, &padded)).await;
        complete(&alice, &upload).await.ok(200);
        assert_eq!(open(text(&object["link"]["url"])).await.body, good);
    }
}

#[tokio::test]
async fn invariant_2_a_final_key_is_written_once() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let bytes = files::png(1);
    let mut seen = BTreeSet::new();
    for _ in 0..3 {
        for way in Way::ALL {
            let object = object(&alice, way, &handed("files", "a.png", "image/png", &bytes)).await;
            assert!(seen.insert(text(&object["version"]["key"]).to_owned()), "{object}");
        }
    }
}

// Invariant 10 is what `hostile` is about; this is its closing sentence.
#[tokio::test]
async fn invariant_10_after_bad_input_everything_is_as_before() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let bytes = files::png(1);
    let before = object(&alice, Way::Put, &handed("files", "a.png", "image/png", &bytes)).await;
    let path = format!("/v1/objects/{}", text(&before["id"]));
    for _ in 0..3 {
        for bad in ["\u{0}", "\u{202e}", "a\r\nb", "{\"a\":", "[[[[[[", "💥"] {
            for answer in [
                send(alice.request(Method::POST, "/v1/links").header("content-type", "application/json").body(bad))
                    .await,
                send(alice.request(Method::PATCH, &path).header("content-type", "application/json").body(bad)).await,
                alice.patch(&path, &json!({ "tags": [bad], "shared_with": bad })).await,
                alice.get(&format!("{LIST}?cursor={}", crate::ways::encoded(bad))).await,
            ] {
                assert!((400..500).contains(&answer.status), "{bad:?}: {}", answer.text());
                answer.problem();
            }
        }
    }
    let after = alice.get(&path).await.ok(200);
    assert_eq!(after["version"], before["version"]);
    assert_eq!(after["updated_at"], before["updated_at"]);
    assert_eq!(open(text(&after["link"]["url"])).await.body, bytes);
}
