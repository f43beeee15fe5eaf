//! What the mirror still has to get, or to lose: a key each, written together with the change that asks for it.
//!
//! Whether there is a mirror is told by a row, not by the configuration of the node that writes: while several nodes get
//! a new configuration one after the other, all of them write down what is to be copied.

use std::collections::{BTreeSet, HashSet};

use jiff::Timestamp;
use uuid::Uuid;

use super::tx::values;
use super::{Error, Tx, objects, time};

/// After so many tries it is said to fail.
const TRIES: i64 = 3;

/// A key that somebody took up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// The key, relative to the location.
    pub key: String,
    /// The space that it belongs to, or did.
    pub space: String,
    /// Counts how often it was asked for, so that what is asked for meanwhile is not taken for done.
    pub round: i64,
    /// How often it was tried.
    pub attempts: i64,
    /// Who took it up.
    pub holder: Uuid,
}

/// How far the mirror is behind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lag {
    /// How many keys are not as they should be.
    pub pending: i64,
    /// How many of them failed again and again.
    pub failing: i64,
    /// Since when the oldest waits.
    pub since: Option<Timestamp>,
}

/// A key that fails, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failing {
    /// The key, relative to the location.
    pub key: String,
    /// In words.
    pub reason: String,
}

/// The mirror as the database knows it.
struct Known {
    place: String,
    since: Timestamp,
    /// Everything up to this key was asked for, in the order of keys.
    asked_up_to: String,
    is_whole: bool,
}

/// From now on this is the mirror: where it is, and after a blank for each space with a bucket of its own `name=bucket`.
/// One that was not known before gets everything, and what was asked for another is forgotten. True when it was not
/// known.
pub fn set_mirror(tx: &Tx, place: &str, now: Timestamp) -> Result<bool, Error> {
    if let Some(known) = known(tx)? {
        if known.place == place {
            return Ok(false);
        }
        if is_same(tx, &known.place, place)? {
            tx.execute("UPDATE mirrors SET place = ?1", values![place])?;
            return Ok(false);
        }
    }
    unset_mirror(tx)?;
    tx.execute(
        "INSERT INTO mirrors (place, since, asked_up_to, is_whole) VALUES (?1, ?2, '', 0)",
        values![place, now.as_millisecond()],
    )?;
    Ok(true)
}

