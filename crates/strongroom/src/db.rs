//! The database: what the rules may ask of it, one file an entity. Queries live here and nowhere else.

pub mod api_keys;
pub mod audit;
pub mod doomed;
pub mod milestones;
pub mod objects;
mod tx;
pub mod uploads;
pub mod usage;

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use strongroom_sqlite::{Database, Migration};
use tokio::sync::Semaphore;

pub use tx::Tx;

/// How many read-only connections stay open between requests.
const READERS: usize = 8;

/// How many scans may run at once.
const SCANS: usize = 8;

const MIGRATIONS: &[Migration] =
    &[Migration { name: "0001_first", sql: include_str!("db/migrations/sqlite/0001_first.sql") }];

/// Why the database gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database itself failed.
    #[error(transparent)]
    Database(#[from] strongroom_sqlite::Error),
    /// A row holds what no version of this program wrote.
    #[error("the database holds a {what} that cannot be read")]
    Corrupt {
        /// Which column.
        what: &'static str,
    },
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.into())
    }
}

/// A handle on the database; clones share it.
#[derive(Debug, Clone)]
pub struct Db {
    database: Database,
    /// How many scans may run at once: each holds a thread for as long as it takes.
    scans: Arc<Semaphore>,
}

impl Db {
    /// Opens or creates the database and brings its schema up to date.
    #[expect(clippy::unused_async, reason = "other databases are waited for")]
    pub async fn open(path: &Path) -> Result<Self, Error> {
        let database = Database::open(path, MIGRATIONS, READERS)?;
        Ok(Self { database, scans: Arc::new(Semaphore::new(SCANS)) })
    }

    /// Runs `job` in a transaction, and returns once what it wrote is durable. An `Err` undoes all it wrote.
    pub async fn write<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: Fn(&Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let written = self.database.write(move |connection| job(&Tx::Sqlite(connection)).map_err(Carried)).await;
        written.map_err(|carried| carried.0)
    }

    /// Runs `query` on a thread of its own, on one consistent snapshot. For lists, which may have to pass over much.
    pub async fn scan<T, E, F>(&self, query: F) -> Result<T, E>
    where
        F: Fn(&Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let database = self.database.clone();
        let _place = self.scans.acquire().await;
        let scanned = tokio::task::spawn_blocking(move || {
            database.read(|connection| query(&Tx::Sqlite(connection)).map_err(Carried)).map_err(|carried| carried.0)
        });
        let panicked = |panic: tokio::task::JoinError| strongroom_sqlite::Error::Panicked(panic.to_string());
        scanned.await.unwrap_or_else(|panic| Err(Error::from(panicked(panic)).into()))
    }

    /// Runs `query` on one consistent snapshot. For queries that an index bounds: with SQLite it runs at once.
    #[expect(clippy::unused_async, reason = "other databases are waited for")]
    pub async fn read<T, E, F>(&self, query: F) -> Result<T, E>
    where
        F: Fn(&Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let read = self.database.read(|connection| query(&Tx::Sqlite(connection)).map_err(Carried));
        read.map_err(|carried| carried.0)
    }

    /// The same for a `query` of one statement, which costs less.
    #[expect(clippy::unused_async, reason = "other databases are waited for")]
    pub async fn read_one<T, E, F>(&self, query: F) -> Result<T, E>
    where
        F: Fn(&Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let read = self.database.read_one(|connection| query(&Tx::Sqlite(connection)).map_err(Carried));
        read.map_err(|carried| carried.0)
    }
}

/// Carries a rule's own error through the database crate, which knows only its own.
struct Carried<E>(E);

// The database crate asks for an error, and shows none of this one to anybody.
impl<E> std::error::Error for Carried<E> {}

impl<E> std::fmt::Debug for Carried<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Carried")
    }
}

impl<E> std::fmt::Display for Carried<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a rule's own error")
    }
}

impl<E: From<Error>> From<strongroom_sqlite::Error> for Carried<E> {
    fn from(error: strongroom_sqlite::Error) -> Self {
        Self(Error::from(error).into())
    }
}

/// Reads a time column.
fn time(millis: i64) -> Result<Timestamp, Error> {
    Timestamp::from_millisecond(millis).map_err(|_| Error::Corrupt { what: "time" })
}

/// Reads a column of JSON that this program wrote.
fn json<T: serde::de::DeserializeOwned>(text: &str, what: &'static str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|_| Error::Corrupt { what })
}

/// Writes a column of JSON.
fn to_json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("strings, lists and maps with string keys can always be written as JSON")
}
