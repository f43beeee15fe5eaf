//! One object: looking at it, changing what is said of it, deleting it and bringing it back.

use std::time::Duration;

use serde_json::{Value, json};

use crate::app::App;
use crate::caller::{Caller, open, text};
use crate::files;
use crate::ways::{Way, handed, object};

const FILES: &str = "[spaces.files]\n";

async fn picture(caller: &Caller) -> Value {
    object(caller, Way::Raw, &handed("files", "a.png", "image/png", &files::png(1))).await
}

#[tokio::test]
async fn each_field_changes_by_itself() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let before = picture(&alice).await;
    let path = format!("/v1/objects/{}", text(&before["id"]));
    for (field, value) in [
        ("name", json!("Zelt für Ürümqi 📷.png")),
        ("group", json!("tents")),
        ("tags", json!(["wool", "grey"])),
        ("metadata", json!({ "weave": { "threads": 24 } })),
        ("shared_with", json!(["bob", "carol"])),
    ] {
        let changed = alice.patch(&path, &json!({ field: value })).await.ok(200);
        assert_eq!(changed[field], value);
        assert_eq!(alice.get(&path).await.ok(200)[field], value);
    }
    let after = alice.patch(&path, &json!({ "group": null })).await.ok(200);
    assert_eq!(after["group"], json!(null));
    assert_eq!(after["name"], "Zelt für Ürümqi 📷.png");
    for constant in ["id", "space", "owner", "creator", "created_at", "version"] {
        assert_eq!(after[constant], before[constant], "{constant}");
    }
    let time = |value: &Value| text(value).parse::<jiff::Timestamp>().unwrap();
    assert!(time(&after["updated_at"]) >= time(&before["updated_at"]));
}

#[tokio::test]
async fn what_cannot_be_said_is_refused_field_by_field() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let object = picture(&alice).await;
    let path = format!("/v1/objects/{}", text(&object["id"]));
    let wrong = json!({ "name": "", "tags": ["x".repeat(300)], "metadata": { "k": "v".repeat(20_000) } });
    let problem = alice.patch(&path, &wrong).await.refused(422, "validation-failed");
    let fields: Vec<&str> = problem["errors"].as_array().unwrap().iter().map(|error| text(&error["field"])).collect();
    assert_eq!(fields, ["name", "tags", "metadata"]);
    alice.patch(&path, &json!({ "owner": "bob" })).await.refused(422, "validation-failed");
    alice.patch(&path, &json!({ "version": { "number": 2 } })).await.refused(422, "validation-failed");
    assert_eq!(alice.get(&path).await.ok(200)["updated_at"], object["updated_at"]);
}

#[tokio::test]
async fn a_deleted_object_is_gone_until_it_is_restored() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let before = picture(&alice).await;
    let path = format!("/v1/objects/{}", text(&before["id"]));
    alice.delete(&path).await.ok(204);
    alice.delete(&path).await.ok(204);

    let deleted = alice.get(&path).await.ok(200);
    assert!(deleted["deleted_at"].is_string(), "{deleted}");
    assert_eq!(deleted["link"], json!(null));
    assert_eq!(alice.get("/v1/spaces/files/objects").await.ok(200)["items"], json!([]));
    let bin = alice.get("/v1/spaces/files/objects?deleted=true").await.ok(200);
    assert_eq!(bin["items"][0]["id"], before["id"]);
    let links = alice.post("/v1/links", &json!({ "items": [before["id"]] })).await.ok(200);
    assert_eq!(links["items"][0]["error"]["code"], "not-found");
    let download = alice.get(&format!("{path}/download")).await;
    assert!((400..500).contains(&download.status), "{}", download.text());
    alice.patch(&path, &json!({ "name": "b.png" })).await.refused(409, "conflict");

    let restored = alice.post(&format!("{path}/restore"), &json!({})).await.ok(200);
    assert_eq!(restored["deleted_at"], json!(null));
    assert_eq!(restored["version"], before["version"]);
    assert_eq!(open(text(&restored["link"]["url"])).await.body, files::png(1));
    alice.post(&format!("{path}/restore"), &json!({})).await.ok(200);
}

