//! `strongroom verify`: compares what lies in storage with what the database knows.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Args;

use super::progress::Progress;
use super::{Common, load, terminal};
use crate::assemble;
use crate::inventory::{self, Finding, Report, Side, What};

/// The exit code when there is something that nobody knows, and nothing worse.
const ONLY_ORPHANS: u8 = 3;

/// Compare what lies in storage with what the database knows; nothing is changed
///
/// Exits with 0 if all is as it should be, with 1 if a content is missing or another, and with 3 if there are only
/// contents too many.
#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(flatten)]
    common: Common,
    /// Read every content, too, and compare its SHA-256
    #[arg(long)]
    contents: bool,
    /// Print one JSON object for each finding, and one with the numbers at the end
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let config = load(&self.common.sources())?;
        let report = super::block_on(async move {
            let service = assemble::for_command(config).await?;
            let total = inventory::size(&service).await?;
            let mut worst = Report::default();
            for side in [Some(Side::first(&service)), Side::mirror(&service)].into_iter().flatten() {
                let mut progress = Progress::rows("verified");
                let mut failed = None;
                let mut tell = |finding: Option<Finding>, done: u64| {
                    if let Some(finding) = finding {
                        failed = failed.take().or(self.tell(&finding).err());
                    }
                    progress.reached_of(done, total.max(done));
                };
                let report = inventory::compare(&service, side, self.contents, &mut tell).await?;
                progress.end();
                failed.map_or(Ok(()), Err)?;
                self.sum_up(side, report)?;
                worst.missing += report.missing;
                worst.differ += report.differ;
                worst.orphans += report.orphans;
            }
            anyhow::Ok(worst)
        })?;
        Ok(match report {
            Report { missing: 0, differ: 0, orphans: 0, .. } => ExitCode::SUCCESS,
            Report { missing: 0, differ: 0, .. } => ExitCode::from(ONLY_ORPHANS),
            _ => ExitCode::FAILURE,
        })
    }

    fn tell(&self, finding: &Finding) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.json {
            return writeln!(out, "{}", serde_json::to_string(finding)?);
        }
        let what = match finding.what {
            What::Missing => "missing",
            What::Differs => "differs",
            What::Orphan => "orphan",
        };
        let object = finding.object.map(|id| format!(" of {id}")).unwrap_or_default();
        let (key, place) = (terminal::visible(&finding.key), finding.storage);
        writeln!(out, "{what:>8}  {place}  {key}{object}: {}", finding.detail)
    }

    fn sum_up(&self, side: Side<'_>, report: Report) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.json {
            let mut line = serde_json::to_value(report)?;
            line["storage"] = side.name().into();
            return writeln!(out, "{line}");
        }
        let Report { versions, read, missing, differ, orphans, awaited } = report;
        let name = side.name();
        writeln!(
            out,
            "{name}: {versions} versions: {missing} missing, {differ} with another content; {orphans} orphans"
        )?;
        if awaited > 0 {
            writeln!(out, "{awaited} keys are still to be brought in line")?;
        }
        if self.contents {
            writeln!(out, "{read} contents were read whole")?;
        }
        Ok(())
    }
}
