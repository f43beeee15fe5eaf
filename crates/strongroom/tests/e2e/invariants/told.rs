//! Invariants 8 and 9: everything is written down before it is answered, and no secret is told anywhere.

use serde_json::json;

use super::{FILES, LIST};
use crate::app::App;
use crate::caller::{send, text};
use crate::files;
use crate::tokens;
use crate::ways::{Way, begin, complete, hand_in, handed, object, put};

#[tokio::test]
async fn invariant_8_what_cannot_be_written_down_does_not_happen() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let bytes = files::png(1);
    let file = handed("files", "a.png", "image/png", &bytes);
    let made = object(&alice, Way::Put, &file).await;
    let path = format!("/v1/objects/{}", text(&made["id"]));
    let upload = begin(&alice, Way::Put, &file).await.ok(201);
    send(put(&upload, &bytes)).await;
    app.database().sql("ALTER TABLE audit RENAME TO gone");
    let answers = [
        alice.get(&path).await,
        alice.get(&format!("{path}/download")).await,
        alice.post("/v1/links", &json!({ "items": [made["id"]] })).await,
        alice.get(LIST).await,
        alice.patch(&path, &json!({ "name": "b.png" })).await,
        alice.delete(&path).await,
        complete(&alice, &upload).await,
        begin(&alice, Way::Put, &file).await,
        hand_in(&alice, Way::Raw, &file).await,
    ];
    for answer in answers {
        assert!(!answer.text().contains("X-Amz-Signature"), "{}", answer.text());
        answer.refused(500, "internal");
    }
    app.database().sql("ALTER TABLE gone RENAME TO audit");
    let after = alice.get(&path).await.ok(200);
    assert_eq!((&after["name"], &after["deleted_at"]), (&json!("a.png"), &json!(null)));
    assert_eq!(alice.get(LIST).await.ok(200)["items"].as_array().unwrap().len(), 1);
    complete(&alice, &upload).await.ok(200);
}

#[tokio::test]
async fn invariant_8_every_link_and_change_is_written_down_before_the_answer() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let bytes = files::png(1);
    let file = handed("files", "a.png", "image/png", &bytes);
    let made = object(&alice, Way::Raw, &file).await;
    let path = format!("/v1/objects/{}", text(&made["id"]));
    let mut written = 0;
    for answer in [
        alice.get(&path).await,
        alice.patch(&path, &json!({ "tags": ["a"] })).await,
        alice.get(&format!("{path}/download")).await,
        alice.post("/v1/links", &json!({ "items": [made["id"], made["id"]] })).await,
        alice.get(LIST).await,
        alice.delete(&path).await,
        alice.post(&format!("{path}/restore"), &json!({})).await,
    ] {
        let id = answer.header("x-request-id").to_owned();
        assert!(answer.status < 300, "{}", answer.text());
        // Looked up beside the service, as soon as the answer is here.
        let count = app.database().sql(&format!("SELECT count(*) FROM audit WHERE request_id = '{id}'"));
        let count: i64 = count.parse().unwrap();
        assert!(count >= 1, "nothing was written down for {}", answer.text());
        written += count;
    }
    assert_eq!(written, 10, "one entry for each link and each change");
}

#[tokio::test]
async fn invariant_9_no_secret_shows() {
    let app = App::start_with(&format!("{FILES}[server.log]\nlevel = \"trace\"\n"), &[]);
    let alice = app.user("alice");
    let bytes = files::png(1);
    let mut words = Vec::new();
    for way in Way::ALL {
        let made = object(&alice, way, &handed("files", "a.png", "image/png", &bytes)).await;
        let url = text(&made["link"]["url"]);
        words.push(url.split("X-Amz-Signature=").nth(1).unwrap().split('&').next().unwrap().to_owned());
    }
    let key = app.command_json(&["token", "create", "--name", "robot", "--json"]);
    app.bearer(text(&key["token"])).get("/v1/spaces").await.ok(200);
    app.admin().get("/v1/usage").await.ok(200);
    let mut said = String::new();
    for token in [
        text(&key["token"]).replace("sr_", "sr_x"),
        format!("{}x", app.field("token")),
        tokens::mint("alice", &["a"]) + "x",
    ] {
        said.push_str(&app.bearer(&token).get("/v1/spaces").await.text());
        words.push(token);
    }
    let keys = app.keys();
    words.extend(
        ["reader", "writer", "janitor", "operator"].map(|name| text(&keys[name]["secret_access_key"]).to_owned()),
    );
    words.push(tokens::SECRET.to_owned());
    words.push(app.field("token").to_owned());
    words.push(text(&key["token"]).to_owned());
    for path in ["/", "/docs", "/openapi.json", "/metrics", "/v1/status", "/v1/spaces", "/v1/audit?limit=1000"] {
        said.push_str(&app.admin().get(path).await.text());
    }
    let stored = app.database().everything();
    let log = app.log();
    assert!(log.len() > 1000, "the log was to tell everything");
    for word in words {
        let start = &word[..word.len().min(24)];
        assert!(!log.contains(&word), "the log tells {start}…");
        assert!(!said.contains(&word), "an answer tells {start}…");
        assert!(!stored.contains(&word), "the database holds {start}…");
    }
}
