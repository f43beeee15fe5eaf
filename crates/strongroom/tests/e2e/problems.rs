//! Every error code, each provoked as it would come about.

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::app::App;
use crate::caller::{Answer, send, text};
use crate::files;
use crate::tokens;
use crate::ways::{Way, hand_in, handed, object};

const FILES: &str = "[spaces.files]\n";

#[tokio::test]
async fn what_is_not_there_and_what_does_not_go_there_are_problems_too() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    alice.get("/v1/nonsense").await.refused(404, "not-found");
    alice.get("/nonsense").await.refused(404, "not-found");
    alice.delete("/v1/spaces").await.refused(405, "method-not-allowed");
    send(alice.request(Method::PUT, "/v1/links")).await.refused(405, "method-not-allowed");
    let wrong = alice.request(Method::POST, "/v1/links").header("content-type", "text/plain").body("{}");
    send(wrong).await.refused(415, "type-not-accepted");
    for body in ["{", "nonsense", "[", "{\"items\":[\"a\"]} {}", "\u{0}"] {
        let wrong = alice.request(Method::POST, "/v1/links").header("content-type", "application/json").body(body);
        send(wrong).await.refused(400, "bad-request");
    }
    let long = format!("{{\"items\":[\"{}\"]}}", "a".repeat(3 << 20));
    let wrong = alice.request(Method::POST, "/v1/links").header("content-type", "application/json").body(long);
    send(wrong).await.refused(413, "too-large");
}

