//! The parts a body was composed of: their lengths and checksums, kept for as long as the body.

use rusqlite::Connection;

use super::{from_json, signed, to_json, unsigned};
use crate::checksum::{Algorithm, Checksums};
use crate::fault::Fault;

/// A part of a composed body.
#[derive(Debug, Clone)]
pub(crate) struct ComposedPart {
    /// The number it was sent with. Numbers need not be gapless; readers count the parts from 1.
    pub(crate) number: u32,
    /// Its length.
    pub(crate) bytes: u64,
    /// Its checksums.
    pub(crate) checksums: Checksums,
}

impl ComposedPart {
    /// A part with one of its checksums, if that is known.
    pub(crate) fn new(number: u32, bytes: u64, known: &Checksums, algorithm: Algorithm) -> Self {
        let value = known.values.get(&algorithm).map(|value| (algorithm, value.clone()));
        Self { number, bytes, checksums: Checksums { composite: false, values: value.into_iter().collect() } }
    }
}

/// Notes the parts of a new body.
pub(crate) fn note(connection: &Connection, body: i64, parts: &[ComposedPart]) -> Result<(), Fault> {
    let mut statement =
        connection.prepare_cached("INSERT INTO composed (body, number, bytes, checksums) VALUES (?1, ?2, ?3, ?4)")?;
    for part in parts {
        statement.execute((body, part.number, signed(part.bytes), to_json(&part.checksums)?))?;
    }
    Ok(())
}

/// The parts of a body in order. What was composed before they were noted has none here.
pub(crate) fn parts(connection: &Connection, body: i64) -> Result<Vec<ComposedPart>, Fault> {
    let mut statement =
        connection.prepare_cached("SELECT number, bytes, checksums FROM composed WHERE body = ?1 ORDER BY number")?;
    let rows = statement.query_map([body], |row| {
        Ok(ComposedPart { number: row.get(0)?, bytes: unsigned(row.get(1)?), checksums: from_json(row, 2)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Forgets the parts of a body that nobody has any more.
pub(super) fn forget(connection: &Connection, body: i64) -> Result<(), Fault> {
    connection.prepare_cached("DELETE FROM composed WHERE body = ?1")?.execute([body])?;
    Ok(())
}
