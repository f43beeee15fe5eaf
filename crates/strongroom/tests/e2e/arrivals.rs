//! Uploads whose clients never come back: the storage tells of their bytes, or the clean-up finds them.

mod sns;

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::app::App;
use crate::caller::{Answer, Caller, open, send, text};
use crate::files;
use crate::ways::{Handed, Way, begin, complete, handed, send_to_storage};

const FILES: &str = "[storage]\nlocation = \"media\"\n[spaces.files]\n";
const ROUTE: &str = "/v1/arrivals";

/// How long a completion in the background may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Somebody with an API key for telling.
fn teller(app: &App) -> (Caller, String) {
    let words = ["token", "create", "--name", "the storage", "--scope", "arrivals", "--json"];
    let token = text(&app.command_json(&words)["token"]).to_owned();
    (app.bearer(&token), token)
}

/// An event as AWS and MinIO write it.
fn event(bucket: &str, name: &str) -> Value {
    json!({
        "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1", "eventName": "ObjectCreated:Put",
        "eventTime": "2030-01-01T00:00:00.000Z",
        "s3": {
            "s3SchemaVersion": "1.0", "configurationId": "uploads",
            "bucket": { "name": bucket, "arn": format!("arn:aws:s3:::{bucket}") },
            "object": { "key": name.replace('/', "%2F"), "size": 1, "sequencer": "0055AED6DCD90281E5" },
        },
    })
}

fn events(app: &App, names: &[String]) -> Value {
    json!({ "Records": names.iter().map(|name| event(app.bucket(), name)).collect::<Vec<_>>() })
}

/// The name under which the bytes of an upload land: below the staging prefix, or where they will be served from.
fn landed(app: &App, upload: &Value) -> String {
    if let Some(key) = upload["fields"]["key"].as_str() {
        return key.to_owned();
    }
    let url = text(&upload["url"]);
    let (_, name) = url.split_once(&format!("/{}/", app.bucket())).expect("the bucket stands in the path");
    name.split_once('?').expect("the URL is signed").0.to_owned()
}

/// Begins an upload and sends its bytes, and forgets about it.
async fn abandoned(caller: &Caller, way: Way, file: &Handed<'_>) -> Value {
    let upload = begin(caller, way, file).await.ok(201);
    assert_eq!(send_to_storage(caller, &upload, file).await.status / 100, 2);
    upload
}

