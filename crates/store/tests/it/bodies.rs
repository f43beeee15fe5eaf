//! Bodies that lie, stop or never end: each costs little and leaves nothing.

use std::time::Duration;

use strongroom_presign::{Payload, Request, Validity};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::objects::bytes;
use crate::server::{BUCKET, Server};
use crate::wire::{send, send_signed};

/// Opens a connection and sends the head of a PUT.
async fn begin_put(server: &Server, target: &str, headers: &str) -> TcpStream {
    let mut connection = TcpStream::connect(&server.address).await.unwrap();
    let head = format!("PUT {target} HTTP/1.1\r\nhost: {}\r\n{headers}\r\n", server.address);
    connection.write_all(head.as_bytes()).await.unwrap();
    connection
}

/// Begins a PUT and waits until it is asked for its body: from then on it has a place.
async fn asked_put(server: &Server) -> TcpStream {
    let headers = "content-length: 5\r\nexpect: 100-continue\r\nconnection: close\r\n";
    let mut connection = begin_put(server, &put_link(server), headers).await;
    let mut asked = [0; 25];
    connection.read_exact(&mut asked).await.unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    connection
}

/// Sends the body that was asked for.
async fn end_put(mut connection: TcpStream) {
    connection.write_all(b"12345").await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// A link to put an object, without the host.
fn put_link(server: &Server) -> String {
    let life = Validity::new(server.now(), 600).unwrap();
    let url = server.signer("admin").presign(&Request::put("k"), life).unwrap();
    url.replace(&format!("http://{}", server.address), "")
}

async fn nothing_is_left(server: &Server) {
    // A stretch that is being written when its client goes is let go of when it is written.
    let gone = async {
        while server.files("content").len() + server.files("incoming").len() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.unwrap();
    assert!(server.admin().head_object().bucket(BUCKET).key("k").send().await.is_err());
}

#[tokio::test]
async fn an_endless_unauthenticated_body_is_refused_at_once_and_never_stored() {
    let server = Server::start().await;
    let connection = begin_put(&server, "/files/k", "content-length: 1000000000000\r\n").await;
    let (mut reading, mut writing) = connection.into_split();
    let flood = tokio::spawn(async move {
        let chunk = vec![7_u8; 65_536];
        let mut sent = 0_u64;
        while writing.write_all(&chunk).await.is_ok() {
            sent += chunk.len() as u64;
        }
        sent
    });
    let mut answer = vec![0; 16];
    reading.read_exact(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 403"));
    // The store stops reading, so the flood ends in a full or closed socket after a few megabytes.
    drop(reading);
    let sent = flood.await.unwrap();
    assert!(sent < 64 << 20, "{sent} bytes were taken");
    nothing_is_left(&server).await;
}

#[tokio::test]
async fn a_client_that_waits_to_be_asked_is_not_asked_for_a_body_that_is_refused() {
    let server = Server::start().await;
    let mut connection =
        begin_put(&server, "/files/k", "content-length: 5\r\nexpect: 100-continue\r\nconnection: close\r\n").await;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    end_put(asked_put(&server).await).await;
}

#[tokio::test]
async fn a_truncated_body_leaves_nothing() {
    let server = Server::start().await;
    let mut connection = begin_put(&server, &put_link(&server), "content-length: 2000000\r\n").await;
    connection.write_all(&bytes(1_000_000, 1)).await.unwrap();
    connection.shutdown().await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    nothing_is_left(&server).await;
}

#[tokio::test]
async fn a_body_that_stands_still_is_given_up() {
    let server = Server::start_with(|options| options.limits.idle = Duration::from_millis(200)).await;
    let mut connection = begin_put(&server, &put_link(&server), "content-length: 2000000\r\n").await;
    connection.write_all(&bytes(1_000_000, 1)).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(answer.contains("<Code>RequestTimeout</Code>"));
    nothing_is_left(&server).await;
}

#[tokio::test]
async fn a_body_that_trickles_is_given_up_and_its_place_is_free() {
    let server = Server::start_with(|options| {
        options.limits.idle = Duration::from_millis(300);
        options.limits.uploads = 1;
    })
    .await;
    let connection = begin_put(&server, &put_link(&server), "content-length: 2000000\r\n").await;
    let (mut reading, mut writing) = connection.into_split();
    // It never stands still for as long as a body may.
    let trickle = tokio::spawn(async move {
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        while writing.write_all(b"x").await.is_ok() {
            ticks.tick().await;
        }
    });
    let mut answer = vec![0; 4096];
    let read = tokio::time::timeout(Duration::from_secs(10), reading.read(&mut answer)).await.unwrap().unwrap();
    let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("RequestTimeout"), "{answer}");
    assert_eq!(send(&server, "PUT", &put_link(&server), &[], bytes(100, 1)).await.status.as_u16(), 200);
    trickle.abort();
}

#[tokio::test]
async fn a_length_is_needed_and_bounded() {
    let server = Server::start_with(|options| options.limits.object_bytes = 1000).await;
    let mut connection =
        begin_put(&server, &put_link(&server), "transfer-encoding: chunked\r\nconnection: close\r\n").await;
    connection.write_all(b"5\r\n12345\r\n0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 411"), "{answer}");
    let answer = send(&server, "PUT", &put_link(&server), &[], bytes(1001, 1)).await;
    assert_eq!(answer.code(), "EntityTooLarge");
    nothing_is_left(&server).await;
}

#[tokio::test]
async fn only_so_many_bodies_arrive_at_once() {
    let server = Server::start_with(|options| options.limits.uploads = 1).await;
    let first = asked_put(&server).await;
    let second = send(&server, "PUT", &put_link(&server), &[], "12345").await;
    assert_eq!((second.status.as_u16(), second.code().as_str()), (503, "SlowDown"));
    assert_eq!(second.header("retry-after"), "1");
    // A document is a body like another.
    let request = Request::on_bucket(strongroom_presign::Method::Post).query("delete", "");
    let signed = server.signer("admin").sign(&request, Payload::Unsigned, server.now()).unwrap();
    let document = "<Delete><Object><Key>k</Key></Object></Delete>";
    assert_eq!(send_signed(&server, &signed, document).await.code(), "SlowDown");
    end_put(first).await;
    assert_eq!(send(&server, "PUT", &put_link(&server), &[], "12345").await.status.as_u16(), 200);
}

#[tokio::test]
async fn one_key_cannot_take_every_place_from_the_others() {
    let server = Server::start_with(|options| options.limits.uploads_per_key = 1).await;
    let first = asked_put(&server).await;
    let second = send(&server, "PUT", &put_link(&server), &[], "12345").await;
    assert_eq!((second.status.as_u16(), second.code().as_str()), (503, "SlowDown"));
    let janitor = server.client("janitor");
    janitor.put_object().bucket(BUCKET).key("k").body(bytes(5, 1).into()).send().await.unwrap();
    end_put(first).await;
    assert_eq!(send(&server, "PUT", &put_link(&server), &[], "12345").await.status.as_u16(), 200);
}

#[tokio::test]
async fn a_document_that_is_too_long_is_refused() {
    let server = Server::start_with(|options| options.limits.xml_bytes = 10_000).await;
    let request = Request::on_bucket(strongroom_presign::Method::Post).query("delete", "");
    let signed = server.signer("admin").sign(&request, Payload::Unsigned, server.now()).unwrap();
    let document = format!("<Delete>{}</Delete>", "<Object><Key>k</Key></Object>".repeat(400));
    assert_eq!(send_signed(&server, &signed, document).await.code(), "MalformedXML");
}
