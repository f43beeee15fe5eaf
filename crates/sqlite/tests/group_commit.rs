//! What writers and readers of one database may rely on.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops where it is")]

use std::time::Duration;

use rusqlite::Connection;
use strongroom_sqlite::{Database, Error, Migration};

const MIGRATIONS: &[Migration] =
    &[Migration { name: "0001_threads", sql: "CREATE TABLE threads (n INTEGER PRIMARY KEY) STRICT" }];

fn insert(tx: &Connection, n: i64) -> Result<(), Error> {
    tx.prepare_cached("INSERT INTO threads VALUES (?1)")?.execute([n])?;
    Ok(())
}

fn all(database: &Database) -> Vec<i64> {
    database
        .read(|tx| -> Result<Vec<i64>, Error> {
            let mut statement = tx.prepare_cached("SELECT n FROM threads ORDER BY n")?;
            Ok(statement.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
        })
        .unwrap()
}

fn open(folder: &tempfile::TempDir) -> Database {
    Database::open(&folder.path().join("db.sqlite"), MIGRATIONS, 2).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_fails_undoes_only_itself() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder);
    let writes: Vec<_> = (0..200)
        .map(|n| {
            let database = database.clone();
            tokio::spawn(async move {
                database
                    .write(move |tx| {
                        insert(tx, n)?;
                        if n % 3 == 0 { insert(tx, n) } else { Ok(()) }
                    })
                    .await
            })
        })
        .collect();
    for (n, write) in writes.into_iter().enumerate() {
        assert_eq!(write.await.unwrap().is_err(), n % 3 == 0, "write {n}");
    }
    let expected: Vec<i64> = (0..200).filter(|n| n % 3 != 0).collect();
    assert_eq!(all(&database), expected);
}

#[tokio::test]
async fn a_write_that_panics_is_an_error_and_the_next_one_works() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder);
    let panicked = database
        .write(|tx| {
            insert(tx, 1)?;
            assert!(tx.is_autocommit(), "inside a transaction");
            Ok::<_, Error>(())
        })
        .await;
    assert!(panicked.unwrap_err().to_string().contains("inside a transaction"));
    database.write(|tx| insert(tx, 2)).await.unwrap();
    assert_eq!(all(&database), [2]);
}

#[tokio::test]
async fn when_the_transaction_dies_nobody_in_it_is_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder);
    // ROLLBACK stands for what SQLite does by itself when the disk is full in the middle of a batch.
    let dead = database
        .write(|tx| {
            insert(tx, 1)?;
            tx.execute_batch("ROLLBACK")?;
            Ok::<_, Error>(())
        })
        .await;
    assert!(dead.is_err());
    assert_eq!(all(&database), Vec::<i64>::new());
    database.write(|tx| insert(tx, 2)).await.unwrap();
    assert_eq!(all(&database), [2]);
}

#[tokio::test]
async fn a_full_disk_is_named_to_everybody_in_the_batch_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder);
    let (release, held) = std::sync::mpsc::channel::<()>();
    let (started, runs) = tokio::sync::oneshot::channel::<()>();
    // While the first write holds the thread, the others gather behind it and share the next transaction.
    let behind = database.clone();
    let first = database.write(move |tx| {
        started.send(()).unwrap();
        held.recv().unwrap();
        insert(tx, 1)
    });
    let fills = behind.write(|tx| {
        // A file that may not grow is refused by SQLite exactly as one on a full disk.
        let pages: u32 = tx.pragma_query_value(None, "page_count", |row| row.get(0))?;
        tx.pragma_update(None, "max_page_count", pages)?;
        (2..10_000).try_for_each(|n| insert(tx, n))
    });
    let beside = behind.write(|tx| insert(tx, 10_001));
    let others = async {
        runs.await.unwrap();
        tokio::join!(fills, beside, async { release.send(()).unwrap() })
    };
    let (first, (fills, beside, ())) = tokio::join!(first, others);
    first.unwrap();
    for ended in [fills, beside] {
        let error = ended.unwrap_err();
        let code = match &error {
            Error::Sqlite(cause) => cause.sqlite_error_code(),
            Error::Commit(cause) => cause.sqlite_error_code(),
            _ => None,
        };
        assert_eq!(code, Some(rusqlite::ErrorCode::DiskFull), "{error}");
    }
    assert_eq!(all(&database), [1]);
    assert_eq!(database.commits(), strongroom_sqlite::Commits { transactions: 1, writes: 1, failures: 1 });
}

#[tokio::test]
async fn who_has_the_answer_to_a_change_finds_that_there_was_one() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder);
    for n in 0..100 {
        let before = database.changes();
        database.append(move |tx| insert(tx, n)).await.unwrap();
        assert_eq!(database.changes(), before);
        database.write(move |tx| insert(tx, 1000 + n)).await.unwrap();
        assert_eq!(database.changes(), before + 1);
    }
    let before = database.changes();
    // Whoever asked goes away; the change is made all the same, and is counted.
    let _gone = tokio::time::timeout(Duration::ZERO, database.write(|tx| insert(tx, 2000))).await;
    database.append(|tx| insert(tx, 3000)).await.unwrap();
    assert_eq!(database.changes(), before + 1);
    assert_eq!(all(&database).len(), 202);
}

#[tokio::test]
async fn a_file_is_read_beside_its_writer_and_never_migrated() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder);
    database.write(|tx| insert(tx, 1)).await.unwrap();
    let path = folder.path().join("db.sqlite");
    let beside = strongroom_sqlite::ReadOnly::open(&path, MIGRATIONS).unwrap();
    database.write(|tx| insert(tx, 2)).await.unwrap();
    let count = |tx: &Connection| Ok::<i64, Error>(tx.query_row("SELECT count(*) FROM threads", [], |row| row.get(0))?);
    assert_eq!(beside.read(count).unwrap(), 2);
    assert!(beside.read(|tx| insert(tx, 3)).is_err());
    let more = [MIGRATIONS[0], Migration { name: "0002_more", sql: "CREATE TABLE more (n INTEGER) STRICT" }];
    let older = strongroom_sqlite::ReadOnly::open(&path, &more).unwrap_err();
    assert!(matches!(older, Error::Older { found: 1, known: 2 }), "{older}");
    assert!(matches!(strongroom_sqlite::ReadOnly::open(&path, &[]), Err(Error::Newer { found: 1, known: 0 })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_beside_the_writer_sees_one_state_whatever_is_written_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder);
    let beside = strongroom_sqlite::ReadOnly::open(&folder.path().join("db.sqlite"), MIGRATIONS).unwrap();
    let count = |tx: &Connection| tx.query_row("SELECT count(*) FROM threads", [], |row| row.get::<_, i64>(0));
    let seen = beside.read(|tx| {
        let before = count(tx)?;
        let write = database.write(|tx| insert(tx, 1));
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(write))?;
        Ok::<_, Error>((before, count(tx)?))
    });
    assert_eq!(seen.unwrap(), (0, 0));
    assert_eq!(all(&database), [1]);
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_opening_again() {
    let folder = tempfile::tempdir().unwrap();
    open(&folder).write(|tx| insert(tx, 7)).await.unwrap();
    assert_eq!(all(&open(&folder)), [7]);
}

#[tokio::test]
async fn a_reader_cannot_write() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(&folder);
    assert!(database.read(|tx| insert(tx, 1)).is_err());
}

#[tokio::test]
async fn a_file_of_a_newer_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(&folder));
    let refused = Database::open(&folder.path().join("db.sqlite"), &[], 1);
    assert!(matches!(refused, Err(Error::Newer { found: 1, known: 0 })));
}
