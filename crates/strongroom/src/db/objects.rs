//! Objects and their versions as the database holds them.

use std::sync::LazyLock;

use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::tx::{Row, Value as Place, values};
use super::{Error, Tx, json, time, to_json};

/// One thing somebody handed in, with the version of it that is served.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Its stable id.
    pub id: Uuid,
    /// The space it lives in.
    pub space: String,
    /// The subject it belongs to, if any.
    pub owner: Option<String>,
    /// The subject that handed it in, if it had one.
    pub creator: Option<String>,
    /// The group it was handed in with.
    pub group: Option<String>,
    /// What people call it; any text, never part of a path.
    pub name: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Whatever the application wants to remember of it.
    pub metadata: Map<String, Value>,
    /// Subjects that the rule `shared` lets in.
    pub shared_with: Vec<String>,
    /// When it was handed in.
    pub created_at: Timestamp,
    /// When it, or what is said of it, last changed.
    pub updated_at: Timestamp,
    /// When it was deleted; until it is gone for good it can be restored.
    pub deleted_at: Option<Timestamp>,
    /// The content that is served.
    pub version: Version,
}

/// One immutable content of an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    /// Counts from 1.
    pub number: i64,
    /// Where it lies, relative to the location.
    pub key: String,
    /// What was found in its bytes.
    pub content_type: String,
    /// Its length.
    pub bytes: i64,
    /// SHA-256, lowercase hex.
    pub sha256: String,
    /// What it tells of itself, if it is a sound or a video.
    pub media: Media,
    /// When it became readable.
    pub created_at: Timestamp,
}

/// What a sound or a video tells of itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Media {
    /// How long it takes, in milliseconds.
    pub duration_ms: Option<i64>,
    /// Pixels in a row, as it is shown.
    pub width: Option<i64>,
    /// Rows.
    pub height: Option<i64>,
}

/// The order of a list; the object's id settles ties.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Last handed in first.
    Newest,
    /// First handed in first.
    Oldest,
    /// By name, bytewise.
    Name,
}

/// Where the next page begins: after this object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After {
    /// The name of the last object of the page before; it counts when the order is by name.
    pub name: String,
    /// Its id.
    pub id: Uuid,
}

/// Which objects of a space the asker may see in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Visible {
    /// All of them.
    All,
    /// Those that have at least one of these ties to a subject.
    Tied {
        /// The subject itself.
        subject: String,
        /// Whether owning is a tie.
        owner: bool,
        /// Whether having handed it in is a tie.
        creator: bool,
        /// Whether being named in `shared_with` is a tie.
        shared: bool,
    },
}

/// What a list shows.
#[derive(Debug, Clone)]
pub struct Filter {
    /// The space.
    pub space: String,
    /// Whose eyes look: all of these must see it.
    pub visible: Vec<Visible>,
    /// Only names that begin so.
    pub prefix: Option<String>,
    /// Only this owner's.
    pub owner: Option<String>,
    /// Only this group's.
    pub group: Option<String>,
    /// Only with this tag.
    pub tag: Option<String>,
    /// Only this content type, or with a `/*` at its end all of a kind.
    pub content_type: Option<String>,
    /// Only what is served with this SHA-256, in lower-case hex.
    pub sha256: Option<String>,
    /// Only handed in at this time or later.
    pub created_after: Option<Timestamp>,
    /// Only handed in before this time.
    pub created_before: Option<Timestamp>,
    /// The deleted ones instead of the others.
    pub deleted: bool,
    /// The order.
    pub order: Order,
    /// Where to go on.
    pub after: Option<After>,
    /// At most so many.
    pub limit: i64,
}

/// The columns that [`read`] takes, in its order.
const COLUMNS: &str = "o.id, o.space, o.owner, o.creator, o.group_name, o.name, o.tags, o.metadata, o.shared_with, \
     o.created_at, o.updated_at, o.deleted_at, v.number, v.key, v.content_type, v.bytes, v.sha256, v.created_at, v.duration_ms, \
     v.width, v.height \
     FROM objects o JOIN versions v ON v.object_id = o.id";

/// Writes a new object with its first version.
pub fn insert(tx: &Tx, object: &Object) -> Result<(), Error> {
    tx.execute(
        "INSERT INTO objects (id, space, owner, creator, group_name, name, tags, metadata, shared_with, version, \
         created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        values![
            object.id,
            object.space,
            object.owner,
            object.creator,
            object.group,
            object.name,
            to_json(&object.tags),
            to_json(&object.metadata),
            to_json(&object.shared_with),
            object.version.number,
            object.created_at.as_millisecond(),
            object.updated_at.as_millisecond(),
        ],
    )?;
    let version = &object.version;
    tx.execute(
        "INSERT INTO versions (object_id, number, key, content_type, bytes, sha256, created_at, duration_ms, width, \
         height) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        values![
            object.id,
            version.number,
            version.key,
            version.content_type,
            version.bytes,
            version.sha256,
            version.created_at.as_millisecond(),
            version.media.duration_ms,
            version.media.width,
            version.media.height,
        ],
    )?;
    index_words(tx, object)
}

