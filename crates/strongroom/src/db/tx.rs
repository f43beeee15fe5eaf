//! A transaction as the queries see it: a few verbs, values and rows, the same for both kinds of database.
//!
//! Queries are written in the SQL that SQLite and PostgreSQL share, with places numbered `?1`.

use rusqlite::params_from_iter;
use strongroom_postgres as postgres;

use super::Error;

/// A transaction: every query takes one, so that a rule decides what happens together.
#[derive(Debug)]
pub enum Tx<'c> {
    /// Of SQLite.
    Sqlite(&'c rusqlite::Connection),
    /// Of PostgreSQL.
    Postgres(&'c postgres::Tx<'c>),
}

/// What may stand in a numbered place of a query.
pub(super) trait Value: Send + Sync {
    fn for_sqlite(&self) -> &dyn rusqlite::ToSql;
    fn for_postgres(&self) -> &(dyn postgres::ToSql + Sync);
}

impl<T: rusqlite::ToSql + postgres::ToSql + Send + Sync> Value for T {
    fn for_sqlite(&self) -> &dyn rusqlite::ToSql {
        self
    }

    fn for_postgres(&self) -> &(dyn postgres::ToSql + Sync) {
        self
    }
}

/// What a column can be read as.
pub(super) trait Column: rusqlite::types::FromSql + postgres::FromSqlOwned {}

impl<T: rusqlite::types::FromSql + postgres::FromSqlOwned> Column for T {}

/// The values of a query's numbered places, in their order.
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$(&$value as &dyn $crate::db::tx::Value),*] };
}
pub(super) use values;

/// Takes the values of one more run of a statement.
pub(super) type Run<'r> = &'r mut dyn FnMut(&[&dyn Value]) -> Result<(), Error>;

/// One row of an answer.
pub(super) enum Row<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r postgres::Row),
}

impl Tx<'_> {
    /// Runs a statement that answers nothing, and says how many rows it wrote or removed.
    pub(super) fn execute(&self, sql: &str, values: &[&dyn Value]) -> Result<u64, Error> {
        match self {
            Self::Sqlite(connection) => {
                Ok(connection.prepare_cached(sql)?.execute(params_from_iter(sqlite(values)))? as u64)
            }
            Self::Postgres(tx) => Ok(tx.execute(sql, &postgres(values))?),
        }
    }

    /// Runs one statement as often as `runs` says; over a network, all of it takes one round trip.
    pub(super) fn execute_each(&self, sql: &str, runs: impl FnOnce(Run<'_>) -> Result<(), Error>) -> Result<(), Error> {
        match self {
            Self::Sqlite(connection) => {
                let mut statement = connection.prepare_cached(sql)?;
                runs(&mut |values| {
                    statement.execute(params_from_iter(sqlite(values)))?;
                    Ok(())
                })
            }
            Self::Postgres(tx) => {
                let mut batch = tx.batch(sql)?;
                runs(&mut |values| Ok(batch.add(&postgres(values))?))?;
                Ok(batch.run()?)
            }
        }
    }

    /// The first row, if there is any.
    pub(super) fn one<T>(
        &self,
        sql: &str,
        values: &[&dyn Value],
        read: impl FnOnce(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        match self {
            Self::Sqlite(connection) => {
                let mut statement = connection.prepare_cached(sql)?;
                let mut rows = statement.query(params_from_iter(sqlite(values)))?;
                rows.next()?.map(|row| read(&Row::Sqlite(row))).transpose()
            }
            Self::Postgres(tx) => {
                tx.query(sql, &postgres(values))?.first().map(|row| read(&Row::Postgres(row))).transpose()
            }
        }
    }

    /// All rows.
    pub(super) fn all<T>(
        &self,
        sql: &str,
        values: &[&dyn Value],
        read: impl Fn(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        match self {
            Self::Sqlite(connection) => {
                let mut statement = connection.prepare_cached(sql)?;
                let mut rows = statement.query(params_from_iter(sqlite(values)))?;
                let mut all = Vec::new();
                while let Some(row) = rows.next()? {
                    all.push(read(&Row::Sqlite(row))?);
                }
                Ok(all)
            }
            Self::Postgres(tx) => {
                tx.query(sql, &postgres(values))?.iter().map(|row| read(&Row::Postgres(row))).collect()
            }
        }
    }
}

impl Row<'_> {
    /// The column of this number, counted from 0.
    pub(super) fn get<T: Column>(&self, index: usize) -> Result<T, Error> {
        match self {
            Self::Sqlite(row) => Ok(row.get(index)?),
            Self::Postgres(row) => row.try_get(index).map_err(|_| Error::Corrupt { what: "column" }),
        }
    }

    /// The same for text, which need not be copied.
    pub(super) fn text(&self, index: usize) -> Result<&str, Error> {
        match self {
            Self::Sqlite(row) => Ok(row.get_ref(index)?.as_str().map_err(rusqlite::Error::from)?),
            Self::Postgres(row) => row.try_get(index).map_err(|_| Error::Corrupt { what: "column" }),
        }
    }
}

fn sqlite<'v>(values: &'v [&dyn Value]) -> impl Iterator<Item = &'v dyn rusqlite::ToSql> {
    values.iter().map(|value| value.for_sqlite())
}

fn postgres<'v>(values: &'v [&dyn Value]) -> Vec<&'v (dyn postgres::ToSql + Sync)> {
    values.iter().map(|value| value.for_postgres()).collect()
}
