//! `strongroom verify`: compares what lies in storage with what the database knows.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Args;

use super::progress::Progress;
use super::{Common, load, terminal};
use crate::assemble;
use crate::inventory::{self, Finding, Report, What};

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
            let mut progress = Progress::rows("verified");
            let mut failed = None;
            let mut tell = |finding: Option<Finding>, done| {
                if let Some(finding) = finding {
                    failed = failed.take().or(self.tell(&finding).err());
                }
                progress.reached_of(done, total.max(done));
            };
            let report = inventory::compare(&service, &service.storage, self.contents, &mut tell).await?;
            progress.end();
            failed.map_or(Ok(()), Err)?;
            self.sum_up(report)?;
            anyhow::Ok(report)
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
        writeln!(out, "{what:>8}  {}{object}: {}", terminal::visible(&finding.key), finding.detail)
    }

    fn sum_up(&self, report: Report) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.json {
            return writeln!(out, "{}", serde_json::to_string(&report)?);
        }
        let Report { versions, read, missing, differ, orphans } = report;
        writeln!(out, "{versions} versions: {missing} missing, {differ} with another content; {orphans} orphans")?;
        if self.contents {
            writeln!(out, "{read} contents were read whole")?;
        }
        Ok(())
    }
}
