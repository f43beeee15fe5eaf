//! Each identity can do what it must, and cannot do what it must not.

use super::{Check, Instruments, Keys};
use crate::storage::{Act, Bucket, Dialect, Identity, Seen};

/// What is tried in this order: the first put what the others look at. What the writer must not read is not its own,
/// because on Ceph everybody may read what they put. What must not be deleted is tried on what is not there any more, or
/// one key for all would take away what comes next.
const TRIES: [(Identity, Act, Where, bool); 13] = [
    (Identity::Janitor, Act::Put, Where::Beside, true),
    (Identity::Janitor, Act::Put, Where::Staged, true),
    (Identity::Writer, Act::Put, Where::Staged, true),
    (Identity::Writer, Act::Get, Where::Beside, false),
    (Identity::Writer, Act::Put, Where::Beside, false),
    (Identity::Writer, Act::List, Where::Staged, false),
    (Identity::Reader, Act::Get, Where::Staged, true),
    (Identity::Reader, Act::Put, Where::Staged, false),
    (Identity::Reader, Act::List, Where::Staged, false),
    (Identity::Janitor, Act::Get, Where::Staged, true),
    (Identity::Janitor, Act::Delete, Where::Beside, true),
    (Identity::Writer, Act::Delete, Where::Beside, false),
    (Identity::Reader, Act::Delete, Where::Beside, false),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Where {
    Staged,
    Beside,
}

pub(super) async fn look(tools: Instruments<'_>, bucket: &Bucket, keys: &Keys) -> Vec<Check> {
    let settings = &tools.config.storage;
    let identities: Vec<_> = tools.identities().collect();
    // Where a PUT is final the writer makes new objects, and this storage cannot be told that they have to be new.
    let may_replace =
        settings.profile.puts_are_final() && !Dialect::from(settings.provider).tells_new_objects_from_others();
    let mut troubles: Vec<(Identity, Check)> = Vec::new();
    for (identity, act, place, must) in TRIES.into_iter().filter(|(identity, ..)| identities.contains(identity)) {
        let key = if place == Where::Staged { &keys.staged } else { &keys.beside };
        let trouble = match bucket.attempt(identity, act, key).await {
            Ok(_) if may_replace && (identity, act, place) == (Identity::Writer, Act::Put, Where::Beside) => None,
            Ok(seen) => judge(tools, (identity, act, place, must), &seen),
            Err(error) => Some(Check::bad(what(identity), error.to_string(), "try again")),
        };
        troubles.extend(trouble.map(|trouble| (identity, trouble)));
    }
    let mut checks = Vec::new();
    for identity in identities {
        let (own, others): (Vec<_>, Vec<_>) = troubles.into_iter().partition(|(whose, _)| *whose == identity);
        troubles = others;
        if own.is_empty() {
            let found = match identity {
                Identity::Writer if may_replace => {
                    "can do what it must; this storage cannot keep it from putting beside the staging folder, and \
                     refuses it the rest"
                }
                _ => "can do what it must, and is refused what it must not",
            };
            checks.push(Check::good(what(identity), found));
        }
        checks.extend(own.into_iter().map(|(_, check)| check));
    }
    checks
}

fn what(identity: Identity) -> String {
    format!("rights of the {identity}")
}

fn judge(
    tools: Instruments<'_>,
    (identity, act, place, must): (Identity, Act, Where, bool),
    seen: &Seen,
) -> Option<Check> {
    let deed = match (act, place) {
        (Act::Get, Where::Staged) => "get a staged object",
        (Act::Get, Where::Beside) => "get an object of somebody else",
        (Act::Put, Where::Staged) => "put a staged object",
        (Act::Put, Where::Beside) => "put an object beside the staging folder",
        (Act::Delete, _) => "delete an object",
        (Act::List, _) => "list objects",
    };
    match (must, seen.is_done()) {
        (true, true) | (false, false) => None,
        (true, false) => {
            let found = format!("cannot {deed}: {}", seen.words());
            Some(Check::bad(what(identity), found, tools.mend(seen)))
        }
        // One key for all is allowed, and known to be a risk.
        (false, true) => Some(Check::doubtful(
            what(identity),
            format!("can {deed}, which it must not: who steals its key can do that, too"),
            format!("give it a key of its own with the policy that `strongroom policy {identity}` prints"),
        )),
    }
}
