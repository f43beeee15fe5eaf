//! Invariant 7: what one may not read looks like what does not exist, by its words, its status and its time.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use super::FILES;
use crate::app::App;
use crate::caller::{Answer, send, text};
use crate::files;
use crate::ways::{Way, begin, handed, object};

#[tokio::test]
async fn invariant_7_what_one_may_not_read_looks_like_what_does_not_exist() {
    let app = App::start(FILES);
    let (alice, mallory, nobody) = (app.user("alice"), app.user("mallory"), app.anonymous());
    let bytes = files::png(1);
    let file = handed("files", "a.png", "image/png", &bytes);
    let secret = object(&alice, Way::Put, &file).await;
    let deleted = object(&alice, Way::Put, &file).await;
    alice.delete(&format!("/v1/objects/{}", text(&deleted["id"]))).await.ok(204);
    let upload = begin(&alice, Way::Multipart, &file).await.ok(201);
    let missing = "0197a000-0000-7000-8000-000000000000";

    for caller in [&mallory, &nobody] {
        for id in [text(&secret["id"]), text(&deleted["id"]), text(&upload["object_id"])] {
            for (method, before, after, body) in [
                (Method::GET, "/v1/objects/", "", None),
                (Method::GET, "/v1/objects/", "/download", None),
                (Method::GET, "/v1/objects/", "/download?redirect=1", None),
                (Method::DELETE, "/v1/objects/", "", None),
                (Method::POST, "/v1/objects/", "/restore", Some(json!({}))),
                (Method::PATCH, "/v1/objects/", "", Some(json!({ "name": "mine" }))),
                (Method::POST, "/v1/links", "", Some(json!({ "items": [id] }))),
            ] {
                let ask = async |id: &str| {
                    let path = if after.is_empty() && before.ends_with("links") {
                        before.to_owned()
                    } else {
                        format!("{before}{id}{after}")
                    };
                    match &body {
                        Some(body) => send(caller.json(method.clone(), &path, &replaced(body, id))).await,
                        None => send(caller.request(method.clone(), &path)).await,
                    }
                };
                alike(&ask(id).await, &ask(missing).await, id, missing);
            }
        }
        let id = text(&upload["id"]);
        for (method, after) in
            [(Method::GET, ""), (Method::DELETE, ""), (Method::POST, "/complete"), (Method::POST, "/parts")]
        {
            let ask = async |id: &str| {
                let body = if after == "/parts" { json!({ "numbers": [1] }) } else { json!({}) };
                send(caller.json(method.clone(), &format!("/v1/uploads/{id}{after}"), &body)).await
            };
            alike(&ask(id).await, &ask(missing).await, id, missing);
        }
        for space in ["files", "no-such-space"] {
            let answer = caller.get(&format!("/v1/spaces/{space}/objects?owner=alice")).await;
            assert!(answer.status >= 400 || answer.ok(200)["items"] == json!([]));
        }
    }
    let key = text(&secret["version"]["key"]);
    let links = mallory.post("/v1/links", &json!({ "items": [key, "files/alice/other.png"] })).await.ok(200);
    assert_eq!(links["items"][0]["error"], links["items"][1]["error"]);
}

fn replaced(body: &Value, id: &str) -> Value {
    if body["items"].is_array() { json!({ "items": [id] }) } else { body.clone() }
}

/// Two answers that differ in nothing but the ids that were asked for and the ids of the requests.
fn alike(one: &Answer, other: &Answer, id: &str, missing: &str) {
    assert_eq!(one.status, other.status, "{} / {}", one.text(), other.text());
    assert!(one.status >= 400 || one.text().contains("not-found"), "{}", one.text());
    let plain = |answer: &Answer, id: &str| answer.text().replace(answer.header("x-request-id"), "").replace(id, "");
    assert_eq!(plain(one, id), plain(other, missing));
    let names = |answer: &Answer| {
        let names: BTreeSet<String> = answer.headers.keys().map(ToString::to_string).collect();
        names
    };
    assert_eq!(names(one), names(other));
    assert_eq!(one.header("content-length"), other.header("content-length"));
}

#[tokio::test]
async fn invariant_7_holds_for_the_time_that_an_answer_takes() {
    let app = App::start(FILES);
    let (alice, mallory) = (app.user("alice"), app.user("mallory"));
    let secret = object(&alice, Way::Put, &handed("files", "a.png", "image/png", &files::png(1))).await;
    let secret = format!("/v1/objects/{}", text(&secret["id"]));
    let missing = "/v1/objects/0197a000-0000-7000-8000-000000000000".to_owned();
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..300 {
        for (path, times) in [&secret, &missing].into_iter().zip(&mut times) {
            let begun = tokio::time::Instant::now();
            mallory.get(path).await.refused(404, "not-found");
            times.push(begun.elapsed().as_secs_f64());
        }
    }
    let [secret, missing] = times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    });
    // The same class of time: within a factor that the noise of a busy machine explains.
    assert!(secret / missing < 1.5 && missing / secret < 1.5, "{secret} s against {missing} s");
}
