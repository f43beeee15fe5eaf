//! Invariants 5 and 6: what was signed for one thing does nothing else.

use reqwest::Method;
use serde_json::json;

use super::FILES;
use crate::app::App;
use crate::caller::{client, open, send, text};
use crate::files;
use crate::ways::{Way, begin, complete, handed, object, put};

// Invariant 5 is shown beside the SDK, where each identity tries what it may not:
// `the_reader_reads_and_does_nothing_else` and `the_writer_writes_into_staging_makes_what_is_not_there_and_does_nothing_else`.
#[tokio::test]
async fn invariant_5_urls_for_writing_do_not_read_and_urls_for_reading_do_not_write() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let bytes = files::png(1);
    let file = handed("files", "a.png", "image/png", &bytes);
    let object = object(&alice, Way::Put, &file).await;
    let upload = begin(&alice, Way::Put, &file).await.ok(201);
    send(put(&upload, &bytes)).await;
    for (url, methods) in [
        (text(&upload["url"]), vec![Method::GET, Method::HEAD, Method::DELETE, Method::POST]),
        (text(&object["link"]["url"]), vec![Method::PUT, Method::DELETE, Method::POST]),
    ] {
        for method in methods {
            let refused = send(client().request(method.clone(), url).body("")).await;
            assert!(matches!(refused.status, 400 | 403 | 405), "{method}: {}", refused.status);
        }
    }
    complete(&alice, &upload).await.ok(200);
}

#[tokio::test]
async fn invariant_6_an_upload_url_cannot_be_turned_into_something_else() {
    let app = App::start(FILES);
    let (alice, mallory) = (app.user("alice"), app.user("mallory"));
    let secret = files::large_png(1, 4000);
    let victim = object(&alice, Way::Put, &handed("files", "a.png", "image/png", &secret)).await;
    let own = files::large_png(2, 4000);
    let source = format!("/{}/{}", app.bucket(), text(&victim["version"]["key"]));
    for (name, value) in [
        ("x-amz-copy-source", source.as_str()),
        ("x-amz-acl", "public-read"),
        ("x-amz-grant-read", "uri=\"http://acs.amazonaws.com/groups/global/AllUsers\""),
        ("x-amz-meta-note", "hello"),
        ("x-amz-tagging", "a=b"),
        ("x-amz-website-redirect-location", "https://example.org"),
        ("x-amz-storage-class", "GLACIER"),
        ("x-amz-server-side-encryption", "aws:kms"),
        ("x-amz-object-lock-mode", "COMPLIANCE"),
    ] {
        let file = handed("files", "b.png", "image/png", &own);
        // Ceph obeys headers that are not signed. What it takes so has to come to nothing that is served.
        let may_pass = !app.is_embedded() && name != "x-amz-copy-source";
        let upload = begin(&mallory, Way::Put, &file).await.ok(201);
        let copied = send(put(&upload, b"").header(name, value)).await;
        assert_eq!(copied.status, app.refusal(), "{name}: {}", copied.text());
        let sent = send(put(&upload, &own).header(name, value)).await;
        if sent.status == 200 && may_pass {
            let made = complete(&mallory, &upload).await.ok(200);
            let link = text(&made["link"]["url"]);
            assert_eq!(open(link).await.body, own, "{name}");
            let bare = link.split('?').next().unwrap();
            assert_eq!(open(bare).await.status, 403, "{name} opened {bare} to everybody");
        } else {
            assert!(sent.status == app.refusal() || (sent.status == 400 && may_pass), "{name}: {}", sent.text());
            complete(&mallory, &upload).await.refused(409, "upload-incomplete");
        }

        let parts = begin(&mallory, Way::Multipart, &file).await.ok(201);
        let url = text(&parts["parts"][0]["url"]);
        let sent = send(client().put(url).header(name, value).body(own.clone())).await;
        assert!(sent.status == app.refusal() || may_pass, "{name} with a part: {}", sent.text());
    }
    let other_type = begin(&mallory, Way::Put, &handed("files", "b.png", "image/png", &own)).await.ok(201);
    let request = client().put(text(&other_type["url"])).header("content-type", "text/html").body(own.clone());
    assert_eq!(send(request).await.status, 403);
    // A form refuses every field that its policy does not name, and every change of one that it does.
    for (field, value) in [
        ("acl", "public-read"),
        ("x-amz-meta-a", "b"),
        ("key", "files/mine.png"),
        ("Content-Type", "text/html"),
        ("success_action_redirect", "https://example.org"),
    ] {
        let mut upload = begin(&mallory, Way::Post, &handed("files", "b.png", "image/png", &own)).await.ok(201);
        let fields = upload["fields"].as_object_mut().unwrap();
        let name = fields.keys().find(|known| known.eq_ignore_ascii_case(field)).cloned();
        fields.insert(name.unwrap_or_else(|| field.to_owned()), json!(value));
        let refused = send(crate::ways::post(&upload, "image/png", &own)).await;
        if matches!(refused.status, 201 | 303) && !app.is_embedded() {
            // SeaweedFS lets a form have fields that its policy does not name. They must come to nothing.
            assert!(["acl", "x-amz-meta-a", "success_action_redirect"].contains(&field), "{field}: {}", refused.text());
            let staged = format!("{}/staging/{}", text(&upload["url"]), text(&upload["id"]));
            assert_eq!(open(&staged).await.status, 403, "{field}");
        } else {
            assert_eq!(refused.status, app.refusal(), "{field}: {}", refused.text());
        }
    }
}
