//! What the table of copies promises, on both databases: nothing is done by halves or by two, and nothing is forgotten.

use jiff::Timestamp;
use uuid::Uuid;

use super::{Both, at, insert, object};
use crate::db::copies::{self, Copy, Lag};
use crate::db::{Db, Error, Tx};

const PLACE: &str = "http://store:9000/copy/ scans=scans-copy";

/// Runs one write.
async fn write<T: Send + 'static>(db: &Db, job: impl Fn(&Tx) -> Result<T, Error> + Send + 'static) -> T {
    db.write(job).await.unwrap()
}

async fn claim(db: &Db, holder: u128, now: Timestamp, limit: i64) -> Vec<Copy> {
    let until = at(now.as_millisecond() + 1000);
    write(db, move |tx| copies::claim(tx, Uuid::from_u128(holder), now, until, limit)).await
}

async fn lag(db: &Db) -> Lag {
    write(db, |tx| copies::lag(tx, PLACE)).await
}

async fn holds(db: &Db, key: &str) -> bool {
    let key = key.to_owned();
    write(db, move |tx| Ok(copies::held(tx, PLACE, [&*key])?.contains(&key))).await
}

#[tokio::test]
async fn what_was_there_before_the_mirror_is_asked_for_bit_by_bit() {
    let both = Both::open().await;
    for (which, db) in &both.all {
        insert(db, (0..10).map(|number| object(number, "a")).collect()).await;
        // Nobody mirrors anything yet.
        write(db, |tx| copies::ask(tx, "files", "files/0", at(1))).await;
        assert!(!holds(db, "files/0").await && claim(db, 1, at(2), 9).await.is_empty(), "{which}");

        assert!(write(db, |tx| copies::set_mirror(tx, PLACE, at(5))).await);
        assert!(!write(db, |tx| copies::set_mirror(tx, PLACE, at(6))).await, "{which}: it is known");
        assert_eq!(lag(db).await, Lag { pending: 10, failing: 0, since: Some(at(5)) }, "{which}");
        assert!(write(db, |tx| copies::ask_for_more(tx, at(7), 4)).await);
        assert_eq!(lag(db).await.pending, 10, "{which}");
        // What is new meanwhile is not held, wherever its key is in the order of keys.
        insert(db, vec![object(11, "a")]).await;
        write(db, |tx| copies::ask(tx, "files", "files/11", at(8))).await;
        for key in ["files/0", "files/11", "files/9"] {
            assert!(!holds(db, key).await, "{which} {key}");
        }
        for copy in claim(db, 1, at(9), 99).await {
            write(db, move |tx| copies::done(tx, &copy, at(9))).await;
        }
        assert!(holds(db, "files/0").await && !holds(db, "files/9").await, "{which}");
        assert_eq!(lag(db).await.pending, 6, "{which}");
        while write(db, |tx| copies::ask_for_more(tx, at(10), 4)).await {}
        assert!(!write(db, |tx| copies::ask_for_more(tx, at(10), 4)).await);
        let rest = claim(db, 1, at(11), 99).await;
        let mut keys: Vec<_> = rest.iter().map(|copy| copy.key.as_str()).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["files/4", "files/5", "files/6", "files/7", "files/8", "files/9"], "{which}");
        for copy in rest {
            write(db, move |tx| copies::done(tx, &copy, at(12))).await;
        }
        assert_eq!(lag(db).await, Lag::default(), "{which}");
        assert!(holds(db, "files/9").await, "{which}");

        // Another mirror has nothing of it; a space without objects makes no other of it.
        let wider = format!("{PLACE} maps=maps-copy");
        assert!(!write(db, move |tx| copies::set_mirror(tx, &wider, at(13))).await, "{which}");
        assert!(write(db, |tx| copies::set_mirror(tx, "http://store:9000/copy/ files=other", at(14))).await, "{which}");
        assert!(!holds(db, "files/9").await, "{which}");
        assert!(write(db, copies::unset_mirror).await && !write(db, copies::unset_mirror).await, "{which}");
    }
}

#[tokio::test]
async fn a_key_is_held_by_one_and_what_is_asked_for_meanwhile_is_done_again() {
    let both = Both::open().await;
    for (which, db) in &both.all {
        write(db, |tx| copies::set_mirror(tx, PLACE, at(1))).await;
        assert!(!write(db, |tx| copies::ask_for_more(tx, at(1), 9)).await, "{which}: there is nothing yet");
        insert(db, vec![object(1, "a")]).await;
        write(db, |tx| copies::ask(tx, "files", "files/1", at(2))).await;
        assert!(claim(db, 1, at(1), 9).await.is_empty(), "{which}: it is not due yet");
        let [first] = <[Copy; 1]>::try_from(claim(db, 1, at(10), 9).await).unwrap();
        assert!(claim(db, 2, at(1_009), 9).await.is_empty(), "{which}: somebody is at work on it");
        assert!(write(db, |tx| copies::is_held(tx, "files/1", at(20))).await);

        // It is removed while it is copied: who copied it finds out, and the removal comes next.
        write(db, |tx| copies::ask(tx, "files", "files/1", at(30))).await;
        assert!(claim(db, 2, at(31), 9).await.is_empty(), "{which}");
        let done = first.clone();
        write(db, move |tx| copies::done(tx, &done, at(40))).await;
        let [second] = <[Copy; 1]>::try_from(claim(db, 2, at(41), 9).await).unwrap();
        assert_eq!((second.round, second.attempts), (first.round + 1, 1), "{which}");

        // Who was away for longer than the lease has lost it, and what it wrote late is looked at again.
        let [third] = <[Copy; 1]>::try_from(claim(db, 3, at(5_000), 9).await).unwrap();
        let late = second.clone();
        assert!(!write(db, move |tx| copies::renew(tx, &late, at(9_000))).await, "{which}");
        write(db, move |tx| copies::done(tx, &third, at(5_001))).await;
        assert!(holds(db, "files/1").await, "{which}");
        write(db, move |tx| copies::done(tx, &second, at(5_002))).await;
        assert!(!holds(db, "files/1").await, "{which}");
        assert_eq!(claim(db, 4, at(5_002), 9).await.len(), 1, "{which}");
    }
}

