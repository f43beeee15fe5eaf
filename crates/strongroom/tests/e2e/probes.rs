//! What operators and tools look at: probes, status, metrics, the description of the API, the pages.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::app::App;
use crate::caller::{send, text};
use crate::files;
use crate::ways::{Way, hand_in, handed, object};

const FILES: &str = "[spaces.files]\naccept = [\"image/*\"]\n";

#[tokio::test]
async fn probes_answer_without_a_token() {
    let app = App::start(FILES);
    for path in ["/healthz", "/readyz"] {
        let answer = app.anonymous().get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    }
}

#[tokio::test]
async fn the_status_says_where_files_lie_and_whether_that_is_healthy() {
    let app = App::start(&format!("[storage]\nlocation = \"tenant\"\n{FILES}"));
    let kind = if app.is_embedded() { "embedded" } else { "s3" };
    let status = app.user("alice").get("/v1/status").await.ok(200);
    assert_eq!(status["status"], "ok");
    assert_eq!(status["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(
        status["storage"],
        json!({
            "kind": kind, "bucket": app.bucket(), "buckets_of_spaces": [], "region": "us-east-1", "endpoint": app.store(),
            "location": "tenant/", "healthy": true, "detail": null,
        })
    );
    assert_eq!(status["database"], json!({ "kind": app.database().kind(), "healthy": true }));
    app.anonymous().get("/v1/status").await.refused(401, "unauthorized");
}

#[tokio::test]
async fn the_metrics_count_what_happened() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let bytes = files::png(1);
    for way in Way::ALL {
        object(&alice, way, &handed("files", "a.png", "image/png", &bytes)).await;
    }
    hand_in(&alice, Way::Put, &handed("files", "a.png", "image/png", &files::html()))
        .await
        .refused(415, "type-not-accepted");
    let answer = app.anonymous().get("/metrics").await;
    assert!(answer.header("content-type").starts_with("application/openmetrics-text"), "{:?}", answer.headers);
    let metrics = answer.text();
    assert!(metrics.ends_with("# EOF\n"), "{metrics}");
    let mut families = BTreeSet::new();
    for line in metrics.lines() {
        if let Some(family) = line.strip_prefix("# TYPE ") {
            assert!(families.insert(family.split(' ').next().unwrap().to_owned()), "twice: {family}");
        } else if !line.starts_with('#') {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok(), "{line}");
            assert!(families.iter().any(|family| name.starts_with(family.as_str())), "no family: {line}");
        }
    }
    assert!(metrics.contains("/v1/spaces/{space}/objects"), "routes are counted by their template");
    assert!(!metrics.contains("alice"), "a metric may not name a person");
    let objects = metrics.lines().find(|line| line.starts_with("strongroom_objects_created_total")).unwrap();
    assert!(objects.ends_with(" 5"), "{objects}");
}

#[tokio::test]
async fn the_description_of_the_api_is_complete_and_consistent() {
    let app = App::start(FILES);
    let answer = app.anonymous().get("/openapi.json").await;
    assert_eq!(answer.header("content-type"), "application/json");
    let api = answer.ok(200);
    assert!(text(&api["openapi"]).starts_with("3.1"), "{}", api["openapi"]);
    let operations: Vec<(&String, &String, &Value)> = api["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, methods)| {
            methods.as_object().unwrap().iter().map(move |(method, operation)| (path, method, operation))
        })
        .collect();
    for wanted in [
        ("get", "/v1/spaces"),
        ("post", "/v1/spaces/{space}/objects"),
        ("get", "/v1/spaces/{space}/objects"),
        ("post", "/v1/spaces/{space}/uploads"),
        ("get", "/v1/uploads/{id}"),
        ("delete", "/v1/uploads/{id}"),
        ("post", "/v1/uploads/{id}/parts"),
        ("post", "/v1/uploads/{id}/complete"),
        ("get", "/v1/objects/{id}"),
        ("patch", "/v1/objects/{id}"),
        ("delete", "/v1/objects/{id}"),
        ("post", "/v1/objects/{id}/restore"),
        ("get", "/v1/objects/{id}/download"),
        ("post", "/v1/links"),
        ("get", "/v1/status"),
        ("get", "/v1/usage"),
        ("get", "/v1/audit"),
        ("get", "/healthz"),
        ("get", "/readyz"),
        ("get", "/metrics"),
    ] {
        assert!(operations.iter().any(|(path, method, _)| (method.as_str(), path.as_str()) == wanted), "{wanted:?}");
    }
    let mut ids = BTreeSet::new();
    for (path, method, operation) in &operations {
        let told = format!("{method} {path}");
        assert!(ids.insert(text(&operation["operationId"])), "{told}: the id is used twice");
        assert!(!text(&operation["summary"]).is_empty(), "{told}");
        assert!(!operation["responses"].as_object().unwrap().is_empty(), "{told}");
        let named: BTreeSet<&str> = path.split('{').skip(1).map(|part| part.split('}').next().unwrap()).collect();
        let described: BTreeSet<&str> = operation["parameters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| text(&parameter["name"]))
            .collect();
        assert_eq!(named, described, "{told}");
    }
    let mut references = Vec::new();
    collect_references(&api, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(api.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

fn collect_references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str));
            fields.values().for_each(|value| collect_references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| collect_references(value, found)),
        _ => {}
    }
}

#[tokio::test]
async fn pages_come_with_a_policy_that_lets_nothing_foreign_run() {
    let app = App::start(FILES);
    for path in ["/", "/docs"] {
        let page = app.anonymous().get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.header("content-type").starts_with("text/html"), "{path}");
        let policy = page.header("content-security-policy");
        for directive in ["default-src 'none'", "script-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"] {
            assert!(policy.contains(directive), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(page.header("x-content-type-options"), "nosniff", "{path}");
        let html = page.text();
        for word in html.split(['"', '\'']).filter(|word| word.starts_with("/assets/")) {
            assert_eq!(app.anonymous().get(word).await.status, 200, "{path} needs {word}");
        }
        assert!(
            !html.contains("://") || html.matches("://").count() == html.matches("://www.w3.org/").count(),
            "{path} names another host"
        );
    }
    for path in ["/assets/..%2f..%2fCargo.toml", "/assets/nothing.js", "/assets/%2e%2e/secrets.toml"] {
        app.anonymous().get(path).await.refused(404, "not-found");
    }
}

#[tokio::test]
async fn pages_of_allowed_origins_may_use_the_api_and_no_others() {
    let app = App::start("[spaces.files]\norigins = [\"https://app.example\"]\n");
    let get =
        |origin: &str| send(app.user("alice").request(reqwest::Method::GET, "/v1/spaces").header("origin", origin));
    let answer = get("https://app.example").await;
    assert_eq!(answer.header("access-control-allow-origin"), "https://app.example");
    assert_eq!(answer.header("access-control-allow-credentials"), "");
    assert_eq!(get("https://evil.example").await.header("access-control-allow-origin"), "");
}
