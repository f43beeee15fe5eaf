//! Does what the lifecycle rules say: finds what is due a stretch of keys at a time, and removes it in small transactions
//! that look again, because somebody may have written meanwhile.

use std::ops::ControlFlow;
use std::sync::Arc;

use rusqlite::Connection;

use super::rule::Rule;
use crate::fault::Fault;
use crate::index::buckets::{self, Bucket};
use crate::index::listing::end_of;
use crate::index::objects::Object;
use crate::index::uploads::{self, PARTS_AT_ONCE, Upload};
use crate::index::{due, versions};
use crate::store::Inner;
use crate::time::Moment;

/// How many versions one transaction removes, so that no writer waits long for it.
const BATCH: usize = 256;

/// What has gone by the rules.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Expired {
    /// Objects, earlier versions and delete markers.
    pub(crate) versions: u64,
    /// Uploads.
    pub(crate) uploads: u64,
}

/// What is due, and why.
#[derive(Debug, Clone, Copy)]
enum Due {
    /// An object, which goes as if somebody deleted it.
    Object,
    /// A version that has been superseded.
    Superseded,
    /// A delete marker that hides nothing.
    Marker,
}

/// Removes whatever is due in all buckets.
pub(crate) async fn expire(store: &Arc<Inner>, now: Moment) -> Result<Expired, Fault> {
    let mut expired = Expired::default();
    for (bucket, rules) in store.index.read(buckets::with_lifecycle::<Vec<Rule>>)? {
        for rule in rules.into_iter().filter(Rule::is_enabled) {
            let rule = Arc::new(rule);
            for kind in [Due::Object, Due::Superseded, Due::Marker] {
                expired.versions += versions_due(store, bucket, &rule, kind, now).await?;
            }
            expired.uploads += uploads_due(store, bucket, &rule, now).await?;
        }
    }
    Ok(expired)
}

async fn versions_due(
    store: &Arc<Inner>,
    bucket: Bucket,
    rule: &Arc<Rule>,
    kind: Due,
    now: Moment,
) -> Result<u64, Fault> {
    let mut from = rule.wanted().prefix.as_bytes().to_vec();
    let mut gone = 0;
    loop {
        let (looking, rule, start) = (Arc::clone(store), Arc::clone(rule), from.clone());
        let found = tokio::task::spawn_blocking(move || {
            looking.index.read(|connection| find(connection, bucket.id, &rule, kind, &start, now))
        });
        let due::Stretch { due, next } = found.await??;
        for batch in due.chunks(BATCH) {
            let (batch, luck) = (batch.to_vec(), store.luck());
            gone +=
                store.commit(None, move |connection| remove(connection, bucket.id, &batch, kind, now, luck)).await?;
        }
        match next {
            Some(next) => from = next,
            None => return Ok(gone),
        }
    }
}

/// What is due among the next keys.
fn find(
    connection: &Connection,
    bucket: i64,
    rule: &Rule,
    kind: Due,
    from: &[u8],
    now: Moment,
) -> Result<due::Stretch, Fault> {
    let wanted = rule.wanted();
    let end = end_of(wanted.prefix.as_bytes());
    let is_meant = |object: &Object| wanted.includes(object);
    let nothing = || Ok(due::Stretch::default());
    match kind {
        Due::Object => match rule.objects_until(now) {
            Some(until) => due::objects(connection, bucket, from, &end, until, is_meant),
            None => nothing(),
        },
        Due::Superseded => match rule.versions_until(now) {
            Some(terms) => due::superseded(connection, bucket, from, &end, terms, is_meant),
            None => nothing(),
        },
        Due::Marker if rule.is_about_markers() => {
            due::lone_markers(connection, bucket, from, &end, |modified| rule.ends_marker(modified, now))
        }
        Due::Marker => nothing(),
    }
}

/// Removes what is still there as it was found.
fn remove(
    connection: &Connection,
    bucket: i64,
    batch: &[(String, Object)],
    kind: Due,
    now: Moment,
    luck: u64,
) -> Result<(u64, Vec<u64>), Fault> {
    // The bucket may have gone, or keep its versions since.
    let Some(bucket) = buckets::by_id(connection, bucket)? else { return Ok((0, Vec::new())) };
    let (mut gone, mut freed) = (0, Vec::new());
    for (key, found) in batch {
        let Some(there) = versions::find(connection, bucket.id, key, &found.version)? else { continue };
        let same = there.object.body == found.body
            && there.object.modified == found.modified
            && there.object.sequence == found.sequence
            && there.object.tags == found.tags;
        let change = match kind {
            // What is locked stays; an object only gets a delete marker above it.
            Due::Superseded if there.object.lock.permit_removal(now, false).is_err() => None,
            Due::Object if same && there.latest => Some(versions::delete(connection, bucket, key, now, luck)?),
            Due::Superseded if same && !there.latest => {
                versions::delete_version(connection, bucket, key, &found.version, (now, false))?
            }
            Due::Marker if same && there.latest => {
                versions::delete_version(connection, bucket, key, &found.version, (now, false))?
            }
            _ => None,
        };
        if let Some(change) = change {
            gone += 1;
            freed.extend(change.freed);
        }
    }
    Ok((gone, freed))
}

async fn uploads_due(store: &Arc<Inner>, bucket: Bucket, rule: &Arc<Rule>, now: Moment) -> Result<u64, Fault> {
    let Some(until) = rule.uploads_until(now) else { return Ok(0) };
    let mut aborted = 0;
    loop {
        let (looking, rule) = (Arc::clone(store), Arc::clone(rule));
        let found = tokio::task::spawn_blocking(move || {
            looking.index.read(|connection| old_uploads(connection, bucket.id, rule.wanted().prefix, until))
        });
        let old = found.await??;
        if old.is_empty() {
            return Ok(aborted);
        }
        aborted += store.commit(None, move |connection| uploads::abort(connection, &old, PARTS_AT_ONCE)).await? as u64;
    }
}

/// Some of the uploads that began long enough ago.
fn old_uploads(connection: &Connection, bucket: i64, prefix: &str, until: Moment) -> Result<Vec<(i64, Upload)>, Fault> {
    let mut old = Vec::new();
    uploads::list(connection, bucket, (prefix.as_bytes(), ""), &end_of(prefix.as_bytes()), |upload| {
        if upload.initiated <= until {
            old.push((bucket, upload));
        }
        if old.len() == BATCH { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    Ok(old)
}
