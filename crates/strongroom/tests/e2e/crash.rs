//! The crash test: the service is killed at random moments under load, and afterwards everything that it acknowledged
//! is there byte for byte, nothing that it did not acknowledge is visible by halves, and the clean-up leaves no orphan.

pub(crate) mod dice;
pub(crate) mod ledger;
mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use self::dice::Dice;
use self::ledger::{Known, Ledger};
use crate::app::App;
use crate::caller::{open, text};
use crate::database::Database;
use crate::files;

/// Other stores and databases answer more slowly, and are not killed themselves.
const ROUNDS: u32 = 50;
const ROUNDS_ELSEWHERE: u32 = 8;
const WORKERS: u32 = 6;

/// Uploads end soon, so that the clean-up at the end need not wait long for those that nobody completes.
const CONFIGURATION: &str =
    "[spaces.files]\nuploads = { expires = \"5s\", multipart_expires = \"5s\" }\n\n[cleanup]\ninterval = \"1h\"\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_at_random_moments_lose_nothing_show_nothing_by_halves_and_leave_nothing_behind() {
    let seed = dice::seed();
    println!("the seed is {seed}; STRONGROOM_TEST_SEED={seed} repeats these moments");
    let mut dice = Dice::new(seed);
    let mut app = App::start(CONFIGURATION);
    let ledger = Arc::new(Ledger::default());
    let alone = app.is_embedded() && matches!(app.database(), Database::Sqlite(_));
    let rounds = if alone { ROUNDS } else { ROUNDS_ELSEWHERE };
    let is_complete = || ledger.counts().iter().all(|(_, count)| *count > 0);
    // On a busy machine some things take longer than most of these moments: they have a few more.
    for round in 0..rounds * 3 {
        if round >= rounds && is_complete() {
            break;
        }
        let workers: Vec<_> = (0..WORKERS)
            .map(|number| {
                let worker =
                    worker::Worker::new(app.user("alice"), Arc::clone(&ledger), dice.child(), round * WORKERS + number);
                tokio::spawn(worker.run())
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(dice.between(20, 500))).await;
        app.kill();
        for worker in workers {
            worker.await.expect("a worker ends when the service does");
        }
        app.run();
        check(&app, &ledger, Some(dice.child())).await;
    }
    check(&app, &ledger, None).await;
    println!("{}", ledger.summary());
    assert!(is_complete(), "the load did not do everything: {:?}", ledger.counts());
    nothing_is_left_behind(&mut app, &ledger).await;
}

/// Compares what the service shows with what it acknowledged. With dice, only a sample of the contents is read.
pub(crate) async fn check(app: &App, ledger: &Ledger, mut sample: Option<Dice>) {
    let alice = app.user("alice");
    let shown = list(app, "").await;
    let deleted = list(app, "&deleted=true").await;
    for (id, object) in shown.iter().chain(&deleted) {
        let attempt = ledger.attempt(id, text(&object["name"]));
        let attempt = attempt.unwrap_or_else(|| panic!("nobody sent what is visible: {object}"));
        assert_eq!(object["version"]["sha256"], attempt.sha256, "{object}");
        assert_eq!(object["version"]["bytes"], attempt.bytes, "{object}");
    }
    for (id, known) in ledger.objects() {
        let (is_shown, is_deleted) = (shown.contains_key(&id), deleted.contains_key(&id));
        match known {
            Known::There => assert!(is_shown && !is_deleted, "an acknowledged object is lost: {id}"),
            Known::Deleted => assert!(is_deleted && !is_shown, "an acknowledged deletion is lost: {id}"),
            Known::Either => assert!(is_shown != is_deleted, "an object is neither here nor there: {id}"),
        }
        ledger.settle(&id, if is_deleted { Known::Deleted } else { Known::There });
    }
    for (id, object) in &shown {
        ledger.settle(id, Known::There);
        if sample.as_mut().is_some_and(|dice| dice.between(0, 9) > 0) {
            continue;
        }
        let seen = alice.get(&format!("/v1/objects/{id}")).await.ok(200);
        let served = open(text(&seen["link"]["url"])).await;
        assert_eq!(served.status, 200, "{object}: {}", served.text());
        assert_eq!(object["version"]["sha256"], files::sha256(&served.body), "{object}");
    }
    for id in deleted.keys() {
        ledger.settle(id, Known::Deleted);
    }
}

/// Every object on every page, by its id.
async fn list(app: &App, query: &str) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/spaces/files/objects?limit=1000{query}{cursor}");
        let page = app.user("alice").get(&path).await.ok(200);
        for item in page["items"].as_array().unwrap() {
            assert!(all.insert(text(&item["id"]).to_owned(), item.clone()).is_none(), "listed twice: {item}");
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

/// Once every upload has ended, the bucket holds what the database knows and nothing else.
pub(crate) async fn nothing_is_left_behind(app: &mut App, ledger: &Ledger) {
    // Verifications that a kill left lying are taken up when their lease is over, a minute later at most.
    let clock = tokio::time::Instant::now();
    loop {
        let report = app.command_json(&["gc", "--grace", "0s", "--json"]);
        let usage = app.admin().get("/v1/usage").await.ok(200);
        let settled = usage["items"].as_array().unwrap().iter().all(|account| account["reserved_objects"] == 0);
        let quiet = report.as_object().unwrap().values().all(|count| *count == 0);
        if settled && quiet {
            break;
        }
        assert!(clock.elapsed() < Duration::from_mins(5), "the clean-up does not come to rest: {report} {usage}");
    }
    check(app, ledger, None).await;
    let mut wanted: Vec<String> = Vec::new();
    let mut bytes = 0;
    for query in ["", "&deleted=true"] {
        for object in list(app, query).await.values() {
            wanted.push(text(&object["version"]["key"]).to_owned());
            bytes += object["version"]["bytes"].as_u64().unwrap();
        }
    }
    wanted.sort();
    assert_eq!(crate::bucket::keys(app).await, wanted, "the bucket holds something else than the database knows");
    assert_eq!(crate::bucket::multiparts(app).await, []);
    let usage = app.admin().get("/v1/usage").await.ok(200);
    for account in usage["items"].as_array().unwrap() {
        assert_eq!(account["objects"], wanted.len(), "{usage}");
        assert_eq!(account["bytes"], bytes, "{usage}");
        assert_eq!(account["reserved_bytes"], 0, "{usage}");
    }
    if app.is_embedded() {
        crate::embedded::keeps_nothing_but_the_objects(app).await;
    }
}
