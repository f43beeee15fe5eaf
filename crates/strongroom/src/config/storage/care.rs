//! How the embedded store looks after itself: room on its disk, and reading everything over.

use std::time::Duration;

use strongroom_store::Pace;

use super::RawStorage;
use crate::config::key_path::KeyPath;
use crate::config::layers::Report;

/// The keys of the section that are about this.
pub(super) const KEYS: [&str; 3] = ["min_free", "scrub_rate", "scrub_interval"];

/// Less than this, and the database could be what fills the disk.
const LEAST_FREE: u64 = 16 << 20;

/// How the store looks after itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Care {
    /// How many bytes of the disk stay free.
    pub min_free: u64,
    /// How fast everything is read over, in bytes a second; 0 for not at all.
    pub scrub_rate: u64,
    /// How much time lies at least between the beginnings of two such rounds.
    pub scrub_interval: Duration,
}

impl Default for Care {
    fn default() -> Self {
        Self { min_free: 256 << 20, scrub_rate: 8 << 20, scrub_interval: Duration::from_hours(7 * 24) }
    }
}

impl Care {
    /// The pace of reading everything over, as the store takes it.
    pub fn pace(&self) -> Pace {
        Pace { bytes_per_second: self.scrub_rate, interval: self.scrub_interval }
    }
}

impl RawStorage {
    pub(super) fn care(&self, section: &KeyPath, report: &mut Report) -> Care {
        let default = Care::default();
        let care = Care {
            min_free: self.min_free.unwrap_or(default.min_free),
            scrub_rate: self.scrub_rate.unwrap_or(default.scrub_rate),
            scrub_interval: self.scrub_interval.unwrap_or(default.scrub_interval),
        };
        if care.min_free < LEAST_FREE {
            report.problem(
                &section.then("min_free"),
                "would let the disk fill up until the database cannot write any more; write \"16 MiB\" or more",
            );
        }
        if care.scrub_interval < Duration::from_mins(1) {
            report.problem(&section.then("scrub_interval"), "would never rest; write \"1m\" or more");
        }
        care
    }
}
