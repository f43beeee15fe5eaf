//! Large files go in parts, and a client that lost its way finds out which ones arrived.

use serde_json::{Value, json};

use super::FILES;
use crate::app::App;
use crate::caller::{Caller, client, open, send, text};
use crate::files;
use crate::ways::{Way, begin, complete, handed, urls};

/// More than three parts of the usual size.
const LARGE: usize = 30 * 1024 * 1024;

#[tokio::test]
async fn an_interrupted_upload_goes_on_with_the_parts_that_are_missing() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let film = files::large_png(7, LARGE);
    let upload = begin(&alice, Way::Multipart, &handed("files", "large.png", "image/png", &film)).await.ok(201);
    let path = format!("/v1/uploads/{}", text(&upload["id"]));
    let part_bytes = usize::try_from(upload["part_bytes"].as_u64().unwrap()).unwrap();
    let parts: Vec<&[u8]> = film.chunks(part_bytes).collect();
    assert_eq!(upload["part_count"], parts.len());
    assert!(parts.len() >= 3, "parts of {part_bytes} bytes");
    let all = urls(&upload);

    // The last part comes first, and the second one twice.
    for number in [parts.len(), 2, 2] {
        let (_, url) = &all[number - 1];
        assert_eq!(send(client().put(url).body(parts[number - 1].to_vec())).await.status, 200);
    }
    let seen = alice.get(&path).await.ok(200);
    let received = seen["received"].as_array().unwrap();
    let numbers: Vec<&Value> = received.iter().map(|part| &part["number"]).collect();
    assert_eq!(numbers, [&json!(2), &json!(parts.len())]);
    assert_eq!(received[0]["bytes"], part_bytes);
    assert!(received.iter().all(|part| !text(&part["etag"]).is_empty()));

    complete(&alice, &upload).await.refused(409, "upload-incomplete");

    let missing: Vec<usize> = (1..parts.len()).filter(|number| *number != 2).collect();
    let fresh = alice.post(&format!("{path}/parts"), &json!({ "numbers": missing })).await.ok(200);
    assert!(text(&fresh["expires_at"]).parse::<jiff::Timestamp>().is_ok());
    for (number, url) in urls(&fresh) {
        let part = parts[usize::try_from(number).unwrap() - 1];
        assert_eq!(send(client().put(url).body(part.to_vec())).await.status, 200);
    }
    let object = complete(&alice, &upload).await.ok(200);
    assert_eq!(object["version"]["sha256"], files::sha256(&film));
    assert_eq!(open(text(&object["link"]["url"])).await.body, film);
}

#[tokio::test]
async fn a_client_may_say_which_parts_it_sent_with_or_without_quotes() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let picture = files::png(1);
    for quoted in [true, false] {
        let (upload, etag) = one_part(&alice, &picture).await;
        let etag = if quoted { format!("\"{}\"", etag.trim_matches('"')) } else { etag.trim_matches('"').to_owned() };
        let body = json!({ "parts": [{ "number": 1, "etag": etag }] });
        let path = format!("/v1/uploads/{}/complete", text(&upload["id"]));
        assert_eq!(alice.post(&path, &body).await.ok(200)["version"]["bytes"], picture.len());
    }
    let (upload, _) = one_part(&alice, &picture).await;
    let body = json!({ "parts": [{ "number": 1, "etag": "\"00000000000000000000000000000000\"" }] });
    let refused = alice.post(&format!("/v1/uploads/{}/complete", text(&upload["id"])), &body).await;
    refused.refused(409, "upload-incomplete");
}

#[tokio::test]
async fn parts_that_do_not_exist_get_no_url() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let (upload, _) = one_part(&alice, &files::png(1)).await;
    let path = format!("/v1/uploads/{}/parts", text(&upload["id"]));
    for numbers in [json!([0]), json!([2]), json!([-1]), json!(["1"]), json!([10_001])] {
        let refused = alice.post(&path, &json!({ "numbers": numbers })).await;
        assert!(matches!(refused.status, 409 | 422), "{numbers}: {}", refused.text());
        refused.problem();
    }
    let many: Vec<u32> = (1..=101).collect();
    alice.post(&path, &json!({ "numbers": many })).await.refused(422, "too-many-items");
}

#[tokio::test]
async fn only_an_upload_in_parts_has_parts() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let picture = files::png(1);
    for way in [Way::Put, Way::Post] {
        let upload = begin(&alice, way, &handed("files", "a.png", "image/png", &picture)).await.ok(201);
        let path = format!("/v1/uploads/{}/parts", text(&upload["id"]));
        alice.post(&path, &json!({ "numbers": [1] })).await.refused(409, "conflict");
    }
}

async fn one_part(alice: &Caller, picture: &[u8]) -> (Value, String) {
    let upload = begin(alice, Way::Multipart, &handed("files", "a.png", "image/png", picture)).await.ok(201);
    let sent = send(client().put(text(&upload["parts"][0]["url"])).body(picture.to_vec())).await;
    assert_eq!(sent.status, 200, "{}", sent.text());
    let etag = sent.header("etag").to_owned();
    (upload, etag)
}
