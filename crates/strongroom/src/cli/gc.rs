//! `strongroom gc`: the clean-up, now.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::{Common, load};
use crate::assemble;
use crate::config::{Config, duration};
use crate::db;
use crate::upkeep::{self, Terms};

/// Clear away what nobody needs.
#[derive(Debug, Args)]
pub(super) struct Gc {
    #[command(flatten)]
    common: Common,
    /// Only say what would go
    #[arg(long)]
    dry_run: bool,
    /// Only forget what is to be deleted in a bucket that is not configured any longer
    #[arg(long, value_name = "BUCKET", conflicts_with_all = ["dry_run", "grace"])]
    forget_bucket: Option<String>,
    /// How old leavings must be; the configured time when nothing is said
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    grace: Option<Duration>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Gc {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let config = load(&self.common.sources())?;
        if let Some(bucket) = self.forget_bucket {
            return forget(config, bucket, self.json);
        }
        let unclaimed = config.cleanup.unclaimed;
        let terms = Terms { grace: self.grace.unwrap_or(config.cleanup.grace), unclaimed, dry_run: self.dry_run };
        let report = super::block_on(async move {
            let service = assemble::for_command(config).await?;
            Ok(upkeep::run(&service, terms).await?)
        })?;
        let mut out = io::stdout().lock();
        if self.json {
            writeln!(out, "{}", serde_json::to_string(&report)?)?;
            return Ok(ExitCode::SUCCESS);
        }
        let lines = [
            ("verifications taken up again", report.resumed),
            ("uploads completed whose clients never did", report.arrived),
            ("uploads that expired", report.expired),
            ("deleted objects removed for good", report.purged),
            ("objects removed at the age that their space allows", report.outlived),
            ("pictures made on demand that had to make room", report.evicted),
            ("keys deleted from storage", report.deleted_keys),
            ("multipart uploads of nobody", report.aborted_multiparts),
            ("staged files of nobody", report.orphans),
            ("keys set aside, in buckets that are not configured any longer", report.set_aside),
            ("things that failed and are left to the next run", report.failed),
        ];
        for (what, count) in lines {
            writeln!(out, "{count:>8}  {what}")?;
        }
        if self.dry_run {
            writeln!(out, "Nothing was changed.")?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What lies in the bucket is nobody's concern here any longer.
fn forget(config: Config, bucket: String, as_json: bool) -> anyhow::Result<ExitCode> {
    let forgotten = super::block_on(async move {
        let service = assemble::for_command(config).await?;
        anyhow::ensure!(
            service.storage.bucket(&bucket).is_err(),
            "the bucket {bucket} is configured, so the clean-up deletes there what is to go; nothing was forgotten"
        );
        Ok(service.db.write(move |tx| db::doomed::forget(tx, &bucket)).await?)
    })?;
    let mut out = io::stdout().lock();
    if as_json {
        writeln!(out, "{}", json!({"forgotten": forgotten}))?;
    } else {
        writeln!(out, "{forgotten} keys that were to be deleted there are forgotten.")?;
    }
    Ok(ExitCode::SUCCESS)
}
