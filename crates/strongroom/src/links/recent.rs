//! What was shown of objects in this second: a picture that many look at is read, signed and written out once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use uuid::Uuid;

use super::Links;
use crate::db::objects::Object;
use crate::service::Service;

/// How many objects are remembered.
const OBJECTS: usize = 1024;

/// How long an answer may be to be remembered: all of them together are no longer than 8 MiB.
const ANSWER_BYTES: usize = 8 << 10;

/// An object as it is shown to all who may read it.
#[derive(Debug)]
pub(super) struct Shown {
    /// The object, for the rules; they do not ask for its metadata.
    pub(super) object: Object,
    /// Its links, unless it is deleted.
    pub(super) links: Links,
    /// The answer that tells all of it.
    pub(super) answer: Bytes,
}

/// A second of the clock in which nothing was changed, and links lead to one storage. They change at whole seconds
/// only, so one that was signed in it is as good as new until its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    second: i64,
    changes: u64,
    mirror_stands_in: bool,
}

impl Moment {
    /// This one; none where other nodes change the database too, for what they revoke is to be refused here at once.
    pub(super) fn now(service: &Service) -> Option<Self> {
        let mirror = service.mirror.as_ref();
        Some(Self {
            changes: service.db.changes()?,
            second: service.now().as_second(),
            mirror_stands_in: mirror.is_some_and(|mirror| mirror.stands_in(&service.storage)),
        })
    }
}

/// The memory, which is empty again with every change and every second.
#[derive(Debug, Default)]
pub struct Recent(Mutex<Option<Remembered>>);

#[derive(Debug)]
struct Remembered {
    moment: Moment,
    shown: HashMap<Uuid, Arc<Shown>>,
}

impl Recent {
    /// What was shown in this moment.
    pub(super) fn get(&self, moment: Moment, id: Uuid) -> Option<Arc<Shown>> {
        let remembered = self.lock();
        remembered.as_ref().filter(|remembered| remembered.moment == moment)?.shown.get(&id).cloned()
    }

    /// Remembers what was read after this moment had begun.
    pub(super) fn keep(&self, moment: Moment, mut shown: Shown) {
        if shown.answer.len() > ANSWER_BYTES {
            return;
        }
        shown.object.metadata.clear();
        let mut remembered = self.lock();
        let current = match remembered.as_mut() {
            Some(current) if current.moment == moment => current,
            // Somebody slow comes with what was read in an earlier moment.
            Some(current) if (current.moment.second, current.moment.changes) > (moment.second, moment.changes) => {
                return;
            }
            _ => remembered.insert(Remembered { moment, shown: HashMap::new() }),
        };
        if current.shown.len() < OBJECTS {
            current.shown.insert(shown.object.id, Arc::new(shown));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Remembered>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
