//! The pool of read-only connections.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rusqlite::Connection;

use crate::{Error, open};

/// Idle read-only connections. A read takes one, or opens one when none is idle, and gives it back.
#[derive(Debug)]
pub(crate) struct Readers {
    path: PathBuf,
    keep: usize,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    /// Opens the first connection at once, so that a file that cannot be read is noticed at start-up.
    pub(crate) fn new(path: &Path, keep: usize) -> Result<Self, Error> {
        let first = open::reader(path)?;
        Ok(Self { path: path.to_owned(), keep: keep.max(1), idle: Mutex::new(vec![first]) })
    }

    /// Lends a connection to `query`, inside one read transaction so that all its statements see the same state.
    pub(crate) fn with_snapshot<T, E: From<Error>>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, E> {
        self.with(|connection| {
            let run = |statement| connection.prepare_cached(statement)?.execute([]).map_err(Error::from);
            run("BEGIN")?;
            let answer = query(connection);
            run("ROLLBACK")?;
            answer
        })
    }

    /// Lends a connection to `query`.
    pub(crate) fn with<T, E: From<Error>>(&self, query: impl FnOnce(&Connection) -> Result<T, E>) -> Result<T, E> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => open::reader(&self.path)?,
        };
        let answer = query(&connection);
        // A connection on which a transaction could not be ended is not lent again.
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.keep && connection.is_autocommit() {
            idle.push(connection);
        }
        answer
    }
}
