//! Who may hand in a body now: so many at once, so many of one access key, and only what the disk has room for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::fault::{Code, Fault};
use crate::options::Limits;
use crate::space::{Room, Space};

/// The places for bodies that are arriving.
#[derive(Debug)]
pub(crate) struct Admission {
    places: Arc<Semaphore>,
    of_one_key: usize,
    taken: Mutex<HashMap<String, usize>>,
    all: usize,
    space: Arc<Space>,
}

/// One such place. Dropped, it is free again.
#[derive(Debug)]
pub(crate) struct Place {
    admission: Arc<Admission>,
    access_key: String,
    _permit: OwnedSemaphorePermit,
    _room: Room,
}

impl Admission {
    /// As many places as the limits say, on this disk.
    pub(crate) fn new(limits: &Limits, space: Arc<Space>) -> Self {
        Self {
            places: Arc::new(Semaphore::new(limits.uploads)),
            of_one_key: limits.key_uploads,
            taken: Mutex::default(),
            all: limits.uploads,
            space,
        }
    }

    /// A place for a body of this length that this access key hands in.
    pub(crate) fn admit(self: &Arc<Self>, access_key: &str, bytes: u64) -> Result<Place, Fault> {
        let room = self.space.reserve(bytes)?;
        let permit = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Code::SlowDown)?;
        {
            // No code panics while it holds the lock.
            let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
            let own = taken.entry(access_key.to_owned()).or_default();
            if *own >= self.of_one_key {
                return Err(Code::SlowDown.into());
            }
            *own += 1;
        }
        Ok(Place { admission: Arc::clone(self), access_key: access_key.to_owned(), _permit: permit, _room: room })
    }

    /// How many places are taken.
    pub(crate) fn in_use(&self) -> usize {
        self.all.saturating_sub(self.places.available_permits())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.admission.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&self.access_key) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.access_key);
            }
        }
    }
}
