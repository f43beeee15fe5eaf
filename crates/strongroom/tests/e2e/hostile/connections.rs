//! Clients that are slow on purpose, thousands at a time.

use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use super::documented;
use crate::app::App;
use crate::caller::text;
use crate::files;
use crate::ways::{Way, handed, object};

pub(crate) const SLOW: usize = 10_000;
const HEAD_BYTES: usize = 30 * 1024;
const PATIENCE: Duration = Duration::from_secs(20);

/// The tests of this file run one after the other: each opens as many connections as two processors take in in time.
pub(crate) static TURN: Mutex<()> = Mutex::const_new(());

/// Both sides of so many connections need so many files; the service inherits the limit.
pub(crate) fn allow_many_files() {
    let limit = getrlimit(Resource::Nofile);
    let enough = (SLOW + 1000) as u64;
    assert!(limit.maximum.is_none_or(|most| most >= enough), "this machine allows {:?} open files", limit.maximum);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum.or(Some(enough)), ..limit }).unwrap();
}

#[tokio::test]
async fn ten_thousand_slow_connections_cost_bounded_memory_and_turn_nobody_away() {
    let _turn = TURN.lock().await;
    allow_many_files();
    let app = App::start_bare(
        &format!(
            "{}[spaces.files]\n",
            crate::tokens::configuration().replacen("[server]", "[server]\nmax_connections = 12000", 1)
        ),
        &[],
    );
    let alice = app.user("alice");
    let bytes = files::png(1);
    object(&alice, Way::Put, &handed("files", "a.png", "image/png", &bytes)).await;
    let before = app.resident_mib();
    // Nearly as long as a head may be, so that each connection holds as much as it can be made to hold.
    let head = format!("GET /v1/spaces HTTP/1.1\r\nhost: x\r\nx-slow: {}", "a".repeat(HEAD_BYTES));
    let mut slow = open_all(&app, app.api(), head.as_bytes()).await;
    let made = object(&alice, Way::Put, &handed("files", "b.png", "image/png", &bytes)).await;
    alice.get(&format!("/v1/objects/{}", text(&made["id"]))).await.ok(200);
    let more = app.resident_mib().saturating_sub(before);
    println!("{SLOW} slow connections cost {more} MiB");
    assert!(app.descriptors() >= SLOW, "some of them were dropped while others were served");
    assert!(more * 1024 < SLOW as u64 * 96, "{SLOW} slow connections cost {more} MiB");
    let mut answer = Vec::new();
    let closed = tokio::time::timeout(2 * PATIENCE, slow[0].read_to_end(&mut answer)).await;
    closed.expect("nobody waits for ever").ok();
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&answer));
    documented(
        "10,000 connections that send a head of 30 KiB and never end it",
        "less than 96 KiB of memory each, while others are served; each is closed after 20 s",
    );
}

/// As many come at once as the system lets wait in a queue, while the service cannot take in a single one.
#[tokio::test]
async fn a_crowd_that_comes_at_once_waits_and_is_not_turned_away() {
    const CROWD: usize = 1000;
    let _turn = TURN.lock().await;
    allow_many_files();
    let app = App::start_embedded("[spaces.files]");
    let process = Pid::from_raw(app.process().cast_signed()).unwrap();
    for origin in [app.api(), app.store()] {
        kill_process(process, Signal::STOP).unwrap();
        let mut crowd = Vec::with_capacity(CROWD);
        for _ in 0..CROWD {
            let connected = TcpStream::connect(origin.trim_start_matches("http://"));
            // One who finds no place hears nothing at all before the service goes on.
            crowd
                .push(tokio::time::timeout(PATIENCE, connected).await.expect("there is a place in the queue").unwrap());
        }
        kill_process(process, Signal::CONT).unwrap();
        for mut client in crowd {
            client.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
            let mut answer = Vec::new();
            tokio::time::timeout(PATIENCE, client.read_to_end(&mut answer))
                .await
                .expect("everybody's turn comes")
                .unwrap();
            assert!(answer.starts_with(b"HTTP/1.1 "), "{}", String::from_utf8_lossy(&answer));
        }
    }
    documented(
        "1,000 clients that connect at once, before one of them is taken in",
        "wait for their turn, and are served",
    );
}

/// Opens the connections in batches that fit into the queue of a listener, and waits until each batch was taken in: then
/// the service has a descriptor for every one of them.
pub(crate) async fn open_all(app: &App, origin: &str, head: &[u8]) -> Vec<TcpStream> {
    const BATCH: usize = 50;
    let address = origin.trim_start_matches("http://");
    let before = app.descriptors();
    let mut slow = Vec::with_capacity(SLOW);
    while slow.len() < SLOW {
        for _ in 0..BATCH {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(head).await.unwrap();
            slow.push(stream);
        }
        let begun = tokio::time::Instant::now();
        while app.descriptors() < before + slow.len() {
            assert!(begun.elapsed() < PATIENCE, "only {} of {} were taken in", app.descriptors() - before, slow.len());
            tokio::task::yield_now().await;
        }
    }
    slow
}
