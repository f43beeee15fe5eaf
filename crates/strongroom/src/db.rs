//! The database: what the rules may ask of it, one file an entity. Queries live here and nowhere else.

pub mod api_keys;
pub mod audit;
pub mod copies;
pub mod doomed;
pub mod milestones;
pub mod objects;
pub mod pictures;
#[cfg(test)]
mod tests;
mod transfer;
mod tx;
pub mod uploads;
pub mod usage;

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use strongroom_postgres::Address;
use tokio::sync::Semaphore;

pub use transfer::{Moved, NotMoved, move_to_postgres};
pub use tx::Tx;

/// How many read-only connections to SQLite stay open between requests.
const READERS: usize = 8;

/// How many scans of SQLite may run at once.
const SCANS: usize = 8;

const SQLITE: &[strongroom_sqlite::Migration] = &[
    strongroom_sqlite::Migration { name: "0001_first", sql: include_str!("db/migrations/sqlite/0001_first.sql") },
    strongroom_sqlite::Migration { name: "0002_media", sql: include_str!("db/migrations/sqlite/0002_media.sql") },
];

const POSTGRES: &[strongroom_postgres::Migration] = &[
    strongroom_postgres::Migration { name: "0001_first", sql: include_str!("db/migrations/postgres/0001_first.sql") },
    strongroom_postgres::Migration { name: "0002_media", sql: include_str!("db/migrations/postgres/0002_media.sql") },
];

/// Why the database gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// SQLite failed.
    #[error(transparent)]
    Sqlite(#[from] strongroom_sqlite::Error),
    /// PostgreSQL failed.
    #[error(transparent)]
    Postgres(#[from] strongroom_postgres::Error),
    /// A row holds what no version of this program wrote.
    #[error("the database holds a {what} that cannot be read")]
    Corrupt {
        /// Which column.
        what: &'static str,
    },
}

impl Error {
    /// Whether the database is away, so that the same may work soon.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Postgres(error) if error.is_unavailable())
    }

    /// Whether others were in the way for too long, so that the same may work soon.
    pub fn is_contended(&self) -> bool {
        matches!(self, Self::Postgres(strongroom_postgres::Error::Contended(_)))
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error.into())
    }
}

/// A handle on the database; clones share it.
#[derive(Debug, Clone)]
pub struct Db(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Sqlite {
        database: strongroom_sqlite::Database,
        /// How many scans may run at once: each holds a thread for as long as it takes.
        scans: Arc<Semaphore>,
    },
    Postgres(strongroom_postgres::Database),
}

impl Db {
    /// Opens or creates a file of SQLite, and brings its schema up to date.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let database = strongroom_sqlite::Database::open(path, SQLITE, READERS)?;
        Ok(Self(Kind::Sqlite { database, scans: Arc::new(Semaphore::new(SCANS)) }))
    }

    /// Connects to a database of PostgreSQL, and brings its schema up to date.
    pub async fn connect(address: Address, max_connections: usize) -> Result<Self, Error> {
        let database = strongroom_postgres::Database::open(address, max_connections, POSTGRES).await?;
        Ok(Self(Kind::Postgres(database)))
    }

    /// Which kind of database it is, in a word.
    pub fn kind(&self) -> &'static str {
        match &self.0 {
            Kind::Sqlite { .. } => "sqlite",
            Kind::Postgres(_) => "postgres",
        }
    }

    /// Whether several nodes may share it.
    pub fn is_shared(&self) -> bool {
        matches!(self.0, Kind::Postgres(_))
    }

    /// Runs `job` in a transaction, and returns once what it wrote is durable. An `Err` undoes all it wrote.
    ///
    /// It behaves as if it were alone. Where another transaction was in the way, `job` is run again from the start.
    pub async fn write<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: Fn(&Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let written = match &self.0 {
            Kind::Sqlite { database, .. } => {
                database.write(move |connection| job(&Tx::Sqlite(connection)).map_err(Carried)).await
            }
            Kind::Postgres(database) => database.write(move |tx| job(&Tx::Postgres(tx)).map_err(Carried)).await,
        };
        written.map_err(|carried| carried.0)
    }

    /// The same for a `job` that only adds to a log: [`Self::changes`] stays as it is.
    pub async fn append<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: Fn(&Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let Kind::Sqlite { database, .. } = &self.0 else { return self.write(job).await };
        let written = database.append(move |connection| job(&Tx::Sqlite(connection)).map_err(Carried)).await;
        written.map_err(|carried| carried.0)
    }

    /// Goes up with each change, before its maker is answered. Nothing where other nodes make changes too.
    pub fn changes(&self) -> Option<u64> {
        match &self.0 {
            Kind::Sqlite { database, .. } => Some(database.changes()),
            Kind::Postgres(_) => None,
        }
    }

    /// Runs `query` on one consistent snapshot, on a thread of its own. For lists, which may have to pass over much.
    pub async fn scan<T, E, F>(&self, query: F) -> Result<T, E>
    where
        F: Fn(&Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let Kind::Sqlite { database, scans } = &self.0 else { return self.read(query).await };
        let database = database.clone();
        let _place = scans.acquire().await;
        let scanned = tokio::task::spawn_blocking(move || {
            database.read(|connection| query(&Tx::Sqlite(connection)).map_err(Carried)).map_err(|carried| carried.0)
        });
        let panicked = |panic: tokio::task::JoinError| strongroom_sqlite::Error::Panicked(panic.to_string());
        scanned.await.unwrap_or_else(|panic| Err(Error::from(panicked(panic)).into()))
    }

    /// Runs `query` on one consistent snapshot. For queries that an index bounds: with SQLite it runs at once.
    pub async fn read<T, E, F>(&self, query: F) -> Result<T, E>
    where
        F: Fn(&Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let read = match &self.0 {
            Kind::Sqlite { database, .. } => {
                database.read(|connection| query(&Tx::Sqlite(connection)).map_err(Carried))
            }
            Kind::Postgres(database) => database.read(move |tx| query(&Tx::Postgres(tx)).map_err(Carried)).await,
        };
        read.map_err(|carried| carried.0)
    }

    /// The same for a `query` of one statement, which costs less.
    pub async fn read_one<T, E, F>(&self, query: F) -> Result<T, E>
    where
        F: Fn(&Tx) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let read = match &self.0 {
            Kind::Sqlite { database, .. } => {
                database.read_one(|connection| query(&Tx::Sqlite(connection)).map_err(Carried))
            }
            Kind::Postgres(database) => database.read_one(move |tx| query(&Tx::Postgres(tx)).map_err(Carried)).await,
        };
        read.map_err(|carried| carried.0)
    }
}

/// Carries a rule's own error through the database crates, which know only their own.
struct Carried<E>(E);

// A database crate asks for an error, and shows none of this one to anybody.
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

impl<E: From<Error>> From<strongroom_postgres::Error> for Carried<E> {
    fn from(error: strongroom_postgres::Error) -> Self {
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
