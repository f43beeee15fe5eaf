//! Pictures: the work on each, what it looks like, and the variants that were made of it.
//!
//! A picture waits, and then it is made or refused. Who works on one holds it for a while; a variant's row is written
//! before its bytes are, so that whatever a crash leaves in storage can be found from here.

use jiff::Timestamp;
use uuid::Uuid;

use super::objects::Object;
use super::tx::{Row, values};
use super::{Error, Tx};

/// How many are counted at the most: it is done again and again.
const COUNTED: i64 = 10_000;

/// A picture that somebody took up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// The object.
    pub object: Uuid,
    /// Which of its versions.
    pub number: i64,
    /// The space.
    pub space: String,
    /// Whose it is; empty for nobody.
    pub owner: String,
    /// How often somebody began to decode it who did not come to an end.
    pub attempts: i64,
    /// Who took it up.
    pub holder: Uuid,
}

/// How far the work on a picture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Somebody will take it up, or is at work on it.
    Waiting,
    /// Its variants are there.
    Made,
    /// None can be made of it.
    Refused,
}

impl State {
    /// The word that the database and the API use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Made => "made",
            Self::Refused => "refused",
        }
    }
}

/// What is known of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// The object.
    pub object: Uuid,
    /// How far it is.
    pub state: State,
    /// Why it was refused: a stable code, and the same in words.
    pub reason: Option<(String, String)>,
    /// What it looks like, once somebody looked.
    pub looks: Option<Looks>,
    /// The variants that are there.
    pub variants: Vec<Variant>,
}

/// What a picture looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looks {
    /// Pixels in a row, as it is shown.
    pub width: i64,
    /// Rows.
    pub height: i64,
    /// More than one if it moves.
    pub frames: i64,
    /// The colour that covers most of it, six hexadecimal digits.
    pub dominant: String,
    /// A few bytes that a blurred likeness can be drawn from, base64.
    pub thumbhash: String,
    /// 64 bits that are nearly the same for pictures that look nearly the same.
    pub perceptual_hash: i64,
    /// How much there is of which colours, 32 bytes in hex.
    pub features: String,
}

/// One picture that was made of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// Where it lies, relative to the location.
    pub key: String,
    /// Its name in the space.
    pub name: String,
    /// Digest of the declaration that it follows.
    pub recipe: String,
    /// Its content type.
    pub content_type: String,
    /// Pixels in a row.
    pub width: i64,
    /// Rows.
    pub height: i64,
    /// Its length.
    pub bytes: i64,
    /// SHA-256, lowercase hex.
    pub sha256: String,
}

/// How much there is to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Pictures that wait, or are worked on.
    pub waiting: i64,
    /// Pictures that were refused.
    pub refused: i64,
}

/// Asks for the variants of an object's served version.
pub fn ask(tx: &Tx, object: &Object, now: Timestamp) -> Result<(), Error> {
    let owner = object.owner.as_deref().unwrap_or_default();
    tx.execute(
        "INSERT INTO pictures (object_id, number, space, owner, state, recipes, due_at, attempts) \
         VALUES (?1, ?2, ?3, ?4, 'waiting', '', ?5, 0) ON CONFLICT (object_id, number) DO NOTHING",
        values![object.id, object.version.number, object.space, owner, now.as_millisecond()],
    )?;
    Ok(())
}

/// Asks once more for pictures of a space that were made by other declarations than these; how many, at most `limit`.
pub fn ask_again(tx: &Tx, space: &str, recipes: &str, now: Timestamp, limit: i64) -> Result<u64, Error> {
    let outdated = "SELECT object_id, number FROM pictures WHERE space = ?1 AND recipes > '' AND recipes < ?2 \
         UNION ALL SELECT object_id, number FROM pictures WHERE space = ?1 AND recipes > ?2 LIMIT ?3";
    let found: Vec<(Uuid, i64)> =
        tx.all(outdated, values![space, recipes, limit], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let sql = "UPDATE pictures SET state = 'waiting', recipes = '', due_at = ?3, holder = NULL, attempts = 0, \
         reason_code = NULL, reason_detail = NULL WHERE object_id = ?1 AND number = ?2";
    tx.execute_each(sql, |run| {
        found.iter().try_for_each(|(object, number)| run(values![object, number, now.as_millisecond()]))
    })?;
    Ok(found.len() as u64)
}

/// Some objects of a space, in the order of their ids after the given one, whether they are pictures or not, each with
/// its content type and whether it is known as a picture.
pub fn candidates(tx: &Tx, space: &str, after: Uuid, limit: i64) -> Result<Vec<(Uuid, String, bool)>, Error> {
    let sql = "SELECT o.id, v.content_type, p.number FROM objects o \
         JOIN versions v ON v.object_id = o.id AND v.number = o.version \
         LEFT JOIN pictures p ON p.object_id = o.id AND p.number = o.version \
         WHERE o.space = ?1 AND o.id > ?2 ORDER BY o.id LIMIT ?3";
    tx.all(sql, values![space, after, limit], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get::<Option<i64>>(2)?.is_some()))
    })
}

