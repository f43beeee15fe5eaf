//! The audit log: rows are added, and never changed.

use jiff::Timestamp;
use rusqlite::types::Value as Sql;
use rusqlite::{Row, params, params_from_iter};
use serde_json::{Map, Value};
use uuid::Uuid;

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
    let mut statement = tx.prepare_cached(
        "INSERT INTO audit (at, actor, action, space, object_id, request_id, detail) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for entry in entries {
        statement.execute(params![
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
}

/// Entries, the newest first.
pub fn list(tx: &Tx, filter: &Filter) -> Result<Vec<Entry>, Error> {
    let mut conditions = vec!["TRUE".to_owned()];
    let mut values: Vec<Sql> = Vec::new();
    let mut and = |column: &str, value: Option<Sql>| {
        if let Some(value) = value {
            values.push(value);
            conditions.push(format!("{column} ?{}", values.len()));
        }
    };
    and("object_id =", filter.object.map(|id| Sql::Blob(id.as_bytes().to_vec())));
    and("actor =", filter.actor.clone().map(Sql::Text));
    and("action =", filter.action.clone().map(Sql::Text));
    and("id <", filter.before.map(Sql::Integer));
    values.push(Sql::Integer(filter.limit));
    let sql = format!(
        "SELECT id, at, actor, action, space, object_id, request_id, detail FROM audit WHERE {} \
         ORDER BY id DESC LIMIT ?{}",
        conditions.join(" AND "),
        values.len()
    );
    let mut statement = tx.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), |row| Ok(read(row)))?;
    rows.map(|row| row?).collect()
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
        detail: json(row.get_ref(7)?.as_str().unwrap_or_default(), "audit detail")?,
    })
}
