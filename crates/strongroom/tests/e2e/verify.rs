//! `strongroom verify`: what lies in storage, compared with what the database knows.

use aws_sdk_s3::primitives::ByteStream;
use futures_util::StreamExt as _;
use serde_json::{Value, json};

use crate::app::App;
use crate::bucket::sdk;
use crate::caller::text;
use crate::files;
use crate::ways::{Way, begin, handed, object, send_to_storage};

const FILES: &str = "[storage]\nlocation = \"media\"\n[spaces.files]\n";

async fn lay(app: &App, key: &str, bytes: &[u8]) {
    let put = sdk(app, "janitor").put_object().bucket(app.bucket()).key(format!("media/{key}"));
    put.body(ByteStream::from(bytes.to_vec())).send().await.unwrap();
}

/// Runs the command; the findings as (what, key), and the numbers.
fn verify(app: &App, code: i32, words: &[&str]) -> (Vec<(String, String)>, Value) {
    let words: Vec<&str> = ["verify", "--json"].iter().chain(words).copied().collect();
    let output = app.command(&words);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(code), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let mut lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let sum = lines.pop().expect("the numbers come at the end");
    let pair = |line: &Value| (text(&line["what"]).to_owned(), text(&line["key"]).to_owned());
    let mut findings: Vec<_> = lines.iter().map(pair).collect();
    findings.sort();
    (findings, sum)
}

fn found(what: &str, key: &str) -> (String, String) {
    (what.to_owned(), key.to_owned())
}

fn numbers(read: u32, missing: u32, differ: u32, orphans: u32) -> Value {
    json!({
        "storage": "storage", "versions": 6, "read": read, "missing": missing, "differ": differ, "orphans": orphans,
        "awaited": 0,
    })
}

#[tokio::test]
async fn what_is_lost_changed_or_unknown_is_named() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let mut keys = Vec::new();
    for number in 0..6 {
        let picture = files::png(number);
        let made = object(&alice, Way::Raw, &handed("files", "a.png", "image/png", &picture)).await;
        keys.push((text(&made["version"]["key"]).to_owned(), picture));
        if number == 5 {
            alice.delete(&format!("/v1/objects/{}", text(&made["id"]))).await.ok(204);
        }
    }
    // An upload whose bytes are there and that is not complete is nothing to worry about.
    let picture = files::png(9);
    let file = handed("files", "b.png", "image/png", &picture);
    let upload = begin(&alice, Way::Put, &file).await.ok(201);
    assert_eq!(send_to_storage(&alice, &upload, &file).await.status, 200);
    for words in [&[][..], &["--contents"]] {
        let (findings, sum) = verify(&app, 0, words);
        assert_eq!(findings, []);
        let read = if words.is_empty() { 0 } else { 6 };
        assert_eq!(sum, numbers(read, 0, 0, 0));
    }

    lay(&app, "nobody/knows", b"this").await;
    lay(&app, "staging/00000000-0000-7000-8000-000000000000", b"this").await;
    let orphans = [found("orphan", "nobody/knows"), found("orphan", "staging/00000000-0000-7000-8000-000000000000")];
    let (findings, sum) = verify(&app, 3, &[]);
    assert_eq!(findings, orphans);
    assert_eq!(sum["orphans"], 2);

    let (gone, _) = &keys[0];
    sdk(&app, "janitor").delete_object().bucket(app.bucket()).key(format!("media/{gone}")).send().await.unwrap();
    let (shorter, _) = &keys[1];
    lay(&app, shorter, b"short").await;
    let (changed, content) = &keys[2];
    let mut other = content.clone();
    *other.last_mut().unwrap() ^= 1;
    lay(&app, changed, &other).await;
    let mut expected = vec![found("differs", shorter), found("missing", gone)];
    expected.extend(orphans.clone());
    let (findings, sum) = verify(&app, 1, &[]);
    assert_eq!(findings, expected);
    assert_eq!(sum, numbers(0, 1, 1, 2));
    expected.push(found("differs", changed));
    expected.sort();
    let (findings, sum) = verify(&app, 1, &["--contents"]);
    assert_eq!(findings, expected);
    assert_eq!(sum, numbers(4, 1, 2, 2));

    let output = app.command(&["verify"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("missing") && said.contains(gone.as_str()), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_pages_are_walked_through_while_the_service_works() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let janitor = sdk(&app, "janitor");
    let laid = futures_util::stream::iter(0..1100).map(|number| {
        let put = janitor.put_object().bucket(app.bucket()).key(format!("media/old/{number:05}.txt"));
        put.body(ByteStream::from(format!("text {number}").into_bytes())).send()
    });
    let laid: Vec<_> = laid.buffer_unordered(16).collect().await;
    assert!(laid.iter().all(Result::is_ok));
    let names: Vec<String> = (0..1100).map(|number| format!("old/{number:05}.txt")).collect();
    let rows = format!("key\n{}\n", names.join("\n"));
    let file = app.data().join("table.csv");
    std::fs::write(&file, rows).unwrap();
    let output = app.command(&["adopt", "files", "--from", file.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    let working = tokio::spawn(async move {
        for number in 0..20 {
            let picture = files::png(number);
            object(&alice, Way::Put, &handed("files", "a.png", "image/png", &picture)).await;
        }
    });
    let findings = loop {
        let (findings, sum) = verify(&app, 0, &["--contents"]);
        assert!(sum["versions"].as_u64().unwrap() >= 1100, "{sum}");
        if working.is_finished() {
            break findings;
        }
        tokio::task::yield_now().await;
    };
    working.await.unwrap();
    assert_eq!(findings, []);
    assert_eq!(verify(&app, 0, &[]).1["versions"], 1120);
}