/// Whether anything waits to be taken up now.
pub fn is_anything_due(tx: &Tx, now: Timestamp) -> Result<bool, Error> {
    let sql = "SELECT 1 FROM pictures WHERE state = 'waiting' AND due_at <= ?1 LIMIT 1";
    Ok(tx.one(sql, values![now.as_millisecond()], |_| Ok(()))?.is_some())
}

/// Takes up one picture of the owner who comes after the given one, or else of the first: so all have their turn,
/// however many one of them hands in. Nobody else takes it until `until`.
pub fn claim(tx: &Tx, holder: Uuid, after: &str, now: Timestamp, until: Timestamp) -> Result<Option<Work>, Error> {
    let due = |tx: &Tx, sql, owner: &str| {
        tx.one(sql, values![owner, now.as_millisecond()], |row| {
            Ok(Work {
                object: row.get(0)?,
                number: row.get(1)?,
                space: row.get(2)?,
                owner: row.get(3)?,
                attempts: row.get(4)?,
                holder,
            })
        })
    };
    let next = "SELECT object_id, number, space, owner, attempts FROM pictures \
         WHERE state = 'waiting' AND owner > ?1 AND due_at <= ?2 ORDER BY owner, object_id LIMIT 1";
    let first = "SELECT object_id, number, space, owner, attempts FROM pictures \
         WHERE state = 'waiting' AND owner >= ?1 AND due_at <= ?2 ORDER BY owner, object_id LIMIT 1";
    let found = match due(tx, next, after)? {
        None => due(tx, first, "")?,
        found => found,
    };
    if let Some(work) = &found {
        tx.execute(
            "UPDATE pictures SET due_at = ?3, holder = ?4 WHERE object_id = ?1 AND number = ?2",
            values![work.object, work.number, until.as_millisecond(), holder],
        )?;
    }
    Ok(found)
}

/// Whoever holds it holds it for longer, or until it is due again; false when somebody else took it up, or it is gone.
pub fn hold(tx: &Tx, work: &Work, until: Timestamp) -> Result<bool, Error> {
    let sql = "UPDATE pictures SET due_at = ?4 WHERE object_id = ?1 AND number = ?2 AND holder = ?3";
    Ok(tx.execute(sql, values![work.object, work.number, work.holder, until.as_millisecond()])? > 0)
}

/// It is about to be decoded. That counts as a try until it has come to an end; false when somebody else took it up.
pub fn begin(tx: &Tx, work: &Work) -> Result<bool, Error> {
    let sql = "UPDATE pictures SET attempts = attempts + 1 WHERE object_id = ?1 AND number = ?2 AND holder = ?3";
    Ok(tx.execute(sql, values![work.object, work.number, work.holder])? > 0)
}

/// Gives it up until then. Where it `came_to_an_end` the try does not count.
pub fn put_off(tx: &Tx, work: &Work, until: Timestamp, came_to_an_end: bool) -> Result<(), Error> {
    let sql = "UPDATE pictures SET due_at = ?4, holder = NULL, \
         attempts = CASE WHEN CAST(?5 AS BIGINT) = 1 AND attempts > 0 THEN attempts - 1 ELSE attempts END \
         WHERE object_id = ?1 AND number = ?2 AND holder = ?3";
    let (until, uncounted) = (until.as_millisecond(), i64::from(came_to_an_end));
    tx.execute(sql, values![work.object, work.number, work.holder, until, uncounted])?;
    Ok(())
}

