//! Looking for what is due by a bucket's rules: a stretch of its keys at a time, so that no look lasts long.

use rusqlite::Connection;

use super::objects::{self, COLUMNS, Object};
use super::versions::LATEST;
use crate::fault::Fault;
use crate::time::Moment;

/// How many rows one look reads.
const ROWS: usize = 1000;

/// What was found among some of the keys, and where to go on if there are more.
#[derive(Debug, Default)]
pub(crate) struct Stretch {
    /// What is due, by key.
    pub(crate) due: Vec<(String, Object)>,
    /// The key to begin with next time.
    pub(crate) next: Option<Vec<u8>>,
}

/// The objects that are due.
pub(crate) fn objects(
    connection: &Connection,
    bucket: i64,
    from: &[u8],
    end: &[u8],
    is_due: impl Fn(&Object) -> bool,
) -> Result<Stretch, Fault> {
    let sql =
        format!("SELECT {COLUMNS}, NULL, key FROM object WHERE bucket = ?1 AND key >= ?2 AND key < ?3 ORDER BY key");
    look(connection, &sql, bucket, (from, end), |_, object, _| is_due(object))
}

/// The superseded versions that are due, given when they were superseded and how many newer ones of them their key has.
pub(crate) fn superseded(
    connection: &Connection,
    bucket: i64,
    from: &[u8],
    end: &[u8],
    is_due: impl Fn(&Object, Moment, u32) -> bool,
) -> Result<Stretch, Fault> {
    let sql = format!(
        "SELECT {COLUMNS}, superseded, key FROM past WHERE bucket = ?1 AND key >= ?2 AND key < ?3
         ORDER BY key, sequence DESC"
    );
    let mut newer = 0;
    let mut last: Vec<u8> = Vec::new();
    look(connection, &sql, bucket, (from, end), |key, object, superseded| {
        if last != key {
            (last, newer) = (key.to_vec(), 0);
        }
        superseded.is_some_and(|superseded| {
            newer += 1;
            is_due(object, superseded, newer - 1)
        })
    })
}

/// The delete markers that are the only version of their key, and due.
pub(crate) fn lone_markers(
    connection: &Connection,
    bucket: i64,
    from: &[u8],
    end: &[u8],
    is_due: impl Fn(&Object) -> bool,
) -> Result<Stretch, Fault> {
    let sql = format!(
        "SELECT {COLUMNS}, superseded, key FROM past WHERE bucket = ?1 AND key >= ?2 AND key < ?3
         AND superseded IS NULL AND NOT EXISTS (SELECT 1 FROM past AS older WHERE older.bucket = past.bucket
             AND older.key = past.key AND older.sequence < past.sequence)
         ORDER BY key, sequence DESC"
    );
    look(connection, &sql, bucket, (from, end), |_, object, _| is_due(object))
}

/// Reads rows until there are enough of them and a key ends, since how many versions a key has may matter.
fn look(
    connection: &Connection,
    sql: &str,
    bucket: i64,
    (from, end): (&[u8], &[u8]),
    mut is_due: impl FnMut(&[u8], &Object, Option<Moment>) -> bool,
) -> Result<Stretch, Fault> {
    let mut stretch = Stretch::default();
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query((bucket, from, end))?;
    let (mut read, mut last) = (0, Vec::new());
    while let Some(row) = rows.next()? {
        let key = row.get_ref(LATEST + 1)?.as_blob().map_err(rusqlite::Error::from)?;
        if read >= ROWS && last != key {
            stretch.next = Some(key.to_vec());
            break;
        }
        read += 1;
        last = key.to_vec();
        let object = objects::from_row(row)?;
        if is_due(key, &object, row.get::<_, Option<i64>>(LATEST)?.map(Moment)) {
            stretch.due.push((String::from_utf8_lossy(key).into_owned(), object));
        }
    }
    Ok(stretch)
}
