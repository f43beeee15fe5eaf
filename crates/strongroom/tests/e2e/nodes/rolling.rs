//! All nodes are restarted, one after the other, while they are at work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;

use super::balancer::Balancer;
use super::{FILES, Shared};
use crate::app::App;
use crate::caller::{Caller, open, send, text};
use crate::files;
use crate::ways::{Way, begin, complete, handed, raw, send_to_storage};

const WORKERS: usize = 4;
const NODES: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_of_all_nodes_fails_no_request() {
    let shared = Shared::start();
    let mut nodes: Vec<App> = (0..NODES).map(|_| shared.node(FILES)).collect();
    let balancer = Arc::new(Balancer::default());
    for (index, node) in nodes.iter().enumerate() {
        balancer.set(index, node.api());
    }
    let watched = Arc::clone(&balancer);
    let watching = tokio::spawn(async move { watched.watch().await });
    until("that all are ready", || (0..NODES).all(|index| balancer.is_ready(index))).await;

    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut workers = JoinSet::new();
    for number in 0..WORKERS {
        let (balancer, stop, done) = (Arc::clone(&balancer), Arc::clone(&stop), Arc::clone(&done));
        workers.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                work(&balancer, &format!("user{number}"), done.fetch_add(1, Ordering::Relaxed)).await;
            }
        });
    }
    for (index, node) in nodes.iter_mut().enumerate() {
        let before = done.load(Ordering::Relaxed);
        until("that all had something to do", || done.load(Ordering::Relaxed) > before + 2 * WORKERS).await;
        let leaving = Caller::new(node.api(), None);
        node.terminate();
        until("that the balancer has noticed", || !balancer.is_ready(index)).await;
        // It serves those who have not heard yet.
        assert_eq!(leaving.get("/healthz").await.header("connection"), "close");
        assert!(node.wait(), "it did not end well");
        node.run();
        balancer.set(index, node.api());
        until("that it is ready again", || balancer.is_ready(index)).await;
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(worker) = workers.join_next().await {
        worker.expect("no request fails");
    }
    watching.abort();
    let done = done.load(Ordering::Relaxed);
    println!("{done} rounds of requests, none of which failed, while {NODES} nodes were restarted");
    let mut seen = 0;
    for number in 0..WORKERS {
        let path = "/v1/spaces/files/objects?limit=1000";
        let list = nodes[0].user(&format!("user{number}")).get(path).await.ok(200);
        seen += list["items"].as_array().unwrap().len();
    }
    assert_eq!(seen, done, "every file that was handed in is there once");
}

/// One file, begun, sent and looked at through whichever node is next.
async fn work(balancer: &Balancer, user: &str, number: usize) {
    let bytes = files::png(u32::try_from(number).unwrap());
    let file = handed("files", "a.png", "image/png", &bytes);
    let made = if number.is_multiple_of(2) {
        send(raw(&balancer.caller(user), &file)).await.ok(201)
    } else {
        let upload = begin(&balancer.caller(user), Way::Put, &file).await.ok(201);
        assert_eq!(send_to_storage(&balancer.caller(user), &upload, &file).await.status, 200);
        complete(&balancer.caller(user), &upload).await.ok(200)
    };
    let found = balancer.caller(user).get(&format!("/v1/objects/{}", text(&made["id"]))).await.ok(200);
    assert_eq!(open(text(&found["link"]["url"])).await.body, bytes);
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = tokio::time::Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_mins(1), "{what} has not come about");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
