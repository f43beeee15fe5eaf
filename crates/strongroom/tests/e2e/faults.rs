//! What happens when the storage or the database is slow, broken or away: a proxy between the service and a real one
//! makes the trouble.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use strongroom_testbed::{Fault, Postgres, Proxy};

use crate::app::App;
use crate::bucket;
use crate::caller::{Answer, Caller, open, text};
use crate::files;
use crate::tokens;
use crate::ways::{Way, begin, complete, hand_in, handed, object, send_to_storage};

const SPACE: &str = "\n[spaces.files]\nread = [\"owner\"]\nwrite = [\"owner\"]\nlist = [\"owner\"]\n";

/// How often something is looked for that has to come.
const LOOKS: usize = 600;

/// A service whose way to its store leads through a proxy; browsers go directly.
struct Line {
    app: App,
    proxy: Proxy,
    // Last, so that the store outlives who uses it.
    _store: App,
}

impl Line {
    fn start() -> Self {
        let store = App::start_embedded(SPACE);
        let keys = store.command_json(&["store", "keys", "--json"]);
        let proxy = Proxy::start(address(store.store())).unwrap();
        let identities = ["reader", "writer", "janitor"].map(|name| {
            let (id, secret) = (text(&keys[name]["access_key_id"]), text(&keys[name]["secret_access_key"]));
            format!("[storage.{name}]\naccess_key_id = \"{id}\"\nsecret_access_key = \"{secret}\"\n")
        });
        let app = App::start_external(&format!(
            "[storage]\nprovider = \"seaweedfs\"\nbucket = \"strongroom\"\nregion = \"us-east-1\"\n\
             endpoint = \"http://{}\"\npublic_endpoint = \"{}\"\n{}{}{SPACE}",
            proxy.address(),
            store.store(),
            identities.concat(),
            tokens::configuration()
        ));
        Self { app, proxy, _store: store }
    }

    /// The number at the end of the first line of the metrics that begins so.
    async fn counted(&self, beginning: &str) -> f64 {
        let metrics = self.app.anonymous().get("/metrics").await.text();
        let line = metrics.lines().find(|line| line.starts_with(beginning));
        line.and_then(|line| line.rsplit(' ').next()).map_or(0.0, |number| number.parse().unwrap())
    }
}

fn address(url: &str) -> SocketAddr {
    url.trim_start_matches("http://").parse().unwrap()
}

async fn a_while() {
    tokio::time::sleep(Duration::from_millis(50)).await;
}

/// Asks again until the answer is no 503, which says each time when to.
async fn at_last(mut ask: impl AsyncFnMut() -> Answer) -> Answer {
    for _ in 0..LOOKS {
        let answer = ask().await;
        if answer.status != 503 {
            return answer;
        }
        assert!(!answer.header("retry-after").is_empty(), "{}", answer.text());
        a_while().await;
    }
    panic!("it did not recover");
}