#[tokio::test]
async fn after_its_retention_a_deleted_object_is_gone_for_good_with_its_bytes() {
    let app = App::start("[spaces.files]\ndeleted_retention = \"0s\"\n");
    let alice = app.user("alice");
    let (gone, kept) = (picture(&alice).await, picture(&alice).await);
    let path = format!("/v1/objects/{}", text(&gone["id"]));
    alice.delete(&path).await.ok(204);

    let plan = app.command_json(&["gc", "--dry-run", "--grace", "0s", "--json"]);
    assert_eq!(plan["purged"], 1, "{plan}");
    alice.get(&path).await.ok(200);
    let done = app.command_json(&["gc", "--grace", "0s", "--json"]);
    assert_eq!((&done["purged"], &done["deleted_keys"]), (&json!(1), &json!(1)), "{done}");

    sees_it_gone(&alice, &path).await;
    alice.post(&format!("{path}/restore"), &json!({})).await.refused(404, "not-found");
    // Who may not list a bucket is told of nothing in it that there is none: the link is refused. Who may, learns it.
    let status = open(text(&gone["link"]["url"])).await.status;
    assert!(status == 403 || (status == 404 && !app.is_embedded()), "{status}");
    assert_eq!(open(text(&kept["link"]["url"])).await.status, 200);
    assert_eq!(crate::bucket::keys(&app).await, [text(&kept["version"]["key"])]);
    let usage = app.admin().get("/v1/usage").await.ok(200);
    assert!(usage["items"].as_array().unwrap().iter().all(|account| account["objects"] == 1), "{usage}");
}

/// A command is a process of its own, and what it changed is seen by the service in the next second.
async fn sees_it_gone(caller: &Caller, path: &str) {
    let begun = tokio::time::Instant::now();
    while caller.get(path).await.status == 200 && begun.elapsed() < Duration::from_secs(2) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    caller.get(path).await.refused(404, "not-found");
}

#[tokio::test]
async fn at_the_age_that_its_space_allows_an_object_goes_for_good_with_its_bytes() {
    let ages = [("brief", "1s"), ("long", "1d")];
    let spaces = ages.map(|(name, age)| format!("[spaces.{name}]\nlifecycle = {{ expire_after = \"{age}\" }}\n"));
    let app = App::start(&format!("{}\n{FILES}", spaces.concat()));
    let alice = app.user("alice");
    let bytes = files::png(1);
    let mut made = Vec::new();
    for space in ["brief", "long", "files"] {
        made.push(object(&alice, Way::Raw, &handed(space, "a.png", "image/png", &bytes)).await);
    }
    let [brief, long, lasting] = &made[..] else { unreachable!() };
    let path = format!("/v1/objects/{}", text(&brief["id"]));
    // Its age comes within moments; the clean-up is asked until it knows that.
    while app.command_json(&["gc", "--dry-run", "--grace", "0s", "--json"])["outlived"] != 1 {}
    alice.get(&path).await.ok(200);
    let done = app.command_json(&["gc", "--grace", "0s", "--json"]);
    assert_eq!(
        (&done["outlived"], &done["purged"], &done["deleted_keys"]),
        (&json!(1), &json!(0), &json!(1)),
        "{done}"
    );

    sees_it_gone(&alice, &path).await;
    assert_ne!(open(text(&brief["link"]["url"])).await.status, 200);
    let mut kept = [long, lasting].map(|object| text(&object["version"]["key"]));
    kept.sort_unstable();
    assert_eq!(crate::bucket::keys(&app).await, kept);
    let usage = app.admin().get("/v1/usage").await.ok(200);
    let left = |account: &Value| account["space"] != "brief" || account["objects"] == 0;
    assert!(usage["items"].as_array().unwrap().iter().all(left), "{usage}");
    let audit = app.admin().get(&format!("/v1/audit?limit=1000&object={}", text(&brief["id"]))).await.ok(200);
    assert!(audit.to_string().contains("\"object.expire\""), "{audit}");
}

#[tokio::test]
async fn an_id_that_is_none_names_nothing() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    for id in ["nonsense", "00000000-0000-0000-0000-000000000000", "..%2F..", "%00", "%FF"] {
        for path in [format!("/v1/objects/{id}"), format!("/v1/objects/{id}/download"), format!("/v1/uploads/{id}")] {
            alice.get(&path).await.refused(404, "not-found");
        }
    }
}
