//! What the store counts, as Prometheus reads it.

use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;

use crate::objects::bytes;
use crate::server::{BUCKET, Server};

#[tokio::test]
async fn requests_bytes_commits_and_what_there_is_are_counted() {
    let server = Server::start().await;
    let mut registry = Registry::with_prefix("store");
    server.store.register(&mut registry);
    let client = server.admin();
    for key in ["a", "b"] {
        client.put_object().bucket(BUCKET).key(key).body(bytes(1000, 1).into()).send().await.unwrap();
    }
    client.get_object().bucket(BUCKET).key("a").send().await.unwrap().body.collect().await.unwrap();
    client.get_object().bucket(BUCKET).key("missing").send().await.unwrap_err();
    client.delete_object().bucket(BUCKET).key("b").send().await.unwrap();
    let mut out = String::new();
    text::encode(&mut out, &registry).unwrap();
    for line in [
        "store_requests_total{operation=\"PutObject\",status=\"200\"} 2",
        "store_requests_total{operation=\"GetObject\",status=\"200\"} 1",
        "store_requests_total{operation=\"GetObject\",status=\"404\"} 1",
        "store_requests_total{operation=\"DeleteObject\",status=\"204\"} 1",
        "store_request_duration_seconds_count{operation=\"PutObject\"} 2",
        "store_objects 1",
        "store_contents 1",
        "store_contents_bytes 1000",
        "store_uploads_in_use 0",
        // The bucket, two puts and a deletion.
        "store_committed_writes_total 4",
        "store_damaged_contents 0",
    ] {
        assert!(out.lines().any(|told| told == line), "no line {line} in\n{out}");
    }
    let value = |name: &str| -> u64 {
        let line = out.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).unwrap();
        line.parse().unwrap()
    };
    assert!(value("store_received_bytes_total") >= 2000);
    assert!(value("store_sent_bytes_total") >= 1000);
    assert!(value("store_disk_free_bytes") > 0);
}
