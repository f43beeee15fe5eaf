//! Several nodes over one PostgreSQL and one bucket.

mod balancer;
mod chaos;
mod rolling;

use std::collections::BTreeSet;

use serde_json::json;
use strongroom_testbed::Postgres;

use crate::app::{App, name_of, program};
use crate::caller::{Answer, open, send, text};
use crate::elsewhere::Bucket;
use crate::files;
use crate::ways::{Way, begin, complete, handed, object, raw, send_to_storage};

const FILES: &str = "[spaces.files]\nread = [\"owner\"]\nwrite = [\"owner\"]\nlist = [\"owner\"]\n";

/// What all nodes share: a PostgreSQL, and a bucket in the store that the suite runs on, or else in the embedded store of
/// a service that does nothing besides.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) bucket: Bucket,
    pub(crate) postgres: Postgres,
    _store: Option<App>,
}

impl Shared {
    pub(crate) fn start() -> Self {
        let postgres = Postgres::start(&std::env::temp_dir(), &[]).expect("PostgreSQL starts");
        let folder = tempfile::tempdir().expect("the temporary folder can be written");
        if let Some(bucket) = Bucket::of_its_own(&name_of(&folder)) {
            let configuration = folder.path().join("strongroom.toml");
            std::fs::write(&configuration, FILES).expect("the folder was just made");
            bucket.entitle(&configuration, folder.path());
            return Self { bucket, postgres, _store: None };
        }
        let store = App::start_embedded_on(None, "");
        Self { bucket: Bucket::of_store(&store), postgres, _store: Some(store) }
    }

    pub(crate) fn node(&self, configuration: &str) -> App {
        App::start_node(&self.postgres.url(), &self.bucket, configuration)
    }
}

#[tokio::test]
async fn what_one_node_did_counts_at_once_on_every_other() {
    let shared = Shared::start();
    let nodes: Vec<App> = (0..2).map(|_| shared.node(&format!("{FILES}quota = {{ owner_objects = 2 }}\n"))).collect();
    let [one, other] = [&nodes[0], &nodes[1]];
    // A right that is taken away is gone, and a limit is one limit.
    let key = one.command_json(&["token", "create", "--name", "robot", "--scope", "admin", "--json"]);
    for node in [one, other] {
        node.bearer(text(&key["token"])).get("/v1/audit").await.ok(200);
    }
    assert!(one.command(&["token", "revoke", text(&key["id"])]).status.success());
    for node in [one, other] {
        node.bearer(text(&key["token"])).get("/v1/audit").await.refused(401, "unauthorized");
    }
    let (bytes, mut made) = (files::png(1), Vec::new());
    let file = handed("files", "a.png", "image/png", &bytes);
    for node in [one, other] {
        made.push(object(&node.user("alice"), Way::Put, &file).await);
    }
    for node in [one, other] {
        send(raw(&node.user("alice"), &file)).await.refused(403, "quota-exceeded");
    }
    // An upload is begun on one node and completed on both at once, and makes one object.
    let (here, there) = (one.user("bob"), other.user("bob"));
    let upload = begin(&here, Way::Put, &file).await.ok(201);
    assert_eq!(send_to_storage(&here, &upload, &file).await.status, 200);
    let answers: [Answer; 2] = tokio::join!(complete(&here, &upload), complete(&there, &upload)).into();
    assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 202)), "{answers:?}");
    complete(&there, &upload).await.ok(200);
    // A request that is repeated on another node is one request.
    let repeated = async |node: &App| {
        let request = raw(&node.user("carol"), &file).header("idempotency-key", "the same");
        send(request).await.ok(201)["id"].clone()
    };
    assert_eq!(repeated(one).await, repeated(other).await);
    // What is deleted on one is not linked on the other.
    one.user("alice").delete(&format!("/v1/objects/{}", text(&made[0]["id"]))).await.ok(204);
    let items = json!({ "items": [made[0]["id"], made[1]["id"]] });
    let links = other.user("alice").post("/v1/links", &items).await.ok(200);
    assert_eq!(links["items"][0]["error"]["code"], "not-found");
    assert_eq!(open(text(&links["items"][1]["url"])).await.body, bytes);
}

#[tokio::test]
async fn clean_ups_of_several_nodes_at_once_do_each_thing_once() {
    const OBJECTS: usize = 20;
    let shared = Shared::start();
    let configuration = format!("{FILES}deleted_retention = \"0s\"\ndelete = [\"owner\"]\n");
    let nodes: Vec<App> = (0..3).map(|_| shared.node(&configuration)).collect();
    let alice = nodes[0].user("alice");
    let bytes = files::png(1);
    for _ in 0..OBJECTS {
        let made = object(&alice, Way::Raw, &handed("files", "a.png", "image/png", &bytes)).await;
        alice.delete(&format!("/v1/objects/{}", text(&made["id"]))).await.ok(204);
    }
    std::thread::scope(|scope| {
        let clean_up = |node: &App| node.command_json(&["gc", "--grace", "0s", "--json"]);
        let running: Vec<_> = nodes.iter().map(|node| scope.spawn(move || clean_up(node))).collect();
        for run in running {
            assert_eq!(run.join().unwrap()["failed"], 0);
        }
    });
    assert_eq!(crate::bucket::keys(&nodes[1]).await, [""; 0]);
    let usage = nodes[2].admin().get("/v1/usage").await.ok(200);
    assert!(usage["items"].as_array().unwrap().iter().all(|account| account["objects"] == 0), "{usage}");
    let purged = nodes[2].database().sql("SELECT object_id FROM audit WHERE action = 'object.purge'");
    let distinct: BTreeSet<&str> = purged.lines().collect();
    assert_eq!((purged.lines().count(), distinct.len()), (OBJECTS, OBJECTS), "each is purged once");
}

#[tokio::test]
async fn a_second_embedded_store_over_one_database_is_refused_with_what_to_do() {
    let server = Postgres::start(&std::env::temp_dir(), &[]).unwrap();
    let mut first = App::start_embedded_on(Some(&server.url()), FILES);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("strongroom.toml");
    std::fs::write(&file, FILES).unwrap();
    let words = ["serve", "--listen", "127.0.0.1:0", "--store-listen", "127.0.0.1:0"];
    let second = program(&words, &file, &folder.path().join("data"))
        .env("STRONGROOM__DATABASE__URL", server.url())
        .output()
        .unwrap();
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(!second.status.success() && said.contains("set storage.bucket"), "{said}");
    // Who was first stays so.
    first.kill();
    first.run();
}
