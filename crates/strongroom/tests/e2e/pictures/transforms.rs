//! Transforms: URLs that say how a picture is made. What is signed works, what is not does not, and nothing is made twice.

use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::kept::{clean_up, key};
use super::{SPACE, photograph, pixel, variants};
use crate::app::App;
use crate::bucket;
use crate::caller::{Answer, open, send, text};
use crate::files;
use crate::ways::{Way, handed, object};

/// As docs/images.md has it.
const KEY: &str = "only-for-examples-32-bytes-long!";
const FORMER: &str = "the key before that, 32 bytes long";

fn configuration() -> String {
    format!("{}[transforms]\nkey = \"{KEY}\"\n", SPACE.replace("width = 120\n", "width = 120\nformat = \"jpeg\"\n"))
}

/// The path of such a URL, signed by us.
fn signed_by(key: &str, options: &str, object: &Value) -> String {
    let path = format!("/{options}/{}", text(&object["id"]));
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(path.as_bytes());
    format!("/i/{}{path}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

fn signed(options: &str, object: &Value) -> String {
    signed_by(KEY, options, object)
}

/// The picture that such an answer leads to.
#[track_caller]
fn location(answer: &Answer) -> String {
    assert_eq!(answer.status, 307, "{}", answer.text());
    assert!(answer.header("cache-control").starts_with("private, max-age="), "{:?}", answer.headers);
    assert!(answer.header("vary").contains("accept"), "{:?}", answer.headers);
    answer.header("location").to_owned()
}

/// Where a link leads, without its signature.
fn place(link: &str) -> String {
    key(&json!({ "url": link }))
}

#[tokio::test]
async fn a_signed_url_makes_the_picture_that_it_says_once() {
    let app = App::start(&configuration());
    let (alice, anybody) = (app.user("alice"), app.anonymous());
    let made = photograph(&alice, &files::photograph((300, 200), 1)).await;
    let first = location(&anybody.get(&signed("rs:fill:60:50/f:png", &made)).await);
    let answer = open(&first).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "image/png"));
    assert_eq!(pixel(&answer.body, (0, 0)).1, (60, 50));
    // However the same is said, and however often: there is one.
    let before = bucket::keys(&app).await;
    for options in
        ["rs:fill:60:50/f:png", "format:png/height:50/width:60/resize:fill", "rs:fill:60:50/f:png/exp:9999999999"]
    {
        assert_eq!(place(&location(&anybody.get(&signed(options, &made)).await)), place(&first), "{options}");
    }
    assert_eq!(bucket::keys(&app).await, before);
    // Who encodes what needs no encoding means the same.
    let encoded = signed("rs:fill:60:50/f:png", &made).replace(':', "%3A");
    assert_eq!(place(&location(&anybody.get(&encoded).await)), place(&first));
    // It is no variant of the object, and goes with it.
    let seen = alice.get(&format!("/v1/objects/{}", text(&made["id"]))).await.ok(200);
    for name in ["thumb", "display"] {
        assert_eq!(variants(&seen, name).len(), variants(&made, name).len(), "{seen}");
    }
    assert_eq!(seen["picture"]["variants"].as_array().unwrap().len(), 2, "{seen}");
    // A browser gets what it shows.
    for (accept, kind) in [("image/webp", "image/webp"), ("*/*", "image/jpeg")] {
        let request = anybody.request(reqwest::Method::GET, &signed("rs:fit:280", &made)).header("accept", accept);
        let shown = open(&location(&send(request).await)).await;
        assert_eq!((shown.status, shown.header("content-type")), (200, kind));
    }
    let preset = open(&location(&anybody.get(&signed("pr:thumb", &made)).await)).await;
    assert_eq!(pixel(&preset.body, (0, 0)).1, (32, 32));
    let entries = app.admin().get("/v1/audit?actor=anonymous").await.ok(200);
    let told = entries["items"].as_array().unwrap().iter().map(|entry| entry["detail"]["variants"][0].clone());
    assert!(told.collect::<Vec<_>>().contains(&json!("rs:fill:60:50:0/f:png")), "{entries}");
    let found = app.command_json(&["verify", "--json"]);
    assert_eq!((&found["missing"], &found["differ"], &found["orphans"]), (&json!(0), &json!(0), &json!(0)), "{found}");
}

