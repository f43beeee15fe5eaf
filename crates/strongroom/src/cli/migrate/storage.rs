//! `strongroom migrate storage`: brings everything into the mirror, which can then take the storage's place.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use crate::assemble;
use crate::cli::progress::Progress;
use crate::cli::{Common, block_on, load, terminal};
use crate::inventory::{self, Finding, Report, Side};
use crate::mirror::{self, Mirror, Round};
use crate::service::Service;

/// How long it waits for keys that the running service is at work on, before it looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// How many looks without any progress are enough.
const PATIENCE: u32 = 240;

#[derive(Debug, Args)]
pub(in crate::cli) struct Storage {
    #[command(flatten)]
    common: Common,
    /// Read everything in the mirror afterwards, too, and compare its SHA-256
    #[arg(long)]
    contents: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Storage {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let config = load(&self.common.sources())?;
        let (left, report) = block_on(async move {
            let service = assemble::for_command(config).await?;
            let mirror = service.mirror.as_ref().context(
                "there is no place to move to; describe the new storage as [storage.mirror] in the configuration",
            )?;
            let side = Side::mirror(&service).context("there is no mirror")?;
            mirror::begin(&service).await?;
            mirror::ask_for_all(&service).await?;
            let left = fill(&service, mirror).await?;
            let mut progress = Progress::rows("verified");
            let total = inventory::size(&service).await?;
            let mut tell = |finding: Option<Finding>, done: u64| {
                if let Some(finding) = finding {
                    let key = terminal::visible(&finding.key);
                    // Nobody may be listening, and the numbers at the end say it again.
                    let _ = writeln!(io::stderr(), "{key}: {}", finding.detail);
                }
                progress.reached_of(done, total.max(done));
            };
            let report = inventory::compare(&service, side, self.contents, &mut tell).await?;
            progress.end();
            anyhow::Ok((left, report))
        })?;
        let Report { versions, read, missing, differ, orphans, .. } = report;
        let is_whole = left == 0 && missing == 0 && differ == 0;
        let mut out = io::stdout().lock();
        if self.json {
            let line = json!({
                "versions": versions, "left": left, "read": read, "missing": missing, "differ": differ, "orphans": orphans,
            });
            writeln!(out, "{line}")?;
        } else if is_whole {
            writeln!(out, "All {versions} versions are in the mirror.")?;
            writeln!(
                out,
                "To move: stop the service, run this once more, make [storage.mirror] the [storage], and start it again."
            )?;
        } else {
            writeln!(out, "{left} keys could not be brought there; the log says why. Run it again to go on.")?;
        }
        Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Works until the mirror is as it should be, or what is left cannot be done; how much that is.
async fn fill(service: &Service, mirror: &Mirror) -> anyhow::Result<u64> {
    let total = mirror::lag(service).await?.keys.unsigned_abs();
    let (mut progress, mut looks, mut least) = (Progress::rows("copied"), 0, total);
    let left = loop {
        let round = mirror::work(service, mirror).await?;
        let left = mirror::lag(service).await?.keys.unsigned_abs();
        progress.reached_of(total.saturating_sub(left), total);
        if left < least {
            (least, looks) = (left, 0);
        }
        if left == 0 || (looks > PATIENCE && round == Round::default()) {
            break left;
        }
        if round.done == 0 {
            looks += if round.failed > 0 { PATIENCE / 3 } else { 1 };
            // What is left is leased by the running service, or is tried again in a while.
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    progress.end();
    Ok(left)
}
