//! What holds with a PostgreSQL behind the service: nodes that share it, its restart, and moving into it.

use std::process::Stdio;
use std::sync::Arc;

use serde_json::{Value, json};
use strongroom_testbed::{Postgres, fresh_schema, psql};
use tokio::sync::watch;

use crate::app::{App, program};
use crate::caller::{Caller, open, send, text};
use crate::files;
use crate::nodes::Shared;
use crate::ways::{Way, handed, object, raw};

const FILES: &str = "[spaces.files]\nread = [\"owner\"]\nwrite = [\"owner\"]\nlist = [\"owner\"]\n";
const LIST: &str = "/v1/spaces/files/objects";

/// A server of one's own, to be done with as one likes.
fn server() -> Postgres {
    Postgres::start(&std::env::temp_dir(), &[]).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_database_in_mid_load_loses_nothing_that_was_acknowledged() {
    const WORKERS: usize = 4;
    const ENOUGH: usize = 40;
    let mut server = server();
    let app = App::start_on(Some(&server.url()), FILES);
    let (counts, mut seen) = watch::channel(Counts::default());
    let counts = Arc::new(counts);
    let (stop, stopped) = watch::channel(false);
    let workers: Vec<_> = (0..WORKERS)
        .map(|number| {
            let (caller, counts, stopped) = (app.user(&format!("user{number}")), Arc::clone(&counts), stopped.clone());
            tokio::spawn(async move { work(&caller, &counts, &stopped).await })
        })
        .collect();
    seen.wait_for(|counts| counts.stored >= ENOUGH).await.unwrap();
    server.kill().unwrap();
    let before = seen.wait_for(|counts| counts.refused >= ENOUGH).await.unwrap().stored;
    let health = app.anonymous().get("/readyz").await;
    assert_eq!(health.status, 503, "{}", health.text());
    server.run().unwrap();
    seen.wait_for(|counts| counts.stored >= before + ENOUGH).await.unwrap();
    stop.send(true).unwrap();
    let mut all = 0;
    for (number, worker) in workers.into_iter().enumerate() {
        let caller = app.user(&format!("user{number}"));
        for (id, bytes) in worker.await.unwrap() {
            let found = caller.get(&format!("/v1/objects/{id}")).await.ok(200);
            assert_eq!(open(text(&found["link"]["url"])).await.body, bytes);
            all += 1;
        }
    }
    println!("{all} objects stored, {} requests refused while the database was away", seen.borrow().refused);
    assert!(all >= 2 * ENOUGH);
}

/// What the workers have met.
#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    stored: usize,
    refused: usize,
}

/// Hands files in, one after the other; what was acknowledged.
async fn work(
    caller: &Caller,
    counts: &watch::Sender<Counts>,
    stopped: &watch::Receiver<bool>,
) -> Vec<(String, Vec<u8>)> {
    let mut stored = Vec::new();
    for number in 0.. {
        if *stopped.borrow() {
            break;
        }
        let bytes = files::png(number);
        let answer = send(raw(caller, &handed("files", "a.png", "image/png", &bytes))).await;
        if answer.status == 503 {
            assert!(!answer.header("retry-after").is_empty(), "{}", answer.text());
            answer.refused(503, "database-unavailable");
            counts.send_modify(|counts| counts.refused += 1);
        } else {
            let made = answer.ok(201);
            stored.push((text(&made["id"]).to_owned(), bytes));
            counts.send_modify(|counts| counts.stored += 1);
        }
    }
    stored
}

