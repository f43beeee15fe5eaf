//! Links: for one and for many, however the objects are named; stable for a while, and then over.

use serde_json::{Value, json};

use crate::app::App;
use crate::caller::{Caller, open, text};
use crate::files;
use crate::tokens::now;
use crate::ways::{Handed, Way, handed, object};

const FILES: &str = "[spaces.files]\n";

async fn picture(caller: &Caller, number: u32) -> Value {
    let bytes = files::png(number);
    object(caller, Way::Put, &handed("files", "ä b+c.png", "image/png", &bytes)).await
}

#[tokio::test]
async fn an_object_has_many_names_and_all_of_them_give_its_link() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let object = picture(&alice, 1).await;
    let (id, key) = (text(&object["id"]), text(&object["version"]["key"]));
    let (store, bucket) = (app.store(), app.bucket());
    let host = store.trim_start_matches("http://");
    let items = [
        id.to_owned(),
        key.to_owned(),
        format!("s3://{bucket}/{key}"),
        format!("{store}/{bucket}/{key}"),
        format!("http://{bucket}.{host}/{key}"),
        format!("https://{bucket}.s3.us-east-1.amazonaws.com/{key}"),
        format!("https://{bucket}.s3.amazonaws.com/{key}"),
        format!("https://s3.us-east-1.amazonaws.com/{bucket}/{key}"),
        text(&object["link"]["url"]).to_owned(),
    ];
    let links = alice.post("/v1/links", &json!({ "items": items })).await.ok(200);
    let links = links["items"].as_array().unwrap();
    assert_eq!(links.len(), items.len());
    for (link, item) in links.iter().zip(&items) {
        assert_eq!(link["item"], json!(item));
        assert_eq!(link["id"], object["id"], "{item}: {link}");
        assert_eq!(link["url"], object["link"]["url"], "{item}");
        assert_eq!(link["expires_at"], object["link"]["expires_at"], "{item}");
    }
    assert_eq!(open(text(&links[1]["url"])).await.body, files::png(1));
}

#[tokio::test]
async fn each_item_succeeds_or_fails_by_itself() {
    let app = App::start(FILES);
    let (alice, bob) = (app.user("alice"), app.user("bob"));
    let (mine, other) = (picture(&alice, 1).await, picture(&bob, 2).await);
    let items = json!([
        mine["id"],
        other["id"],
        other["version"]["key"],
        "0197a000-0000-7000-8000-000000000000",
        "s3://elsewhere/a.png",
        "https://example.org/a.png",
        "",
        "a/../b",
        mine["version"]["key"],
    ]);
    let links = alice.post("/v1/links", &json!({ "items": items })).await.ok(200);
    let codes: Vec<Option<&str>> =
        links["items"].as_array().unwrap().iter().map(|item| item["error"]["code"].as_str()).collect();
    let (missing, wrong) = (Some("not-found"), Some("bad-request"));
    assert_eq!(codes, [None, missing, missing, missing, missing, wrong, wrong, wrong, None]);
    assert_eq!(links["items"][1]["error"], links["items"][3]["error"], "what is not mine must look like what is not");
    assert!(links["items"].as_array().unwrap().iter().all(|item| item["error"].is_null() == item["url"].is_string()));
}

#[tokio::test]
async fn a_thousand_links_at_once_and_not_one_more() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let object = picture(&alice, 1).await;
    let ids = vec![object["id"].clone(); 1000];
    let links = alice.post("/v1/links", &json!({ "items": ids })).await.ok(200);
    assert_eq!(links["items"].as_array().unwrap().len(), 1000);
    assert!(links["items"].as_array().unwrap().iter().all(|item| item["url"] == object["link"]["url"]));
    let ids = vec![object["id"].clone(); 1001];
    alice.post("/v1/links", &json!({ "items": ids })).await.refused(422, "too-many-items");
    alice.post("/v1/links", &json!({ "items": [] })).await.refused(422, "validation-failed");
    alice.post("/v1/links", &json!({ "items": [7] })).await.refused(422, "validation-failed");
    alice.post("/v1/links", &json!({})).await.refused(422, "validation-failed");
}

#[tokio::test]
async fn within_a_window_the_url_is_the_same_and_has_a_minimum_life() {
    let app = App::start("[spaces.files]\nlinks = { minimum = \"60s\", window = \"4h\" }\n");
    let alice = app.user("alice");
    let object = picture(&alice, 1).await;
    let path = format!("/v1/objects/{}", text(&object["id"]));
    let ends = |value: &Value| text(&value["expires_at"]).parse::<jiff::Timestamp>().unwrap().as_second();
    let asked = now();
    let (first, second) = (alice.get(&path).await.ok(200), alice.get(&path).await.ok(200));
    // Two looks can fall into two windows, but then the second link is the later one.
    assert!(first["link"] == second["link"] || ends(&second["link"]) > ends(&first["link"]));
    let left = ends(&first["link"]) - asked;
    assert!((60..=4 * 3600 + 61).contains(&left), "{left} seconds");

    let served = open(text(&second["link"]["url"])).await;
    assert_eq!(served.status, 200);
    let age: i64 = served
        .header("cache-control")
        .split(',')
        .find_map(|word| word.trim().strip_prefix("max-age=")?.parse().ok())
        .unwrap_or(0);
    assert!(age <= ends(&second["link"]) - now() + 1, "a cache would keep it longer than its link lives");
}

