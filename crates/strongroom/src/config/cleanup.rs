//! `[cleanup]`: how often leftovers are looked for, and how old they must be.

use std::time::Duration;

use serde::Deserialize;

use super::duration;
use super::key_path::KeyPath;
use super::layers::Report;

/// When the clean-up runs and what it leaves alone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cleanup {
    /// How long it rests between two runs.
    #[serde(deserialize_with = "duration::deserialize")]
    pub interval: Duration,
    /// How old stored bytes that belong to nothing must be before they are removed.
    #[serde(deserialize_with = "duration::deserialize")]
    pub grace: Duration,
    /// How long after an upload was begun it is looked whether its bytes have arrived without anybody saying so.
    #[serde(deserialize_with = "duration::deserialize")]
    pub unclaimed: Duration,
}

impl Default for Cleanup {
    fn default() -> Self {
        Self { interval: Duration::from_mins(10), grace: Duration::from_hours(24), unclaimed: Duration::from_mins(5) }
    }
}

impl Cleanup {
    pub(super) fn validate(&self, report: &mut Report) {
        let section = KeyPath::of(["cleanup"]);
        if self.interval < Duration::from_secs(1) {
            report.problem(&section.then("interval"), "would never rest; write \"1s\" or more");
        }
        if self.grace < Duration::from_mins(1) {
            report.problem(
                &section.then("grace"),
                "could take bytes away while they are still being handed in; write \"1m\" or more",
            );
        }
    }
}