/// One object, deleted or not.
pub fn get(tx: &Tx, id: Uuid) -> Result<Option<Object>, Error> {
    /// Asked for with every link, so it is put together only once.
    static SQL: LazyLock<String> = LazyLock::new(|| select_where("o.id = ?1 AND v.number = o.version"));
    tx.one(&SQL, values![id], read)
}

/// The object whose served version lies under this key.
pub fn by_key(tx: &Tx, key: &str) -> Result<Option<Object>, Error> {
    let sql = select_where("v.key = ?1 AND v.number = o.version");
    tx.one(&sql, values![key], read)
}

/// One page of a space.
pub fn list(tx: &Tx, filter: &Filter) -> Result<Vec<Object>, Error> {
    let (sql, values) = list_query(filter);
    tx.all(&sql, &values.iter().map(|value| &**value as _).collect::<Vec<_>>(), read)
}

/// Writes what may change of an object: everything but its id, space, owner, creator and versions.
pub fn update(tx: &Tx, object: &Object) -> Result<(), Error> {
    tx.execute(
        "UPDATE objects SET group_name = ?2, name = ?3, tags = ?4, metadata = ?5, shared_with = ?6, updated_at = ?7, \
         deleted_at = ?8 WHERE id = ?1",
        values![
            object.id,
            object.group,
            object.name,
            to_json(&object.tags),
            to_json(&object.metadata),
            to_json(&object.shared_with),
            object.updated_at.as_millisecond(),
            object.deleted_at.map(Timestamp::as_millisecond),
        ],
    )?;
    tx.execute("DELETE FROM object_tags WHERE object_id = ?1", values![object.id])?;
    tx.execute("DELETE FROM object_readers WHERE object_id = ?1", values![object.id])?;
    index_words(tx, object)
}

/// Objects of a space that were deleted before `before`, the longest deleted first.
pub fn deleted_before(tx: &Tx, space: &str, before: Timestamp, limit: i64) -> Result<Vec<Object>, Error> {
    let sql = select_where(
        "o.deleted_at IS NOT NULL AND o.deleted_at <= ?2 AND o.space = ?1 AND v.number = o.version \
         ORDER BY o.deleted_at LIMIT ?3",
    );
    tx.all(&sql, values![space, before.as_millisecond(), limit], read)
}

/// The first of all ids that are given after this moment.
pub fn first_id_after(moment: Timestamp) -> Uuid {
    Uuid::from_u128(u128::try_from(moment.as_millisecond().saturating_add(1)).unwrap_or(0) << 80)
}

/// Objects of a space that were handed in before `before`, the oldest first.
pub fn handed_in_before(tx: &Tx, space: &str, before: Timestamp, limit: i64) -> Result<Vec<Object>, Error> {
    // An id is never younger than its object, and the index is by id: those that are younger are not even looked at.
    let youngest = first_id_after(before);
    let sql = select_where(
        "o.space = ?1 AND o.id < ?2 AND o.created_at <= ?3 AND v.number = o.version ORDER BY o.id LIMIT ?4",
    );
    tx.all(&sql, values![space, youngest, before.as_millisecond(), limit], read)
}

/// From now on this is the content of a version that was optimised.
pub fn replace(tx: &Tx, id: Uuid, version: &Version, now: Timestamp) -> Result<(), Error> {
    tx.execute(
        "UPDATE versions SET key = ?3, content_type = ?4, bytes = ?5, sha256 = ?6 WHERE object_id = ?1 AND number = ?2",
        values![id, version.number, version.key, version.content_type, version.bytes, version.sha256],
    )?;
    tx.execute("UPDATE objects SET updated_at = ?2 WHERE id = ?1", values![id, now.as_millisecond()])?;
    Ok(())
}

/// The keys of all versions of an object.
pub fn keys(tx: &Tx, id: Uuid) -> Result<Vec<String>, Error> {
    tx.all("SELECT key FROM versions WHERE object_id = ?1", values![id], |row| row.get(0))
}

/// Whether any version or variant lies under this key, or a variant is about to.
pub fn holds_key(tx: &Tx, key: &str) -> Result<bool, Error> {
    let holds = |sql| Ok::<_, Error>(tx.one(sql, values![key], |_| Ok(()))?.is_some());
    Ok(holds("SELECT 1 FROM versions WHERE key = ?1")? || holds("SELECT 1 FROM variants WHERE key = ?1")?)
}

