//! SQLite for a busy server: one committing thread, group commit, and a pool of read-only connections.
//!
//! A durable SQLite commit costs an `fsync`, so a server that commits each request by itself is as slow as its disk.
//! Here every write is a closure sent to one thread; those that wait while a commit is under way run together in the
//! next transaction, each in a savepoint of its own, and are answered when that one `fsync` has returned. A closure
//! that fails undoes only itself.
//!
//! ```no_run
//! # async fn example() -> Result<(), strongroom_sqlite::Error> {
//! use strongroom_sqlite::{Database, Error, Migration};
//!
//! const MIGRATIONS: &[Migration] = &[Migration {
//!     name: "0001_words",
//!     sql: "CREATE TABLE words (word TEXT PRIMARY KEY) STRICT",
//! }];
//! let database = Database::open("words.sqlite".as_ref(), MIGRATIONS, 4)?;
//! database
//!     .write(|tx| Ok::<_, Error>(tx.execute("INSERT INTO words VALUES (?1)", ["loom"])?))
//!     .await?;
//! let words: i64 = database.read(|tx| Ok::<_, Error>(tx.query_row("SELECT count(*) FROM words", [], |row| row.get(0))?))?;
//! # Ok(())
//! # }
//! ```

mod commit;
mod open;
mod readers;

use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;

use commit::Kind;

pub use commit::Commits;
pub use open::Migration;

/// Why the database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// SQLite refused a statement, or could not read or write its file.
    #[error("the database refused: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The shared transaction could not be made durable; none of its writes happened.
    #[error("the transaction could not be committed, so none of it happened: {0}")]
    Commit(Arc<rusqlite::Error>),
    /// The file was written by a newer program than this one.
    #[error(
        "the database is at schema {found}, and this program knows only up to {known}: run the newer program, or restore a backup"
    )]
    Newer {
        /// The schema number found in the file.
        found: u32,
        /// The newest schema number this program has a migration for.
        known: u32,
    },
    /// The file was written by an older program than this one, and may only be read here.
    #[error(
        "the database is at schema {found}, and this program reads {known}: start the service once, which brings it up to date"
    )]
    Older {
        /// The schema number found in the file.
        found: u32,
        /// The schema number this program reads.
        known: u32,
    },
    /// A migration did not run; the file is as it was before it.
    #[error("migration {name} failed: {source}")]
    Migration {
        /// The name of the migration.
        name: &'static str,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// A write panicked; what it wrote is undone, and its message is here.
    #[error("a write panicked: {0}")]
    Panicked(String),
    /// The committing thread is gone, because the database is being closed.
    #[error("the database is closed")]
    Closed,
}

/// A handle on one SQLite file; clones share it. The file closes when the last handle goes.
#[derive(Debug, Clone)]
pub struct Database {
    committer: commit::Committer,
    readers: Arc<readers::Readers>,
}

impl Database {
    /// Opens or creates the file in WAL mode with full durability, and brings its schema up to date.
    ///
    /// `readers` is how many read-only connections are kept open between reads; more are opened under load.
    pub fn open(path: &Path, migrations: &[Migration], readers: usize) -> Result<Self, Error> {
        let writer = open::writer(path, migrations)?;
        Ok(Self {
            committer: commit::Committer::start(writer),
            readers: Arc::new(readers::Readers::new(path, readers)?),
        })
    }

    /// Runs `job` on the committing thread and returns once what it wrote is durable.
    ///
    /// When `job` answers `Err`, what it wrote is undone and nobody else is touched. Dropping the future does not
    /// cancel the job. The job runs inside a transaction already: it must not begin or commit one.
    pub async fn write<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + std::error::Error + Send + 'static,
    {
        self.committer.submit(Kind::Change, job).await
    }

    /// The same for a `job` that only adds to what nobody remembers, such as a log: [`Self::changes`] stays as it is.
    pub async fn append<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + std::error::Error + Send + 'static,
    {
        self.committer.submit(Kind::Addition, job).await
    }

    /// Goes up with each commit of a [`Self::write`], before its caller is answered. What was read when it was the same
    /// as now is still so, unless another process writes to the file.
    pub fn changes(&self) -> u64 {
        self.committer.changes()
    }

    /// How many transactions and writes there have been since it was opened.
    pub fn commits(&self) -> Commits {
        self.committer.commits()
    }

    /// Runs `query` at once, on the calling thread, with a read-only connection that sees one consistent snapshot.
    ///
    /// Meant for queries that an index bounds to microseconds; anything longer belongs on a blocking thread.
    pub fn read<T, E>(&self, query: impl FnOnce(&Connection) -> Result<T, E>) -> Result<T, E>
    where
        E: From<Error>,
    {
        self.readers.with_snapshot(query)
    }

    /// The same for a `query` of one statement, which is a snapshot by itself and so is spared beginning and ending one.
    pub fn read_one<T, E>(&self, query: impl FnOnce(&Connection) -> Result<T, E>) -> Result<T, E>
    where
        E: From<Error>,
    {
        self.readers.with(query)
    }
}

/// A file that is read and never changed, whoever else has it open.
#[derive(Debug, Clone)]
pub struct ReadOnly {
    readers: Arc<readers::Readers>,
}

impl ReadOnly {
    /// Opens a file whose schema must be exactly up to date.
    pub fn open(path: &Path, migrations: &[Migration]) -> Result<Self, Error> {
        let readers = readers::Readers::new(path, 1)?;
        let known = u32::try_from(migrations.len()).unwrap_or(u32::MAX);
        let found: u32 = readers.with(|connection| Ok::<_, Error>(open::version(connection)?))?;
        match found.cmp(&known) {
            std::cmp::Ordering::Less => Err(Error::Older { found, known }),
            std::cmp::Ordering::Greater => Err(Error::Newer { found, known }),
            std::cmp::Ordering::Equal => Ok(Self { readers: Arc::new(readers) }),
        }
    }

    /// Runs `query` on the calling thread, on one consistent snapshot.
    pub fn read<T, E>(&self, query: impl FnOnce(&Connection) -> Result<T, E>) -> Result<T, E>
    where
        E: From<Error>,
    {
        self.readers.with_snapshot(query)
    }
}
