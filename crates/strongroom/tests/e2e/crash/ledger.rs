//! What the clients know: what they asked for, and what was acknowledged.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The content that somebody asked the service to make an object of.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) bytes: usize,
    pub(crate) sha256: String,
}

/// What must be true of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// Its making, or its restoring, was acknowledged.
    There,
    /// Its deletion was acknowledged.
    Deleted,
    /// A deletion or restoring was under way when the service was killed.
    Either,
}

/// Shared by all workers of all rounds.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    attempts: Mutex<BTreeMap<String, Attempt>>,
    objects: Mutex<BTreeMap<String, Known>>,
    counts: Mutex<BTreeMap<&'static str, u32>>,
}

impl Ledger {
    /// Somebody is about to ask for an object of this name with this content.
    pub(crate) fn attempted(&self, name: &str, attempt: Attempt) {
        lock(&self.attempts).insert(name.to_owned(), attempt);
    }

    /// Whether anything that could make an object of this name visible was asked for.
    pub(crate) fn was_attempted(&self, name: &str) -> bool {
        lock(&self.attempts).contains_key(name)
    }

    /// What was asked for under this name, if anything that could make an object visible was.
    pub(crate) fn attempt(&self, id: &str, name: &str) -> Option<Attempt> {
        let attempt = lock(&self.attempts).get(name).cloned();
        if attempt.is_some() {
            lock(&self.objects).entry(id.to_owned()).or_insert(Known::There);
        }
        attempt
    }

    /// An answer acknowledged this.
    pub(crate) fn settle(&self, id: &str, known: Known) {
        lock(&self.objects).insert(id.to_owned(), known);
    }

    /// Every object of which something is known.
    pub(crate) fn objects(&self) -> BTreeMap<String, Known> {
        lock(&self.objects).clone()
    }

    /// An object that is there, chosen by a number.
    pub(crate) fn choose(&self, number: u64, wanted: Known) -> Option<String> {
        let objects = lock(&self.objects);
        let candidates: Vec<&String> =
            objects.iter().filter(|(_, known)| **known == wanted).map(|(id, _)| id).collect();
        let at = usize::try_from(number).ok()?.checked_rem(candidates.len())?;
        candidates.get(at).map(|id| (*id).clone())
    }

    /// Counts something that was acknowledged.
    pub(crate) fn count(&self, what: &'static str) {
        *lock(&self.counts).entry(what).or_default() += 1;
    }

    /// How often each thing was acknowledged; what never was stands at 0.
    pub(crate) fn counts(&self) -> BTreeMap<&'static str, u32> {
        let mut counts = lock(&self.counts).clone();
        for what in ["raw", "form", "put", "post", "multipart", "delete", "restore", "change"] {
            counts.entry(what).or_insert(0);
        }
        counts
    }

    /// The same in words.
    pub(crate) fn summary(&self) -> String {
        let counts: Vec<String> = self.counts().iter().map(|(what, count)| format!("{count} {what}")).collect();
        format!("{} attempts; acknowledged: {}", lock(&self.attempts).len(), counts.join(", "))
    }
}

/// A worker that panicked has failed the test already; what it wrote is still true.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
