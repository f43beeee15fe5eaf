//! The embedded store's own listener meets bodies nobody signed for, paths that climb, and slow clients.

use tokio::io::AsyncWriteExt;

use crate::app::App;
use crate::caller::{open, send, text};
use crate::files;
use crate::hostile::bodies::{answer, connect};
use crate::hostile::connections::{SLOW, TURN, allow_many_files, open_all};
use crate::hostile::documented;
use crate::ways::{Way, begin, handed, object};

const FILES: &str = "[spaces.files]\n";

#[tokio::test]
async fn the_store_reads_no_body_that_is_not_signed_for() {
    let app = App::start(FILES);
    let alice = app.user("alice");
    let bytes = files::png(1);
    let upload = begin(&alice, Way::Put, &handed("files", "a.png", "image/png", &bytes)).await.ok(201);
    let path = upload["url"].as_str().unwrap().split(app.store()).nth(1).unwrap();
    let bare = path.split('?').next().unwrap();
    for (line, more) in [
        (format!("PUT {bare} HTTP/1.1"), "content-length: 99999999"),
        (format!("PUT {path} HTTP/1.1"), "content-type: image/png\r\ncontent-length: 99999999"),
        (format!("PUT {path} HTTP/1.1"), "content-type: image/png\r\ntransfer-encoding: chunked"),
        ("POST /strongroom HTTP/1.1".to_owned(), "content-type: text/plain\r\ncontent-length: 99999999"),
    ] {
        let before = app.resident_mib();
        let mut stream = connect(app.store()).await;
        stream
            .write_all(
                format!("{line}\r\nhost: {}\r\n{more}\r\n\r\n", app.store().trim_start_matches("http://")).as_bytes(),
            )
            .await
            .unwrap();
        let said = answer(&mut stream).await;
        assert!(said.starts_with("HTTP/1.1 4"), "{line} {more}: {said}");
        assert!(app.resident_mib() < before + 32);
    }
    documented(
        "bytes sent to storage without a signature, or with another length than was signed",
        "400, 403 or 411 from storage, before the body is read",
    );
    for path in [
        "/strongroom/../../etc/passwd",
        "/strongroom/..%2f..%2fsecrets.toml",
        "/..%2fstrongroom.sqlite",
        "/strongroom/%00",
        "//",
        "/strongroom/%ff",
    ] {
        let mut stream = connect(app.store()).await;
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
        let said = answer(&mut stream).await;
        assert!(said.starts_with("HTTP/1.1 4"), "{path}: {said}");
    }
    documented("paths that climb, in the service or in storage", "403 or 404");
    let object = send(crate::ways::put(&upload, &bytes)).await;
    assert_eq!(object.status, 200);
}

#[tokio::test]
async fn ten_thousand_slow_connections_to_the_store_cost_bounded_memory_and_links_still_work() {
    let _turn = TURN.lock().await;
    allow_many_files();
    let app = App::start("[spaces.files]\n");
    let alice = app.user("alice");
    let object = object(&alice, Way::Put, &handed("files", "a.png", "image/png", &files::png(1))).await;
    let link = text(&object["link"]["url"]);
    let slow = open_all(&app, app.store(), b"GET /strongroom/a HTTP/1.1\r\nhost: x\r\nx-slow: ").await;
    assert_eq!(open(link).await.body, files::png(1));
    let all = app.resident_mib();
    println!("with {SLOW} slow connections to the store it takes {all} MiB");
    assert!(app.descriptors() >= SLOW, "some of them were dropped while others were served");
    assert!(all <= 256, "with {SLOW} slow connections to the store it takes {all} MiB");
    drop(slow);
}
