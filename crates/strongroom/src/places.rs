//! Places for large bodies: each holds two parts in memory, so only so many come in at once, and nobody takes them all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many large bodies are taken in at once.
const PLACES: usize = 32;

/// How many of them one actor may have.
const EACH: usize = 8;

/// How long somebody waits for a place.
const PATIENCE: Duration = Duration::from_secs(20);

/// The places of one service; clones share them.
#[derive(Debug, Clone)]
pub struct Places {
    free: Arc<Semaphore>,
    taken: Arc<Mutex<HashMap<String, usize>>>,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub struct Place {
    actor: String,
    places: Places,
    _permit: OwnedSemaphorePermit,
}

impl Default for Places {
    fn default() -> Self {
        Self { free: Arc::new(Semaphore::new(PLACES)), taken: Arc::default() }
    }
}

impl Places {
    /// Waits a while for a place; nothing when there is none, or the actor has enough.
    pub async fn take(&self, actor: &str) -> Option<Place> {
        let permit = tokio::time::timeout(PATIENCE, Arc::clone(&self.free).acquire_owned()).await.ok()?.ok()?;
        let mut taken = self.lock();
        let own = taken.entry(actor.to_owned()).or_default();
        if *own >= EACH {
            return None;
        }
        *own += 1;
        drop(taken);
        Some(Place { actor: actor.to_owned(), places: self.clone(), _permit: permit })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        if let Some(own) = taken.get_mut(&self.actor) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.actor);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{EACH, Places};

    #[tokio::test]
    async fn nobody_takes_all_places() {
        let places = Places::default();
        let mut held = Vec::new();
        for _ in 0..EACH {
            held.push(places.take("user:a").await.unwrap());
        }
        assert!(places.take("user:a").await.is_none());
        assert!(places.take("user:b").await.is_some());
        held.pop();
        assert!(places.take("user:a").await.is_some());
    }
}
