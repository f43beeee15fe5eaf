//! `strongroom store export` and `strongroom store import`: out into a plain folder tree, and back.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use serde_json::json;
use strongroom_store::{Inspector, Manifest, OpenError};

use super::embedded;
use crate::ambient::{Clock, Random};
use crate::assemble;
use crate::cli::progress::Progress;
use crate::cli::{Common, block_on, load};
use crate::config::size;
use crate::embedded::{self as store};

/// Write every object and every earlier version into a folder; the service may run.
#[derive(Debug, Args)]
pub(in crate::cli) struct Export {
    #[command(flatten)]
    common: Common,
    /// The folder; what a former export left in it is not written again
    folder: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Bring in what an export wrote; the service must not run.
#[derive(Debug, Args)]
pub(in crate::cli) struct Import {
    #[command(flatten)]
    common: Common,
    /// The folder of the export
    folder: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Export {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let config = load(&self.common.sources())?;
        embedded(&config)?;
        let inspector = Inspector::open(store::folder(&config.data)).context("there is no store to export")?;
        let mut progress = Progress::begin("exported", inspector.tally()?.bytes);
        let done = inspector.export(&self.folder, |done| progress.reached(done.bytes))?;
        progress.end();
        let mut out = io::stdout().lock();
        if self.json {
            let answer = json!({
                "objects": done.objects,
                "versions": done.versions,
                "unchanged": done.unchanged,
                "bytes": done.bytes,
                "failed": done.failed,
            });
            writeln!(out, "{answer}")?;
        } else {
            for failed in &done.failed {
                writeln!(out, "{failed}")?;
            }
            let (bytes, folder, failed) = (size::show(done.bytes), self.folder.display(), done.failed.len());
            let (objects, versions, unchanged) = (done.objects, done.versions, done.unchanged);
            writeln!(
                out,
                "{objects} objects and {versions} earlier versions and delete markers, {bytes}, in {folder}; {unchanged} \
                 were there already; {failed} failed"
            )?;
        }
        Ok(if done.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

impl Import {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let config = load(&self.common.sources())?;
        let secrets = assemble::secrets(&config)?;
        let identities = store::identities(embedded(&config)?, &secrets);
        let manifest = Manifest::read(&self.folder)?;
        let mut progress = Progress::begin("brought in", manifest.whole().bytes);
        let done = block_on(async {
            let opened = store::open(&config, &identities, Vec::new(), &Clock::system(), &Random::system()).await;
            let store = match opened {
                Err(store::Error::Open(OpenError::Busy(_))) => {
                    anyhow::bail!("the service runs, and its store takes nothing in beside it: stop the service first")
                }
                opened => opened?,
            };
            Ok(store.import(&manifest, |done| progress.reached(done.bytes)).await?)
        })?;
        progress.end();
        let mut out = io::stdout().lock();
        if self.json {
            let answer = json!({
                "objects": done.objects,
                "versions": done.versions,
                "there": done.there,
                "bytes": done.bytes,
                "failed": done.failed,
            });
            writeln!(out, "{answer}")?;
        } else {
            for failed in &done.failed {
                writeln!(out, "{failed}")?;
            }
            let (bytes, failed) = (size::show(done.bytes), done.failed.len());
            let (objects, versions, there) = (done.objects, done.versions, done.there);
            writeln!(
                out,
                "{objects} objects and {versions} earlier versions and delete markers, {bytes}, were brought in; {there} \
                 were there already; {failed} failed"
            )?;
        }
        Ok(if done.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