#[tokio::test]
async fn a_database_that_cannot_be_used_is_refused_at_the_start_with_what_to_do_and_without_the_password() {
    let server = server();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("strongroom.toml");
    std::fs::write(&file, FILES).unwrap();
    let url = server.url();
    let refused = |url: &str, word: &str| {
        let output = program(&["serve"], &file, &folder.path().join("data"))
            .env("STRONGROOM__DATABASE__URL", url)
            .stdout(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(word), "{said}");
        assert!(!said.contains("throw-away") && !said.contains("wrong-one"), "{said}");
    };
    refused(&url.replace("throw-away", "wrong-one"), "check the user and the password in database.url");
    let (place, _) = url.rsplit_once('/').unwrap();
    refused(&format!("{place}/none"), "create the database first");
    refused(&format!("{url}?sslmode=require"), "sslmode");
    refused(&format!("{url}?sslmode=strict"), "verify-full");
    refused("postgres://someone:throw-away@127.0.0.1:1/a?sslmode=disable", "cannot be reached");
    let schema = fresh_schema(&url, "newer").unwrap();
    App::start_on(Some(&schema), FILES).kill();
    psql(&schema, "UPDATE schema_version SET version = 99").unwrap();
    refused(&schema, "run the newer program");
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_at_once_migrate_once_and_share_what_they_know() {
    let shared = Arc::new(Shared::start());
    let starting: Vec<_> = (0..3)
        .map(|_| {
            let shared = Arc::clone(&shared);
            tokio::task::spawn_blocking(move || shared.node(FILES))
        })
        .collect();
    let mut nodes = Vec::new();
    for node in starting {
        nodes.push(node.await.unwrap());
    }
    assert_eq!(psql(&shared.postgres.url(), "SELECT version FROM schema_version").unwrap(), "2");
    let made = object(&nodes[0].user("alice"), Way::Raw, &handed("files", "a.png", "image/png", &files::png(1))).await;
    for node in &nodes {
        let listed = node.user("alice").get(LIST).await.ok(200);
        assert_eq!(listed["items"][0]["id"], made["id"]);
    }
}

#[tokio::test]
async fn everything_moves_from_sqlite_to_postgres_and_goes_on_there() {
    let server = server();
    let url = server.url();
    let mut app = App::start_on(None, FILES);
    let alice = app.user("alice");
    let bytes = files::png(1);
    let mut made = Vec::new();
    for name in ["b.png", "a.png", "Ä.png", "B.png"] {
        let mut file = handed("files", name, "image/png", &bytes);
        file.more = json!({ "tags": ["red", "blue"], "metadata": { "k": [1, { "n": null }] }, "group": "g" });
        made.push(object(&alice, Way::Put, &file).await);
    }
    alice.delete(&format!("/v1/objects/{}", text(&made[3]["id"]))).await.ok(204);
    let key = app.command_json(&["token", "create", "--name", "k", "--scope", "admin", "--json"]);
    let refused = app.command(&["migrate", "db", "--to", &url]);
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("stop it first"));

    let before = seen(&app).await;
    app.terminate();
    assert!(app.wait());
    let moved = app.command_json(&["migrate", "db", "--to", &url, "--json"]);
    assert_eq!((&moved["rows"]["objects"], &moved["rows"]["object_tags"]), (&json!(4), &json!(8)));
    assert!(!moved["to"].as_str().unwrap().contains("throw-away"), "{moved}");
    let again = app.command(&["migrate", "db", "--to", &url]);
    assert!(!again.status.success() && String::from_utf8_lossy(&again.stderr).contains("empty database"));

    app.use_database(Some(&url));
    app.run();
    assert_eq!(seen(&app).await, before);
    let alice = app.user("alice");
    let link = alice.get(&format!("/v1/objects/{}", text(&made[0]["id"]))).await.ok(200);
    assert_eq!(open(text(&link["link"]["url"])).await.body, bytes);
    alice.post(&format!("/v1/objects/{}/restore", text(&made[3]["id"])), &json!({})).await.ok(200);
    object(&alice, Way::Multipart, &handed("files", "c.png", "image/png", &bytes)).await;
    app.bearer(text(&key["token"])).get("/v1/audit").await.ok(200);
}

/// What a user, and the administrator, see of everything; without the links, which are new at each look.
async fn seen(app: &App) -> Vec<Value> {
    let mut seen = Vec::new();
    let mut list = app.user("alice").get(&format!("{LIST}?order=name")).await.ok(200);
    for item in list["items"].as_array_mut().unwrap() {
        item.as_object_mut().unwrap().remove("link");
    }
    seen.push(list);
    seen.push(app.admin().get("/v1/usage").await.ok(200));
    let audit = app.database().sql("SELECT id, at, actor, action, space, request_id, detail FROM audit ORDER BY id");
    seen.push(json!(audit.lines().take(12).collect::<Vec<_>>()));
    seen
}