/// Looks at an upload until it has ended; its state.
async fn end_of(caller: &Caller, upload: &Value) -> Value {
    let clock = tokio::time::Instant::now();
    loop {
        let seen = caller.get(&format!("/v1/uploads/{}", text(&upload["id"]))).await.ok(200);
        if !matches!(text(&seen["state"]), "open" | "verifying") {
            return seen;
        }
        assert!(clock.elapsed() < PATIENCE, "the upload does not end: {seen}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn shown(caller: &Caller, upload: &Value) -> Value {
    caller.get(&format!("/v1/objects/{}", text(&upload["object_id"]))).await.ok(200)
}

#[tokio::test]
async fn bytes_that_the_storage_tells_of_become_an_object() {
    let app = App::start(FILES);
    let (alice, (storage, _)) = (app.user("alice"), teller(&app));
    for (number, way) in (1..).zip([Way::Put, Way::Post]) {
        let picture = files::png(number);
        let upload = abandoned(&alice, way, &handed("files", "a.png", "image/png", &picture)).await;
        let told = storage.post(ROUTE, &events(&app, &[landed(&app, &upload)])).await.ok(200);
        assert_eq!(told, json!({ "taken": 1, "ignored": 0 }));
        assert_eq!(end_of(&alice, &upload).await["state"], "ready");
        let object = shown(&alice, &upload).await;
        assert_eq!(open(text(&object["link"]["url"])).await.body, picture);
        assert_eq!(object["creator"], "alice");
        // It is told again, and the client comes late: nothing happens twice.
        let told = storage.post(ROUTE, &events(&app, &[landed(&app, &upload)])).await.ok(200);
        assert_eq!(told, json!({ "taken": 0, "ignored": 1 }));
        assert_eq!(complete(&alice, &upload).await.ok(200)["id"], object["id"]);
    }
    let usage = app.admin().get("/v1/usage").await.ok(200);
    assert_eq!((&usage["items"][0]["objects"], &usage["items"][0]["reserved_objects"]), (&json!(2), &json!(0)));
    let metrics = app.anonymous().get("/metrics").await.text();
    for line in ["strongroom_arrivals_total{outcome=\"taken\"} 2", "strongroom_arrivals_total{outcome=\"ignored\"} 2"] {
        assert!(metrics.contains(line), "{metrics}");
    }
}

#[tokio::test]
async fn the_client_and_the_storage_may_come_at_once() {
    let app = App::start(FILES);
    let (alice, (storage, _)) = (app.user("alice"), teller(&app));
    for number in 0..10 {
        let picture = files::png(number);
        let upload = abandoned(&alice, Way::Put, &handed("files", "a.png", "image/png", &picture)).await;
        let told = events(&app, &[landed(&app, &upload), landed(&app, &upload)]);
        let (completed, first, second) =
            tokio::join!(complete(&alice, &upload), storage.post(ROUTE, &told), storage.post(ROUTE, &told));
        assert_eq!(completed.ok(200)["version"]["sha256"], files::sha256(&picture));
        first.ok(200);
        second.ok(200);
    }
    let usage = app.admin().get("/v1/usage").await.ok(200);
    assert_eq!(usage["items"][0]["objects"], 10, "{usage}");
}

#[tokio::test]
async fn what_nobody_waits_for_is_ignored_and_bad_bytes_are_still_refused() {
    let app = App::start(&format!("{FILES}accept = [\"image/*\"]\n"));
    let (alice, (storage, _)) = (app.user("alice"), teller(&app));
    let picture = files::png(1);
    let file = handed("files", "a.png", "image/png", &picture);
    let object = crate::ways::object(&alice, Way::Raw, &file).await;
    let waiting = begin(&alice, Way::Put, &file).await.ok(201);
    let nothing = [
        event(app.bucket(), &format!("media/{}", text(&object["version"]["key"]))),
        event(app.bucket(), "media/staging/00000000-0000-0000-0000-000000000000"),
        event(app.bucket(), "media/staging/../staging/x"),
        event(app.bucket(), "media/staging/"),
        event(app.bucket(), "somebody/else's"),
        event(app.bucket(), &format!("staging/{}", text(&waiting["id"]))),
        event("another", &landed(&app, &waiting)),
    ];
    let told = storage.post(ROUTE, &json!({ "Records": nothing })).await.ok(200);
    assert_eq!(told, json!({ "taken": 0, "ignored": 7 }));
    let mut removed = event(app.bucket(), &landed(&app, &waiting));
    removed["eventName"] = "ObjectRemoved:Delete".into();
    let told = storage.post(ROUTE, &json!({ "Records": [removed] })).await.ok(200);
    assert_eq!(told, json!({ "taken": 0, "ignored": 1 }));
    let test_event = json!({ "Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "strongroom" });
    assert_eq!(storage.post(ROUTE, &test_event).await.ok(200), json!({ "taken": 0, "ignored": 0 }));

    // It is told too early: the upload stays open, and its client may go on.
    storage.post(ROUTE, &events(&app, &[landed(&app, &waiting)])).await.ok(200);
    assert_eq!(send_to_storage(&alice, &waiting, &file).await.status, 200);
    complete(&alice, &waiting).await.ok(200);

    let page = b"<html><script>alert(1)</script></html>";
    let bad = abandoned(&alice, Way::Put, &handed("files", "a.png", "image/png", page)).await;
    assert_eq!(storage.post(ROUTE, &events(&app, &[landed(&app, &bad)])).await.ok(200)["taken"], 1);
    assert_eq!(end_of(&alice, &bad).await["state"], "rejected");
    alice.get(&format!("/v1/objects/{}", text(&bad["object_id"]))).await.refused(404, "not-found");
}

#[tokio::test]
async fn only_keys_with_the_scope_may_tell_however_they_say_it() {
    let app = App::start(FILES);
    let (storage, token) = teller(&app);
    let nobody = app.anonymous();
    let none = events(&app, &["media/nothing".to_owned()]);
    nobody.post(ROUTE, &none).await.refused(401, "unauthorized");
    app.user("alice").post(ROUTE, &none).await.refused(403, "forbidden");
    let scoped = crate::tokens::sign(&json!({ "sub": "a", "scope": "arrivals", "exp": crate::tokens::now() + 60 }));
    app.bearer(&scoped).post(ROUTE, &none).await.refused(403, "forbidden");
    let other = app.command_json(&["token", "create", "--name", "other", "--scope", "files", "--json"]);
    app.bearer(text(&other["token"])).post(ROUTE, &none).await.refused(403, "forbidden");
    app.bearer("sr_wrong_key").post(ROUTE, &none).await.refused(401, "unauthorized");
    app.admin().post(ROUTE, &none).await.ok(200);

    // MinIO sends a bearer; Ceph can send a password, over https alone, or what its topic holds.
    storage.post(ROUTE, &none).await.ok(200);
    let basic = |text: &str| {
        let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text);
        nobody.json(Method::POST, ROUTE, &none).header("authorization", format!("Basic {encoded}"))
    };
    send(basic(&format!("ceph:{token}"))).await.ok(200);
    for wrong in [format!("ceph:{token}x"), token.clone(), String::new(), "ceph:".to_owned()] {
        send(basic(&wrong)).await.refused(401, "unauthorized");
    }
    let opaque = |word: &str| {
        let mut told = none.clone();
        told["Records"][0]["opaqueData"] = word.into();
        told
    };
    nobody.post(ROUTE, &opaque(&token)).await.ok(200);
    nobody.post(ROUTE, &opaque("sr_wrong_key")).await.refused(401, "unauthorized");
    nobody.post(ROUTE, &opaque("")).await.refused(401, "unauthorized");
    let end_of_secret = &token[token.len() - 16..];
    assert!(!app.log().contains(end_of_secret), "the key is in the log");
}

#[tokio::test]
async fn hostile_events_are_refused_and_cost_little() {
    let app = App::start(FILES);
    let (storage, _) = teller(&app);
    let post =
        |body: String| storage.request(Method::POST, ROUTE).header("content-type", "application/json").body(body);
    for body in ["", "{", "null", "1", "{\"Records\":1}", "{\"Records\":[{}]}", "{\"Records\":[{\"eventName\":1}]}"] {
        send(post(body.to_owned())).await.refused(400, "bad-request");
    }
    send(post(format!("{{\"Records\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000))))
        .await
        .refused(400, "bad-request");
    send(post("x".repeat((2 << 20) + 1))).await.refused(413, "too-large");
    let many = vec!["media/nothing".to_owned(); 1001];
    storage.post(ROUTE, &events(&app, &many)).await.refused(422, "too-many-items");
    let controls = event(app.bucket(), "media/staging/%00%0a");
    storage.post(ROUTE, &json!({ "Records": [controls] })).await.ok(200);
    // No topic is configured, so there is nothing to send messages of SNS to.
    let message: Answer = send(app.anonymous().request(Method::POST, "/v1/arrivals/sns").body("{}")).await;
    message.refused(404, "not-found");
}

#[tokio::test]
async fn what_nobody_tells_is_found() {
    let app = App::start(&format!("{FILES}[cleanup]\nunclaimed = \"0s\"\n"));
    let alice = app.user("alice");
    let picture = files::png(1);
    let long = files::large_png(2, 9 << 20);
    let small = handed("files", "a.png", "image/png", &picture);
    let large = handed("files", "b.png", "image/png", &long);
    let mut arrived = Vec::new();
    for (way, file) in [(Way::Put, &small), (Way::Post, &small), (Way::Multipart, &large)] {
        arrived.push(abandoned(&alice, way, file).await);
    }
    let waiting = begin(&alice, Way::Put, &small).await.ok(201);
    let planned = app.command_json(&["gc", "--dry-run", "--json"]);
    assert_eq!(planned["arrived"], 3, "{planned}");
    assert_eq!(alice.get(&format!("/v1/uploads/{}", text(&arrived[0]["id"]))).await.ok(200)["state"], "open");
    let report = app.command_json(&["gc", "--json"]);
    assert_eq!(
        (&report["arrived"], &report["expired"], &report["failed"]),
        (&json!(3), &json!(0), &json!(0)),
        "{report}"
    );
    for upload in &arrived {
        shown(&alice, upload).await;
    }
    assert_eq!(alice.get(&format!("/v1/uploads/{}", text(&waiting["id"]))).await.ok(200)["state"], "open");
    assert_eq!(app.command_json(&["gc", "--json"])["arrived"], 0);
}

#[tokio::test]
async fn the_service_looks_by_itself() {
    let app = App::start(&format!("{FILES}[cleanup]\ninterval = \"1s\"\nunclaimed = \"1s\"\n"));
    let alice = app.user("alice");
    let picture = files::png(1);
    let upload = abandoned(&alice, Way::Put, &handed("files", "a.png", "image/png", &picture)).await;
    assert_eq!(end_of(&alice, &upload).await["state"], "ready");
    let entries = app.admin().get(&format!("/v1/audit?object={}", text(&upload["object_id"]))).await.ok(200);
    let actors: Vec<_> = entries["items"].as_array().unwrap().iter().map(|entry| text(&entry["actor"])).collect();
    assert!(actors.contains(&"upkeep") && actors.contains(&"user:alice"), "{entries}");
}
