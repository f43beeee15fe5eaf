//! Keys whose content the mirror has to get, or to lose: written together with the change that asks for it.

use jiff::Timestamp;

use super::tx::values;
use super::{Error, Tx, time};

/// Something that the mirror does not hold as it should yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// The key, relative to the location.
    pub key: String,
    /// Counts how often it was asked for, so that what is asked for meanwhile is not taken for done.
    pub round: i64,
    /// How often it was tried since.
    pub attempts: i64,
}

/// How far the mirror is behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lag {
    /// How many keys are not as they should be.
    pub keys: i64,
    /// Since when the oldest of them waits.
    pub since: Option<Timestamp>,
}

/// Asks for the mirror to be brought in line under this key.
pub fn ask(tx: &Tx, key: &str, now: Timestamp) -> Result<(), Error> {
    let now = now.as_millisecond();
    tx.execute(
        "INSERT INTO copies (key, asked_at, due_at, round, attempts) VALUES (?1, ?2, ?2, 0, 0) ON CONFLICT (key) \
         DO UPDATE SET asked_at = excluded.asked_at, due_at = excluded.due_at, round = copies.round + 1, attempts = 0",
        values![key, now],
    )?;
    Ok(())
}

/// Asks for everything that there is.
pub fn ask_for_all(tx: &Tx, now: Timestamp) -> Result<u64, Error> {
    let now = now.as_millisecond();
    tx.execute(
        "INSERT INTO copies (key, asked_at, due_at, round, attempts) SELECT key, ?1, ?1, 0, 0 FROM versions \
         WHERE TRUE ON CONFLICT (key) DO UPDATE SET due_at = excluded.due_at, round = copies.round + 1, attempts = 0",
        values![now],
    )
}

/// Takes some of what is due, the longest waiting first; nobody else takes it until `until`.
pub fn claim(tx: &Tx, now: Timestamp, until: Timestamp, limit: i64) -> Result<Vec<Copy>, Error> {
    let sql = "SELECT key, round, attempts FROM copies WHERE due_at <= ?1 ORDER BY due_at LIMIT ?2";
    let due = tx.all(sql, values![now.as_millisecond(), limit], |row| {
        Ok(Copy { key: row.get(0)?, round: row.get(1)?, attempts: row.get(2)? })
    })?;
    tx.execute_each("UPDATE copies SET due_at = ?2, attempts = attempts + 1 WHERE key = ?1", |run| {
        due.iter().try_for_each(|copy| run(values![copy.key, until.as_millisecond()]))
    })?;
    Ok(due)
}

/// It is not due before this time: because somebody is at work on it, or because it failed.
pub fn put_off(tx: &Tx, copy: &Copy, until: Timestamp) -> Result<(), Error> {
    let sql = "UPDATE copies SET due_at = ?3 WHERE key = ?1 AND round = ?2";
    tx.execute(sql, values![copy.key, copy.round, until.as_millisecond()])?;
    Ok(())
}

/// The mirror is as it should be under this key, unless more was asked for meanwhile.
pub fn done(tx: &Tx, copy: &Copy) -> Result<(), Error> {
    tx.execute("DELETE FROM copies WHERE key = ?1 AND round = ?2", values![copy.key, copy.round])?;
    Ok(())
}

/// Whether the mirror is not yet as it should be under this key.
pub fn is_asked(tx: &Tx, key: &str) -> Result<bool, Error> {
    Ok(tx.one("SELECT 1 FROM copies WHERE key = ?1", values![key], |_| Ok(()))?.is_some())
}

/// How far the mirror is behind.
pub fn lag(tx: &Tx) -> Result<Lag, Error> {
    let lag = tx.one("SELECT count(*), min(asked_at) FROM copies", values![], |row| {
        Ok(Lag { keys: row.get(0)?, since: row.get::<Option<i64>>(1)?.map(time).transpose()? })
    })?;
    Ok(lag.unwrap_or_default())
}

/// Forgets what was asked for: there is no mirror any longer.
pub fn forget(tx: &Tx) -> Result<(), Error> {
    tx.execute("DELETE FROM copies", values![])?;
    Ok(())
}
