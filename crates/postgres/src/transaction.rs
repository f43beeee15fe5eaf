//! A transaction while it runs: what it asks, and what went wrong in it.

use std::cell::Cell;
use std::time::Duration;

use bytes::BytesMut;
use futures_util::future::try_join_all;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Row, Statement};

use crate::Error;
use crate::connection::Connection;

/// How long a statement of work that nobody waits for may take.
const LONG: Duration = Duration::from_hours(1);

/// A transaction. Its verbs block, so it exists only on threads that may.
#[derive(Debug)]
pub struct Tx<'c> {
    pub(crate) connection: &'c Connection,
    /// How the first statement failed that did. PostgreSQL does nothing more in such a transaction, whatever the rules
    /// make of the error.
    failed: Cell<Option<Failed>>,
    /// Whether it was told to end. It has ended then, whatever came of it.
    ended: Cell<bool>,
}

/// What a failed statement means for its transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failed {
    /// Another transaction was in the way.
    Conflict,
    /// Another has inserted the same key, perhaps at the same moment.
    Taken,
    /// The connection is gone.
    Lost,
    /// Nothing that running it again would change, or that may be run again.
    Final,
}

impl<'c> Tx<'c> {
    pub(crate) fn new(connection: &'c Connection) -> Self {
        Self { connection, failed: Cell::new(None), ended: Cell::new(false) }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.get()
    }

    pub(crate) fn failed(&self) -> Option<Failed> {
        self.failed.get()
    }

    /// Runs a statement that answers nothing, and says how many rows it wrote or removed.
    pub fn execute(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<u64, Error> {
        self.note(|connection| {
            let statement = connection.statement(sql)?;
            connection.wait(connection.client.execute(&statement, values))
        })
    }

    /// Begins to gather runs of one statement.
    pub fn batch(&self, sql: &str) -> Result<Batch<'_, 'c>, Error> {
        let statement = self.note(|connection| connection.statement(sql))?;
        Ok(Batch { tx: self, statement, runs: Vec::new() })
    }

    /// Lets each of the following statements take much longer than a request could wait for.
    pub fn take_time(&self) {
        self.connection.set_patience(LONG);
    }

    /// All rows that a query finds.
    pub fn query(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Error> {
        self.note(|connection| {
            let statement = connection.statement(sql)?;
            connection.wait(connection.client.query(&statement, values))
        })
    }

    /// Makes what was written durable. When the connection breaks meanwhile, nobody knows whether it is.
    pub(crate) fn commit(&self) -> Result<(), Error> {
        self.ended.set(true);
        let committed = self.note(|connection| connection.run("COMMIT"));
        if self.failed.get() == Some(Failed::Lost) {
            self.failed.set(Some(Failed::Final));
        }
        committed
    }

    /// Does something with the connection, and remembers when that failed.
    pub(crate) fn note<T>(&self, work: impl FnOnce(&'c Connection) -> Result<T, Error>) -> Result<T, Error> {
        let done = work(self.connection);
        if let Err(error) = &done
            && self.failed.get().is_none()
        {
            self.failed.set(Some(match error {
                Error::Lost(_) => Failed::Lost,
                error if error.is_conflict() => Failed::Conflict,
                error if error.is_taken() => Failed::Taken,
                _ => Failed::Final,
            }));
        }
        done
    }
}

/// Runs of one statement with different values, sent together: all of them take one round trip.
#[derive(Debug)]
pub struct Batch<'t, 'c> {
    tx: &'t Tx<'c>,
    statement: Statement,
    runs: Vec<Vec<Encoded>>,
}

impl Batch<'_, '_> {
    /// One more run, with these values.
    pub fn add(&mut self, values: &[&(dyn ToSql + Sync)]) -> Result<(), Error> {
        let encoded = self.statement.params().iter().zip(values).map(|(kind, value)| {
            let mut bytes = BytesMut::new();
            let is_null = value.to_sql_checked(kind, &mut bytes)?;
            Ok(Encoded(matches!(is_null, IsNull::No).then_some(bytes)))
        });
        let encoded = encoded.collect::<Result<_, Box<dyn std::error::Error + Sync + Send>>>();
        self.runs.push(encoded.map_err(|error| Error::Value(error.to_string()))?);
        Ok(())
    }

    /// Runs them all.
    pub fn run(self) -> Result<(), Error> {
        let Self { tx, statement, runs } = self;
        tx.note(|connection| {
            let runs = runs.iter().map(|values| connection.client.execute_raw(&statement, values));
            connection.wait(try_join_all(runs)).map(drop)
        })
    }
}

/// A value as it goes over the wire; nothing for NULL.
#[derive(Debug)]
struct Encoded(Option<BytesMut>);

impl ToSql for Encoded {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        Ok(self.0.as_ref().map_or(IsNull::Yes, |bytes| {
            out.extend_from_slice(bytes);
            IsNull::No
        }))
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
