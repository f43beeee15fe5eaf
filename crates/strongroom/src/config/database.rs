//! `[database]`: a file in the data folder, or a PostgreSQL elsewhere.

use std::path::PathBuf;

use serde::Deserialize;
use strongroom_postgres::Address;

use super::credential;
use super::key_path::KeyPath;
use super::layers::Report;
use super::secret::Secret;

/// Where everything but the bytes lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// In a file of SQLite in the data folder.
    Sqlite,
    /// In a database of PostgreSQL.
    Postgres {
        /// Where it is.
        address: Box<Address>,
        /// How many connections this node holds open at most.
        max_connections: u32,
    },
}

/// The section as it is written.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawDatabase {
    url: Option<Secret>,
    url_file: Option<PathBuf>,
    max_connections: u32,
}

impl Default for RawDatabase {
    fn default() -> Self {
        Self { url: None, url_file: None, max_connections: 16 }
    }
}

impl RawDatabase {
    pub(super) fn validate(self, report: &mut Report) -> Database {
        let section = KeyPath::of(["database"]);
        let key = section.then("url");
        if !(2..=1000).contains(&self.max_connections) {
            report.problem(&section.then("max_connections"), "must be from 2 to 1000: reads and writes have their own");
        }
        let Some(url) = credential::choose(self.url.as_ref(), self.url_file.as_deref(), &key, report) else {
            return Database::Sqlite;
        };
        let key = if self.url.is_some() { key } else { section.then("url_file") };
        match url.expose().trim().parse() {
            Ok(address) => Database::Postgres { address: Box::new(address), max_connections: self.max_connections },
            Err(error) => {
                report.problem(&key, error.to_string());
                Database::Sqlite
            }
        }
    }
}
