//! Several nodes share the work for the mirror, and one that does not know of it yet writes down what it gets.

use std::time::Duration;

use strongroom_testbed::{Fault, Postgres};

use super::{FILES, Store, assert_same, caught_up, expected, hand_in};
use crate::app::App;
use crate::elsewhere::Bucket;

#[tokio::test(flavor = "multi_thread")]
async fn several_nodes_share_the_work_and_each_key_is_copied_once() {
    let postgres = Postgres::start(&std::env::temp_dir(), &[]).unwrap();
    let (first, second) = (Store::start("main"), Store::start("copy"));
    let bucket = Bucket::of_store(&first.app);
    let located = format!("[storage]\nlocation = \"main\"\n{FILES}");
    let mirrored = format!("{located}{}", second.section("storage.mirror"));
    // The last one to get the new configuration.
    let old = App::start_node(&postgres.url(), &bucket, &located);
    let nodes: Vec<App> = (0..2).map(|_| App::start_node(&postgres.url(), &bucket, &mirrored)).collect();
    second.proxy.set(Fault::Late(Duration::from_millis(20)));
    let mut made = hand_in(&old, 0..40).await;
    made.extend(hand_in(&nodes[0], 100..120).await);
    caught_up(&nodes[1]).await;
    assert_same(&second.contents("strongroom").await, &expected("copy", &made));
    let mut shares = Vec::new();
    for node in &nodes {
        let metrics = node.anonymous().get("/metrics").await.text();
        let line =
            metrics.lines().find_map(|line| line.strip_prefix("strongroom_mirror_copies_total{outcome=\"done\"} "));
        shares.push(line.map_or(0, |number| number.parse::<usize>().unwrap()));
    }
    println!("of {} keys, the nodes copied {shares:?}", made.len());
    assert_eq!(shares.iter().sum::<usize>(), made.len());
    assert!(shares.iter().all(|share| *share > 0), "{shares:?}");
}
