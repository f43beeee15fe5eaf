//! The index: which buckets, objects and uploads there are, and which contents they are made of.

pub(crate) mod bodies;
pub(crate) mod buckets;
pub(crate) mod composed;
pub(crate) mod contents;
pub(crate) mod due;
pub(crate) mod history;
pub(crate) mod listing;
pub(crate) mod objects;
pub(crate) mod uploads;
pub(crate) mod version_listing;
pub(crate) mod versions;

use std::path::Path;

use rusqlite::Connection;
use strongroom_sqlite::{Commits, Database, Migration, ReadOnly};

use crate::fault::Fault;

/// The layouts of the index, oldest first. A released one never changes.
const MIGRATIONS: &[Migration] = &[
    Migration { name: "0001_objects", sql: include_str!("index/0001_objects.sql") },
    Migration { name: "0002_versions", sql: include_str!("index/0002_versions.sql") },
    Migration { name: "0003_tally", sql: include_str!("index/0003_tally.sql") },
    Migration { name: "0004_encryption", sql: include_str!("index/0004_encryption.sql") },
];

/// How many read-only connections stay open.
const READERS: usize = 4;

/// The open index.
#[derive(Debug, Clone)]
pub(crate) struct Index {
    database: Database,
}

impl Index {
    /// Opens or creates the index file.
    pub(crate) fn open(path: &Path) -> Result<Self, strongroom_sqlite::Error> {
        Ok(Self { database: Database::open(path, MIGRATIONS, READERS)? })
    }

    /// Runs a short query on a snapshot.
    pub(crate) fn read<T>(&self, query: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        self.database.read(query)
    }

    /// Runs a change; it is durable when this answers `Ok`. An `Err` of the closure undoes the closure alone.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        self.database.write(change).await
    }
}

impl Index {
    /// How many transactions and writes there have been.
    pub(crate) fn commits(&self) -> Commits {
        self.database.commits()
    }
}

/// The index as it is seen beside the process that has it open, or without one.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    database: ReadOnly,
}

impl Look {
    /// Opens the index file, which must have the newest layout.
    pub(crate) fn open(path: &Path) -> Result<Self, strongroom_sqlite::Error> {
        Ok(Self { database: ReadOnly::open(path, MIGRATIONS)? })
    }

    /// Runs a query on a snapshot.
    pub(crate) fn read<T>(&self, query: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        self.database.read(query)
    }
}

/// A number as SQLite keeps it. Sizes and content numbers stay far below 2⁶³.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number as the index keeps it, read back; none of them is negative.
pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// A value that is kept as JSON.
pub(crate) fn to_json(value: &impl serde::Serialize) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|error| Fault::from(crate::fault::Code::InternalError).because(error))
}

/// A value that is kept as JSON if there is one.
pub(crate) fn to_json_option(value: Option<&impl serde::Serialize>) -> Result<Option<String>, Fault> {
    value.map(to_json).transpose()
}

/// Reads a value that is kept as JSON if there is one, inside a row.
pub(crate) fn from_json_option<T: serde::de::DeserializeOwned>(
    row: &rusqlite::Row<'_>,
    column: usize,
) -> rusqlite::Result<Option<T>> {
    if row.get_ref(column)? == rusqlite::types::ValueRef::Null { Ok(None) } else { from_json(row, column).map(Some) }
}

/// Reads a value that is kept as JSON, inside a row.
pub(crate) fn from_json<T: serde::de::DeserializeOwned>(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}