#[tokio::test]
async fn nobody_makes_up_a_url() {
    let app = App::start(&configuration());
    let (alice, anybody) = (app.user("alice"), app.anonymous());
    let made = photograph(&alice, &files::photograph((300, 200), 1)).await;
    let other = photograph(&alice, &files::photograph((200, 300), 1)).await;
    let right = signed("rs:fill:60:50", &made);
    let id = text(&made["id"]);
    let (signature, _) = right.strip_prefix("/i/").unwrap().split_once('/').unwrap();
    for wrong in [
        right.replace("60", "61"),
        right.replace(id, text(&other["id"])),
        right.replace(signature, &signature[1..]),
        right.replace(signature, &"A".repeat(43)),
        right.replace(signature, "x"),
        right.replace(signature, "%FF"),
        signed_by(FORMER, "rs:fill:60:50", &made),
        signed_by("", "rs:fill:60:50", &made),
        format!("/i/-/rs:fill:60:50/{id}"),
        format!("/i/unsafe/rs:fill:60:50/{id}"),
        format!("/i/{signature}/{id}"),
    ] {
        let answer = anybody.get(&wrong).await;
        assert!(matches!(answer.status, 400 | 403 | 404), "{wrong}: {}", answer.text());
        answer.problem();
    }
    anybody.get(&right.replace("60", "61")).await.refused(403, "transform-signature");
    anybody.get(&format!("/i/-/rs:fill:60:50/{id}")).await.refused(403, "transform-signature");
    // The key is no licence for nonsense.
    for options in
        ["", "w:9000", "w:1/w:1", "rs:fill:10", "zoom:2", "...", "w:1/...", "q:0", "w:1/exp:x", "pr:thumb/w:1", "ü:1"]
    {
        anybody.get(&signed(options, &made)).await.refused(400, "transform-options");
    }
    anybody.get(&signed(&"w:1/".repeat(300), &made)).await.refused(400, "transform-options");
    anybody.get(&signed("pr:poster", &made)).await.refused(404, "no-such-variant");
    anybody.get(&signed("rs:fit:60/exp:1700000000", &made)).await.refused(410, "transform-expired");
    for absent in ["01980000-0000-7000-8000-000000000000", "nonsense"] {
        let url = signed("rs:fit:60", &json!({ "id": absent }));
        anybody.get(&url).await.refused(404, "not-found");
    }
    let words = object(&alice, Way::Raw, &handed("photos", "a.txt", "text/plain", b"words")).await;
    anybody.get(&signed("rs:fit:60", &words)).await.refused(404, "no-such-variant");
    let whole = files::photograph((300, 200), 1);
    let broken = photograph(&alice, &whole[..whole.len() / 2]).await;
    anybody.get(&signed("rs:fit:60", &broken)).await.refused(422, "picture-refused");
    let keys = bucket::keys(&app).await;
    assert_eq!(keys.iter().filter(|key| key.starts_with("generated/")).count(), 4, "nothing was made: {keys:?}");
}

#[tokio::test]
async fn a_signed_url_ends_with_its_object() {
    let app = App::start(&configuration().replace("read =", "deleted_retention = \"0s\"\nread ="));
    let (alice, anybody) = (app.user("alice"), app.anonymous());
    let made = photograph(&alice, &files::photograph((300, 200), 1)).await;
    let (url, path) = (signed("rs:fit:60", &made), format!("/v1/objects/{}", text(&made["id"])));
    location(&anybody.get(&url).await);
    alice.delete(&path).await.ok(204);
    anybody.get(&url).await.refused(404, "not-found");
    alice.post(&format!("{path}/restore"), &json!({})).await.ok(200);
    location(&anybody.get(&url).await);
    alice.delete(&path).await.ok(204);
    clean_up(&app);
    anybody.get(&url).await.refused(404, "not-found");
    assert_eq!(bucket::keys(&app).await, [""; 0]);
}

#[tokio::test]
async fn without_a_signature_there_are_presets_for_who_may_read() {
    let app = App::start(&configuration().replace("read = [\"signed-in\"]", "read = [\"owner\"]"));
    let (alice, bob) = (app.user("alice"), app.user("bob"));
    let made = photograph(&alice, &files::photograph((300, 200), 1)).await;
    let url = format!("/i/-/pr:thumb/{}", text(&made["id"]));
    assert_eq!(open(&location(&alice.get(&url).await)).await.status, 200);
    bob.get(&url).await.refused(403, "forbidden");
    app.anonymous().get(&url).await.refused(401, "unauthorized");

    let app = App::start(&configuration().replace("read = [\"signed-in\"]", "read = [\"public\"]"));
    let made = photograph(&app.user("alice"), &files::photograph((300, 200), 1)).await;
    let url = format!("/i/-/pr:thumb/{}", text(&made["id"]));
    assert_eq!(open(&location(&app.anonymous().get(&url).await)).await.status, 200);
    app.anonymous().get(&url.replace("thumb", "poster")).await.refused(404, "no-such-variant");
}

