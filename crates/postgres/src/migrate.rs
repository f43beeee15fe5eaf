//! The migrations that bring a schema up to date, under a lock, so that nodes that start together migrate once.

use std::time::Duration;

use crate::Error;
use crate::connection::Connection;

/// How long one migration, or another node's, may take.
const PATIENCE: Duration = Duration::from_hours(1);

/// How long a migration waits for a table that others use, before it lets them pass and comes back. All who come after
/// it wait behind it meanwhile.
const LET_PASS: &str = "SET LOCAL lock_timeout = '2s'";
const PAUSE: &str = "SELECT pg_sleep(0.5)";
/// How often it comes back.
const TRIES: u32 = 1000;

/// One step of the schema. Migrations run in order and never change once released.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// A name for error messages.
    pub name: &'static str,
    /// The statements.
    pub sql: &'static str,
}

/// Runs what is missing, all of it in one transaction, while other nodes work on as they did.
pub(crate) fn migrate(connection: &Connection, migrations: &[Migration]) -> Result<(), Error> {
    connection.set_patience(PATIENCE);
    let mut tries = 0;
    let migrated = loop {
        connection.run("BEGIN")?;
        let migrated = up_to_date(connection, migrations);
        connection.run(if migrated.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
        tries += 1;
        match migrated {
            Err(Error::Migration { source, .. }) if source.is_conflict() && tries < TRIES => connection.run(PAUSE)?,
            migrated => break migrated,
        }
    };
    connection.set_patience(None);
    migrated
}

fn up_to_date(connection: &Connection, migrations: &[Migration]) -> Result<(), Error> {
    let run = |sql: &str| connection.run(sql);
    // The lock is that of this schema, and goes with the transaction. The first number is ours alone.
    run("SELECT pg_advisory_xact_lock(1937006963, hashtext(current_schema()))")?;
    run("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)")?;
    let rows = connection.wait(connection.client.query("SELECT version FROM schema_version", &[]))?;
    let found: i64 = rows.first().map_or(Ok(0), |row| row.try_get(0)).map_err(Error::of)?;
    let known = u32::try_from(migrations.len()).expect("migrations are a list in the source");
    let found = u32::try_from(found).unwrap_or(u32::MAX);
    if found > known {
        return Err(Error::Newer { found, known });
    }
    if found > 0 {
        run(LET_PASS)?;
    }
    for migration in &migrations[found as usize..] {
        run(migration.sql).map_err(|source| Error::Migration { name: migration.name, source: Box::new(source) })?;
    }
    if found < known {
        run("DELETE FROM schema_version")?;
        let version = i64::from(known);
        connection.wait(connection.client.execute("INSERT INTO schema_version VALUES ($1)", &[&version]))?;
    }
    Ok(())
}