/// The object that has a version under this key.
pub fn holder_of_key(tx: &Tx, key: &str) -> Result<Option<Uuid>, Error> {
    tx.one("SELECT object_id FROM versions WHERE key = ?1", values![key], |row| row.get(0))
}

/// What is known of the content under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The key, relative to the location.
    pub key: String,
    /// The object.
    pub object: Uuid,
    /// Its length.
    pub bytes: i64,
    /// Its SHA-256, lowercase hex.
    pub sha256: String,
    /// Its space, which tells its bucket.
    pub space: String,
}

/// What is known of the content under this key, be it a version or a variant.
pub fn known(tx: &Tx, key: &str) -> Result<Option<Known>, Error> {
    let of_version = "SELECT v.key, v.object_id, v.bytes, v.sha256, o.space FROM versions v \
         JOIN objects o ON o.id = v.object_id WHERE v.key = ?1";
    let of_variant = "SELECT v.key, v.object_id, v.bytes, v.sha256, o.space FROM variants v \
         JOIN objects o ON o.id = v.object_id WHERE v.key = ?1 AND v.made_at IS NOT NULL";
    match tx.one(of_version, values![key], read_known)? {
        None => tx.one(of_variant, values![key], read_known),
        found => Ok(found),
    }
}

/// All versions and variants of all objects in the order of their keys, after the given one.
pub fn known_after(tx: &Tx, after: &str, limit: i64) -> Result<Vec<Known>, Error> {
    let versions = "SELECT v.key, v.object_id, v.bytes, v.sha256, o.space FROM versions v \
         JOIN objects o ON o.id = v.object_id WHERE v.key > ?1 ORDER BY v.key LIMIT ?2";
    let variants = "SELECT v.key, v.object_id, v.bytes, v.sha256, o.space FROM variants v \
         JOIN objects o ON o.id = v.object_id WHERE v.key > ?1 AND v.made_at IS NOT NULL ORDER BY v.key LIMIT ?2";
    let mut all = tx.all(versions, values![after, limit], read_known)?;
    all.extend(tx.all(variants, values![after, limit], read_known)?);
    all.sort_unstable_by(|one, other| one.key.cmp(&other.key));
    all.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(all)
}

fn read_known(row: &Row<'_>) -> Result<Known, Error> {
    Ok(Known { key: row.get(0)?, object: row.get(1)?, bytes: row.get(2)?, sha256: row.get(3)?, space: row.get(4)? })
}

/// How many versions and variants there are after this key.
pub fn count_known(tx: &Tx, after: &str) -> Result<i64, Error> {
    let count = |sql| Ok::<i64, Error>(tx.one(sql, values![after], |row| row.get(0))?.unwrap_or(0));
    let variants = "SELECT count(*) FROM variants WHERE key > ?1 AND made_at IS NOT NULL";
    Ok(count("SELECT count(*) FROM versions WHERE key > ?1")? + count(variants)?)
}

/// Forgets an object and all its versions.
pub fn remove(tx: &Tx, id: Uuid) -> Result<bool, Error> {
    Ok(tx.execute("DELETE FROM objects WHERE id = ?1", values![id])? > 0)
}

fn select_where(condition: &str) -> String {
    format!("SELECT {COLUMNS} WHERE {condition}")
}

