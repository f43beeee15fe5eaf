//! Moving everything from SQLite to an empty database of PostgreSQL: one transaction, so that it happens whole or not.

use std::path::Path;

use rusqlite::types::ValueRef;
use strongroom_postgres::{Address, Cell, Database, Kind};
use strongroom_sqlite::ReadOnly;
use uuid::Uuid;

use super::{Carried, Error, POSTGRES, SQLITE};
use Kind::{Id, Integer, Text};

/// How many rows are sent at once.
const ROWS: usize = 2000;

/// Why nothing was moved.
#[derive(Debug, thiserror::Error)]
pub enum NotMoved {
    /// A database failed.
    #[error(transparent)]
    Db(#[from] Error),
    /// There is something where everything should go.
    #[error("the table {0} of the target has rows already; move into an empty database, or into a schema of its own")]
    NotEmpty(&'static str),
    /// Not everything arrived.
    #[error("of the {sent} rows of {table}, {arrived} arrived; nothing was kept")]
    Differs {
        /// The table.
        table: &'static str,
        /// How many rows SQLite has.
        sent: i64,
        /// How many PostgreSQL has.
        arrived: i64,
    },
}

impl From<strongroom_postgres::Error> for NotMoved {
    fn from(error: strongroom_postgres::Error) -> Self {
        Self::Db(error.into())
    }
}

/// How many rows of a table were moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved {
    /// The table.
    pub table: &'static str,
    /// Its rows.
    pub rows: i64,
}

/// A table with its columns.
struct Table {
    name: &'static str,
    columns: &'static [(&'static str, Kind)],
}

/// Every table, those first that others refer to.
const TABLES: &[Table] = &[
    Table {
        name: "objects",
        columns: &[
            ("id", Id),
            ("space", Text),
            ("owner", Text),
            ("creator", Text),
            ("group_name", Text),
            ("name", Text),
            ("tags", Text),
            ("metadata", Text),
            ("shared_with", Text),
            ("version", Integer),
            ("created_at", Integer),
            ("updated_at", Integer),
            ("deleted_at", Integer),
        ],
    },
    Table { name: "object_tags", columns: &[("tag", Text), ("object_id", Id)] },
    Table { name: "object_readers", columns: &[("subject", Text), ("object_id", Id)] },
    Table {
        name: "versions",
        columns: &[
            ("object_id", Id),
            ("number", Integer),
            ("key", Text),
            ("content_type", Text),
            ("bytes", Integer),
            ("sha256", Text),
            ("created_at", Integer),
            ("duration_ms", Integer),
            ("width", Integer),
            ("height", Integer),
        ],
    },
    Table {
        name: "pictures",
        columns: &[
            ("object_id", Id),
            ("number", Integer),
            ("demand", Text),
            ("space", Text),
            ("owner", Text),
            ("state", Text),
            ("recipes", Text),
            ("due_at", Integer),
            ("holder", Id),
            ("attempts", Integer),
            ("optimise", Integer),
            ("reason_code", Text),
            ("reason_detail", Text),
            ("width", Integer),
            ("height", Integer),
            ("frames", Integer),
            ("dominant", Text),
            ("thumbhash", Text),
            ("perceptual_hash", Integer),
            ("features", Text),
            ("used_at", Integer),
        ],
    },
    Table {
        name: "variants",
        columns: &[
            ("key", Text),
            ("object_id", Id),
            ("number", Integer),
            ("demand", Text),
            ("name", Text),
            ("recipe", Text),
            ("content_type", Text),
            ("width", Integer),
            ("height", Integer),
            ("bytes", Integer),
            ("sha256", Text),
            ("made_at", Integer),
        ],
    },
    Table {
        name: "uploads",
        columns: &[
            ("id", Id),
            ("object_id", Id),
            ("space", Text),
            ("method", Text),
            ("instead_of", Text),
            ("state", Text),
            ("actor", Text),
            ("owner", Text),
            ("creator", Text),
            ("group_name", Text),
            ("name", Text),
            ("tags", Text),
            ("metadata", Text),
            ("content_type", Text),
            ("bytes", Integer),
            ("sha256", Text),
            ("bucket", Text),
            ("staging_key", Text),
            ("final_key", Text),
            ("multipart_id", Text),
            ("idempotency_key", Text),
            ("request_digest", Text),
            ("lease_holder", Id),
            ("lease_until", Integer),
            ("reason_code", Text),
            ("reason_detail", Text),
            ("created_at", Integer),
            ("expires_at", Integer),
            ("swept_at", Integer),
        ],
    },
    Table {
        name: "mirrors",
        columns: &[("place", Text), ("since", Integer), ("asked_up_to", Text), ("is_whole", Integer)],
    },
    Table {
        name: "copies",
        columns: &[
            ("key", Text),
            ("space", Text),
            ("asked_at", Integer),
            ("due_at", Integer),
            ("holder", Id),
            ("round", Integer),
            ("attempts", Integer),
            ("reason", Text),
        ],
    },
    Table { name: "doomed", columns: &[("bucket", Text), ("key", Text), ("at", Integer)] },
    Table {
        name: "usage",
        columns: &[
            ("space", Text),
            ("owner", Text),
            ("bytes", Integer),
            ("objects", Integer),
            ("reserved_bytes", Integer),
            ("reserved_objects", Integer),
        ],
    },
    Table {
        name: "api_keys",
        columns: &[
            ("id", Text),
            ("name", Text),
            ("secret_hash", Text),
            ("subject", Text),
            ("roles", Text),
            ("scopes", Text),
            ("created_at", Integer),
            ("revoked_at", Integer),
        ],
    },
    Table {
        name: "audit",
        columns: &[
            ("id", Integer),
            ("at", Integer),
            ("actor", Text),
            ("action", Text),
            ("space", Text),
            ("object_id", Id),
            ("request_id", Text),
            ("detail", Text),
        ],
    },
    Table { name: "milestones", columns: &[("name", Text), ("at", Integer)] },
];