#[tokio::test]
async fn what_fails_waits_longer_and_lets_others_pass() {
    let both = Both::open().await;
    for (which, db) in &both.all {
        write(db, |tx| copies::set_mirror(tx, PLACE, at(1))).await;
        insert(db, (0..3).map(|number| object(number, "a")).collect()).await;
        while write(db, |tx| copies::ask_for_more(tx, at(2), 2)).await {}
        for tries in 1..=3 {
            let [failed] = <[Copy; 1]>::try_from(claim(db, 1, at(100 * tries), 1).await).unwrap();
            assert_eq!(failed.key, "files/0", "{which}");
            let until = at(100 * (tries + 1));
            write(db, move |tx| copies::put_off(tx, &failed, at(101), until, "it is damaged")).await;
            if tries == 1 {
                for copy in claim(db, 1, at(101), 9).await {
                    assert_ne!(copy.key, "files/0", "{which}");
                    write(db, move |tx| copies::done(tx, &copy, at(102))).await;
                }
            }
        }
        // Three times are a habit.
        assert_eq!(lag(db).await, Lag { pending: 1, failing: 1, since: Some(at(1)) }, "{which}");
        let failing = write(db, |tx| copies::failing(tx, 9)).await;
        assert_eq!((failing[0].key.as_str(), failing[0].reason.as_str()), ("files/0", "it is damaged"), "{which}");
        assert!(claim(db, 1, at(350), 9).await.is_empty(), "{which}");
        write(db, |tx| copies::hurry(tx, at(350))).await;
        assert_eq!((claim(db, 1, at(350), 9).await.len(), lag(db).await.failing), (1, 0), "{which}");
    }
}

#[tokio::test]
async fn who_is_in_a_hurry_is_not_told_of_what_failed_before() {
    let both = Both::open().await;
    for (which, db) in &both.all {
        write(db, |tx| copies::set_mirror(tx, PLACE, at(1))).await;
        insert(db, (0..2).map(|number| object(number, "a")).collect()).await;
        while write(db, |tx| copies::ask_for_more(tx, at(2), 2)).await {}
        for tries in 1..=3 {
            for copy in claim(db, 1, at(100 * tries), 9).await {
                write(db, move |tx| copies::put_off(tx, &copy, at(101), at(100 * (tries + 1)), "it is away")).await;
            }
        }
        assert_eq!(lag(db).await.failing, 2, "{which}");
        // One is due, and somebody took up the other, and was killed.
        assert_eq!(claim(db, 2, at(500), 1).await.len(), 1, "{which}");
        write(db, |tx| copies::hurry(tx, at(501))).await;
        assert_eq!((lag(db).await.pending, lag(db).await.failing), (2, 0), "{which}");
        assert_eq!(claim(db, 3, at(501), 9).await.len(), 1, "what somebody holds is left to him: {which}");
        assert_eq!(claim(db, 3, at(1_501), 9).await.len(), 2, "{which}");
    }
}

/// How many nodes take rows up at the same moment, and how many rows there are.
const NODES: u128 = 3;
const ROWS: u128 = 600;

/// It takes about a second, on a machine that does nothing besides.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(90);

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_take_rows_up_at_the_same_moment_share_them_and_none_is_taken_twice() {
    let both = Both::open().await;
    let (_, db) = &both.all[1];
    for nodes in [1, NODES] {
        write(db, copies::unset_mirror).await;
        write(db, |tx| copies::set_mirror(tx, PLACE, at(1))).await;
        for number in 0..ROWS {
            write(db, move |tx| copies::ask(tx, "files", &format!("files/{number}"), at(2))).await;
        }
        let begun = tokio::time::Instant::now();
        let mut working = tokio::task::JoinSet::new();
        for node in 0..nodes {
            let db = Db::connect(both.server.url().parse().unwrap(), 8).await.unwrap();
            // As `mirror::keep` does it: what is done is written down while more is taken up.
            working.spawn(async move {
                let (mut keys, mut done) = (Vec::new(), tokio::task::JoinSet::new());
                loop {
                    let taken = claim(&db, node, at(10), 8).await;
                    if taken.is_empty() {
                        done.join_all().await;
                        return keys;
                    }
                    for copy in taken {
                        keys.push(copy.key.clone());
                        let db = db.clone();
                        done.spawn(async move { write(&db, move |tx| copies::done(tx, &copy, at(11))).await });
                    }
                }
            });
        }
        // Who is in another's way gives way and tries again: that costs time, and never so much that nothing goes on.
        let shares = tokio::time::timeout(PATIENCE, working.join_all()).await.expect("the nodes stall");
        println!(
            "{nodes} nodes took {:?} for {ROWS} rows: {:?}",
            begun.elapsed(),
            shares.iter().map(Vec::len).collect::<Vec<_>>()
        );
        let mut keys = shares.concat();
        keys.sort_unstable();
        let all = keys.len();
        keys.dedup();
        assert_eq!((all, keys.len()), (ROWS as usize, ROWS as usize), "a row was taken twice, or never");
        assert_eq!(lag(db).await.pending, 0);
    }
}
