//! `strongroom verify`: compares what lies in storage, and in its mirror, with what the database knows.

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use super::progress::Progress;
use super::{Common, load, terminal};
use crate::assemble;
use crate::inventory::{self, Finding, Report, Side, Terms, What};
use crate::service::Service;

/// The exit code when there is something that nobody knows, and nothing worse.
const ONLY_ORPHANS: u8 = 3;

/// Compare what lies in storage, and in its mirror, with what the database knows; nothing is changed
///
/// Exits with 0 if all is as it should be, with 1 if a content is missing or another, and with 3 if there are only
/// contents too many. What is still on its way to the mirror is counted and is no finding.
#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(flatten)]
    common: Common,
    /// Read every content, too, and compare its SHA-256
    #[arg(long)]
    contents: bool,
    /// Have the mirror get once more what is missing or differs there
    #[arg(long)]
    repair_mirror: bool,
    /// Print one JSON object for each finding, and one with the numbers of each storage after its findings
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let config = load(&self.common.sources())?;
        let reports = super::block_on(async move {
            let service = assemble::for_command(config).await?;
            anyhow::ensure!(
                !self.repair_mirror || service.mirror.is_some(),
                "there is no mirror to repair; describe one as [storage.mirror] in the configuration, or leave \
                 --repair-mirror out"
            );
            let mut reports = Vec::new();
            for side in Side::all(&service) {
                let report = self.compare(&service, side).await;
                reports.push(report.with_context(|| format!("the {} could not be verified", side.name()))?);
            }
            anyhow::Ok(reports)
        })?;
        let sum = |count: fn(&Report) -> u64| reports.iter().map(count).sum::<u64>();
        Ok(match (sum(|report| report.missing + report.differ), sum(|report| report.orphans)) {
            (0, 0) => ExitCode::SUCCESS,
            (0, _) => ExitCode::from(ONLY_ORPHANS),
            _ => ExitCode::FAILURE,
        })
    }

    async fn compare(&self, service: &Service, side: Side<'_>) -> anyhow::Result<Report> {
        let terms = Terms { contents: self.contents, repair: self.repair_mirror };
        let mut failed = None;
        let mut tell = |finding: &Finding| failed = failed.take().or(self.tell(finding).err());
        let report = compare(service, side, terms, &mut tell).await?;
        failed.map_or(Ok(()), Err)?;
        self.sum_up(side, report)?;
        Ok(report)
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
        if self.contents {
            writeln!(out, "{name}: {read} contents were read whole")?;
        }
        if awaited > 0 {
            writeln!(out, "{name}: {awaited} contents are still on their way")?;
        }
        let again = missing + differ;
        if self.repair_mirror && matches!(side, Side::Mirror(_)) && again > 0 {
            writeln!(out, "{name}: {again} contents are copied once more, by the service")?;
        }
        Ok(())
    }
}

/// Compares one storage with the database, and shows how far it has come. Each finding is told as it is found.
pub(super) async fn compare(
    service: &Service,
    side: Side<'_>,
    terms: Terms,
    tell: &mut dyn FnMut(&Finding),
) -> anyhow::Result<Report> {
    let total = inventory::size(service).await?;
    let mut progress = Progress::rows(match side {
        Side::Storage(_) => "storage verified",
        Side::Mirror(_) => "mirror verified",
    });
    let mut told = |finding: Option<Finding>, done: u64| {
        finding.iter().for_each(&mut *tell);
        progress.reached_of(done, total.max(done));
    };
    let report = inventory::compare(service, side, terms, &mut told).await?;
    progress.end();
    Ok(report)
}
