//! The committing thread: it gathers the writes that wait, runs them in one transaction, and answers after the commit.

use std::any::Any;
use std::error::Error as StdError;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use crate::Error;
use crate::open::BUSY;

/// How many writes may share one transaction; it bounds how long the first of them waits for the last.
const BATCH: usize = 512;

/// How many writes may wait before `submit` makes the caller wait for a place.
const QUEUE: usize = 4096;

/// What the committing thread has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Commits {
    /// Transactions that were made durable.
    pub transactions: u64,
    /// Writes that shared them.
    pub writes: u64,
    /// Transactions that could not be made durable.
    pub failures: u64,
}

/// Whether a write changes what readers may have remembered, or only adds to what nobody remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Change,
    Addition,
}

/// The same while it is being counted.
#[derive(Debug, Default)]
struct Counters {
    changes: AtomicU64,
    transactions: AtomicU64,
    writes: AtomicU64,
    failures: AtomicU64,
}

/// Why SQLite ended the transaction of a batch by itself, from the write that it happened to.
type Cause = Arc<Mutex<Option<rusqlite::Error>>>;

/// A write that has been sent.
struct Job {
    kind: Kind,
    run: Run,
}

/// What it does: it runs inside the transaction, if there still is one, and then learns how that ended.
type Run = Box<dyn FnOnce(Option<&Connection>, &Cause) -> Answer + Send>;

/// Sends the result of one write to whoever waits for it, given how the shared commit went.
type Answer = Box<dyn FnOnce(Result<(), Error>) + Send>;

/// The way to the committing thread. The thread ends when the last clone is gone and the queue is empty.
#[derive(Debug, Clone)]
pub(crate) struct Committer {
    jobs: mpsc::Sender<Job>,
    counters: Arc<Counters>,
}

impl Committer {
    /// Starts the thread that owns `connection`.
    pub(crate) fn start(connection: Connection) -> Self {
        let runtime = Handle::try_current().ok();
        let (jobs, mut queue) = mpsc::channel::<Job>(QUEUE);
        let counters = Arc::new(Counters::default());
        let counted = Arc::clone(&counters);
        std::thread::Builder::new()
            .name("sqlite-commit".to_owned())
            .spawn(move || {
                let mut batch = Vec::with_capacity(BATCH);
                while queue.blocking_recv_many(&mut batch, BATCH) > 0 {
                    let ended = run(&connection, &mut batch);
                    counted.count(&ended);
                    // One task wakes all callers from inside the runtime, which is cheaper than to reach into it for each.
                    match &runtime {
                        Some(runtime) => drop(runtime.spawn(async move { ended.tell() })),
                        None => ended.tell(),
                    }
                }
            })
            .expect("a thread can be started, or the process cannot serve at all");
        Self { jobs, counters }
    }

    /// What it has done so far.
    pub(crate) fn commits(&self) -> Commits {
        Commits {
            transactions: self.counters.transactions.load(Ordering::Relaxed),
            writes: self.counters.writes.load(Ordering::Relaxed),
            failures: self.counters.failures.load(Ordering::Relaxed),
        }
    }

    /// How many transactions with a change in them are over.
    pub(crate) fn changes(&self) -> u64 {
        self.counters.changes.load(Ordering::Acquire)
    }

    /// Queues `job` and waits for the commit that carries it.
    pub(crate) async fn submit<T, E, F>(&self, kind: Kind, job: F) -> Result<T, E>
    where
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + StdError + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel::<Result<T, E>>();
        let run: Run = Box::new(move |connection, cause| {
            let result = connection.map(|connection| {
                let result = in_savepoint(connection, job);
                if let Err(error) = &result
                    && connection.is_autocommit()
                {
                    *cause.lock().unwrap_or_else(PoisonError::into_inner) = sqlite_failure(error);
                }
                result
            });
            Box::new(move |committed| {
                let answer = match (committed, result) {
                    (Ok(()), Some(result)) => result,
                    (Ok(()), None) => Err(Error::Closed.into()),
                    // The cause of a job's own failure says more than that the others failed with it.
                    (Err(_), Some(Err(own))) => Err(own),
                    (Err(error), _) => Err(error.into()),
                };
                // A caller that went away does not want the answer.
                let _ = sender.send(answer);
            })
        });
        self.jobs.send(Job { kind, run }).await.map_err(|_| Error::Closed)?;
        receiver.await.map_err(|_| Error::Closed)?
    }
}

