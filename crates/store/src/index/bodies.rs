//! Bodies in the index: the ordered stretches of contents that objects and parts are made of.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

use rusqlite::Connection;

use super::{composed, signed, unsigned};
use crate::body::{Sealed, Slice};
use crate::content::Written;
use crate::encryption::WRAPPED;
use crate::fault::{Code, Fault};

/// One stretch of a body, and the part of a multipart upload it came with (1 when there were no parts).
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    /// The part.
    pub(crate) part: u32,
    /// The stretch.
    pub(crate) slice: Slice,
}

/// The segments of a body in order.
pub(crate) fn segments(connection: &Connection, body: i64) -> Result<Vec<Segment>, Fault> {
    let mut statement = connection.prepare_cached(
        "SELECT part, content, start, segment.bytes, content.bytes, crc64nvme, sealed FROM segment
             JOIN content ON content.number = segment.content WHERE body = ?1 ORDER BY position",
    )?;
    let rows = statement.query_map([body], |row| {
        let (start, bytes): (i64, i64) = (row.get(2)?, row.get(3)?);
        let all: i64 = row.get(4)?;
        let sealed: Option<[u8; WRAPPED]> = row.get(6)?;
        let sealed = sealed.map(|wrapped| Arc::new(Sealed { wrapped, bytes: unsigned(all) }));
        // What is sealed is verified chunk by chunk, and its checksum is that of the chunks.
        let whole = start == 0 && all == bytes && sealed.is_none();
        let crc64 = if whole { Some(row.get::<_, i64>(5)?.cast_unsigned()) } else { None };
        let content = unsigned(row.get(1)?);
        let slice = Slice { content, start: unsigned(start), bytes: unsigned(bytes), crc64, sealed };
        Ok(Segment { part: row.get(0)?, slice })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Notes a content that has just been placed.
pub(crate) fn add_content(connection: &Connection, written: &Written) -> Result<(), Fault> {
    connection
        .prepare_cached("INSERT INTO content (number, bytes, crc64nvme, sealed) VALUES (?1, ?2, ?3, ?4)")?
        .execute((signed(written.number), signed(written.bytes), written.crc64.cast_signed(), written.sealed))?;
    Ok(())
}

/// The most segments that a body may have. Copies by reference of copies by reference would double them without end.
const MAX_SEGMENTS: usize = 100_000;

/// Refuses a body of more segments than one may have.
pub(crate) fn permit(segments: usize) -> Result<(), Fault> {
    if segments <= MAX_SEGMENTS {
        return Ok(());
    }
    let message = format!(
        "What is copied here is made of more than {MAX_SEGMENTS} stretches of earlier copies: send its bytes instead."
    );
    Err(Fault::new(Code::InvalidRequest, message).with("MaxSegmentsAllowed", MAX_SEGMENTS.to_string()))
}

/// Writes the segments of a new body.
pub(crate) fn compose(connection: &Connection, body: i64, segments: &[Segment]) -> Result<(), Fault> {
    permit(segments.len())?;
    let mut statement = connection.prepare_cached(
        "INSERT INTO segment (body, position, part, content, start, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for (position, Segment { part, slice }) in segments.iter().enumerate() {
        let (content, start, bytes) = (signed(slice.content), signed(slice.start), signed(slice.bytes));
        statement.execute((body, position as i64, part, content, start, bytes))?;
    }
    Ok(())
}

/// Lets go of a body that an object or part no longer has; answers the contents nobody needs any more, whose files the
/// caller removes after the commit.
pub(crate) fn release(connection: &Connection, body: i64) -> Result<Vec<u64>, Fault> {
    let needed: bool = connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM object WHERE body = ?1) OR EXISTS (SELECT 1 FROM part WHERE body = ?1)
                 OR EXISTS (SELECT 1 FROM past WHERE body = ?1 AND body <> 0)",
        )?
        .query_row([body], |row| row.get(0))?;
    if needed {
        return Ok(Vec::new());
    }
    let contents: Vec<i64> = connection
        .prepare_cached("SELECT DISTINCT content FROM segment WHERE body = ?1")?
        .query_map([body], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    connection.prepare_cached("DELETE FROM segment WHERE body = ?1")?.execute([body])?;
    composed::forget(connection, body)?;
    let mut freed = Vec::new();
    let mut delete = connection.prepare_cached(
        "DELETE FROM content WHERE number = ?1 AND NOT EXISTS (SELECT 1 FROM segment WHERE content = ?1)",
    )?;
    for content in contents {
        if delete.execute([content])? == 1 {
            freed.push(unsigned(content));
        }
    }
    Ok(freed)
}

/// Which contents of a range of numbers the index knows.
pub(crate) fn known(connection: &Connection, range: &RangeInclusive<u64>) -> Result<HashSet<u64>, Fault> {
    let mut statement = connection.prepare_cached("SELECT number FROM content WHERE number BETWEEN ?1 AND ?2")?;
    let rows = statement.query_map((signed(*range.start()), signed(*range.end())), |row| row.get(0).map(unsigned))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The highest number of any content or body.
pub(crate) fn highest(connection: &Connection) -> Result<u64, Fault> {
    let highest: i64 = connection.query_row(
        "SELECT max(
             coalesce((SELECT max(number) FROM content), 0),
             coalesce((SELECT max(body) FROM object), 0),
             coalesce((SELECT max(body) FROM past WHERE body <> 0), 0),
             coalesce((SELECT max(body) FROM part), 0),
             coalesce((SELECT max(body) FROM segment), 0))",
        [],
        |row| row.get(0),
    )?;
    Ok(unsigned(highest))
}