pub(super) fn list_query(filter: &Filter) -> (String, Vec<Box<dyn Place>>) {
    let mut query = Query::new("v.number = o.version");
    query.and("o.space =", filter.space.clone());
    query.literal(if filter.deleted { "o.deleted_at IS NOT NULL" } else { "o.deleted_at IS NULL" });
    for visible in &filter.visible {
        let Visible::Tied { subject, owner, creator, shared } = visible else { continue };
        let place = query.place(subject.clone());
        let ties = [
            owner.then(|| format!("o.owner = {place}")),
            creator.then(|| format!("o.creator = {place}")),
            shared.then(|| {
                format!("EXISTS (SELECT 1 FROM object_readers r WHERE r.subject = {place} AND r.object_id = o.id)")
            }),
        ];
        let ties: Vec<_> = ties.into_iter().flatten().collect();
        query.literal(&if ties.is_empty() { "FALSE".to_owned() } else { format!("({})", ties.join(" OR ")) });
    }
    if let Some(prefix) = &filter.prefix {
        query.and("o.name >=", prefix.clone());
        if let Some(end) = after_prefix(prefix) {
            query.and("o.name <", end);
        }
    }
    if let Some(owner) = &filter.owner {
        query.and("o.owner =", owner.clone());
    }
    if let Some(group) = &filter.group {
        query.and("o.group_name =", group.clone());
    }
    if let Some(tag) = &filter.tag {
        let place = query.place(tag.clone());
        query.literal(&format!("EXISTS (SELECT 1 FROM object_tags t WHERE t.tag = {place} AND t.object_id = o.id)"));
    }
    match filter.content_type.as_deref().map(|kind| (kind, kind.strip_suffix('*'))) {
        Some((_, Some(kind))) => {
            query.and("v.content_type >=", kind.to_owned());
            if let Some(end) = after_prefix(kind) {
                query.and("v.content_type <", end);
            }
        }
        Some((exact, None)) => query.and("v.content_type =", exact.to_owned()),
        None => {}
    }
    if let Some(sha256) = &filter.sha256 {
        let place = query.place(sha256.clone());
        query.literal(&format!(
            "o.id IN (SELECT object_id FROM versions WHERE sha256 = {place}) AND v.sha256 = {place}"
        ));
    }
    if let Some(time) = filter.created_after {
        query.and("o.created_at >=", time.as_millisecond());
    }
    if let Some(time) = filter.created_before {
        query.and("o.created_at <", time.as_millisecond());
    }
    if let Some(After { name, id }) = &filter.after {
        match filter.order {
            Order::Newest => query.and("o.id <", *id),
            Order::Oldest => query.and("o.id >", *id),
            Order::Name => {
                let (name, id) = (query.place(name.clone()), query.place(*id));
                query.literal(&format!("(o.name, o.id) > ({name}, {id})"));
            }
        }
    }
    let order = match filter.order {
        Order::Newest => "o.id DESC",
        Order::Oldest => "o.id",
        Order::Name => "o.name, o.id",
    };
    let limit = query.place(filter.limit);
    let condition = query.condition;
    (select_where(&format!("{condition} ORDER BY {order} LIMIT {limit}")), query.values)
}

/// A condition that grows, with the values of its numbered places.
struct Query {
    condition: String,
    values: Vec<Box<dyn Place>>,
}

impl Query {
    fn new(first: &str) -> Self {
        Self { condition: first.to_owned(), values: Vec::new() }
    }

    fn place(&mut self, value: impl Place + 'static) -> String {
        self.values.push(Box::new(value));
        format!("?{}", self.values.len())
    }

    fn and(&mut self, left: &str, value: impl Place + 'static) {
        let place = self.place(value);
        self.literal(&format!("{left} {place}"));
    }

    fn literal(&mut self, text: &str) {
        self.condition.push_str(" AND ");
        self.condition.push_str(text);
    }
}

/// The first text after all that begin with `prefix`; none when there is no such text.
fn after_prefix(prefix: &str) -> Option<String> {
    let mut end: Vec<char> = prefix.chars().collect();
    while let Some(last) = end.pop() {
        // Skip the gap of the surrogates, which no text holds.
        let next = if last == '\u{d7ff}' { Some('\u{e000}') } else { char::from_u32(u32::from(last) + 1) };
        if let Some(next) = next {
            end.push(next);
            return Some(end.into_iter().collect());
        }
    }
    None
}

fn index_words(tx: &Tx, object: &Object) -> Result<(), Error> {
    let each = |sql, words: &[String]| match words {
        [] => Ok(()),
        words => tx.execute_each(sql, |run| words.iter().try_for_each(|word| run(values![word, object.id]))),
    };
    each("INSERT INTO object_tags (tag, object_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING", &object.tags)?;
    each("INSERT INTO object_readers (subject, object_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING", &object.shared_with)
}

fn read(row: &Row<'_>) -> Result<Object, Error> {
    Ok(Object {
        id: row.get(0)?,
        space: row.get(1)?,
        owner: row.get(2)?,
        creator: row.get(3)?,
        group: row.get(4)?,
        name: row.get(5)?,
        tags: json(row.text(6)?, "list of tags")?,
        metadata: json(row.text(7)?, "metadata")?,
        shared_with: json(row.text(8)?, "list of readers")?,
        created_at: time(row.get(9)?)?,
        updated_at: time(row.get(10)?)?,
        deleted_at: row.get::<Option<i64>>(11)?.map(time).transpose()?,
        version: Version {
            number: row.get(12)?,
            key: row.get(13)?,
            content_type: row.get(14)?,
            bytes: row.get(15)?,
            sha256: row.get(16)?,
            created_at: time(row.get(17)?)?,
            media: Media { duration_ms: row.get(18)?, width: row.get(19)?, height: row.get(20)? },
        },
    })
}
