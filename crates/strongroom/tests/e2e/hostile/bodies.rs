//! Bodies that are shorter or longer than they say, or have no end.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::documented;
use crate::app::App;
use crate::files;
use crate::tokens;

const FILES: &str = "[spaces.files]\nmax_bytes = \"8 MiB\"\n";

pub(crate) async fn connect(origin: &str) -> TcpStream {
    TcpStream::connect(origin.trim_start_matches("http://")).await.unwrap()
}

/// The head of a raw hand-in, with further headers.
fn head(more: &str) -> String {
    let token = tokens::mint("alice", &[]);
    format!(
        "POST /v1/spaces/files/objects?name=a.txt HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: text/plain\r\n{more}\r\n"
    )
}

/// Reads until the other side closes or the first answer is there.
pub(crate) async fn answer(stream: &mut TcpStream) -> String {
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    while !received.windows(4).any(|window| window == b"\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(length) if length > 0 => received.extend_from_slice(&buffer[..length]),
            _ => break,
        }
    }
    String::from_utf8_lossy(&received).into_owned()
}

async fn nothing_was_made(app: &App) {
    // What broke off is undone as soon as the service notices; the accounts tell when that is done.
    loop {
        let usage = app.admin().get("/v1/usage").await.ok(200);
        if usage["items"].as_array().unwrap().iter().all(|account| account["reserved_objects"] == 0) {
            break;
        }
        tokio::task::yield_now().await;
    }
    let list = app.user("alice").get("/v1/spaces/files/objects").await.ok(200);
    assert_eq!(list["items"], json!([]));
    app.command_json(&["gc", "--grace", "0s", "--json"]);
    assert_eq!(crate::bucket::keys(app).await, [""; 0]);
    assert_eq!(crate::bucket::multiparts(app).await, []);
}

#[tokio::test]
async fn a_body_that_breaks_off_leaves_nothing() {
    let app = App::start(FILES);
    for length in [10, 100_000, 6_000_000] {
        let mut stream = connect(app.api()).await;
        stream.write_all(head(&format!("content-length: {length}\r\n")).as_bytes()).await.unwrap();
        stream.write_all(&files::text(1, length / 2)).await.unwrap();
        stream.shutdown().await.unwrap();
        let said = answer(&mut stream).await;
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 400"), "{said}");
        drop(stream);
    }
    let mut stream = connect(app.api()).await;
    stream.write_all(head("transfer-encoding: chunked\r\n").as_bytes()).await.unwrap();
    stream.write_all(b"5\r\nhello\r\n").await.unwrap();
    drop(stream);
    nothing_was_made(&app).await;
    documented("a body that breaks off", "400 `body-broken-off`, if anybody is left to read it; nothing is kept");
}

#[tokio::test]
async fn an_endless_body_is_cut_off_at_the_limit_of_the_space() {
    let app = App::start(FILES);
    let before = app.resident_mib();
    let mut stream = connect(app.api()).await;
    stream.write_all(head("transfer-encoding: chunked\r\n").as_bytes()).await.unwrap();
    let chunk = files::text(1, 65_536);
    let mut frame = b"10000\r\n".to_vec();
    frame.extend(&chunk);
    frame.extend(b"\r\n");
    let (mut reader, mut writer) = stream.split();
    let mut received = vec![0; 4096];
    let mut sent = 0_u64;
    let length = loop {
        tokio::select! {
            length = reader.read(&mut received) => break length.unwrap(),
            written = writer.write_all(&frame) => {
                if written.is_err() {
                    break reader.read(&mut received).await.unwrap_or(0);
                }
                sent += 65_536;
                assert!(sent < 1 << 30, "a gibibyte went in, and nobody said stop");
            }
        }
    };
    let said = String::from_utf8_lossy(&received[..length]).into_owned();
    assert!(said.starts_with("HTTP/1.1 413") && said.contains("too-large"), "{said}");
    assert!(app.resident_mib() < before + 64, "{} MiB after {before}", app.resident_mib());
    drop(stream);
    nothing_was_made(&app).await;
    documented("a body without an end", "413 `too-large` at the limit of the space");
}

#[tokio::test]
async fn a_length_that_cannot_be_is_refused_before_the_body() {
    let app = App::start(FILES);
    let mut stream = connect(app.api()).await;
    stream.write_all(head("content-length: 999999999999\r\n").as_bytes()).await.unwrap();
    stream.write_all(&files::text(1, 9 << 20)).await.ok();
    let said = answer(&mut stream).await;
    assert!(said.starts_with("HTTP/1.1 413"), "{said}");
    nothing_was_made(&app).await;
    documented("a `Content-Length` beyond the limit of the space", "413 `too-large`");
}

#[tokio::test]
async fn requests_that_proxies_read_differently_are_refused() {
    let app = App::start(FILES);
    for more in [
        "content-length: 5\r\ncontent-length: 6\r\n",
        "content-length: +5\r\n",
        "content-length: 5, 6\r\n",
        "content-length: -1\r\n",
        "content-length: 0x5\r\n",
        "transfer-encoding: gzip\r\n",
        "transfer-encoding: chunked, gzip\r\n",
        "x-folded: a\r\n b\r\n",
        "bad header: x\r\n",
        "x-null: a\0b\r\n",
    ] {
        let mut stream = connect(app.api()).await;
        stream.write_all(head(more).as_bytes()).await.unwrap();
        stream.write_all(b"hello").await.ok();
        stream.shutdown().await.ok();
        let said = answer(&mut stream).await;
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{more:?}: {said}");
    }
    for line in
        ["GET  /v1/spaces HTTP/1.1", "GET /v1/spaces", "GET http://[::1 HTTP/1.1", "\u{16}\u{3}\u{1}", "PRI * HTTP/2.0"]
    {
        let mut stream = connect(app.api()).await;
        stream.write_all(format!("{line}\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
        let said = answer(&mut stream).await;
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{line:?}: {said}");
    }
    nothing_was_made(&app).await;
    documented("contradicting or malformed lengths, encodings and header lines", "400, and the connection is closed");

    let long = "a".repeat(100_000);
    for request in [
        format!("GET /v1/spaces HTTP/1.1\r\nhost: x\r\nx-long: {long}\r\n\r\n"),
        format!("GET /{long} HTTP/1.1\r\nhost: x\r\n\r\n"),
        format!("GET /v1/spaces HTTP/1.1\r\nhost: x\r\n{}\r\n", "x-many: 1\r\n".repeat(5000)),
    ] {
        let mut stream = connect(app.api()).await;
        stream.write_all(request.as_bytes()).await.ok();
        let said = answer(&mut stream).await;
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{said}");
    }
    documented("a head of more than 32 KiB, or of hundreds of lines", "400, 414 or 431, and the connection is closed");
}
