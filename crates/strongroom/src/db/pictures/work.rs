//! Taking up work on pictures under a lease, and writing down what came of it.

use jiff::Timestamp;
use uuid::Uuid;

use super::{Looks, State, Variant};
use crate::db::tx::values;
use crate::db::{Error, Tx};

/// A picture that somebody took up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// The object.
    pub object: Uuid,
    /// Which of its versions.
    pub number: i64,
    /// What was asked for; empty for what its space makes on arrival.
    pub demand: String,
    /// The space.
    pub space: String,
    /// Whose it is; empty for nobody.
    pub owner: String,
    /// How often somebody began to decode it who did not come to an end.
    pub attempts: i64,
    /// Whether what was handed in is to be replaced by its optimised form.
    pub optimise: bool,
    /// Who took it up.
    pub holder: Uuid,
}

/// Which of what waits comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// What somebody asked for, and maybe waits for.
    Demands,
    /// What is made on arrival.
    Arrivals,
}

/// Conditions that an index has for each kind of work.
pub(super) const DEMANDS: &str = "state = 'waiting' AND demand > ''";
pub(super) const ARRIVALS: &str = "state = 'waiting' AND demand = ''";

/// Whether anything waits to be taken up now.
pub fn is_anything_due(tx: &Tx, now: Timestamp) -> Result<bool, Error> {
    let sql = format!(
        "SELECT 1 FROM pictures WHERE {DEMANDS} AND due_at <= ?1 \
         UNION ALL SELECT 1 FROM pictures WHERE {ARRIVALS} AND due_at <= ?1 LIMIT 1"
    );
    Ok(tx.one(&sql, values![now.as_millisecond()], |_| Ok(()))?.is_some())
}

/// Takes up one piece of work of the owner who comes after the given one, or else of the first: so all have their turn,
/// however much one of them hands in. Nobody else takes it until `until`.
pub fn claim(
    tx: &Tx,
    holder: Uuid,
    first: First,
    after: &str,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<Work>, Error> {
    let due = |which, is_later: &str, owner: &str| {
        let sql = format!(
            "SELECT object_id, number, demand, space, owner, attempts, optimise FROM pictures \
             WHERE {which} AND owner {is_later} ?1 AND due_at <= ?2 ORDER BY owner, object_id LIMIT 1"
        );
        tx.one(&sql, values![owner, now.as_millisecond()], |row| {
            Ok(Work {
                object: row.get(0)?,
                number: row.get(1)?,
                demand: row.get(2)?,
                space: row.get(3)?,
                owner: row.get(4)?,
                attempts: row.get(5)?,
                optimise: row.get::<i64>(6)? > 0,
                holder,
            })
        })
    };
    let kinds = match first {
        First::Demands => [DEMANDS, ARRIVALS],
        First::Arrivals => [ARRIVALS, DEMANDS],
    };
    for kind in kinds {
        let found = match due(kind, ">", after)? {
            None => due(kind, ">=", "")?,
            found => found,
        };
        if let Some(work) = found {
            tx.execute(
                "UPDATE pictures SET due_at = ?4, holder = ?5 WHERE object_id = ?1 AND number = ?2 AND demand = ?3",
                values![work.object, work.number, work.demand, until.as_millisecond(), holder],
            )?;
            return Ok(Some(work));
        }
    }
    Ok(None)
}

/// Whoever holds it holds it for longer, or until it is due again; false when somebody else took it up, or it is gone.
pub fn hold(tx: &Tx, work: &Work, until: Timestamp) -> Result<bool, Error> {
    let sql = "UPDATE pictures SET due_at = ?5 WHERE object_id = ?1 AND number = ?2 AND demand = ?3 AND holder = ?4";
    Ok(tx.execute(sql, values![work.object, work.number, work.demand, work.holder, until.as_millisecond()])? > 0)
}

/// It is about to be decoded. That counts as a try until it has come to an end; false when somebody else took it up.
pub fn begin(tx: &Tx, work: &Work) -> Result<bool, Error> {
    let sql = "UPDATE pictures SET attempts = attempts + 1 WHERE object_id = ?1 AND number = ?2 AND demand = ?3 AND holder = ?4";
    Ok(tx.execute(sql, values![work.object, work.number, work.demand, work.holder])? > 0)
}

/// Gives it up until then. Where it `came_to_an_end` the try does not count.
pub fn put_off(tx: &Tx, work: &Work, until: Timestamp, came_to_an_end: bool) -> Result<(), Error> {
    let sql = "UPDATE pictures SET due_at = ?5, holder = NULL, \
         attempts = CASE WHEN CAST(?6 AS BIGINT) = 1 AND attempts > 0 THEN attempts - 1 ELSE attempts END \
         WHERE object_id = ?1 AND number = ?2 AND demand = ?3 AND holder = ?4";
    let (until, uncounted) = (until.as_millisecond(), i64::from(came_to_an_end));
    tx.execute(sql, values![work.object, work.number, work.demand, work.holder, until, uncounted])?;
    Ok(())
}

/// It was decoded, and these variants are about to be written. Returns the keys that were planned before and came to
/// nothing, whose bytes must go; nothing when somebody else took the picture up.
pub fn plan(tx: &Tx, work: &Work, variants: &[Variant], until: Timestamp) -> Result<Option<Vec<String>>, Error> {
    let sql = "UPDATE pictures SET due_at = ?5, attempts = 0 WHERE object_id = ?1 AND number = ?2 AND demand = ?3 AND holder = ?4";
    if tx.execute(sql, values![work.object, work.number, work.demand, work.holder, until.as_millisecond()])? == 0 {
        return Ok(None);
    }
    let of_work = values![work.object, work.number, work.demand];
    let unmade = "FROM variants WHERE object_id = ?1 AND number = ?2 AND demand = ?3 AND made_at IS NULL";
    let gone = tx.all(&format!("SELECT key {unmade}"), of_work, |row| row.get::<String>(0))?;
    tx.execute(&format!("DELETE {unmade}"), of_work)?;
    let sql = "INSERT INTO variants \
         (key, object_id, number, demand, name, recipe, content_type, width, height, bytes, sha256) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    tx.execute_each(sql, |run| {
        variants.iter().try_for_each(|variant| {
            run(values![
                variant.key,
                work.object,
                work.number,
                work.demand,
                variant.name,
                variant.recipe,
                variant.content_type,
                variant.width,
                variant.height,
                variant.bytes,
                variant.sha256,
            ])
        })
    })?;
    Ok(Some(gone))
}

