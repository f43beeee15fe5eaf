//! Where a single PUT lands: at the key it is served from, where the storage never lets what is there be replaced.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::app::App;
use crate::bucket;
use crate::caller::{open, send, text};
use crate::files;
use crate::ways::{Handed, Way, begin, complete, handed, put};

/// A storage whose own profile says otherwise (Ceph's) enforces the condition all the same, which is what this is about.
const FILES: &str = "[storage.profile]\nobeys_unsigned_headers = false\n[spaces.files]\n";

/// Where the bytes of an upload go, without the signature.
fn place(upload: &Value) -> &str {
    text(&upload["url"]).split('?').next().unwrap()
}

#[tokio::test]
async fn a_put_lands_where_it_is_served_from_and_is_not_copied() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let picture = files::png(1);
    let upload = begin(&alice, Way::Put, &handed("files", "a.png", "image/png", &picture)).await.ok(201);
    assert_eq!(upload["headers"]["if-none-match"], "*", "{upload}");
    assert_eq!(send(put(&upload, &picture)).await.status, 200);
    let object = complete(&alice, &upload).await.ok(200);
    let key = text(&object["version"]["key"]);
    assert!(place(&upload).ends_with(&format!("/{key}")), "{key} is not at {}", place(&upload));
    assert_eq!(text(&object["link"]["url"]).split('?').next().unwrap(), place(&upload));
    app.command_json(&["gc", "--grace", "0s", "--json"]);
    assert_eq!(bucket::keys(&app).await, [key]);
    assert_eq!(open(text(&object["link"]["url"])).await.body, picture);
}

#[tokio::test]
async fn where_puts_can_be_replaced_they_are_staged() {
    let app = App::start("[storage.profile]\nconditional_put = false\n[spaces.files]\n");
    let alice = app.user("alice");
    let picture = files::png(1);
    let upload = begin(&alice, Way::Put, &handed("files", "a.png", "image/png", &picture)).await.ok(201);
    assert!(place(&upload).ends_with(&format!("/staging/{}", text(&upload["id"]))), "{}", place(&upload));
    assert_eq!(upload["headers"]["if-none-match"], Value::Null);
    assert_eq!(send(put(&upload, &picture)).await.status, 200);
    let object = complete(&alice, &upload).await.ok(200);
    assert_eq!(bucket::keys(&app).await, [text(&object["version"]["key"])]);
}

#[tokio::test]
async fn a_second_put_with_the_same_url_is_refused_even_one_that_began_first() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let (first, second) = (files::large_png(1, 200_000), files::large_png(2, 200_000));
    let file = handed("files", "a.png", "image/png", &first);
    let upload = begin(&alice, Way::Put, &file).await.ok(201);
    let mut slow = half_sent(&upload, &second).await;
    assert_eq!(send(put(&upload, &first)).await.status, 200);
    let object = complete(&alice, &upload).await.ok(200);
    assert_eq!(send(put(&upload, &second)).await.status, 412);
    slow.write_all(&second[second.len() / 2..]).await.unwrap();
    let mut answer = Vec::new();
    slow.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 412"), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(open(text(&object["link"]["url"])).await.body, first);
}

/// A PUT of which half of the body was sent.
async fn half_sent(upload: &Value, bytes: &[u8]) -> TcpStream {
    let url = text(&upload["url"]).strip_prefix("http://").unwrap();
    let (host, path) = url.split_once('/').unwrap();
    let mut connection = TcpStream::connect(host).await.unwrap();
    let mut head =
        format!("PUT /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {}\r\n", bytes.len());
    for (name, value) in upload["headers"].as_object().unwrap() {
        head = head + name + ": " + text(value) + "\r\n";
    }
    connection.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
    connection.write_all(&bytes[..bytes.len() / 2]).await.unwrap();
    connection
}

#[tokio::test]
async fn what_a_sender_says_of_the_bytes_beside_their_type_is_left_behind() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let picture = files::png(1);
    for (name, value) in [
        ("content-encoding", "br"),
        ("content-disposition", "attachment; filename=\"invoice.exe\""),
        ("cache-control", "public, max-age=31536000"),
        ("content-language", "de"),
        ("expires", "Fri, 01 Jan 2100 00:00:00 GMT"),
    ] {
        let upload = begin(&alice, Way::Put, &handed("files", "a.png", "image/png", &picture)).await.ok(201);
        assert_eq!(send(put(&upload, &picture).header(name, value)).await.status, 200, "{name}");
        let object = complete(&alice, &upload).await.ok(200);
        assert_eq!(complete(&alice, &upload).await.ok(200)["version"], object["version"]);
        let served = open(text(&object["link"]["url"])).await;
        assert_eq!(served.body, picture);
        assert_ne!(served.header(name), value, "{name}");
        // What was sent is gone, and what is served lies where no URL to write was ever given.
        let key = text(&object["version"]["key"]);
        assert!(!place(&upload).ends_with(key), "{name}: {key}");
        let keys = bucket::keys(&app).await;
        assert!(keys.iter().any(|there| there == key), "{keys:?}");
        assert!(!keys.iter().any(|there| place(&upload).ends_with(there)), "{keys:?}");
        assert_eq!(send(put(&upload, b"x")).await.status / 100, 4);
        assert_eq!(open(text(&object["link"]["url"])).await.body, picture);
    }
}

#[tokio::test]
async fn what_turns_out_to_be_of_another_type_is_moved_to_a_key_that_says_so() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let picture = files::png(1);
    let file = handed("files", "a", "application/octet-stream", &picture);
    let upload = begin(&alice, Way::Put, &file).await.ok(201);
    assert_eq!(send(put(&upload, &picture)).await.status, 200);
    let object = complete(&alice, &upload).await.ok(200);
    assert_eq!(object["version"]["content_type"], "image/png");
    let key = text(&object["version"]["key"]);
    assert_eq!(key.rsplit_once('.').unwrap().1, "png");
    assert_eq!(open(text(&object["link"]["url"])).await.header("content-type"), "image/png");
    assert_eq!(bucket::keys(&app).await, [key]);
}

#[tokio::test]
async fn what_is_sent_again_after_a_rejection_is_cleared_away() {
    let app = App::start(&format!("{FILES}accept = [\"image/*\"]\nuploads = {{ expires = \"5s\" }}\n"));
    let alice = app.user("alice");
    let page = files::html();
    let file = Handed { name: "a.png", ..handed("files", "a.png", "image/png", &page) };
    let upload = begin(&alice, Way::Put, &file).await.ok(201);
    assert_eq!(send(put(&upload, &page)).await.status, 200);
    complete(&alice, &upload).await.refused(415, "type-not-accepted");
    assert_eq!(bucket::keys(&app).await, [""; 0]);
    // The URL lives on for a while, and nothing lies there.
    while send(put(&upload, &page)).await.status != 403 {
        complete(&alice, &upload).await.refused(415, "type-not-accepted");
    }
    // A second later the clean-up knows that it is over, too.
    while !bucket::keys(&app).await.is_empty() {
        app.command_json(&["gc", "--grace", "0s", "--json"]);
    }
}
