//! The service's database, looked at and changed behind its back: a file of SQLite, or a schema of PostgreSQL.

use std::path::PathBuf;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use strongroom_testbed::psql;

/// Where it is.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    Sqlite(PathBuf),
    Postgres(String),
}

impl Database {
    /// The word for it in the API.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(_) => "postgres",
        }
    }

    /// Runs one statement; its rows, a line each with `|` between the columns.
    pub(crate) fn sql(&self, statement: &str) -> String {
        match self {
            Self::Sqlite(file) => on_sqlite(file, statement),
            Self::Postgres(url) => psql(url, statement).expect("PostgreSQL answers"),
        }
    }

    /// Every text in every table.
    pub(crate) fn everything(&self) -> String {
        let tables = self.sql(match self {
            Self::Sqlite(_) => "SELECT name FROM sqlite_schema WHERE type = 'table'",
            Self::Postgres(_) => {
                "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
            }
        });
        assert!(tables.lines().count() > 5, "the tables are {tables}");
        tables.lines().map(|table| self.sql(&format!("SELECT * FROM \"{table}\"")) + "\n").collect()
    }
}

fn on_sqlite(file: &PathBuf, statement: &str) -> String {
    let database = Connection::open(file).expect("the database is there");
    database.busy_timeout(Duration::from_secs(10)).expect("a timeout can be set");
    let mut statement = database.prepare(statement).unwrap();
    let columns = statement.column_count();
    if columns == 0 {
        statement.execute([]).unwrap();
        return String::new();
    }
    let mut lines = Vec::new();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let cells = (0..columns).map(|column| match row.get_ref(column).unwrap() {
            ValueRef::Null => String::new(),
            ValueRef::Integer(number) => number.to_string(),
            ValueRef::Real(number) => number.to_string(),
            ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
            ValueRef::Blob(bytes) => format!("{bytes:02x?}"),
        });
        lines.push(cells.collect::<Vec<_>>().join("|"));
    }
    lines.join("\n")
}