/// Whether two differ only in the buckets of spaces that have no object yet, or none any longer.
fn is_same(tx: &Tx, one: &str, other: &str) -> Result<bool, Error> {
    let (mut first, mut second) = (one.split(' '), other.split(' '));
    if first.next() != second.next() {
        return Ok(false);
    }
    let (first, second): (BTreeSet<_>, BTreeSet<_>) = (first.collect(), second.collect());
    for part in first.symmetric_difference(&second) {
        let space = part.split('=').next().unwrap_or_default();
        if tx.one("SELECT 1 FROM objects WHERE space = ?1 LIMIT 1", values![space], |_| Ok(()))?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// There is no mirror any longer. True when there was one.
pub fn unset_mirror(tx: &Tx) -> Result<bool, Error> {
    tx.execute("DELETE FROM copies", values![])?;
    Ok(tx.execute("DELETE FROM mirrors", values![])? > 0)
}

/// Where the mirror is, if there is one.
pub fn mirror(tx: &Tx) -> Result<Option<String>, Error> {
    Ok(known(tx)?.map(|known| known.place))
}

fn known(tx: &Tx) -> Result<Option<Known>, Error> {
    tx.one("SELECT place, since, asked_up_to, is_whole FROM mirrors", values![], |row| {
        Ok(Known {
            place: row.get(0)?,
            since: time(row.get(1)?)?,
            asked_up_to: row.get(2)?,
            is_whole: row.get::<i64>(3)? != 0,
        })
    })
}

/// Asks for the mirror, if there is one, to be brought in line under this key.
pub fn ask(tx: &Tx, space: &str, key: &str, now: Timestamp) -> Result<(), Error> {
    // Whoever is at work on it keeps it, and finds out at the end that it was asked for again.
    tx.execute(
        "INSERT INTO copies (key, space, asked_at, due_at, round, attempts) \
         SELECT CAST(?1 AS TEXT), CAST(?2 AS TEXT), CAST(?3 AS BIGINT), CAST(?3 AS BIGINT), 0, 0 FROM mirrors WHERE TRUE \
         ON CONFLICT (key) DO UPDATE SET round = copies.round + 1, attempts = 0, \
         due_at = CASE WHEN copies.holder IS NULL THEN excluded.due_at ELSE copies.due_at END",
        values![key, space, now.as_millisecond()],
    )?;
    Ok(())
}

/// Asks for more of what was there before the mirror, at most `limit` keys. False when everything was asked for.
pub fn ask_for_more(tx: &Tx, now: Timestamp, limit: i64) -> Result<bool, Error> {
    let Some(known) = known(tx)?.filter(|known| !known.is_whole) else { return Ok(false) };
    let rows = objects::known_after(tx, &known.asked_up_to, limit)?;
    let insert = "INSERT INTO copies (key, space, asked_at, due_at, round, attempts) VALUES (?1, ?2, ?3, ?4, 0, 0) \
         ON CONFLICT (key) DO NOTHING";
    if let Some(last) = rows.last() {
        let (since, now) = (known.since.as_millisecond(), now.as_millisecond());
        tx.execute_each(insert, |run| rows.iter().try_for_each(|row| run(values![row.key, row.space, since, now])))?;
        tx.execute("UPDATE mirrors SET asked_up_to = ?1", values![last.key])?;
    }
    let more = rows.len() as i64 == limit;
    if !more {
        tx.execute("UPDATE mirrors SET is_whole = 1", values![])?;
    }
    Ok(more)
}

/// Whether there is anything to do now.
pub fn is_anything_due(tx: &Tx, now: Timestamp) -> Result<bool, Error> {
    let sql = "SELECT 1 FROM copies WHERE due_at <= ?1 LIMIT 1";
    let is_due = tx.one(sql, values![now.as_millisecond()], |_| Ok(()))?.is_some();
    Ok(is_due || known(tx)?.is_some_and(|known| !known.is_whole))
}

/// Takes some of what is due, the longest waiting first; nobody else takes it until `until`.
pub fn claim(tx: &Tx, holder: Uuid, now: Timestamp, until: Timestamp, limit: i64) -> Result<Vec<Copy>, Error> {
    let sql = "SELECT key, space, round, attempts FROM copies WHERE due_at <= ?1 ORDER BY due_at, key LIMIT ?2";
    let due: Vec<Copy> = tx.all(sql, values![now.as_millisecond(), limit], |row| {
        let attempts = row.get::<i64>(3)? + 1;
        Ok(Copy { key: row.get(0)?, space: row.get(1)?, round: row.get(2)?, attempts, holder })
    })?;
    if !due.is_empty() {
        let sql = "UPDATE copies SET due_at = ?2, holder = ?3, attempts = attempts + 1 WHERE key = ?1";
        tx.execute_each(sql, |run| {
            due.iter().try_for_each(|copy| run(values![copy.key, until.as_millisecond(), holder]))
        })?;
    }
    Ok(due)
}

/// Whoever holds it holds it for longer; false when somebody else took it up.
pub fn renew(tx: &Tx, copy: &Copy, until: Timestamp) -> Result<bool, Error> {
    let sql = "UPDATE copies SET due_at = ?3 WHERE key = ?1 AND holder = ?2";
    Ok(tx.execute(sql, values![copy.key, copy.holder, until.as_millisecond()])? > 0)
}

/// The mirror is as it should be under this key, unless more was asked for meanwhile.
pub fn done(tx: &Tx, copy: &Copy, now: Timestamp) -> Result<(), Error> {
    let sql = "DELETE FROM copies WHERE key = ?1 AND holder = ?2 AND round = ?3";
    if tx.execute(sql, values![copy.key, copy.holder, copy.round])? > 0 {
        return Ok(());
    }
    release(tx, copy, now, None)
}

/// It failed, and is not tried again before this time.
pub fn put_off(tx: &Tx, copy: &Copy, now: Timestamp, until: Timestamp, reason: &str) -> Result<(), Error> {
    // What was asked for again meanwhile has another reason to succeed.
    let is_as_it_was =
        tx.one("SELECT 1 FROM copies WHERE key = ?1 AND round = ?2", values![copy.key, copy.round], |_| Ok(()))?;
    release(tx, copy, if is_as_it_was.is_some() { until } else { now }, Some(reason))
}

/// Gives it up until then. Who lost it meanwhile may have written after whoever took it up, so it is asked for again.
fn release(tx: &Tx, copy: &Copy, due: Timestamp, reason: Option<&str>) -> Result<(), Error> {
    let sql = "UPDATE copies SET due_at = ?3, holder = NULL, reason = ?4 WHERE key = ?1 AND holder = ?2";
    if tx.execute(sql, values![copy.key, copy.holder, due.as_millisecond(), reason])? == 0 {
        ask(tx, &copy.space, &copy.key, due)?;
    }
    Ok(())
}

/// Has everything that nobody is at work on tried now. What failed before says nothing any more, of any of them: whoever
/// is at work on one may have been killed.
pub fn hurry(tx: &Tx, now: Timestamp) -> Result<(), Error> {
    let sql = "UPDATE copies SET due_at = CASE WHEN holder IS NULL AND due_at > ?1 THEN ?1 ELSE due_at END, \
         attempts = 0, reason = NULL WHERE attempts > 0";
    tx.execute(sql, values![now.as_millisecond()])?;
    Ok(())
}

/// Those of these keys of versions under which this mirror is as it should be.
pub fn held<'a>(tx: &Tx, place: &str, keys: impl IntoIterator<Item = &'a str>) -> Result<HashSet<String>, Error> {
    let mut held = HashSet::new();
    let Some(known) = known(tx)?.filter(|known| known.place == place) else { return Ok(held) };
    for key in keys {
        let was_asked_for = known.is_whole || key <= known.asked_up_to.as_str();
        if was_asked_for && !is_asked(tx, key)? {
            held.insert(key.to_owned());
        }
    }
    Ok(held)
}

/// Whether this mirror is to be brought in line under a key.
pub fn is_asked(tx: &Tx, key: &str) -> Result<bool, Error> {
    Ok(tx.one("SELECT 1 FROM copies WHERE key = ?1", values![key], |_| Ok(()))?.is_some())
}

/// Whether somebody is at work on a key.
pub fn is_held(tx: &Tx, key: &str, now: Timestamp) -> Result<bool, Error> {
    let sql = "SELECT 1 FROM copies WHERE key = ?1 AND holder IS NOT NULL AND due_at > ?2";
    Ok(tx.one(sql, values![key, now.as_millisecond()], |_| Ok(()))?.is_some())
}

/// How far this mirror is behind.
pub fn lag(tx: &Tx, place: &str) -> Result<Lag, Error> {
    let known = known(tx)?.filter(|known| known.place == place);
    let (asked_up_to, is_whole) = known.as_ref().map_or(("", false), |known| (&*known.asked_up_to, known.is_whole));
    let mut lag = Lag::default();
    if known.is_some() {
        let sql = "SELECT count(*), count(CASE WHEN attempts >= ?1 AND reason IS NOT NULL THEN 1 END), min(asked_at) \
             FROM copies";
        let counted = tx.one(sql, values![TRIES], |row| {
            let since = row.get::<Option<i64>>(2)?.map(time).transpose()?;
            Ok(Lag { pending: row.get(0)?, failing: row.get(1)?, since })
        })?;
        lag = counted.unwrap_or_default();
    }
    if !is_whole {
        let rest = objects::count_known(tx, asked_up_to)?;
        lag.pending += rest;
        let since = known.map(|known| known.since).filter(|_| rest > 0);
        lag.since = lag.since.into_iter().chain(since).min();
    }
    Ok(lag)
}

/// Some of the keys that failed, the longest waiting first.
pub fn failing(tx: &Tx, limit: i64) -> Result<Vec<Failing>, Error> {
    let sql = "SELECT key, reason FROM copies WHERE reason IS NOT NULL ORDER BY asked_at, key LIMIT ?1";
    tx.all(sql, values![limit], |row| Ok(Failing { key: row.get(0)?, reason: row.get(1)? }))
}
