//! `strongroom provision`: shows what the bucket is and what it should be, and makes it so.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use super::terminal::visible;
use super::{Common, load};
use crate::assemble;
use crate::config::{Place, Provider};
use crate::provision::{self, Site, State, Step, Terms};

/// Show what the bucket should be, and make it so.
#[derive(Debug, Args)]
pub(super) struct Provision {
    #[command(flatten)]
    common: Common,
    /// Carry the plan out
    #[arg(long)]
    apply: bool,
    /// Loosen what is stricter than it has to be, too
    #[arg(long)]
    allow_loosen: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Provision {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let config = load(&self.common.sources())?;
        let terms = Terms { apply: self.apply, allow_loosen: self.allow_loosen };
        let buckets = super::block_on(async move {
            let storage = assemble::storage_for_operator(&config).await?;
            let region = match &config.storage.place {
                Place::External(external) if config.storage.provider == Provider::Aws => Some(external.region.as_str()),
                _ => None,
            };
            let mut buckets = Vec::new();
            for bucket in storage.buckets() {
                let operator = bucket.operator.as_ref().context(
                    "the operator has no key; set access_key_id and secret_access_key in [storage.operator] to one \
                     with the rights that `strongroom policy operator` prints",
                )?;
                let of_spaces = (bucket.name != storage.own.name).then_some(bucket.name.as_str());
                let site = Site { operator, of_spaces, region, location: &storage.location };
                buckets.push((bucket.name.clone(), provision::run(&config, site, terms).await));
            }
            Ok(buckets)
        })?;
        let mut out = io::stdout().lock();
        if self.json {
            let all: Vec<_> = buckets.iter().map(|(bucket, steps)| json!({"bucket": bucket, "steps": steps})).collect();
            writeln!(out, "{}", json!({"applied": self.apply, "buckets": all}))?;
        } else {
            for (bucket, steps) in &buckets {
                print(&mut out, bucket, steps)?;
            }
        }
        let is_well = buckets.iter().flat_map(|(_, steps)| steps).all(|step| step.state != State::Failed);
        Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn print(out: &mut impl Write, bucket: &str, steps: &[Step]) -> io::Result<()> {
    writeln!(out, "The bucket {bucket}:")?;
    for step in steps {
        let words = match step.state {
            State::Right => "as it should be",
            State::Planned => "would change",
            State::Changed => "changed",
            State::Stricter => "stricter than it has to be, and left so; --allow-loosen changes it",
            State::NotOffered => "not offered by this storage",
            State::Failed => "FAILED",
        };
        writeln!(out, "  {:<14} {words}", step.what)?;
        for (sign, lines) in [('-', &step.change.minus), ('+', &step.change.plus)] {
            for line in lines {
                writeln!(out, "      {sign} {}", visible(line))?;
            }
        }
        if let Some(note) = &step.note {
            writeln!(out, "      {}", visible(note))?;
        }
    }
    let planned = steps.iter().filter(|step| step.state == State::Planned).count();
    let changed = steps.iter().filter(|step| step.state == State::Changed).count();
    match (planned, changed) {
        (0, 0) => writeln!(out, "Nothing to change."),
        (0, changed) => writeln!(out, "{changed} changed."),
        (planned, _) => writeln!(out, "{planned} to change: --apply does it."),
    }
}