#[tokio::test]
async fn a_link_ends_when_it_says() {
    let app = App::start("[spaces.files]\nlinks = { minimum = \"1s\", window = \"1s\" }\n");
    let alice = app.user("alice");
    let object = picture(&alice, 1).await;
    let (url, ends) = (text(&object["link"]["url"]), text(&object["link"]["expires_at"]));
    let ends: jiff::Timestamp = ends.parse().unwrap();
    // The clock is the machine's own, so the end is waited for; it is two seconds away at most.
    let refused = loop {
        let before = now();
        let answer = open(url).await;
        if answer.status != 200 {
            break answer;
        }
        assert!(before <= ends.as_second(), "the link still works after its end");
        tokio::task::yield_now().await;
    };
    assert_eq!(refused.status, app.refusal());
    let said = refused.text();
    // Ceph says no more than that it refuses, and Garage what it finds wrong.
    let refused = said.contains("<Code>AccessDenied</Code>") && !app.is_embedded();
    let is_old = app.is_on("garage") && said.contains("Date is too old");
    assert!(refused || is_old || said.contains("<Message>Request has expired</Message>"), "{said}");
    assert!(now() >= ends.as_second(), "the link ended early");

    let fresh = alice.get(&format!("/v1/objects/{}", text(&object["id"]))).await.ok(200);
    assert_ne!(fresh["link"]["url"], object["link"]["url"]);
    assert_eq!(open(text(&fresh["link"]["url"])).await.status, 200);
}

#[tokio::test]
async fn a_link_that_was_tampered_with_opens_nothing() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let (first, second) = (picture(&alice, 1).await, picture(&alice, 2).await);
    let url = text(&first["link"]["url"]);
    let (path, query) = url.split_once('?').unwrap();
    let other_key = url.replace(text(&first["version"]["key"]), text(&second["version"]["key"]));
    for wrong in [
        path.to_owned(),
        other_key,
        format!("{path}?{}", query.replace("X-Amz-Expires=", "X-Amz-Expires=9")),
        format!("{url}0"),
        format!("{url}&response-content-type=text/html"),
        format!("{url}&x-amz-acl=public-read"),
    ] {
        let refused = open(&wrong).await;
        assert!(matches!(refused.status, 400 | 403), "{wrong}: {}", refused.status);
        assert_ne!(refused.body, files::png(2));
    }
    for method in [reqwest::Method::PUT, reqwest::Method::DELETE, reqwest::Method::POST] {
        let refused = crate::caller::send(crate::caller::client().request(method.clone(), url)).await;
        assert!(matches!(refused.status, 400 | 403 | 405), "{method}: {}", refused.status);
    }
    assert_eq!(open(url).await.body, files::png(1));
}

#[tokio::test]
async fn a_link_serves_ranges_and_answers_what_a_cache_asks() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let bytes = files::large_png(1, 100_000);
    let object = object(&alice, Way::Put, &handed("files", "a.png", "image/png", &bytes)).await;
    let url = text(&object["link"]["url"]);
    let get = |name: &str, value: &str| crate::caller::send(crate::caller::client().get(url).header(name, value));
    let part = get("range", "bytes=500-1499").await;
    assert_eq!((part.status, part.header("content-range")), (206, "bytes 500-1499/100000"));
    assert_eq!(part.body, bytes[500..1500]);
    assert_eq!(get("range", "bytes=100000-").await.status, 416);
    let etag = open(url).await.header("etag").to_owned();
    assert_eq!(get("if-none-match", &etag).await.status, 304);
}

#[tokio::test]
async fn many_links_can_be_asked_for_as_downloads() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let object = picture(&alice, 1).await;
    let links = alice.post("/v1/links", &json!({ "items": [object["id"]], "download": true })).await.ok(200);
    let served = open(text(&links["items"][0]["url"])).await;
    assert!(served.header("content-disposition").starts_with("attachment;"), "{:?}", served.headers);
    let shown = open(text(&object["link"]["url"])).await;
    assert_eq!(shown.header("content-disposition"), "");
}

#[tokio::test]
async fn what_a_browser_would_run_is_always_a_download() {
    let app = App::start("[spaces.files]\naccept = [\"text/html\", \"image/svg+xml\", \"text/plain\"]\n");
    let alice = app.user("alice");
    for (name, content_type, bytes) in [
        ("a.html", "text/html", files::html()),
        ("a.svg", "image/svg+xml", files::svg()),
        ("b.txt", "text/plain", files::html()),
    ] {
        let file = Handed { ..handed("files", name, content_type, &bytes) };
        let object = object(&alice, Way::Put, &file).await;
        let served = open(text(&object["link"]["url"])).await;
        assert!(served.header("content-disposition").starts_with("attachment"), "{name}: {:?}", served.headers);
        assert_eq!(served.body, bytes);
    }
}