/// Copies every row of the file to the database, and compares how many there are. `progress` is told how many rows
/// have been sent, and how many there are.
pub async fn move_to_postgres(
    file: &Path,
    target: Address,
    progress: impl Fn(u64, u64) + Send + 'static,
) -> Result<Vec<Moved>, NotMoved> {
    let source = ReadOnly::open(file, SQLITE).map_err(Error::from)?;
    let target = Database::open(target, 2, POSTGRES).await?;
    let moved = target.write(move |tx| {
        tx.take_time();
        // One snapshot of the file, and one transaction of the database.
        source.read(|connection| copy(connection, tx, &progress).map_err(Carried)).map_err(|carried| carried.0)
    });
    moved.await
}

impl From<rusqlite::Error> for NotMoved {
    fn from(error: rusqlite::Error) -> Self {
        Self::Db(error.into())
    }
}

fn copy(
    source: &rusqlite::Connection,
    tx: &strongroom_postgres::Tx<'_>,
    progress: &dyn Fn(u64, u64),
) -> Result<Vec<Moved>, NotMoved> {
    for table in TABLES {
        if !tx.query(&format!("SELECT 1 FROM {} LIMIT 1", table.name), &[])?.is_empty() {
            return Err(NotMoved::NotEmpty(table.name));
        }
    }
    let mut expected = Vec::new();
    for table in TABLES {
        let rows = source.query_row(&format!("SELECT count(*) FROM {}", table.name), [], |row| row.get(0))?;
        expected.push(Moved { table: table.name, rows });
    }
    let total: i64 = expected.iter().map(|moved| moved.rows).sum();
    let mut sent = 0;
    for table in TABLES {
        copy_table(source, tx, table, &mut |rows| {
            sent += rows;
            progress(sent, total.unsigned_abs());
        })?;
    }
    // What comes next continues the count.
    tx.query(
        "SELECT setval(pg_get_serial_sequence('audit', 'id'), (SELECT coalesce(max(id), 0) + 1 FROM audit), false)",
        &[],
    )?;
    for Moved { table, rows } in &expected {
        let counted = tx.query(&format!("SELECT count(*) FROM {table}"), &[])?;
        let arrived: i64 = counted.first().map_or(0, |row| row.get(0));
        if arrived != *rows {
            return Err(NotMoved::Differs { table, sent: *rows, arrived });
        }
    }
    Ok(expected)
}

fn copy_table(
    source: &rusqlite::Connection,
    tx: &strongroom_postgres::Tx<'_>,
    table: &Table,
    sent: &mut dyn FnMut(u64),
) -> Result<(), NotMoved> {
    let names: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
    let mut statement = source.prepare(&format!("SELECT {} FROM {}", names.join(", "), table.name))?;
    let mut rows = statement.query([])?;
    let mut batch = Vec::with_capacity(ROWS);
    loop {
        let row = rows.next()?;
        if let Some(row) = row {
            let cells = (0..names.len()).map(|index| cell(row.get_ref(index)?));
            batch.push(cells.collect::<Result<Vec<_>, Error>>()?);
        }
        let is_last = row.is_none();
        if batch.len() == ROWS || is_last {
            tx.copy(table.name, table.columns, &batch)?;
            sent(batch.len() as u64);
            batch.clear();
        }
        if is_last {
            return Ok(());
        }
    }
}

/// A value of SQLite as PostgreSQL gets it.
fn cell(value: ValueRef<'_>) -> Result<Cell, Error> {
    let corrupt = |what| Error::Corrupt { what };
    match value {
        ValueRef::Null => Ok(Cell::Null),
        ValueRef::Integer(number) => Ok(Cell::Integer(number)),
        ValueRef::Text(text) => {
            let text = std::str::from_utf8(text).map_err(|_| corrupt("text"))?;
            Ok(Cell::Text(text.to_owned()))
        }
        ValueRef::Blob(bytes) => Ok(Cell::Id(Uuid::from_slice(bytes).map_err(|_| corrupt("id"))?)),
        ValueRef::Real(_) => Err(corrupt("number with a fraction")),
    }
}
