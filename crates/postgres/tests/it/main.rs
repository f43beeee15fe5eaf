//! What the transactions of a real PostgreSQL may be relied on for, and what its loss looks like.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops where it is")]

mod tls;

use std::time::Duration;

use strongroom_postgres::{Cell, Database, Error, Kind, Migration, Tx};
use strongroom_testbed::{Postgres, fresh_schema, psql};

const MIGRATIONS: &[Migration] =
    &[Migration { name: "0001_threads", sql: "CREATE TABLE threads (id TEXT PRIMARY KEY, n BIGINT NOT NULL)" }];

const MORE: &[Migration] =
    &[MIGRATIONS[0], Migration { name: "0002_more", sql: "ALTER TABLE threads ADD COLUMN more BIGINT" }];

const BROKEN: &[Migration] =
    &[MIGRATIONS[0], Migration { name: "0002_broken", sql: "CREATE TABLE a (b BIGINT); SELEC" }];

fn server() -> Postgres {
    Postgres::start(&std::env::temp_dir(), &[]).unwrap()
}

async fn open(url: &str, connections: usize) -> Database {
    Database::open(url.parse().unwrap(), connections, MIGRATIONS).await.unwrap()
}

fn set(tx: &Tx<'_>, id: &str, n: i64) -> Result<(), Error> {
    let sql = "INSERT INTO threads VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET n = excluded.n";
    tx.execute(sql, &[&id, &n]).map(drop)
}

fn get(tx: &Tx<'_>, id: &str) -> Result<i64, Error> {
    Ok(tx.query("SELECT n FROM threads WHERE id = ?1", &[&id])?.first().map_or(0, |row| row.get(0)))
}