/// It was decoded, and these variants are about to be written. Returns the keys that were planned before and came to
/// nothing, whose bytes must go; nothing when somebody else took the picture up.
pub fn plan(tx: &Tx, work: &Work, variants: &[Variant], until: Timestamp) -> Result<Option<Vec<String>>, Error> {
    let sql = "UPDATE pictures SET due_at = ?4, attempts = 0 WHERE object_id = ?1 AND number = ?2 AND holder = ?3";
    if tx.execute(sql, values![work.object, work.number, work.holder, until.as_millisecond()])? == 0 {
        return Ok(None);
    }
    let of_version = values![work.object, work.number];
    let unmade = "FROM variants WHERE object_id = ?1 AND number = ?2 AND made_at IS NULL";
    let gone = tx.all(&format!("SELECT key {unmade}"), of_version, |row| row.get::<String>(0))?;
    tx.execute(&format!("DELETE {unmade}"), of_version)?;
    let sql = "INSERT INTO variants (key, object_id, number, name, recipe, content_type, width, height, bytes, sha256) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    tx.execute_each(sql, |run| {
        variants.iter().try_for_each(|variant| {
            run(values![
                variant.key,
                work.object,
                work.number,
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

/// The work is over, with new looks or those it had: what is now at `kept`, and nothing else, is what there is. Returns the keys of what was there
/// before, whose bytes must go; nothing when somebody else took the picture up.
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
    let sql = "UPDATE pictures SET state = ?4, recipes = ?5, holder = NULL, reason_code = ?6, reason_detail = ?7 \
         WHERE object_id = ?1 AND number = ?2 AND holder = ?3";
    let (code, detail) = (reason.map(|reason| &reason.0), reason.map(|reason| &reason.1));
    let is_ours = tx.execute(
        sql,
        values![work.object, work.number, work.holder, state.as_str(), recipes, code.cloned(), detail.cloned()],
    )? > 0;
    if !is_ours {
        return Ok(None);
    }
    if let Ok(Some(looks)) = outcome {
        tx.execute(
            "UPDATE pictures SET width = ?3, height = ?4, frames = ?5, dominant = ?6, thumbhash = ?7, \
             perceptual_hash = ?8, features = ?9 WHERE object_id = ?1 AND number = ?2",
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
        "SELECT key FROM variants WHERE object_id = ?1 AND number = ?2",
        values![work.object, work.number],
        |row| row.get::<String>(0),
    )?;
    let gone: Vec<String> = all.into_iter().filter(|key| !kept.contains(key)).collect();
    tx.execute_each("DELETE FROM variants WHERE key = ?1", |run| gone.iter().try_for_each(|key| run(values![key])))?;
    Ok(Some(gone))
}

/// What is known of the served version of an object as a picture.
pub fn of(tx: &Tx, object: Uuid, number: i64) -> Result<Option<Picture>, Error> {
    let sql = "SELECT state, reason_code, reason_detail, width, height, frames, dominant, thumbhash, perceptual_hash, \
         features FROM pictures WHERE object_id = ?1 AND number = ?2";
    let Some(mut picture) = tx.one(sql, values![object, number], |row| read(object, row))? else { return Ok(None) };
    picture.variants = variants(tx, object, number)?;
    Ok(Some(picture))
}

/// The variants of a version that are there.
pub fn variants(tx: &Tx, object: Uuid, number: i64) -> Result<Vec<Variant>, Error> {
    let sql = "SELECT key, name, recipe, content_type, width, height, bytes, sha256 FROM variants \
         WHERE object_id = ?1 AND number = ?2 AND made_at IS NOT NULL ORDER BY name, bytes";
    tx.all(sql, values![object, number], |row| {
        Ok(Variant {
            key: row.get(0)?,
            name: row.get(1)?,
            recipe: row.get(2)?,
            content_type: row.get(3)?,
            width: row.get(4)?,
            height: row.get(5)?,
            bytes: row.get(6)?,
            sha256: row.get(7)?,
        })
    })
}

/// The keys of everything that was made of an object, or is about to be.
pub fn keys(tx: &Tx, object: Uuid) -> Result<Vec<String>, Error> {
    tx.all("SELECT key FROM variants WHERE object_id = ?1", values![object], |row| row.get(0))
}

/// How much there is to do, and how much came to nothing; of each, no more than [`COUNTED`] are counted.
pub fn counts(tx: &Tx) -> Result<Counts, Error> {
    let count = |sql| Ok::<_, Error>(tx.one(sql, values![COUNTED], |row| row.get(0))?.unwrap_or(0));
    Ok(Counts {
        waiting: count("SELECT count(*) FROM (SELECT 1 FROM pictures WHERE state = 'waiting' LIMIT ?1) AS counted")?,
        refused: count("SELECT count(*) FROM (SELECT 1 FROM pictures WHERE state = 'refused' LIMIT ?1) AS counted")?,
    })
}

fn read(object: Uuid, row: &Row<'_>) -> Result<Picture, Error> {
    let state = match row.text(0)? {
        "waiting" => State::Waiting,
        "made" => State::Made,
        "refused" => State::Refused,
        _ => return Err(Error::Corrupt { what: "state of a picture" }),
    };
    let looks = match row.get::<Option<i64>>(3)? {
        None => None,
        Some(width) => Some(Looks {
            width,
            height: row.get(4)?,
            frames: row.get(5)?,
            dominant: row.get(6)?,
            thumbhash: row.get(7)?,
            perceptual_hash: row.get(8)?,
            features: row.get(9)?,
        }),
    };
    let reason = row.get::<Option<String>>(1)?.zip(row.get::<Option<String>>(2)?);
    Ok(Picture { object, state, reason, looks, variants: Vec::new() })
}