/// The work is over, with new looks or those it had: what is now at `kept`, and nothing else, is what there is of it.
/// Returns the keys of what was there before, whose bytes must go; nothing when somebody else took the picture up.
pub fn finish(
    tx: &Tx,
    work: &Work,
    recipes: &str,
    outcome: &Result<Option<Looks>, (String, String)>,
    kept: &[String],
    now: Timestamp,
) -> Result<Option<Vec<String>>, Error> {
    let (state, reason) = match outcome {
        Ok(_) => (State::Made, None),
        Err(reason) => (State::Refused, Some(reason)),
    };
    let sql = "UPDATE pictures SET state = ?5, recipes = ?6, holder = NULL, optimise = 0, reason_code = ?7, reason_detail = ?8 \
         WHERE object_id = ?1 AND number = ?2 AND demand = ?3 AND holder = ?4";
    let (code, detail) = (reason.map(|reason| &reason.0), reason.map(|reason| &reason.1));
    let is_ours = tx.execute(
        sql,
        values![
            work.object,
            work.number,
            work.demand,
            work.holder,
            state.as_str(),
            recipes,
            code.cloned(),
            detail.cloned()
        ],
    )? > 0;
    if !is_ours {
        return Ok(None);
    }
    if let Ok(Some(looks)) = outcome {
        tx.execute(
            "UPDATE pictures SET width = ?3, height = ?4, frames = ?5, dominant = ?6, thumbhash = ?7, \
             perceptual_hash = ?8, features = ?9 WHERE object_id = ?1 AND number = ?2 AND demand = ''",
            values![
                work.object,
                work.number,
                looks.width,
                looks.height,
                looks.frames,
                looks.dominant,
                looks.thumbhash,
                looks.perceptual_hash,
                looks.features,
            ],
        )?;
    }
    tx.execute_each("UPDATE variants SET made_at = ?2 WHERE key = ?1 AND made_at IS NULL", |run| {
        kept.iter().try_for_each(|key| run(values![key, now.as_millisecond()]))
    })?;
    let all = tx.all(
        "SELECT key FROM variants WHERE object_id = ?1 AND number = ?2 AND demand = ?3",
        values![work.object, work.number, work.demand],
        |row| row.get::<String>(0),
    )?;
    let gone: Vec<String> = all.into_iter().filter(|key| !kept.contains(key)).collect();
    tx.execute_each("DELETE FROM variants WHERE key = ?1", |run| gone.iter().try_for_each(|key| run(values![key])))?;
    Ok(Some(gone))
}
