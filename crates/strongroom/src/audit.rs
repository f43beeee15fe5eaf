//! Writing down who was given a link: requests that wait for it at the same time share one insertion.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::oneshot;

use crate::db::audit::{self, Entry};
use crate::db::{self, Db};

/// How often an insertion lets others go first.
const GATHERING: usize = 16;

/// How old an entry is when it is filed under its object: older than any transaction that may still be under way.
const SETTLED: Duration = Duration::from_secs(30);

/// How many entries are filed in one transaction: so few that no request notices it.
const FILED_AT_ONCE: usize = 2000;

/// The way into the audit log for what changes nothing else. A change writes its entry in its own transaction.
#[derive(Debug, Clone)]
pub struct AuditLog(Arc<Shared>);

/// Why entries were not written: the whole insertion failed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the audit log cannot be written: {reason}")]
pub struct Error {
    reason: Arc<str>,
    /// Whether the database is away, so that the same may work soon.
    pub is_unavailable: bool,
}

#[derive(Debug)]
struct Shared {
    db: Db,
    waiting: Mutex<Waiting>,
}

/// What came since the last insertion began.
#[derive(Debug, Default)]
struct Waiting {
    entries: Vec<Entry>,
    callers: Vec<Caller>,
    /// Whether an insertion is on its way that will look here when it begins.
    awaited: bool,
}

/// Who learns how the insertion ended.
type Caller = oneshot::Sender<Result<(), Error>>;

impl AuditLog {
    /// A way into the log of this database.
    pub fn new(db: Db) -> Self {
        Self(Arc::new(Shared { db, waiting: Mutex::default() }))
    }

    /// Returns once the entries are durable.
    pub async fn append(&self, entries: Vec<Entry>) -> Result<(), Error> {
        let (caller, written) = oneshot::channel();
        let awaited = {
            let mut waiting = self.0.lock();
            waiting.entries.extend(entries);
            waiting.callers.push(caller);
            std::mem::replace(&mut waiting.awaited, true)
        };
        if !awaited {
            tokio::spawn(insert(Arc::clone(&self.0)));
        }
        written.await.unwrap_or_else(|_| Err(Error { reason: "the service is stopping".into(), is_unavailable: true }))
    }

    /// Files what has settled under its objects, so that the entries of one are found without reading all.
    pub async fn file(&self, now: Timestamp) -> Result<(), db::Error> {
        let before = now - SETTLED;
        while self.0.db.append(move |tx| audit::file(tx, before, FILED_AT_ONCE)).await? == FILED_AT_ONCE {}
        Ok(())
    }
}

/// Writes whatever waits at the moment when its turn has come, and tells who waited.
async fn insert(shared: Arc<Shared>) {
    shared.gather().await;
    // Taken by whichever run of the transaction comes first, and kept should it have to run again.
    let taken = Arc::new(Mutex::new(None::<Waiting>));
    let (source, kept) = (Arc::clone(&shared), Arc::clone(&taken));
    let written: Result<(), db::Error> = shared
        .db
        .append(move |tx| {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            let waiting = kept.get_or_insert_with(|| std::mem::take(&mut *source.lock()));
            audit::insert(tx, &waiting.entries)
        })
        .await;
    let written =
        written.map_err(|error| Error { reason: error.to_string().into(), is_unavailable: error.is_unavailable() });
    let taken = taken.lock().unwrap_or_else(PoisonError::into_inner).take();
    // When the database did not even begin, nobody else will come for those who wait.
    let taken = taken.unwrap_or_else(|| std::mem::take(&mut *shared.lock()));
    for caller in taken.callers {
        // A caller that went away does not want the answer.
        let _ = caller.send(written.clone());
    }
}

impl Shared {
    /// Lets everybody who can run do so first, for as long as that brings more entries: a commit costs the same for one
    /// as for a hundred. Where nobody else is at work it takes no time.
    async fn gather(&self) {
        let mut seen = 0;
        for _ in 0..GATHERING {
            tokio::task::yield_now().await;
            let waiting = self.lock().entries.len();
            if waiting == seen {
                return;
            }
            seen = waiting;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::{AuditLog, FILED_AT_ONCE, SETTLED};
    use crate::ambient::Clock;
    use crate::db::audit::{Entry, Filter, list};
    use crate::db::{self, Db};

    fn entry(actor: String, object: Option<Uuid>) -> Entry {
        Entry {
            id: 0,
            at: Clock::system().now(),
            actor,
            action: "link".to_owned(),
            space: None,
            object,
            request_id: None,
            detail: serde_json::Map::new(),
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn every_entry_is_there_before_its_caller_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("db")).unwrap();
        let log = AuditLog::new(db.clone());
        let callers: Vec<_> = (0..100)
            .map(|number| {
                let (log, db, entry) = (log.clone(), db.clone(), entry(format!("user:{number}"), None));
                tokio::spawn(async move {
                    let filter = Filter { actor: Some(entry.actor.clone()), limit: 10, ..Filter::default() };
                    log.append(vec![entry.clone(), entry]).await.unwrap();
                    let found: Result<_, db::Error> = db.read(move |tx| list(tx, &filter)).await;
                    assert_eq!(found.unwrap().len(), 2);
                })
            })
            .collect();
        for caller in callers {
            caller.await.unwrap();
        }
    }

    /// More entries than are filed in one transaction, filed in the middle and at the end.
    #[tokio::test(flavor = "multi_thread")]
    async fn the_entries_of_an_object_are_the_same_before_and_after_they_are_filed() {
        let folder = tempfile::tempdir().unwrap();
        let db = Db::open(&folder.path().join("db")).unwrap();
        let log = AuditLog::new(db.clone());
        let objects = [Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3)];
        let some = || (0..FILED_AT_ONCE).map(|number| entry("user:ann".to_owned(), objects.get(number % 4).copied()));
        let of_each = async || {
            let mut ids = Vec::new();
            for object in objects {
                let filter = Filter { object: Some(object), limit: 10_000, ..Filter::default() };
                let all: Result<Vec<Entry>, db::Error> = db.read(move |tx| list(tx, &filter)).await;
                ids.push(all.unwrap().into_iter().map(|entry| entry.id).collect::<Vec<_>>());
            }
            ids
        };
        let settled = Clock::system().now() + SETTLED + Duration::from_mins(1);

        log.append(some().collect()).await.unwrap();
        log.file(Clock::system().now()).await.unwrap();
        let fresh = of_each().await;
        log.file(settled).await.unwrap();
        assert_eq!(of_each().await, fresh);

        log.append(some().chain(some()).collect()).await.unwrap();
        let half_filed = of_each().await;
        assert!(half_filed.iter().all(|ids| ids.len() == FILED_AT_ONCE * 3 / 4));
        assert!(half_filed.iter().all(|ids| ids.is_sorted_by(|newer, older| newer > older)));
        log.file(settled).await.unwrap();
        assert_eq!(of_each().await, half_filed);
    }
}
