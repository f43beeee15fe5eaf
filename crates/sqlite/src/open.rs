//! Opening a file: its settings, and the migrations that bring its schema up to date.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::Error;

/// How many prepared statements a connection keeps.
const STATEMENTS: usize = 256;

/// How long a connection waits for another process that holds the write lock.
pub(crate) const BUSY: Duration = Duration::from_secs(30);

/// One step of the schema. Migrations run in order, each in a transaction, and never change once released.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// A name for error messages.
    pub name: &'static str,
    /// The statements.
    pub sql: &'static str,
}

/// Opens the connection that writes, and migrates.
pub(crate) fn writer(path: &Path, migrations: &[Migration]) -> Result<Connection, Error> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // FULL, and not the usual NORMAL: a commit that was acknowledged survives the loss of power.
    connection.pragma_update(None, "synchronous", "full")?;
    // Pages that change often are copied into the file less often; the log that a crash leaves stays below 32 MiB.
    connection.pragma_update(None, "wal_autocheckpoint", 8000)?;
    shared_settings(&connection)?;
    migrate(&mut connection, migrations)?;
    Ok(connection)
}

/// Opens a connection that cannot write.
pub(crate) fn reader(path: &Path) -> Result<Connection, Error> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    shared_settings(&connection)?;
    Ok(connection)
}

/// How many migrations the file has seen.
pub(crate) fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn shared_settings(connection: &Connection) -> Result<(), Error> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // Otherwise SQLite plans a cached statement anew whenever other values are bound to it, which takes longer than to
    // run it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    Ok(())
}

fn migrate(connection: &mut Connection, migrations: &[Migration]) -> Result<(), Error> {
    let known = u32::try_from(migrations.len()).expect("migrations are a list in the source");
    loop {
        // IMMEDIATE takes the write lock first, so that two processes starting together do not migrate twice.
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let found = version(&transaction)?;
        if found > known {
            return Err(Error::Newer { found, known });
        }
        let Some(migration) = migrations.get(found as usize) else {
            return Ok(());
        };
        let failed = |source| Error::Migration { name: migration.name, source };
        transaction.execute_batch(migration.sql).map_err(failed)?;
        transaction.pragma_update(None, "user_version", found + 1).map_err(failed)?;
        transaction.commit().map_err(failed)?;
    }
}
