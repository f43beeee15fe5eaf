//! Starting, stopping and starting again.

use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::app::{App, program};
use crate::caller::{open, text};
use crate::files;
use crate::tokens;
use crate::ways::{Way, begin, complete, handed, object, send_to_storage};

const FILES: &str = "[spaces.files]\n";

#[tokio::test]
async fn without_any_configuration_it_works() {
    let app = App::start_bare("", &[]);
    assert!(app.field("console").starts_with(app.api()));
    assert!(app.field("token").starts_with("sr_"));
    let minted = app.command(&["token", "mint", "--subject", "alice", "--expires", "10m"]);
    let alice = app.bearer(String::from_utf8(minted.stdout).unwrap().trim());
    let bytes = files::png(1);
    let made = object(&alice, Way::Put, &handed("files", "a.png", "image/png", &bytes)).await;
    assert_eq!(made["owner"], "alice");
    assert_eq!(open(text(&made["link"]["url"])).await.body, bytes);
    let own = object(&app.admin(), Way::Raw, &handed("files", "b.png", "image/png", &bytes)).await;
    assert_eq!(own["owner"], json!(null));
}

#[tokio::test]
async fn secrets_are_for_their_owner_alone() {
    let app = App::start_bare("", &[]);
    let mode = |name: &str| std::fs::metadata(app.data().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("secrets.toml"), 0o600);
    assert_eq!(mode(""), 0o700);
}

#[tokio::test]
async fn a_second_start_keeps_everything() {
    let mut app = App::start(FILES);
    let (token, keys) = (app.field("token").to_owned(), app.keys());
    let alice = app.user("alice");
    let bytes = files::large_png(1, 300_000);
    let file = handed("files", "a.png", "image/png", &bytes);
    let made = object(&alice, Way::Multipart, &file).await;
    let open_upload = begin(&alice, Way::Put, &file).await.ok(201);
    app.terminate();
    assert!(app.wait(), "it did not end well");
    app.run();

    assert_eq!(app.field("token"), token);
    let again = app.keys();
    for identity in ["reader", "writer", "janitor", "operator"] {
        assert_eq!(again[identity], keys[identity]);
    }
    let alice = app.user("alice");
    let seen = alice.get(&format!("/v1/objects/{}", text(&made["id"]))).await.ok(200);
    assert_eq!(seen["version"], made["version"]);
    assert_eq!(open(text(&seen["link"]["url"])).await.body, bytes);
    // The upload goes on with a URL for where the store listens now.
    let upload = alice.get(&format!("/v1/uploads/{}", text(&open_upload["id"]))).await.ok(200);
    assert_eq!(send_to_storage(&alice, &upload, &file).await.status, 200);
    complete(&alice, &upload).await.ok(200);
}

#[tokio::test]
async fn a_request_in_flight_is_finished_before_it_stops() {
    let mut app = App::start(FILES);
    let bytes = files::text(1, 1_000_000);
    let address = app.api().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "POST /v1/spaces/files/objects?name=a.txt HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: text/plain\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n",
        tokens::mint("alice", &[]),
        bytes.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 1024];
    let length = stream.read(&mut answer).await.unwrap();
    assert!(answer[..length].starts_with(b"HTTP/1.1 100"), "the service is to have begun with the request");
    app.terminate();
    // New connections are refused as soon as the signal has arrived, and the old one still gets its answer.
    while TcpStream::connect(&address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    stream.write_all(&bytes).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert!(app.wait());

    app.run();
    let list = app.user("alice").get("/v1/spaces/files/objects").await.ok(200);
    assert_eq!(list["items"][0]["version"]["sha256"], files::sha256(&bytes));
}

#[tokio::test]
async fn generated_secrets_do_not_go_on_the_network() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("strongroom.toml");
    std::fs::write(&file, "").unwrap();
    let started = |words: &[&str]| {
        let output = program(words, &file, &folder.path().join("data")).stdout(Stdio::null()).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for words in [
        ["serve", "--listen", "0.0.0.0:0", "--store-listen", "127.0.0.1:0"],
        ["serve", "--listen", "[::]:0", "--store-listen", "127.0.0.1:0"],
        ["serve", "--listen", "127.0.0.1:0", "--store-listen", "0.0.0.0:0"],
    ] {
        let (code, said) = started(&words);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains("generated") || said.contains("secret"), "{said}");
        assert!(!folder.path().join("data/secrets.toml").exists(), "nothing is made before the refusal");
    }
}

#[tokio::test]
async fn two_services_do_not_share_a_folder() {
    let app = App::start(FILES);
    let words = ["serve", "--listen", "127.0.0.1:0", "--store-listen", "127.0.0.1:0"];
    let output = app.command(&words);
    assert!(!output.status.success());
    assert!(!output.stderr.is_empty());
    app.user("alice").get("/v1/spaces").await.ok(200);
}

#[tokio::test]
async fn for_people_it_says_where_to_look_and_how_to_begin() {
    use std::io::BufRead;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("strongroom.toml");
    std::fs::write(&file, "").unwrap();
    let words = ["serve", "--listen", "127.0.0.1:0", "--store-listen", "127.0.0.1:0"];
    let mut child = program(&words, &file, &folder.path().join("data"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut lines = std::io::BufReader::new(child.stdout.take().unwrap());
    while !said.contains("Ctrl-C") {
        assert_ne!(lines.read_line(&mut said).unwrap(), 0, "it ended after {said}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(said.contains("http://127.0.0.1:") && said.contains("curl ") && said.contains("sr_admin_"), "{said}");
}

#[tokio::test]
async fn the_demonstration_hands_its_pictures_in_once() {
    let mut app = App::start_with("", &["--demo"]);
    let list = async |app: &App| {
        let page = app.admin().get("/v1/spaces/demo/objects?limit=1000").await.ok(200);
        page["items"].as_array().unwrap().clone()
    };
    while list(&app).await.len() < 40 {
        tokio::task::yield_now().await;
    }
    let pictures = list(&app).await;
    for picture in &pictures {
        assert!(text(&picture["version"]["content_type"]).starts_with("image/"));
        assert_eq!(open(text(&picture["link"]["url"])).await.status, 200);
    }
    app.terminate();
    assert!(app.wait());
    app.run();
    object(&app.admin(), Way::Raw, &handed("demo", "one more.png", "image/png", &files::png(1))).await;
    assert_eq!(list(&app).await.len(), pictures.len() + 1);
}
