//! Upload links in the hands of attackers, who add headers that nobody signed. Some storages obey those.

use reqwest::RequestBuilder;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use super::FILES;
use crate::app::App;
use crate::caller::{Caller, client, open, send, text};
use crate::files;
use crate::ways::{Way, begin, complete, handed, object, post, put};

const EVERYBODY: &str = "uri=\"http://acs.amazonaws.com/groups/global/AllUsers\"";

/// The first request of an upload, whatever its way.
fn request(upload: &Value, bytes: &[u8]) -> RequestBuilder {
    match text(&upload["method"]) {
        "put" => put(upload, bytes),
        "post" => post(upload, "image/png", bytes),
        _ => client().put(text(&upload["parts"][0]["url"])).body(bytes.to_vec()),
    }
}

/// The URL under which the bytes of an upload would lie, without any signature.
fn bare(upload: &Value) -> String {
    if let Some(key) = upload["fields"]["key"].as_str() {
        return format!("{}/{key}", text(&upload["url"]).trim_end_matches('/'));
    }
    let url = if upload["url"].is_null() { &upload["parts"][0]["url"] } else { &upload["url"] };
    text(url).split('?').next().unwrap().to_owned()
}

#[tokio::test]
async fn no_upload_link_makes_anything_public() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let picture = files::png(1);
    for way in Way::DIRECT {
        for (name, value) in [
            ("x-amz-acl", "public-read"),
            ("x-amz-acl", "public-read-write"),
            ("x-amz-grant-read", EVERYBODY),
            ("x-amz-grant-full-control", EVERYBODY),
        ] {
            let upload = begin(&alice, way, &handed("files", "a.png", "image/png", &picture)).await.ok(201);
            // Where an ACL is signed, an honest client sends it; the attack comes in its place, or beside it.
            let in_its_place = HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))]);
            send(request(&upload, &picture).headers(in_its_place)).await;
            send(request(&upload, &picture).header(name, value)).await;
            let landed = open(&bare(&upload)).await;
            assert!(matches!(landed.status, 403 | 404), "{way:?} {name}: {} {}", landed.status, landed.text());
            let completed = complete(&alice, &upload).await;
            if completed.status == 200 {
                let link = completed.ok(200)["link"]["url"].clone();
                let served = open(text(&link).split('?').next().unwrap()).await;
                assert_eq!(served.status, 403, "{way:?} {name}: {}", served.text());
            }
        }
    }
}

#[tokio::test]
async fn no_upload_link_becomes_a_copy_of_what_somebody_else_keeps() {
    let app = App::start(FILES);
    let (alice, mallory) = (app.user("alice"), app.user("mallory"));
    let (secret, own) = (files::large_png(1, 4000), files::large_png(2, 4000));
    let kept = object(&alice, Way::Raw, &handed("files", "secret.png", "image/png", &secret)).await;
    let source = source_of(&kept);
    for way in Way::DIRECT {
        let file = handed("files", "a.png", "image/png", &own);
        for body in [&own[..], b""] {
            let upload = begin(&mallory, way, &file).await.ok(201);
            send(request(&upload, body).header("x-amz-copy-source", &source)).await;
            let completed = complete(&mallory, &upload).await;
            if completed.status == 200 {
                assert_serves(&completed.ok(200), &own).await;
            }
        }
        // Nor does one that was used well become so afterwards.
        let upload = begin(&mallory, way, &file).await.ok(201);
        assert_eq!(send(request(&upload, &own)).await.status / 100, 2);
        let made = complete(&mallory, &upload).await.ok(200);
        for body in [&own[..], b""] {
            send(request(&upload, body).header("x-amz-copy-source", &source)).await;
        }
        assert_serves(&made, &own).await;
        read_nothing(&mallory, &kept).await;
    }
}

/// The object of an answer as the header of a copy names it.
fn source_of(object: &Value) -> String {
    let url = text(&object["link"]["url"]).split('?').next().unwrap();
    let path = url.split_once("://").unwrap().1.split_once('/').unwrap().1;
    format!("/{path}")
}

async fn assert_serves(object: &Value, bytes: &[u8]) {
    let served = open(text(&object["link"]["url"])).await;
    assert_eq!(served.status, 200);
    assert!(served.body == bytes, "something else is served");
}

async fn read_nothing(mallory: &Caller, kept: &Value) {
    let items = json!({ "items": [text(&kept["id"]), text(&kept["version"]["key"])] });
    let links = mallory.post("/v1/links", &items).await.ok(200);
    assert!(links["items"].as_array().unwrap().iter().all(|item| item["url"].is_null()), "{links}");
}
