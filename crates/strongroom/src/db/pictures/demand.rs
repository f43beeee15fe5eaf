//! What somebody asked for after a picture arrived: asking, remembering when it was last wanted, and letting it go.

use jiff::Timestamp;
use uuid::Uuid;

use crate::db::objects::Object;
use crate::db::tx::values;
use crate::db::{Error, Tx, time};

/// Something that was made on demand and may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idle {
    /// The object.
    pub object: Uuid,
    /// Which of its versions.
    pub number: i64,
    /// What was asked for.
    pub demand: String,
    /// The space.
    pub space: String,
    /// When it was last asked for.
    pub used_at: Timestamp,
    /// Whether it came to nothing.
    pub is_refused: bool,
    /// How long all that was made is together.
    pub bytes: i64,
}

/// Asks for something of an object's served version, unless it was asked for already; whether anything has to be done.
pub fn ask(tx: &Tx, object: &Object, demand: &str, now: Timestamp) -> Result<bool, Error> {
    let owner = object.owner.as_deref().unwrap_or_default();
    let sql = "INSERT INTO pictures (object_id, number, demand, space, owner, state, recipes, due_at, attempts, optimise, used_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, 'waiting', '', ?6, 0, 0, ?6) ON CONFLICT (object_id, number, demand) DO NOTHING";
    let values = values![object.id, object.version.number, demand, object.space, owner, now.as_millisecond()];
    Ok(tx.execute(sql, values)? > 0)
}

/// Whether as many as this wait already.
pub fn is_full(tx: &Tx, places: i64) -> Result<bool, Error> {
    Ok(super::count(tx, super::work::DEMANDS, places)? >= places)
}

/// Digest of the declaration that a demand was made by, and when it was last asked for.
pub fn state(tx: &Tx, object: Uuid, number: i64, demand: &str) -> Result<Option<(String, Timestamp)>, Error> {
    let sql = "SELECT recipes, used_at FROM pictures WHERE object_id = ?1 AND number = ?2 AND demand = ?3";
    tx.one(sql, values![object, number, demand], |row| Ok((row.get(0)?, time(row.get(1)?)?)))
}

/// Remembers that it was asked for.
pub fn used(tx: &Tx, object: Uuid, number: i64, demand: &str, now: Timestamp) -> Result<(), Error> {
    let sql = "UPDATE pictures SET used_at = ?4 WHERE object_id = ?1 AND number = ?2 AND demand = ?3 AND used_at < ?4";
    tx.execute(sql, values![object, number, demand, now.as_millisecond()])?;
    Ok(())
}

/// Forgets a demand with all that was made of it. Returns the keys whose bytes must go.
pub fn forget(tx: &Tx, object: Uuid, number: i64, demand: &str) -> Result<Vec<String>, Error> {
    let values = values![object, number, demand];
    let these = "WHERE object_id = ?1 AND number = ?2 AND demand = ?3";
    let gone = tx.all(&format!("SELECT key FROM variants {these}"), values, |row| row.get(0))?;
    tx.execute(&format!("DELETE FROM variants {these}"), values)?;
    tx.execute(&format!("DELETE FROM pictures {these}"), values)?;
    Ok(gone)
}

/// How long everything together is that was made on demand.
pub fn bytes(tx: &Tx) -> Result<i64, Error> {
    let sql = "SELECT CAST(coalesce(sum(bytes), 0) AS BIGINT) FROM variants WHERE demand > ''";
    Ok(tx.one(sql, values![], |row| row.get(0))?.unwrap_or(0))
}

/// What was made on demand in the order of its last use, which is after the given one.
pub fn idle(tx: &Tx, after: &Idle, limit: i64) -> Result<Vec<Idle>, Error> {
    let sql = "SELECT p.object_id, p.number, p.demand, p.space, p.used_at, p.state, \
         (SELECT CAST(coalesce(sum(v.bytes), 0) AS BIGINT) FROM variants v \
          WHERE v.object_id = p.object_id AND v.number = p.number AND v.demand = p.demand) \
         FROM pictures p WHERE p.used_at IS NOT NULL AND p.state <> 'waiting' AND p.used_at >= ?1 \
         AND (p.used_at > ?1 OR p.object_id > ?2 OR (p.object_id = ?2 AND (p.number, p.demand) > (?3, ?4))) \
         ORDER BY p.used_at, p.object_id, p.number, p.demand LIMIT ?5";
    let place = values![after.used_at.as_millisecond(), after.object, after.number, after.demand, limit];
    tx.all(sql, place, |row| {
        Ok(Idle {
            object: row.get(0)?,
            number: row.get(1)?,
            demand: row.get(2)?,
            space: row.get(3)?,
            used_at: time(row.get(4)?)?,
            is_refused: row.text(5)? == "refused",
            bytes: row.get(6)?,
        })
    })
}