/// A transaction that is over, and those who wait to hear of it.
struct Ended {
    /// Whether any of them was a change.
    changed: bool,
    answers: Vec<Answer>,
    committed: Result<(), Arc<rusqlite::Error>>,
}

impl Ended {
    /// Answers everybody.
    fn tell(self) {
        for answer in self.answers {
            answer(self.committed.clone().map_err(Error::Commit));
        }
    }
}

impl Counters {
    fn count(&self, ended: &Ended) {
        if ended.changed {
            // Nobody has been answered yet: who has the answer finds that this has gone up.
            self.changes.fetch_add(1, Ordering::Release);
        }
        if ended.committed.is_ok() {
            self.transactions.fetch_add(1, Ordering::Relaxed);
            self.writes.fetch_add(ended.answers.len() as u64, Ordering::Relaxed);
        } else {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The failure of SQLite that is at the bottom of a write's own error, if one is.
fn sqlite_failure(error: &(dyn StdError + 'static)) -> Option<rusqlite::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(rusqlite::Error::SqliteFailure(code, message)) = error.downcast_ref::<rusqlite::Error>() {
            return Some(rusqlite::Error::SqliteFailure(*code, message.clone()));
        }
        next = error.source();
    }
    None
}

/// Runs a batch in one transaction and commits.
fn run(connection: &Connection, batch: &mut Vec<Job>) -> Ended {
    let cause = Cause::default();
    let changed = batch.iter().any(|job| job.kind == Kind::Change);
    let begun = execute(connection, "BEGIN IMMEDIATE");
    let answers: Vec<Answer> = batch
        .drain(..)
        .map(|job| {
            // A full disk or a failed write makes SQLite end the whole transaction by itself. What ran before is
            // undone then, and what comes after must not run alone.
            let open = begun.is_ok() && !connection.is_autocommit();
            (job.run)(open.then_some(connection), &cause)
        })
        .collect();
    // When SQLite has ended the transaction, its reason says more than that there is none to commit.
    let ended_early = cause.lock().unwrap_or_else(PoisonError::into_inner).take();
    let committed = match ended_early {
        Some(reason) => Err(Arc::new(reason)),
        None => begun.and_then(|()| execute(connection, "COMMIT")).map_err(Arc::new),
    };
    if committed.is_err() {
        if !connection.is_autocommit() {
            let _ = execute(connection, "ROLLBACK");
        }
        make_room(connection);
    }
    Ended { changed, answers, committed }
}

/// Writes the log back into the file and empties it, so that the next transaction need not make it longer. After a
/// failure that may be all that is in its way: the log cannot grow on a full disk, and what deletes could not be logged.
fn make_room(connection: &Connection) {
    // It must not wait for readers: then the log is emptied as soon as they are gone.
    let _ = connection.busy_timeout(Duration::ZERO);
    // What failed is told to those who waited for it; this is only what can be done about it.
    let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    let _ = connection.busy_timeout(BUSY);
}

/// Runs one job so that its failure, or its panic, undoes exactly what it wrote.
fn in_savepoint<T, E: From<Error>>(
    connection: &Connection,
    job: impl FnOnce(&Connection) -> Result<T, E>,
) -> Result<T, E> {
    let run = |statement| execute(connection, statement).map_err(Error::from);
    run("SAVEPOINT job")?;
    let outcome = catch_unwind(AssertUnwindSafe(|| job(connection)));
    // When SQLite has ended the whole transaction by itself, there is no savepoint left, and the job knows the cause.
    if !connection.is_autocommit() {
        if !matches!(outcome, Ok(Ok(_))) {
            run("ROLLBACK TO job")?;
        }
        run("RELEASE job")?;
    }
    outcome.unwrap_or_else(|panic| Err(panicked(panic.as_ref()).into()))
}

/// Runs a statement that has neither values nor rows.
fn execute(connection: &Connection, statement: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(statement)?.execute([]).map(drop)
}

/// A panic in one write is an error of that write, and not the end of the thread that all others need.
fn panicked(panic: &(dyn Any + Send)) -> Error {
    let message = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    Error::Panicked(message)
}