async fn read(database: &Database, id: &'static str) -> i64 {
    database.read_one(move |tx| get(tx, id)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_that_meet_run_again_until_each_has_counted() {
    const WRITERS: i64 = 48;
    const TIMES: i64 = 10;
    let server = server();
    // Each handle is a node: they know nothing of each other.
    let mut nodes = Vec::new();
    for _ in 0..4 {
        nodes.push(open(&server.url(), 16).await);
    }
    let writers: Vec<_> = (0..WRITERS)
        .zip(nodes.iter().cycle())
        .map(|(_, database)| {
            let database = database.clone();
            tokio::spawn(async move {
                for _ in 0..TIMES {
                    let count = |tx: &Tx<'_>| {
                        let found = get(tx, "a")?;
                        // Others come meanwhile.
                        tx.query("SELECT pg_sleep(0.005)", &[])?;
                        set(tx, "a", found + 1)
                    };
                    database.write(count).await.unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(read(&nodes[0], "a").await, WRITERS * TIMES);
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_that_meet_count_although_a_node_hangs_in_the_middle_of_one() {
    let server = server();
    let database = open(&server.url(), 8).await;
    let (held, holds) = std::sync::mpsc::channel();
    let (go_on, waits) = std::sync::mpsc::channel::<()>();
    let waits = std::sync::Mutex::new(waits);
    let other = open(&server.url(), 2).await;
    let hanging = tokio::spawn(async move {
        let hang = move |tx: &Tx<'_>| {
            set(tx, "b", 1)?;
            held.send(()).unwrap();
            waits.lock().unwrap().recv().unwrap();
            Ok::<_, Error>(())
        };
        other.write(hang).await
    });
    tokio::task::spawn_blocking(move || holds.recv().unwrap()).await.unwrap();
    let writes = (0..10).map(|_| {
        let database = database.clone();
        tokio::spawn(async move { database.write(|tx| set(tx, "a", get(tx, "a")? + 1)).await })
    });
    for write in writes.collect::<Vec<_>>() {
        write.await.unwrap().unwrap();
    }
    assert_eq!(read(&database, "a").await, 10);
    go_on.send(()).unwrap();
    hanging.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_each_look_at_what_the_other_writes_cannot_both_be_right() {
    let server = server();
    let database = open(&server.url(), 8).await;
    for _ in 0..20 {
        database.write(|tx| set(tx, "a", 1).and_then(|()| set(tx, "b", 1))).await.unwrap();
        // Each may go only while the other stays.
        let leave = |own: &'static str, other: &'static str| {
            let database = database.clone();
            async move {
                database.write(move |tx| if get(tx, other)? == 1 { set(tx, own, 0) } else { Ok(()) }).await.unwrap();
            }
        };
        tokio::join!(leave("a", "b"), leave("b", "a"));
        assert_eq!(read(&database, "a").await + read(&database, "b").await, 1);
    }
}

#[tokio::test]
async fn what_fails_or_panics_or_hides_a_failure_leaves_nothing() {
    let server = server();
    let database = open(&server.url(), 2).await;
    let failed = database.write(|tx| set(tx, "a", 1).and_then(|()| tx.execute("SELEC 1", &[]).map(drop))).await;
    assert!(matches!(failed, Err(Error::Refused(_))), "{failed:?}");
    let hidden = database
        .write(|tx| {
            set(tx, "a", 2)?;
            let _ = tx.execute("SELECT 1 / 0", &[]);
            Ok::<_, Error>(())
        })
        .await;
    assert!(matches!(hidden, Err(Error::Undone)), "{hidden:?}");
    let panicked = database
        .write(|tx| {
            set(tx, "a", 3)?;
            assert_eq!(get(tx, "a")?, 4, "seen inside");
            Ok::<_, Error>(())
        })
        .await;
    assert!(matches!(panicked, Err(Error::Panicked(_))), "{panicked:?}");
    let written = database.read(|tx| set(tx, "a", 5)).await;
    assert!(matches!(written, Err(Error::Refused(_))), "a reader cannot write: {written:?}");
    assert_eq!(read(&database, "a").await, 0);
}

#[tokio::test]
async fn the_same_key_twice_is_told_to_the_one_who_cannot_make_it_differ() {
    let server = server();
    let database = open(&server.url(), 2).await;
    let insert = |tx: &Tx<'_>| tx.execute("INSERT INTO threads VALUES ('a', 1)", &[]);
    database.write(insert).await.unwrap();
    let refused = database.write(insert).await.unwrap_err();
    assert!(refused.to_string().contains("23505"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_never_more_connections_than_allowed() {
    let server = server();
    let database = open(&server.url(), 6).await;
    let most = "SELECT count(*) FROM pg_stat_activity, pg_sleep(0.02) WHERE application_name = 'strongroom'";
    let counts: Vec<_> = (0..60)
        .map(|number| {
            let database = database.clone();
            tokio::spawn(async move {
                let count = move |tx: &Tx<'_>| Ok::<i64, Error>(tx.query(most, &[])?[0].get(0));
                if number % 2 == 0 { database.write(count).await } else { database.read(count).await }.unwrap()
            })
        })
        .collect();
    let mut seen = 0;
    for count in counts {
        seen = seen.max(count.await.unwrap());
    }
    assert!((2..=6).contains(&seen), "{seen}");
}

#[tokio::test]
async fn a_connection_that_was_lost_is_replaced_before_anybody_notices() {
    let server = server();
    let database = open(&server.url(), 4).await;
    database.write(|tx| set(tx, "a", 1)).await.unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'strongroom'";
    psql(&server.url(), end).unwrap();
    assert_eq!(read(&database, "a").await, 1);
    psql(&server.url(), end).unwrap();
    database.write(|tx| set(tx, "a", 2)).await.unwrap();
    assert_eq!(read(&database, "a").await, 2);
}

#[tokio::test]
async fn a_server_that_is_away_is_told_as_such_and_found_again() {
    let mut server = server();
    let database = open(&server.url(), 4).await;
    database.write(|tx| set(tx, "a", 1)).await.unwrap();
    for crash in [true, false] {
        if crash { server.kill() } else { server.stop() }.unwrap();
        for outcome in [database.read_one(|tx| get(tx, "a")).await, database.write(|tx| get(tx, "a")).await] {
            let error = outcome.unwrap_err();
            assert!(error.is_unavailable() && !error.to_string().contains("throw-away"), "{error}");
        }
        server.run().unwrap();
        assert_eq!(read(&database, "a").await, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_that_open_at_once_migrate_once_and_a_newer_schema_is_refused() {
    let server = server();
    let url = fresh_schema(&server.url(), "own").unwrap();
    let opening: Vec<_> = (0..6)
        .map(|_| {
            tokio::spawn({
                let url = url.clone();
                async move { open(&url, 2).await }
            })
        })
        .collect();
    for opened in opening {
        opened.await.unwrap();
    }
    assert_eq!(psql(&url, "SELECT count(*), max(version) FROM schema_version").unwrap(), "1|1");
    let refused = Database::open(url.parse().unwrap(), 2, &[]).await.unwrap_err();
    assert!(matches!(refused, Error::Newer { found: 1, known: 0 }), "{refused}");
    let refused = Database::open(url.parse().unwrap(), 2, BROKEN).await.unwrap_err();
    assert!(refused.to_string().contains("0002_broken"), "{refused}");
    assert_eq!(psql(&url, "SELECT to_regclass('a') IS NULL").unwrap(), "t", "half a migration is none");
}

/// Whoever waits for a table has all others wait behind it: a migration must not, while somebody reads for long.
#[tokio::test(flavor = "multi_thread")]
async fn a_migration_lets_others_pass_and_comes_back() {
    let server = server();
    let url = fresh_schema(&server.url(), "upgraded").unwrap();
    let node = open(&url, 4).await;
    let place = url.clone();
    let long = "SELECT count(*) FROM threads; SELECT pg_sleep(10)";
    let held = tokio::task::spawn_blocking(move || psql(&place, long).unwrap());
    let locks = "SELECT count(*) FROM pg_locks WHERE relation = 'threads'::regclass AND granted";
    while psql(&url, locks).unwrap() == "0" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let place = url.parse().unwrap();
    let migrating = tokio::spawn(async move { Database::open(place, 2, MORE).await.map(drop) });
    let waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'threads'::regclass AND NOT granted";
    while psql(&url, waiting).unwrap() == "0" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(read(&node, "a").await, 0);
    assert!(!held.is_finished() && !migrating.is_finished());
    held.await.unwrap();
    migrating.await.unwrap().unwrap();
    assert_eq!(
        psql(&url, "SELECT (SELECT count(more) FROM threads), max(version) FROM schema_version").unwrap(),
        "0|2"
    );
}

#[tokio::test]
async fn a_batch_and_a_copy_write_every_row() {
    let server = server();
    let database = open(&server.url(), 2).await;
    database
        .write(|tx| {
            let mut batch = tx.batch("INSERT INTO threads VALUES (?1, ?2)")?;
            for n in 0..500_i64 {
                batch.add(&[&format!("batch {n}"), &n])?;
            }
            batch.run()?;
            let rows: Vec<_> = (0..500).map(|n| vec![Cell::Text(format!("copy {n}")), Cell::Integer(n)]).collect();
            tx.copy("threads", &[("id", Kind::Text), ("n", Kind::Integer)], &rows)
        })
        .await
        .unwrap();
    assert_eq!(psql(&server.url(), "SELECT count(*), sum(n) FROM threads").unwrap(), "1000|249500");
}
