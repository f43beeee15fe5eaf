//! The opaque cursors of lists: where the next page begins, as text that clients hand back unread.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::Problem;

/// Writes a cursor.
pub(crate) fn encode<T: Serialize>(place: &T) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(place).unwrap_or_default())
}

/// Reads a cursor; anybody may have written it.
pub(crate) fn decode<T: DeserializeOwned>(cursor: &str) -> Result<T, Problem> {
    let json = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|json| String::from_utf8(json).ok());
    // No text that is stored holds a NUL, and not every database takes one.
    let place = json.filter(|json| !json.contains("\\u0000")).and_then(|json| serde_json::from_str(&json).ok());
    place.ok_or_else(|| Problem::bad_request("The cursor cannot be read; hand back `next_cursor` as it was given."))
}

/// Reads a limit from 1 to 1,000.
pub(crate) fn limit(wanted: Option<i64>) -> Result<i64, Problem> {
    match wanted.unwrap_or(50) {
        limit @ 1..=1000 => Ok(limit),
        _ => Err(Problem::bad_request("The limit must be from 1 to 1000.")),
    }
}
