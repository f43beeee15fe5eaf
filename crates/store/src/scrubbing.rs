//! The scrub in the background of a running store: at a bounded rate, over and over, going on where it was stopped.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep, sleep_until};

use crate::inspect::{Inspector, Scrub};
use crate::store::{Inner, Store};

/// Says how far the scrub has come, so that a restart does not begin it anew.
const FILE: &str = "scrub.json";
/// How long the scrub rests after it could not go on, if scrubs do not follow each other faster.
const REST: Duration = Duration::from_mins(1);
/// The slice of time in which the rate is kept.
const SLICE: Duration = Duration::from_secs(1);
/// After how many slices the place is noted.
const NOTE: u32 = 30;

/// How fast and how often everything is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The most that is read, in bytes a second. At 0 nothing is verified.
    pub bytes_per_second: u64,
    /// How much time lies at least between the beginnings of two scrubs.
    pub interval: Duration,
}

/// The place that was noted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Noted {
    /// The last content that was verified; 0 between two scrubs.
    after: u64,
    /// When the scrub began, in milliseconds since 1970.
    began: i64,
    /// What it found damaged.
    damaged: u64,
}

impl Store {
    /// Verifies the checksum of every content, again and again. Damage goes to the log and the metrics. It never ends by
    /// itself; dropping the future stops it within a second's worth of reading.
    pub async fn keep_scrubbing(&self, pace: Pace) {
        if pace.bytes_per_second == 0 {
            return std::future::pending().await;
        }
        loop {
            let noted = read(self.inner().folder());
            self.inner().metrics.damaged(noted.damaged);
            let age = self.inner().now().0.saturating_sub(noted.began);
            let age = Duration::from_millis(u64::try_from(age).unwrap_or(0));
            if noted.after == 0 && noted.began > 0 && age < pace.interval {
                // The clock may be set, so it is asked again before long.
                sleep(pace.interval.saturating_sub(age).min(Duration::from_hours(1))).await;
                continue;
            }
            if let Err(error) = once(self.inner(), pace, noted).await {
                tracing::warn!(%error, "the scrub stopped; it will go on");
                sleep(pace.interval.clamp(SLICE, REST)).await;
            }
        }
    }
}

/// Verifies everything that is left of one scrub.
async fn once(store: &Arc<Inner>, pace: Pace, noted: Noted) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut noted = if noted.after == 0 { Noted { began: store.now().0, ..Noted::default() } } else { noted };
    store.metrics.damaged(noted.damaged);
    let (folder, after) = (store.folder().to_owned(), noted.after);
    let mut scrub =
        tokio::task::spawn_blocking(move || Inspector::open(folder).map(|store| store.scrub(after))).await??;
    let mut told = scrub.progress();
    for slice in 1_u32.. {
        let end = Instant::now() + SLICE;
        let (returned, more) = tokio::task::spawn_blocking(move || {
            let more = read_for(&mut scrub, pace.bytes_per_second);
            (scrub, more)
        })
        .await?;
        scrub = returned;
        let progress = scrub.progress();
        store.metrics.scrubbed(progress.contents - told.contents, progress.bytes - told.bytes);
        told = progress;
        for damage in scrub.take_damaged() {
            tracing::error!(content = damage.content, "a content is damaged: {damage}");
            noted.damaged += 1;
            store.metrics.damaged(noted.damaged);
        }
        noted.after = scrub.after();
        let more = more?;
        if !more {
            noted.after = 0;
        }
        if !more || slice % NOTE == 0 {
            write(store.folder(), noted)?;
        }
        if !more {
            break;
        }
        sleep_until(end).await;
    }
    tracing::info!(contents = told.contents, bytes = told.bytes, damaged = noted.damaged, "everything was verified");
    Ok(())
}

/// Reads a second's worth; answers whether more is left.
fn read_for(scrub: &mut Scrub, bytes: u64) -> Result<bool, crate::inspect::InspectError> {
    let end = scrub.progress().bytes + bytes;
    // Opening a file takes its time too, however little is in it.
    for _ in 0..1000 {
        if !scrub.step()? {
            return Ok(false);
        }
        if scrub.progress().bytes >= end {
            break;
        }
    }
    Ok(true)
}

/// The noted place. One that cannot be read is as good as none: then everything is verified.
fn read(folder: &Path) -> Noted {
    fs::read(folder.join(FILE)).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

fn write(folder: &Path, noted: Noted) -> io::Result<()> {
    let fresh = folder.join(format!("{FILE}.new"));
    fs::write(&fresh, serde_json::to_vec(&noted)?)?;
    fs::rename(fresh, folder.join(FILE))
}
