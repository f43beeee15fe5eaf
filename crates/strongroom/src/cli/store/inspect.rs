//! `strongroom store scrub` and `strongroom store check`: whether the disk still holds what was stored.

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use serde_json::{Value, json};
use strongroom_store::{Damage, Inspector, OpenError, Store};

use super::embedded;
use crate::ambient::{Clock, Random};
use crate::assemble;
use crate::cli::progress::Progress;
use crate::cli::{Common, block_on, load};
use crate::config::{Config, size};
use crate::embedded::{self as store};

/// Read everything over and compare it with its checksums.
#[derive(Debug, Args)]
pub(in crate::cli) struct Scrub {
    #[command(flatten)]
    common: Common,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Compare the index with itself and with the files, without reading them.
#[derive(Debug, Args)]
pub(in crate::cli) struct Check {
    #[command(flatten)]
    common: Common,
    /// Remove the files that nothing needs; the service must not run
    #[arg(long)]
    repair: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Scrub {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let inspector = inspector(&load(&self.common.sources())?)?;
        let mut progress = Progress::begin("verified", inspector.tally()?.bytes);
        let mut scrub = inspector.scrub(0);
        let mut damaged = Vec::new();
        while scrub.step()? {
            progress.reached(scrub.progress().bytes);
            damaged.extend(scrub.take_damaged());
        }
        damaged.extend(scrub.take_damaged());
        progress.end();
        let done = scrub.progress();
        let mut out = io::stdout().lock();
        if self.json {
            let damaged: Vec<Value> = damaged.iter().map(as_json).collect();
            writeln!(out, "{}", json!({"contents": done.contents, "bytes": done.bytes, "damaged": damaged}))?;
        } else {
            for damage in &damaged {
                writeln!(out, "{damage}")?;
            }
            let bytes = size::show(done.bytes);
            writeln!(out, "{} contents, {bytes}: {} damaged", done.contents, damaged.len())?;
        }
        Ok(verdict(damaged.is_empty()))
    }
}

impl Check {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let config = load(&self.common.sources())?;
        // It is held while it is looked over, so that nothing changes in between.
        let held = if self.repair { Some(hold(&config)?) } else { None };
        let inspector = inspector(&config)?;
        let mut progress = Progress::begin("compared", inspector.tally()?.bytes);
        let mut checked = inspector.check(|done| progress.reached(done.bytes))?;
        progress.end();
        let removed = match held {
            // What an index that contradicts itself does not know may be needed all the same.
            Some(store) if checked.index.is_empty() => {
                let swept = block_on(async { Ok(store.sweep_leavings().await?) })?;
                checked.leavings.retain(|path| path.exists());
                Some(swept.incoming + swept.contents)
            }
            Some(_) => Some(0),
            None => None,
        };
        let mut out = io::stdout().lock();
        if self.json {
            let answer = json!({
                "contents": checked.progress.contents,
                "bytes": checked.progress.bytes,
                "index": checked.index,
                "damaged": checked.damaged.iter().map(as_json).collect::<Vec<_>>(),
                "leavings": checked.leavings,
                "removed": removed,
            });
            writeln!(out, "{answer}")?;
            return Ok(verdict(checked.is_sound()));
        }
        for complaint in &checked.index {
            writeln!(out, "the index: {complaint}")?;
        }
        for damage in &checked.damaged {
            writeln!(out, "{damage}")?;
        }
        for path in &checked.leavings {
            writeln!(out, "{}: nothing needs it", path.display())?;
        }
        match removed {
            Some(_) if !checked.index.is_empty() => {
                writeln!(out, "nothing was removed, because the index contradicts itself: restore a backup first")?;
            }
            Some(removed) => writeln!(out, "{removed} leavings were removed")?,
            None => {}
        }
        let bytes = size::show(checked.progress.bytes);
        let (index, damaged, leavings) = (checked.index.len(), checked.damaged.len(), checked.leavings.len());
        let contents = checked.progress.contents;
        writeln!(
            out,
            "{contents} contents, {bytes}: {damaged} damaged, {index} faults of the index, {leavings} leavings"
        )?;
        Ok(verdict(checked.is_sound()))
    }
}

fn verdict(sound: bool) -> ExitCode {
    if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn inspector(config: &Config) -> anyhow::Result<Inspector> {
    embedded(config)?;
    let folder = store::folder(&config.data);
    Inspector::open(&folder)
        .with_context(|| format!("there is no store in {} that could be looked at", folder.display()))
}

/// Opens the store to remove what nothing needs. Of a running store's files nobody outside can say that.
fn hold(config: &Config) -> anyhow::Result<Store> {
    let secrets = assemble::secrets(config)?;
    let identities = store::identities(embedded(config)?, &secrets);
    block_on(async {
        let opened = store::open(config, &identities, Vec::new(), &Clock::system(), &Random::system()).await;
        match opened {
            Err(store::Error::Open(OpenError::Busy(_))) => anyhow::bail!(
                "the service runs, and removes what nothing needs by itself, once an hour; to have it done now, stop \
                 the service first"
            ),
            opened => Ok(opened?),
        }
    })
}

fn as_json(damage: &Damage) -> Value {
    let objects = damage.objects.iter().map(|(bucket, key)| json!({"bucket": bucket, "key": key}));
    json!({
        "content": damage.content,
        "path": damage.path,
        "what": damage.what.to_string(),
        "objects": objects.collect::<Vec<_>>(),
    })
}
