//! Invariants 3 and 4: no URL is stored or unsigned, and no key is other than it should be.

use serde_json::{Value, json};

use super::{FILES, LIST};
use crate::app::App;
use crate::caller::{open, text};
use crate::files;
use crate::ways::{Handed, Way, hand_in, handed, object};

#[tokio::test]
async fn invariant_3_no_url_is_stored_and_none_is_handed_out_unsigned() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let bytes = files::png(1);
    let mut made = Value::Null;
    for way in Way::ALL {
        made = object(&alice, way, &handed("files", "a.png", "image/png", &bytes)).await;
        assert!(text(&made["link"]["url"]).contains("X-Amz-Signature="), "{made}");
    }
    let dump = app.database().everything();
    assert!(dump.contains(text(&made["id"])) || dump.contains("a.png"), "the dump holds the objects");
    for trace in ["X-Amz-", "http://127.0.0.1", app.store()] {
        assert!(!dump.contains(trace), "the database holds {trace}");
    }

    // A key that cannot be signed gives no link at all, and not a bare one.
    let id = text(&made["id"]);
    let key = text(&made["version"]["key"]);
    app.database().sql(&format!("UPDATE versions SET key = 'files/../' || key WHERE key = '{key}'"));
    let answers = [
        alice.get(&format!("/v1/objects/{id}")).await,
        alice.get(&format!("/v1/objects/{id}/download")).await,
        alice.get(&format!("/v1/objects/{id}/download?redirect=1")).await,
        alice.post("/v1/links", &json!({ "items": [id] })).await,
        alice.get(LIST).await,
    ];
    for answer in answers {
        assert!(answer.status >= 500, "{} {}", answer.status, answer.text());
        answer.problem();
        assert!(!answer.text().contains("http") && answer.header("location").is_empty(), "{}", answer.text());
    }
}

#[tokio::test]
async fn invariant_4_the_location_is_applied_exactly_once() {
    let app = App::start(&format!("[storage]\nlocation = \"tenant/files\"\n{FILES}"));
    let alice = app.user("alice");
    let bytes = files::png(1);
    for way in Way::ALL {
        let object = object(&alice, way, &handed("files", "a.png", "image/png", &bytes)).await;
        let key = text(&object["version"]["key"]);
        assert!(key.starts_with("files/"), "{key}");
        let (url, bucket) = (text(&object["link"]["url"]), app.bucket());
        assert!(url.contains(&format!("/{bucket}/tenant/files/{key}?")), "{url}");
        assert_eq!(open(url).await.body, bytes);
        let full = format!("tenant/files/{key}");
        let items = json!([key, full, format!("s3://{bucket}/{full}"), format!("{}/{bucket}/{full}", app.store())]);
        let links = alice.post("/v1/links", &json!({ "items": items })).await.ok(200);
        assert!(links["items"].as_array().unwrap().iter().all(|item| item["id"] == object["id"]), "{links}");
    }
    let keys = crate::bucket::keys(&app).await;
    assert_eq!(keys.len(), Way::ALL.len());
    assert!(keys.iter().all(|key| key.starts_with("tenant/files/files/")), "{keys:?}");
}

#[tokio::test]
async fn invariant_4_keys_that_a_browser_would_read_otherwise_cannot_be() {
    let app = App::start("[spaces.files]\nkey = \"files/{owner}/{group}/{id}.{ext}\"\n");
    let bytes = files::png(1);
    for word in
        ["..", ".", "../..", "a/../b", "/", "//", "a//b", "\\..\\", "%2e%2e", "..%2f", "é\u{301}", "~none", "staging"]
    {
        let more = json!({ "group": word });
        let file = Handed { more, ..handed("files", word, "image/png", &bytes) };
        let object = object(&app.user(word), Way::Put, &file).await;
        let key = text(&object["version"]["key"]);
        assert!(key.starts_with("files/") && key.len() <= 1024, "{word}: {key}");
        assert_eq!(key.split('/').count(), 4, "{word}: {key}");
        assert!(
            key.split('/').all(|segment| !segment.is_empty() && segment != "." && segment != ".."),
            "{word}: {key}"
        );
        assert!(!key.contains(char::is_control), "{word}: {key}");
        assert_eq!(open(text(&object["link"]["url"])).await.body, bytes, "{word}");
    }
    let long = "g".repeat(250);
    let owner = "/".repeat(255);
    let more = json!({ "group": long });
    let refused =
        hand_in(&app.user(&owner), Way::Raw, &Handed { more, ..handed("files", "a.png", "image/png", &bytes) }).await;
    refused.refused(422, "validation-failed");
}