#[tokio::test]
async fn a_request_id_is_taken_over_when_it_is_harmless() {
    let app = App::start(FILES);
    let ask = async |id: &str| {
        let request = app.anonymous().request(Method::GET, "/v1/spaces").header("x-request-id", id);
        let answer = send(request).await;
        answer.problem();
        answer.header("x-request-id").to_owned()
    };
    assert_eq!(ask("from-the-proxy-17.a_b").await, "from-the-proxy-17.a_b");
    for harmful in ["<script>", "a b", &"x".repeat(65), "a\"b"] {
        assert_ne!(ask(harmful).await, harmful);
    }
    let first = app.anonymous().get("/healthz").await;
    let second = app.anonymous().get("/healthz").await;
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_back() {
    let limits = "[server]\nrate_limit = { per_second = 1, burst = 5 }\n";
    let app = App::start_bare(&format!("{limits}[auth.jwt]\nsecret = \"{}\"\n{FILES}", tokens::SECRET), &[]);
    let (alice, bob) = (app.user("alice"), app.user("bob"));
    let refused = loop {
        let answer = alice.get("/v1/spaces").await;
        if answer.status != 200 {
            break answer;
        }
    };
    assert!(refused.header("retry-after").parse::<u32>().is_ok_and(|seconds| (1..=5).contains(&seconds)));
    refused.refused(429, "rate-limited");
    // Each has a measure of its own, and probes have none.
    bob.get("/v1/spaces").await.ok(200);
    for _ in 0..20 {
        assert_eq!(app.anonymous().get("/healthz").await.status, 200);
    }
}

#[tokio::test]
async fn guessing_tokens_is_limited_too() {
    let limits = "[server]\nrate_limit = { per_second = 1, burst = 5 }\n";
    let app = App::start_bare(&format!("{limits}{FILES}"), &[]);
    let mut answers = Vec::new();
    for number in 0..20 {
        answers.push(app.bearer(&format!("sr_guess_{number}")).get("/v1/spaces").await.status);
    }
    assert!(answers.contains(&401) && answers.contains(&429), "{answers:?}");
}

/// Begins a request whose body does not come.
async fn hang(app: &App, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(app.api().trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{{",
        tokens::mint("alice", &[])
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn a_request_that_does_not_come_to_its_end_times_out() {
    let limits = "[server]\nrequest_timeout = \"1s\"\n";
    let app = App::start_bare(&format!("{limits}[auth.jwt]\nsecret = \"{}\"\n{FILES}", tokens::SECRET), &[]);
    let mut stream = hang(&app, "/v1/links").await;
    let mut answer = vec![0; 4096];
    let length = stream.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("\"code\":\"timeout\""), "{answer}");
}

#[tokio::test]
async fn more_than_the_service_takes_on_is_turned_away_at_once() {
    let limits = "[server]\nmax_concurrent_requests = 2\n";
    let app = App::start_bare(&format!("{limits}[auth.jwt]\nsecret = \"{}\"\n{FILES}", tokens::SECRET), &[]);
    let hanging = [hang(&app, "/v1/links").await, hang(&app, "/v1/links").await];
    let alice = app.user("alice");
    let refused = loop {
        let answer = alice.get("/v1/spaces").await;
        if answer.status != 200 {
            break answer;
        }
    };
    assert_eq!(refused.header("retry-after"), "1");
    refused.refused(503, "overloaded");
    assert_eq!(app.anonymous().get("/healthz").await.status, 200);
    drop(hanging);
    while alice.get("/v1/spaces").await.status != 200 {
        tokio::task::yield_now().await;
    }
}

/// A configuration whose bucket lies at the given endpoint, with one key for everything.
fn external(endpoint: &str, keys: &Value) -> String {
    let identities = ["reader", "writer", "janitor", "operator"].map(|name| {
        let identity = &keys[name];
        let (id, secret) = (text(&identity["access_key_id"]), text(&identity["secret_access_key"]));
        format!("[storage.{name}]\naccess_key_id = \"{id}\"\nsecret_access_key = \"{secret}\"\n")
    });
    let identities = identities.concat();
    format!(
        "[storage]\nbucket = \"strongroom\"\nregion = \"us-east-1\"\nendpoint = \"{endpoint}\"\naddressing = \"path\"\n{identities}{}{FILES}",
        tokens::configuration()
    )
}

#[tokio::test]
async fn another_service_can_use_a_store_and_says_when_it_is_away() {
    let mut store = App::start_embedded(FILES);
    let keys = store.keys();
    let app = App::start_external(&external(store.store(), &keys));
    let alice = app.user("alice");
    let bytes = files::png(1);
    let file = handed("files", "a.png", "image/png", &bytes);
    for way in Way::ALL {
        object(&alice, way, &file).await;
    }
    let status = alice.get("/v1/status").await.ok(200);
    assert_eq!((text(&status["status"]), text(&status["storage"]["kind"])), ("ok", "s3"));

    store.kill();
    for way in [Way::Raw, Way::Form, Way::Multipart] {
        let refused = hand_in(&alice, way, &file).await;
        assert!(!refused.header("retry-after").is_empty());
        refused.refused(503, "storage-unavailable");
    }
    let mut status = alice.get("/v1/status").await.ok(200);
    // What it says may be a second old.
    while status["status"] == "ok" {
        tokio::task::yield_now().await;
        status = alice.get("/v1/status").await.ok(200);
    }
    assert_eq!((&status["status"], &status["storage"]["healthy"]), (&json!("degraded"), &json!(false)));
    assert_eq!(status["storage"]["detail"], json!(null), "what exactly is wrong is for the administrator");
    let status = app.admin().get("/v1/status").await.ok(200);
    assert!(!text(&status["storage"]["detail"]).is_empty());
    assert_eq!(app.anonymous().get("/readyz").await.status, 503);
    assert_eq!(app.anonymous().get("/healthz").await.status, 200);
    let list = alice.get("/v1/spaces/files/objects").await.ok(200);
    assert_eq!(list["items"].as_array().unwrap().len(), Way::ALL.len());
}

#[tokio::test]
async fn a_store_that_refuses_our_keys_is_a_failure_of_ours_and_not_of_the_client() {
    let store = App::start_embedded(FILES);
    let mut keys = store.keys();
    for identity in ["writer", "janitor"] {
        keys[identity]["secret_access_key"] = json!("a secret that is not the identity's own");
    }
    let app = App::start_external(&external(store.store(), &keys));
    let bytes = files::png(1);
    let refused = hand_in(&app.user("alice"), Way::Raw, &handed("files", "a.png", "image/png", &bytes)).await;
    refused.refused(502, "storage-refused");
}

#[tokio::test]
async fn tokens_of_an_issuer_whose_keys_cannot_be_fetched_may_come_again_later() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let app = App::start_bare(
        &format!("[auth.jwt]\njwks_url = \"http://{address}/jwks.json\"\naudience = [\"media\"]\n{FILES}"),
        &[],
    );
    let token = tokens::forge(
        &json!({ "alg": "EdDSA", "kid": "k" }),
        &json!({ "sub": "alice", "aud": "media", "exp": tokens::now() + 60 }),
        &"A".repeat(86),
    );
    let refused: Answer = app.bearer(&token).get("/v1/spaces").await;
    assert!(!refused.header("retry-after").is_empty());
    refused.refused(503, "keys-unavailable");
}

#[tokio::test]
async fn a_failure_of_the_database_is_told_without_its_words() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let made = object(&alice, Way::Raw, &handed("files", "a.png", "image/png", &files::png(1))).await;
    app.database().sql("ALTER TABLE objects RENAME TO hidden");
    let problem = alice.get(&format!("/v1/objects/{}", text(&made["id"]))).await.refused(500, "internal");
    let words = problem.to_string();
    assert!(!words.contains("objects") && !words.to_lowercase().contains("sql"), "{words}");
    assert!(app.log().contains(text(&problem["request_id"])), "the log does not name the request");
}
