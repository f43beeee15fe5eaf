//! Trouble of every kind at once, under load: between nodes and storage, between nodes and database, with the nodes and
//! with the database. Afterwards everything that was acknowledged is there byte for byte, and nothing else.

mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use strongroom_testbed::{Fault, Proxy};
use tokio::task::JoinSet;

use self::worker::{Progress, Worker};
use super::Shared;
use crate::app::App;
use crate::crash::dice::{self, Dice};
use crate::crash::ledger::Ledger;
use crate::crash::{check, nothing_is_left_behind};

const NODES: usize = 3;
const WORKERS: u32 = 8;

/// How many operations there are, so that they take a minute or two, unless `STRONGROOM_TEST_OPERATIONS` says another
/// number.
const OPERATIONS: usize = 800;

/// Uploads end soon, so that the clean-up at the end need not wait long for those that nobody completes.
const CONFIGURATION: &str =
    "[spaces.files]\nuploads = { expires = \"15s\", multipart_expires = \"15s\" }\n\n[cleanup]\ninterval = \"10s\"\n";

/// A node with trouble on its ways.
struct Node {
    app: App,
    to_store: Proxy,
    to_database: Proxy,
}

impl Node {
    fn start(shared: &Shared) -> Self {
        let store = shared.bucket.endpoint().trim_start_matches("http://").parse().unwrap();
        let to_store = Proxy::start(store).unwrap();
        let url = shared.postgres.url();
        let database = url.split(['@', '/']).find_map(|word| word.parse().ok()).unwrap();
        let to_database = Proxy::start(database).unwrap();
        let bucket = shared.bucket.through(&format!("http://{}", to_store.address()));
        let url = url.replace(&database.to_string(), &to_database.address().to_string());
        Self { app: App::start_node(&url, &bucket, CONFIGURATION), to_store, to_database }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trouble_of_every_kind_loses_nothing_shows_nothing_by_halves_and_leaves_nothing_behind() {
    let seed = dice::seed();
    println!("the seed is {seed}; STRONGROOM_TEST_SEED={seed} repeats these troubles");
    let mut dice = Dice::new(seed);
    let mut shared = Shared::start();
    let mut nodes: Vec<Node> = (0..NODES).map(|_| Node::start(&shared)).collect();
    let progress = Arc::new(Progress::new(operations(), nodes.iter().map(|node| node.app.api().to_owned()).collect()));
    let ledger = Arc::new(Ledger::default());
    let mut workers = JoinSet::new();
    for number in 0..WORKERS {
        workers.spawn(Worker::new(number, Arc::clone(&progress), Arc::clone(&ledger), dice.child()).run());
    }
    let begun = tokio::time::Instant::now();
    let mut troubles: BTreeMap<&str, u32> = BTreeMap::new();
    // One of each kind comes first, so that none is left out by chance.
    let mut kinds = [0, 5, 8, 9].into_iter();
    while !progress.is_done() {
        let kind = kinds.next().unwrap_or_else(|| dice.between(0, 9));
        *troubles.entry(trouble(kind, &mut shared, &mut nodes, &progress, &mut dice).await).or_default() += 1;
        tokio::time::sleep(Duration::from_millis(dice.between(100, 600))).await;
    }
    while let Some(worker) = workers.join_next().await {
        worker.expect("a worker meets nothing that must not be");
    }
    let exchanges: u64 = nodes.iter().map(|node| node.to_store.exchanges() + node.to_database.exchanges()).sum();
    let faults: u64 = nodes.iter().map(|node| node.to_store.faults() + node.to_database.faults()).sum();
    println!("{} operations in {:.0} s", progress.done(), begun.elapsed().as_secs_f64());
    println!("troubles: {troubles:?}; {faults} of {exchanges} exchanges with storage and database were disturbed");
    println!("answers besides those that were hoped for: {:?}", progress.refusals());
    println!("{}", ledger.summary());
    assert!(troubles.len() >= 4 && faults > 0, "there was to be trouble of every kind");
    for node in &nodes {
        check(&node.app, &ledger, Some(dice.child())).await;
    }
    check(&nodes[0].app, &ledger, None).await;
    nothing_is_left_behind(&mut nodes[1].app, &ledger).await;
}

#[expect(clippy::disallowed_methods, reason = "who wants more or fewer says so in the environment")]
fn operations() -> usize {
    std::env::var("STRONGROOM_TEST_OPERATIONS").ok().and_then(|number| number.parse().ok()).unwrap_or(OPERATIONS)
}

/// Makes one kind of trouble for a while, and then none.
async fn trouble(
    kind: u64,
    shared: &mut Shared,
    nodes: &mut [Node],
    progress: &Progress,
    dice: &mut Dice,
) -> &'static str {
    let index = usize::try_from(dice.between(0, NODES as u64 - 1)).unwrap();
    let node = &mut nodes[index];
    let a_while = Duration::from_millis(dice.between(100, 700));
    match kind {
        0..=4 => {
            let fault = match dice.between(0, 6) {
                0 => Fault::Late(Duration::from_millis(150)),
                1 => Fault::Reset,
                2 => Fault::BlackHole,
                3 => Fault::HalfRequest(200),
                4 => Fault::HalfAnswer(60),
                5 => Fault::s3(500, "InternalError"),
                _ => Fault::s3(503, "SlowDown").with_header("retry-after", "1"),
            };
            node.to_store.set(fault);
            tokio::time::sleep(a_while).await;
            node.to_store.heal();
            "between node and storage"
        }
        5..=7 => {
            let fault = match dice.between(0, 4) {
                0 => Fault::Late(Duration::from_millis(50)),
                1 => Fault::Reset,
                2 => Fault::BlackHole,
                3 => Fault::HalfRequest(30),
                _ => Fault::HalfAnswer(20),
            };
            node.to_database.set(fault);
            tokio::time::sleep(a_while).await;
            node.to_database.heal();
            "between node and database"
        }
        8 => {
            tokio::task::block_in_place(|| {
                node.app.kill();
                node.app.run();
            });
            progress.moved(index, node.app.api());
            "kill of a node"
        }
        _ => {
            tokio::task::block_in_place(|| {
                shared.postgres.kill().unwrap();
                shared.postgres.run().unwrap();
            });
            "kill of the database"
        }
    }
}