fn away(answer: &Answer, code: &str) {
    let seconds: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&seconds));
    answer.clone().refused(503, code);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_for_a_moment_is_asked_again_and_nobody_hears_of_it() {
    let line = Line::start();
    let alice = line.app.user("alice");
    let bytes = files::png(1);
    let file = handed("files", "a.png", "image/png", &bytes);
    let faults = [
        Fault::Reset,
        Fault::HalfRequest(40),
        Fault::HalfAnswer(0),
        Fault::HalfAnswer(30),
        Fault::s3(500, "InternalError"),
        Fault::s3(503, "SlowDown").with_header("retry-after", "1"),
    ];
    for fault in faults {
        for way in Way::ALL {
            line.proxy.set_times(&fault, 2);
            let made = object(&alice, way, &file).await;
            line.proxy.heal();
            assert_eq!(open(text(&made["link"]["url"])).await.body, bytes, "{fault:?} {way:?}");
        }
    }
    assert!(line.proxy.faults() >= 30 && line.counted("strongroom_storage_retries_total").await >= 30.0);
    assert!(line.counted("strongroom_storage_requests_total{operation=\"copy\",outcome=\"ok\"}").await >= 12.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_failed_because_the_storage_was_away_stays_open_and_is_completed_later() {
    let line = Line::start();
    let alice = line.app.user("alice");
    let bytes = files::png(1);
    let file = handed("files", "a.png", "image/png", &bytes);
    for way in Way::DIRECT {
        let upload = begin(&alice, way, &file).await.ok(201);
        assert!(send_to_storage(&alice, &upload, &file).await.status < 300);
        for fault in [Fault::Reset, Fault::s3(503, "ServiceUnavailable"), Fault::HalfAnswer(10)] {
            line.proxy.set(fault);
            away(&complete(&alice, &upload).await, "storage-unavailable");
        }
        line.proxy.heal();
        let path = format!("/v1/uploads/{}", text(&upload["id"]));
        let seen = at_last(async || alice.get(&path).await).await.ok(200);
        assert_eq!(seen["state"], "open", "{way:?}");
        let made = at_last(async || complete(&alice, &upload).await).await.ok(200);
        assert_eq!(open(text(&made["link"]["url"])).await.body, bytes);
    }
    assert_eq!(stored(&alice).await, Way::DIRECT.len());
}

async fn stored(caller: &Caller) -> usize {
    let list: Value = caller.get("/v1/spaces/files/objects").await.ok(200);
    list["items"].as_array().unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_storage_is_left_alone_and_found_again() {
    let line = Line::start();
    let alice = line.app.user("alice");
    let bytes = files::png(1);
    let file = handed("files", "a.png", "image/png", &bytes);
    let made = object(&alice, Way::Raw, &file).await;
    line.proxy.set(Fault::Reset);
    while line.counted("strongroom_storage_breaker_open").await < 1.0 {
        away(&hand_in(&alice, Way::Raw, &file).await, "storage-unavailable");
    }
    // From now on nearly nobody asks it, however many want something of it.
    line.proxy.set(Fault::BlackHole);
    let before = line.proxy.exchanges();
    for _ in 0..50 {
        let refused = tokio::time::timeout(Duration::from_secs(5), hand_in(&alice, Way::Raw, &file));
        // One may be the one that tries, and that takes its time.
        if let Ok(refused) = refused.await {
            away(&refused, "storage-unavailable");
        }
    }
    assert!(line.proxy.exchanges() - before <= 5, "{}", line.proxy.exchanges() - before);
    assert!(line.counted("strongroom_storage_requests_total{operation=\"put\",outcome=\"not-sent\"}").await >= 40.0);
    // What needs no storage goes on.
    let again = alice.get(&format!("/v1/objects/{}", text(&made["id"]))).await.ok(200);
    assert_eq!(open(text(&again["link"]["url"])).await.body, bytes);
    assert_eq!(line.app.anonymous().get("/readyz").await.status, 503);

    line.proxy.heal();
    let made = at_last(async || hand_in(&alice, Way::Raw, &file).await).await.ok(201);
    assert_eq!(open(text(&made["link"]["url"])).await.body, bytes);
    assert!(line.counted("strongroom_storage_breaker_open").await < 1.0);
    for _ in 0..LOOKS {
        if line.app.anonymous().get("/readyz").await.status == 200 {
            return;
        }
        a_while().await;
    }
    panic!("it is not ready again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_storage_that_does_not_answer_is_given_up_before_the_client_is() {
    let line = Line::start();
    let alice = line.app.user("alice");
    let bytes = files::png(1);
    let file = handed("files", "a.png", "image/png", &bytes);
    let upload = begin(&alice, Way::Put, &file).await.ok(201);
    assert!(send_to_storage(&alice, &upload, &file).await.status < 300);
    line.proxy.set(Fault::BlackHole);
    let (raw, completed) = tokio::join!(hand_in(&alice, Way::Raw, &file), complete(&alice, &upload));
    away(&raw, "storage-unavailable");
    away(&completed, "storage-unavailable");
    line.proxy.heal();
    at_last(async || complete(&alice, &upload).await).await.ok(200);
    assert_eq!(stored(&alice).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_that_the_storage_asks_for_is_told_to_who_waits_for_it() {
    let line = Line::start();
    let alice = line.app.user("alice");
    let bytes = files::png(1);
    line.proxy.set(Fault::s3(503, "SlowDown").with_header("retry-after", "7"));
    let before = line.proxy.exchanges();
    let refused = hand_in(&alice, Way::Raw, &handed("files", "a.png", "image/png", &bytes)).await;
    assert_eq!(refused.header("retry-after"), "7");
    refused.refused(503, "storage-unavailable");
    // The upload, and the removal of what it may have left: neither was asked for twice.
    assert!(line.proxy.exchanges() - before <= 2);
    assert!(line.counted("strongroom_storage_requests_total{operation=\"put\",outcome=\"busy\"}").await >= 1.0);
}

/// A service whose way to its database leads through a proxy.
fn far_database() -> (Postgres, Proxy, App) {
    let server = Postgres::start(&std::env::temp_dir(), &[]).unwrap();
    let url = server.url();
    let (before, rest) = url.split_once('@').unwrap();
    let (place, name) = rest.split_once('/').unwrap();
    let proxy = Proxy::start(place.parse().unwrap()).unwrap();
    let app = App::start_on(Some(&format!("{before}@{}/{name}?sslmode=disable", proxy.address())), SPACE);
    (server, proxy, app)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_breaks_off_is_told_from_a_service_that_fails() {
    let (_server, proxy, app) = far_database();
    let alice = app.user("alice");
    let bytes = files::png(1);
    let file = handed("files", "a.png", "image/png", &bytes);
    let mut made = 0;
    for fault in [Fault::Reset, Fault::HalfRequest(3), Fault::HalfAnswer(0), Fault::HalfAnswer(3)] {
        proxy.set(fault);
        away(&hand_in(&alice, Way::Raw, &file).await, "database-unavailable");
        proxy.heal();
        let object = at_last(async || hand_in(&alice, Way::Raw, &file).await).await.ok(201);
        assert_eq!(open(text(&object["link"]["url"])).await.body, bytes);
        made += 1;
    }
    assert_eq!(stored(&alice).await, made, "what was refused is not there");
}

/// Three times as many as there are connections.
const CROWD: usize = 48;

#[tokio::test(flavor = "multi_thread")]
async fn a_line_to_the_database_that_swallows_everything_keeps_nobody_waiting_and_leaves_nothing_half_done() {
    // A statement is given up after 20 seconds and a new connection after 5, and who waits for one gives up after 20.
    const LONGEST: Duration = Duration::from_secs(55);
    let (_server, proxy, app) = far_database();
    let alice = app.user("alice");
    let bytes = files::png(1);
    let file = handed("files", "a.png", "image/png", &bytes);
    object(&alice, Way::Raw, &file).await;
    let upload = begin(&alice, Way::Put, &file).await.ok(201);
    assert!(send_to_storage(&alice, &upload, &file).await.status < 300);

    proxy.set(Fault::BlackHole);
    let crowd = futures_util::future::join_all((0..CROWD).map(async |number| match number % 4 {
        0 => hand_in(&alice, Way::Raw, &file).await,
        1 => begin(&alice, Way::Put, &file).await,
        2 => complete(&alice, &upload).await,
        _ => alice.get("/v1/spaces/files/objects").await,
    }));
    for answer in tokio::time::timeout(LONGEST, crowd).await.expect("everybody is answered in time") {
        away(&answer, "database-unavailable");
    }
    let probe = tokio::time::timeout(LONGEST, app.anonymous().get("/readyz")).await;
    assert_eq!(probe.expect("a probe is answered in time").status, 503);

    proxy.heal();
    at_last(async || complete(&alice, &upload).await).await.ok(200);
    at_last(async || hand_in(&alice, Way::Raw, &file).await).await.ok(201);
    // Some that were refused may have happened, because nobody heard of their end; they have happened whole.
    let list = alice.get("/v1/spaces/files/objects?limit=1000").await.ok(200);
    let objects = list["items"].as_array().unwrap();
    assert!((3..3 + CROWD).contains(&objects.len()), "{}", objects.len());
    let mut known = Vec::new();
    for object in objects {
        let found = alice.get(&format!("/v1/objects/{}", text(&object["id"]))).await.ok(200);
        assert_eq!(open(text(&found["link"]["url"])).await.body, bytes);
        known.push(text(&found["version"]["key"]).to_owned());
    }
    known.sort();
    for _ in 0..LOOKS {
        app.command_json(&["gc", "--grace", "0s", "--json"]);
        let kept = bucket::keys(&app).await.into_iter().filter(|key| !key.starts_with("staging/"));
        if kept.collect::<Vec<_>>() == known {
            return;
        }
        a_while().await;
    }
    panic!("the bucket holds something else than {known:?}: {:?}", bucket::keys(&app).await);
}
