//! Pictures: the work on each, what it looks like, and the variants that were made of it.
//!
//! What a space makes of a picture on arrival is one piece of work, and everything that somebody asks for afterwards is
//! another, a demand. Each waits, and then it is made or refused. Who works on one holds it for a while; a variant's row
//! is written before its bytes are, so that whatever a crash leaves in storage can be found from here.

pub mod demand;
pub mod work;

use std::collections::HashMap;

use jiff::Timestamp;
use uuid::Uuid;

use super::objects::Object;
use super::tx::{Row, Value, values};
use super::{Error, Tx};

/// How many are counted at the most: it is done again and again.
const COUNTED: i64 = 10_000;

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

/// Asks for what its space makes of an object's served version, and to `optimise` what was handed in.
pub fn ask(tx: &Tx, object: &Object, optimise: bool, now: Timestamp) -> Result<(), Error> {
    let owner = object.owner.as_deref().unwrap_or_default();
    tx.execute(
        "INSERT INTO pictures (object_id, number, demand, space, owner, state, recipes, due_at, attempts, optimise) \
         VALUES (?1, ?2, '', ?3, ?4, 'waiting', '', ?5, 0, ?6) ON CONFLICT (object_id, number, demand) DO NOTHING",
        values![object.id, object.version.number, object.space, owner, now.as_millisecond(), i64::from(optimise)],
    )?;
    Ok(())
}

/// What was made by other declarations than these, of which no `limit` were left.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Outdated {
    /// How many there were, at most `limit`.
    pub count: u64,
    /// The keys of what nobody asks for any longer, whose bytes must go.
    pub gone: Vec<String>,
}

/// Deals with what was made in a space by none of these declarations, which are in order: what is made on arrival is
/// asked for once more, and what was made on demand is forgotten until somebody asks.
pub fn ask_again(tx: &Tx, space: &str, recipes: &[String], now: Timestamp, limit: i64) -> Result<Outdated, Error> {
    // Everything between two of them: each range is a piece of the index.
    let select = "SELECT object_id, number, demand FROM pictures WHERE space = ?1 AND recipes >";
    let ranges: Vec<String> = (0..=recipes.len())
        .map(|at| {
            let from = if at == 0 { "''".to_owned() } else { format!("?{}", at + 2) };
            let to = if at < recipes.len() { format!(" AND recipes < ?{}", at + 3) } else { String::new() };
            format!("{select} {from}{to}")
        })
        .collect();
    let mut values: Vec<&dyn Value> = vec![&space, &limit];
    values.extend(recipes.iter().map(|recipe| recipe as &dyn Value));
    let found: Vec<(Uuid, i64, String)> =
        tx.all(&format!("{} LIMIT ?2", ranges.join(" UNION ALL ")), &values, |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    let (demanded, on_arrival): (Vec<_>, Vec<_>) = found.iter().partition(|(.., demand)| !demand.is_empty());
    let sql = "UPDATE pictures SET state = 'waiting', recipes = '', due_at = ?3, holder = NULL, attempts = 0, \
         reason_code = NULL, reason_detail = NULL WHERE object_id = ?1 AND number = ?2 AND demand = ''";
    tx.execute_each(sql, |run| {
        on_arrival.iter().try_for_each(|(object, number, _)| run(values![object, number, now.as_millisecond()]))
    })?;
    let mut outdated = Outdated { count: found.len() as u64, gone: Vec::new() };
    for (object, number, demand) in demanded {
        outdated.gone.extend(demand::forget(tx, *object, *number, demand)?);
    }
    Ok(outdated)
}

/// Some objects of a space, in the order of their ids after the given one, whether they are pictures or not, each with
/// its content type and whether it is known as a picture.
pub fn candidates(tx: &Tx, space: &str, after: Uuid, limit: i64) -> Result<Vec<(Uuid, String, bool)>, Error> {
    let sql = "SELECT o.id, v.content_type, p.number FROM objects o \
         JOIN versions v ON v.object_id = o.id AND v.number = o.version \
         LEFT JOIN pictures p ON p.object_id = o.id AND p.number = o.version AND p.demand = '' \
         WHERE o.space = ?1 AND o.id > ?2 ORDER BY o.id LIMIT ?3";
    tx.all(sql, values![space, after, limit], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get::<Option<i64>>(2)?.is_some()))
    })
}

/// How many are asked for in one statement at the most.
const AT_ONCE: usize = 512;

