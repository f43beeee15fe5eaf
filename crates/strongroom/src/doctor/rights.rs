//! Each identity can do what it must, and cannot do what it must not.

use super::{Check, Keys, mend};
use crate::storage::{Act, Bucket, Identity, Seen};

/// What is tried in this order: the first puts what the others look at. What must not be deleted is tried on what is not
/// there, or one key for all would take away what comes next.
const TRIES: [(Identity, Act, Where, bool); 12] = [
    (Identity::Writer, Act::Put, Where::Staged, true),
    (Identity::Writer, Act::Put, Where::Beside, false),
    (Identity::Writer, Act::Get, Where::Staged, false),
    (Identity::Writer, Act::List, Where::Staged, false),
    (Identity::Writer, Act::Delete, Where::Beside, false),
    (Identity::Reader, Act::Get, Where::Staged, true),
    (Identity::Reader, Act::Put, Where::Staged, false),
    (Identity::Reader, Act::List, Where::Staged, false),
    (Identity::Reader, Act::Delete, Where::Beside, false),
    (Identity::Janitor, Act::Get, Where::Staged, true),
    (Identity::Janitor, Act::Put, Where::Beside, true),
    (Identity::Janitor, Act::Delete, Where::Beside, true),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Where {
    Staged,
    Beside,
}

pub(super) async fn look(bucket: &Bucket, keys: &Keys) -> Vec<Check> {
    let mut checks: Vec<Check> = Vec::new();
    for identity in [Identity::Writer, Identity::Reader, Identity::Janitor] {
        let mut troubles = Vec::new();
        for (_, act, place, must) in TRIES.into_iter().filter(|(who, ..)| *who == identity) {
            let key = if place == Where::Staged { &keys.staged } else { &keys.beside };
            match bucket.attempt(identity, act, key).await {
                Ok(seen) => troubles.extend(judge(identity, act, place, must, &seen)),
                Err(error) => troubles.push(Check::bad(what(identity), error.to_string(), "try again")),
            }
        }
        if troubles.is_empty() {
            let found = "can do what it must, and is refused what it must not";
            troubles.push(Check::good(what(identity), found));
        }
        checks.append(&mut troubles);
    }
    checks
}

fn what(identity: Identity) -> String {
    format!("rights of the {identity}")
}

fn judge(identity: Identity, act: Act, place: Where, must: bool, seen: &Seen) -> Option<Check> {
    let deed = match (act, place) {
        (Act::Get, _) => "get a staged object",
        (Act::Put, Where::Staged) => "put a staged object",
        (Act::Put, Where::Beside) => "put an object beside the staging folder",
        (Act::Delete, _) => "delete an object",
        (Act::List, _) => "list objects",
    };
    match (must, seen.is_done()) {
        (true, true) | (false, false) => None,
        (true, false) => {
            let found = format!("cannot {deed}: {}", seen.words());
            Some(Check::bad(what(identity), found, mend(&seen.code, seen.status)))
        }
        // One key for all is allowed, and known to be a risk.
        (false, true) => Some(Check::doubtful(
            what(identity),
            format!("can {deed}, which it must not: who steals its key can do that, too"),
            format!("give it a key of its own with the policy that `strongroom policy {identity}` prints"),
        )),
    }
}
