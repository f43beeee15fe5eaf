//! Making room: of what was made on demand, what nobody asked for the longest goes first.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::demand::life_of_links;
use super::doom;
use crate::db::pictures::demand::Idle;
use crate::db::{self};
use crate::service::Service;

/// How long it is remembered that something cannot be made, if nobody asks again.
const REMEMBERED: SignedDuration = SignedDuration::from_hours(24);

/// How many rows are looked at together.
const BATCH: i64 = 200;

/// Lets go of what is more than `processing.kept` allows, and forgets what could not be made a day ago; how many. What
/// a link may still lead to stays.
pub async fn make_room(service: &Service, dry_run: bool) -> Result<u64, db::Error> {
    let now = service.now();
    let kept = i64::try_from(service.config.processing.kept()).unwrap_or(i64::MAX);
    let mut excess = service.db.scan(db::pictures::demand::bytes).await? - kept;
    let mut count = 0;
    let mut after = Idle {
        object: Uuid::nil(),
        number: 0,
        demand: String::new(),
        space: String::new(),
        used_at: Timestamp::UNIX_EPOCH,
        is_refused: false,
        bytes: 0,
    };
    loop {
        let place = after.clone();
        let idle = service.db.read(move |tx| db::pictures::demand::idle(tx, &place, BATCH)).await?;
        let Some(last) = idle.last().cloned() else { return Ok(count) };
        for one in idle {
            let rested = now.duration_since(one.used_at);
            let life = service.config.spaces.get(&one.space).map_or(SignedDuration::ZERO, life_of_links);
            let is_superfluous = excess > 0 && one.bytes > 0 && rested > life.saturating_mul(2);
            if is_superfluous || (one.is_refused && rested > REMEMBERED) {
                excess -= one.bytes;
                count += 1;
                if !dry_run {
                    let_go(service, one, now).await?;
                }
            }
        }
        // Nothing that is younger was refused so long ago.
        if excess <= 0 && now.duration_since(last.used_at) <= REMEMBERED {
            return Ok(count);
        }
        after = last;
    }
}

/// Forgets one, unless somebody asked for it meanwhile.
async fn let_go(service: &Service, idle: Idle, now: Timestamp) -> Result<(), db::Error> {
    let bucket = service.bucket_of(&idle.space).to_owned();
    let forget = move |tx: &db::Tx| {
        let Idle { object, number, demand, space, used_at, .. } = &idle;
        let state = db::pictures::demand::state(tx, *object, *number, demand)?;
        if state.is_some_and(|(made_by, last)| !made_by.is_empty() && last == *used_at) {
            let gone = db::pictures::demand::forget(tx, *object, *number, demand)?;
            doom(tx, space, &bucket, &gone, now)?;
        }
        Ok::<_, db::Error>(())
    };
    service.db.write(forget).await
}
