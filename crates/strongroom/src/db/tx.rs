//! A transaction as the queries see it: three verbs, values and rows, the same for every kind of database.

use rusqlite::params_from_iter;

use super::Error;

/// A transaction: every query takes one, so that a rule decides what happens together.
#[derive(Debug)]
pub enum Tx<'c> {
    /// Of SQLite.
    Sqlite(&'c rusqlite::Connection),
}

/// What may stand in a numbered place of a query.
pub(super) trait Value: rusqlite::ToSql + Send + Sync {}

impl<T: rusqlite::ToSql + Send + Sync> Value for T {}

/// What a column can be read as.
pub(super) trait Column: rusqlite::types::FromSql {}

impl<T: rusqlite::types::FromSql> Column for T {}

/// The values of a query's numbered places, in their order.
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$(&$value as &dyn $crate::db::tx::Value),*] };
}
pub(super) use values;

/// One row of an answer.
pub(super) enum Row<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
}

impl Tx<'_> {
    /// Runs a statement that answers nothing, and says how many rows it wrote or removed.
    pub(super) fn execute(&self, sql: &str, values: &[&dyn Value]) -> Result<u64, Error> {
        match self {
            Self::Sqlite(connection) => {
                Ok(connection.prepare_cached(sql)?.execute(params_from_iter(values.iter().map(as_sqlite)))? as u64)
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
                let mut rows = statement.query(params_from_iter(values.iter().map(as_sqlite)))?;
                rows.next()?.map(|row| read(&Row::Sqlite(row))).transpose()
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
                let mut rows = statement.query(params_from_iter(values.iter().map(as_sqlite)))?;
                let mut all = Vec::new();
                while let Some(row) = rows.next()? {
                    all.push(read(&Row::Sqlite(row))?);
                }
                Ok(all)
            }
        }
    }
}

impl Row<'_> {
    /// The column of this number, counted from 0.
    pub(super) fn get<T: Column>(&self, index: usize) -> Result<T, Error> {
        match self {
            Self::Sqlite(row) => Ok(row.get(index)?),
        }
    }

    /// The same for text, which need not be copied.
    pub(super) fn text(&self, index: usize) -> Result<&str, Error> {
        match self {
            Self::Sqlite(row) => Ok(row.get_ref(index)?.as_str().map_err(rusqlite::Error::from)?),
        }
    }
}

fn as_sqlite<'a>(value: &'a &dyn Value) -> &'a dyn rusqlite::ToSql {
    *value
}
