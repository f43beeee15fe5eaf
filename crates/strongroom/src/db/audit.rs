//! The audit log: rows are added, and never changed.

use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::tx::{Row, Value as Place, values};
use super::{Error, Tx, json, time, to_json};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Counts up; 0 until it is written.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// Who: `user:SUBJECT`, `key:ID`, `anonymous`, or `upkeep` for the service itself.
    pub actor: String,
    /// What: `link`, `upload.begin`, `object.create`, …
    pub action: String,
    /// In which space.
    pub space: Option<String>,
    /// To which object.
    pub object: Option<Uuid>,
    /// In which request.
    pub request_id: Option<String>,
    /// Anything more.
    pub detail: Map<String, Value>,
}

/// Which entries to show.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only of this object.
    pub object: Option<Uuid>,
    /// Only by this actor.
    pub actor: Option<String>,
    /// Only of this action.
    pub action: Option<String>,
    /// Only older than this entry.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: i64,
}

/// Adds entries in their order.
pub fn insert(tx: &Tx, entries: &[Entry]) -> Result<(), Error> {
    let sql = "INSERT INTO audit (at, actor, action, space, object_id, request_id, detail) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    tx.execute_each(sql, |run| {
        for entry in entries {
            run(values![
                entry.at.as_millisecond(),
                entry.actor,
                entry.action,
                entry.space,
                entry.object,
                entry.request_id,
                to_json(&entry.detail),
            ])?;
        }
        Ok(())
    })
}

/// The entries of the object `?1`: those that are filed under it, and those that no file was looked at for yet.
const OF_OBJECT: &str = "(SELECT audit.* FROM audit_by_object filed JOIN audit ON audit.id = filed.audit_id \
     WHERE filed.object_id = ?1 \
     UNION ALL SELECT * FROM audit WHERE id > (SELECT up_to FROM audit_filed) AND object_id = ?1) AS of_object";

/// Files entries from before this time under their objects, at most so many, and says how many it went through.
pub fn file(tx: &Tx, before: Timestamp, limit: usize) -> Result<usize, Error> {
    let from: i64 = tx.one("SELECT up_to FROM audit_filed", values![], |row| row.get(0))?.unwrap_or(0);
    let next: Vec<(i64, i64)> =
        tx.all("SELECT id, at FROM audit WHERE id > ?1 ORDER BY id LIMIT ?2", values![from, limit as i64], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let old: Vec<i64> =
        next.into_iter().take_while(|(_, at)| *at < before.as_millisecond()).map(|(id, _)| id).collect();
    let Some(up_to) = old.last() else { return Ok(0) };
    // First of all, so that of several nodes that are at it the others wait for the one, and then go on behind it.
    tx.execute("UPDATE audit_filed SET up_to = ?1", values![*up_to])?;
    tx.execute(
        "INSERT INTO audit_by_object SELECT object_id, id FROM audit \
         WHERE id > ?1 AND id <= ?2 AND object_id IS NOT NULL ORDER BY object_id, id",
        values![from, *up_to],
    )?;
    Ok(old.len())
}

/// Entries, the newest first.
pub fn list<'f>(tx: &Tx, filter: &'f Filter) -> Result<Vec<Entry>, Error> {
    let mut conditions = vec!["TRUE".to_owned()];
    let mut values: Vec<&dyn Place> = Vec::new();
    let mut and = |column: &str, value: Option<&'f dyn Place>| {
        if let Some(value) = value {
            values.push(value);
            conditions.push(format!("{column} ?{}", values.len()));
        }
    };
    let source = if filter.object.is_some() { OF_OBJECT } else { "audit" };
    and("object_id =", filter.object.as_ref().map(|id| id as _));
    and("actor =", filter.actor.as_ref().map(|actor| actor as _));
    and("action =", filter.action.as_ref().map(|action| action as _));
    and("id <", filter.before.as_ref().map(|id| id as _));
    values.push(&filter.limit);
    let sql = format!(
        "SELECT id, at, actor, action, space, object_id, request_id, detail FROM {source} WHERE {} \
         ORDER BY id DESC LIMIT ?{}",
        conditions.join(" AND "),
        values.len()
    );
    tx.all(&sql, &values, read)
}

fn read(row: &Row<'_>) -> Result<Entry, Error> {
    Ok(Entry {
        id: row.get(0)?,
        at: time(row.get(1)?)?,
        actor: row.get(2)?,
        action: row.get(3)?,
        space: row.get(4)?,
        object: row.get(5)?,
        request_id: row.get(6)?,
        detail: json(row.text(7)?, "audit detail")?,
    })
}
