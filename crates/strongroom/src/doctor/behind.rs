//! How far the mirror is behind, as the database knows it.

use super::{Check, Instruments};
use crate::db::copies::{Failing, Lag};
use crate::db::{Db, Error, Tx, copies};
use crate::mirror;

const WHAT: &str = "copies";

/// What the database says of a mirror.
enum State {
    /// It knows another, or none.
    Unknown,
    Known(Lag, Option<Failing>),
}

pub(super) async fn look(tools: Instruments<'_>, db: &Db) -> Check {
    let place = mirror::place(&tools.config.storage, &tools.config.spaces);
    let asked = db.scan(move |tx: &Tx| {
        if copies::mirror(tx)?.as_ref() != Some(&place) {
            return Ok::<_, Error>(State::Unknown);
        }
        Ok(State::Known(copies::lag(tx, &place)?, copies::failing(tx, 1)?.pop()))
    });
    match asked.await {
        Ok(State::Unknown) => Check::doubtful(
            WHAT,
            "the service was never started with this mirror, or was started with another since: nothing is copied",
            "start every node of the service with this configuration",
        ),
        Ok(State::Known(Lag { pending: 0, .. }, _)) => Check::good(WHAT, "it has got everything"),
        Ok(State::Known(Lag { pending, failing, since }, example)) => {
            let since = since.map_or_else(String::new, |since| format!(", the oldest since {since}"));
            let found = format!("{pending} keys are not as they should be yet{since}");
            match example.filter(|_| failing > 0) {
                Some(Failing { key, reason }) => Check::bad(
                    WHAT,
                    format!("{found}; {failing} failed again and again, such as {key}: {reason}"),
                    "see to the reason: the service tries again by itself",
                ),
                None => Check::doubtful(WHAT, found, "wait: a running service copies them"),
            }
        }
        Err(error) => Check::bad(WHAT, error.to_string(), "see what the other checks say of the database"),
    }
}