/// What is known of these versions as pictures, each with the declared variants that are there and the key of what is
/// served by now, in no order. Two statements tell of up to 512 of them.
pub fn of(tx: &Tx, versions: &[(Uuid, i64)]) -> Result<Vec<(Picture, String)>, Error> {
    let mut all = Vec::with_capacity(versions.len());
    for versions in versions.chunks(AT_ONCE) {
        let mut ids: Vec<Uuid> = versions.iter().map(|(id, _)| *id).collect();
        // Few statements of different lengths are prepared, and looking for the same twice costs nothing.
        let places = [1, 8, 64].into_iter().find(|places| *places >= ids.len()).unwrap_or(AT_ONCE);
        ids.resize(places, ids[0]);
        let values: Vec<&dyn Value> = ids.iter().map(|id| id as &dyn Value).collect();
        let these = (1..=places).map(|at| format!("?{at}")).collect::<Vec<_>>().join(", ");
        let sql = format!(
            "SELECT {PICTURE}, p.object_id, p.number, v.key \
             FROM pictures p JOIN versions v ON v.object_id = p.object_id AND v.number = p.number \
             WHERE p.object_id IN ({these}) AND p.demand = ''"
        );
        let known = tx.all(&sql, &values, |row| Ok((row.get::<i64>(11)?, read(row.get(10)?, row)?, row.get(12)?)))?;
        let sql = format!(
            "SELECT {VARIANT}, object_id, number FROM variants \
             WHERE object_id IN ({these}) AND made_at IS NOT NULL AND demand NOT LIKE '%:%' ORDER BY name, bytes"
        );
        let mut variants: HashMap<(Uuid, i64), Vec<Variant>> = HashMap::new();
        for (version, variant) in tx.all(&sql, &values, |row| Ok(((row.get(8)?, row.get(9)?), read_variant(row)?)))? {
            variants.entry(version).or_default().push(variant);
        }
        all.extend(known.into_iter().filter(|(number, known, _)| versions.contains(&(known.object, *number))).map(
            |(number, picture, key)| {
                let variants = variants.remove(&(picture.object, number)).unwrap_or_default();
                (Picture { variants, ..picture }, key)
            },
        ));
    }
    Ok(all)
}

/// What came of one piece of work: of what is made on arrival, or of what was asked for.
pub fn of_demand(tx: &Tx, object: Uuid, number: i64, demand: &str) -> Result<Option<Picture>, Error> {
    let sql = format!("SELECT {PICTURE} FROM pictures p WHERE object_id = ?1 AND number = ?2 AND demand = ?3");
    let Some(mut picture) = tx.one(&sql, values![object, number, demand], |row| read(object, row))? else {
        return Ok(None);
    };
    let sql = format!(
        "SELECT {VARIANT} FROM variants \
         WHERE object_id = ?1 AND number = ?2 AND demand = ?3 AND made_at IS NOT NULL ORDER BY name, bytes"
    );
    picture.variants = tx.all(&sql, values![object, number, demand], read_variant)?;
    Ok(Some(picture))
}

/// The keys of everything that was made of an object, or is about to be.
pub fn keys(tx: &Tx, object: Uuid) -> Result<Vec<String>, Error> {
    tx.all("SELECT key FROM variants WHERE object_id = ?1", values![object], |row| row.get(0))
}

/// How much there is to do, and how much came to nothing; of each, no more than `COUNTED` are counted.
pub fn counts(tx: &Tx) -> Result<Counts, Error> {
    let count = |which| count(tx, which, COUNTED);
    let refused = "state = 'refused' AND demand = ''";
    Ok(Counts { waiting: count(work::ARRIVALS)? + count(work::DEMANDS)?, refused: count(refused)? })
}

/// How many rows there are of which this holds, counted up to `most`.
fn count(tx: &Tx, which: &str, most: i64) -> Result<i64, Error> {
    let sql = format!("SELECT count(*) FROM (SELECT 1 FROM pictures WHERE {which} LIMIT ?1) AS counted");
    Ok(tx.one(&sql, values![most], |row| row.get(0))?.unwrap_or(0))
}

/// The columns that [`read`] reads.
const PICTURE: &str = "p.state, p.reason_code, p.reason_detail, p.width, p.height, p.frames, p.dominant, p.thumbhash, \
     p.perceptual_hash, p.features";

/// The columns that [`read_variant`] reads.
const VARIANT: &str = "key, name, recipe, content_type, width, height, bytes, sha256";

fn read_variant(row: &Row<'_>) -> Result<Variant, Error> {
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