#[tokio::test]
async fn urls_are_made_for_those_who_have_no_key() {
    let app = App::start(&SPACE.replace("read =", "original = \"private\"\nread ="));
    let (alice, bob) = (app.user("alice"), app.user("bob"));
    let made = photograph(&alice, &files::photograph((300, 200), 1)).await;
    let ask = |transform: &str| json!({ "items": [made["id"], "nonsense/of/nobody"], "transform": transform });
    let links = alice.post("/v1/links", &ask("rs:fill:60:50/f:png")).await.ok(200);
    assert_eq!(links["items"][1]["error"]["code"], "not-found", "{links}");
    let url = text(&links["items"][0]["url"]);
    assert!(url.starts_with(app.api()) && links["items"][0]["expires_at"].is_string(), "{links}");
    let answer = open(&location(&open(url).await)).await;
    assert_eq!(pixel(&answer.body, (0, 0)).1, (60, 50));
    // Who sees variants alone gets no other picture of it.
    let links = bob.post("/v1/links", &ask("rs:fill:60:50")).await.ok(200);
    assert_eq!(links["items"][0]["error"]["code"], "not-found", "{links}");
    let links = bob.post("/v1/links", &ask("pr:thumb")).await.ok(200);
    location(&open(text(&links["items"][0]["url"])).await);
    let links = bob.post("/v1/links", &ask("pr:poster")).await.ok(200);
    assert_eq!(links["items"][0]["error"]["code"], "no-such-variant", "{links}");
    let entries = app.admin().get("/v1/audit?actor=user:bob").await.ok(200);
    assert_eq!(entries["items"][0]["detail"]["transform"], "pr:thumb", "{entries}");

    alice.post("/v1/links", &ask("zoom:2")).await.refused(400, "transform-options");
    alice.post("/v1/links", &ask("rs:fit:60/exp:9999999999")).await.refused(422, "validation-failed");
    let both = json!({ "items": [made["id"]], "transform": "pr:thumb", "variant": "thumb" });
    alice.post("/v1/links", &both).await.refused(422, "validation-failed");

    // From the command line, with an end and without.
    let id = text(&made["id"]);
    let signed = app.command_json(&["sign", "transform", id, "rs:fit:20/f:png", "--expires", "1h", "--json"]);
    assert!(text(&signed["url"]).contains("/exp:") && signed["expires_at"].is_string(), "{signed}");
    let answer = open(&location(&open(text(&signed["url"])).await)).await;
    assert_eq!(pixel(&answer.body, (0, 0)).1, (20, 13));
    let output = app.command(&["sign", "transform", id, "rs:fit:20/f:png"]);
    let url = String::from_utf8(output.stdout).unwrap();
    location(&open(url.trim()).await);
    assert_eq!(app.command(&["sign", "transform", id, "zoom:2"]).status.code(), Some(2));
}

#[tokio::test]
async fn a_new_key_leaves_what_the_former_signed_as_it_is() {
    let mut app = App::start(&configuration().replace(KEY, FORMER));
    let made = photograph(&app.user("alice"), &files::photograph((300, 200), 1)).await;
    let old = signed_by(FORMER, "rs:fit:60", &made);
    location(&app.anonymous().get(&old).await);
    let rotated = format!("{}former_key = \"{FORMER}\"\n", configuration());
    for (configuration, works) in [(rotated, true), (configuration(), false)] {
        app.terminate();
        assert!(app.wait());
        app.reconfigure(&configuration);
        app.run();
        location(&app.anonymous().get(&signed("rs:fit:60", &made)).await);
        let answer = app.anonymous().get(&old).await;
        if works {
            location(&answer);
        } else {
            answer.refused(403, "transform-signature");
        }
    }
}

/// Whoever signs by themselves finds in the documents how, and the same signature that the service makes.
#[test]
#[expect(clippy::disallowed_methods, reason = "the test is told by the environment which Python there is")]
fn what_the_documents_say_of_the_signature_is_what_it_is() {
    let python = std::env::var("STRONGROOM_TEST_PYTHON")
        .expect("STRONGROOM_TEST_PYTHON must name a Python; `cargo xtask test` has one");
    let documents = include_str!("../../../../../docs/images.md");
    let (_, code) = documents.split_once("```python\n").unwrap();
    let (code, _) = code.split_once("```").unwrap();
    let output = Command::new(python).args(["-c", code]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    let object = json!({ "id": "01980000-0000-7000-8000-000000000000" });
    assert_eq!(printed.trim(), signed("rs:fill:300:200/q:80", &object));
    assert!(documents.contains(&format!("`{}`", printed.trim())), "the documents show another one than {printed}");
}
