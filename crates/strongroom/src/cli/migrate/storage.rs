//! `strongroom migrate storage`: brings everything into the mirror, which can then take the storage's place.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use serde_json::json;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::assemble;
use crate::cli::progress::Progress;
use crate::cli::verify::compare;
use crate::cli::{Common, block_on, load, terminal};
use crate::config::Config;
use crate::db::copies::Lag;
use crate::inventory::{Finding, Report, Side, Terms};
use crate::mirror::{self, Mirror};
use crate::service::Service;

/// How often it is counted what is left, and how many times as long as counting took that is at least.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
const COUNTING: u32 = 20;

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
        let (steps, as_json) = (steps(&config), self.json);
        let (lag, report) = block_on(async move {
            let service = assemble::for_command(config).await?;
            let mirror = service.mirror.as_ref().context(
                "there is no place to move to; describe the new storage as [storage.mirror] in the configuration",
            )?;
            mirror::begin(&service).await?;
            mirror::hurry(&service).await?;
            let lag = fill(&service, mirror).await?;
            for failing in mirror::failing(&service).await? {
                say(&failing.key, &failing.reason);
            }
            // What is not as it should be is copied at the next run.
            let terms = Terms { contents: self.contents, repair: true };
            let mut tell = |finding: &Finding| say(&finding.key, &finding.detail);
            anyhow::Ok((lag, compare(&service, Side::Mirror(mirror), terms, &mut tell).await?))
        })?;
        let Report { versions, read, missing, differ, orphans, awaited } = report;
        let is_whole = lag.pending == 0 && missing + differ + awaited == 0;
        let mut out = io::stdout().lock();
        if as_json {
            let line = json!({
                "versions": versions, "left": lag.pending, "read": read, "missing": missing, "differ": differ,
                "orphans": orphans, "whole": is_whole,
            });
            writeln!(out, "{line}")?;
        } else if is_whole {
            writeln!(out, "All {versions} contents are in the mirror. To move there:")?;
            for (number, step) in (1..).zip(&steps) {
                writeln!(out, "{number}. {step}")?;
            }
        } else {
            let lacking = missing + differ;
            writeln!(out, "{} could not be brought in line, and {lacking} are not as they should be.", lag.pending)?;
            writeln!(out, "See to what was named above, and run this again: it goes on where it stopped.")?;
        }
        Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn say(key: &str, words: &str) {
    // Nobody may be listening, and the numbers at the end say it again.
    let _ = writeln!(io::stderr(), "{}: {words}", terminal::visible(key));
}

/// Works until the mirror is as it should be, or what is left fails again and again; what that is.
async fn fill(service: &Service, mirror: &Mirror) -> anyhow::Result<Lag> {
    let mut progress = Progress::rows("copied");
    let mut most = 0;
    let stop = CancellationToken::new();
    let watched = async {
        loop {
            anyhow::ensure!(
                mirror::is_known(service, mirror).await?,
                "a node of the service was started without this mirror in its configuration; give it the same \
                 configuration, or stop it, and run this again"
            );
            let begun = Instant::now();
            let lag = mirror::lag(service, mirror).await?;
            let counted = begun.elapsed();
            let left = lag.pending.unsigned_abs();
            most = most.max(left);
            progress.reached_of(most - left, most);
            if lag.pending == lag.failing {
                return anyhow::Ok(lag);
            }
            tokio::time::sleep(LOOK_AGAIN.max(counted * COUNTING)).await;
        }
    };
    let lag = tokio::select! {
        lag = watched => lag?,
        () = mirror::keep(service, mirror, &stop) => mirror::lag(service, mirror).await?,
    };
    progress.end();
    Ok(lag)
}

/// What is left to do when everything is there.
fn steps(config: &Config) -> Vec<String> {
    let mut steps = vec![
        "Stop every node of the service, run `strongroom gc`, and run this once more for what came last.".to_owned(),
        "In the configuration, remove what [storage] says of the old storage, and call [storage.mirror] and the sections \
         below it [storage]; add [storage.writer], and [storage.operator] if you like."
            .to_owned(),
    ];
    for (name, space) in &config.spaces {
        if let Some(bucket) = &space.mirror_bucket {
            steps.push(format!("In [spaces.{name}], write bucket = \"{bucket}\", and remove mirror_bucket."));
        }
    }
    if let Some(mirror) = config.storage.mirror.as_ref().filter(|mirror| mirror.location == config.storage.location)
        && !mirror.location.is_empty()
    {
        let location = mirror.location.trim_end_matches('/');
        steps.push(format!("Keep location = \"{location}\" in [storage]."));
    }
    steps.push("Start the service, and ask `strongroom doctor` and `strongroom verify`.".to_owned());
    steps
}
