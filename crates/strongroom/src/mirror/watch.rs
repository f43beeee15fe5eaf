//! Whether a storage answers: asked every now and then, because who only hands out links never asks it anything.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::storage::Storage;

/// How long a storage may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// How many times in a row it must not answer to be taken for away: one lost packet is none.
const AWAY: u32 = 2;

/// What is known of one storage.
#[derive(Debug)]
pub(super) struct Watch {
    name: &'static str,
    /// How many times in a row it did not answer.
    silences: AtomicU32,
}

impl Watch {
    pub(super) fn of(name: &'static str) -> Self {
        Self { name, silences: AtomicU32::new(0) }
    }

    /// Whether it is away: it did not answer, or failed everybody else so often that it is left alone.
    pub(super) fn is_away(&self, storage: &Storage) -> bool {
        self.silences.load(Ordering::Relaxed) >= AWAY || storage.is_left_alone()
    }

    /// Asks it.
    pub(super) async fn ask(&self, storage: &Storage) {
        let answered = matches!(tokio::time::timeout(PATIENCE, storage.own.reader.listen()).await, Ok(Ok(())));
        let before = self.silences.load(Ordering::Relaxed);
        let silences = if answered { 0 } else { before.saturating_add(1) };
        self.silences.store(silences, Ordering::Relaxed);
        if silences == AWAY {
            tracing::warn!(which = self.name, "it does not answer; links lead to the other storage as far as it can");
        } else if answered && before >= AWAY {
            tracing::info!(which = self.name, "it answers again");
        }
    }
}
