//! `strongroom provision`: shows what the bucket is and what it should be, and makes it so.

use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::terminal::visible;
use super::{Common, load};
use crate::assemble;
use crate::config::{Config, Place, Provider};
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
        // What was done is told, whatever comes of the rest.
        let (sites, trouble) = super::block_on(async move {
            let mut sites = Vec::new();
            for config in config.storages() {
                match provision_storage(&config, terms, &sites).await {
                    Ok(done) => sites.extend(done),
                    Err(error) => return Ok((sites, Some(error))),
                }
            }
            Ok((sites, None))
        })?;
        let mut out = io::stdout().lock();
        if self.json {
            writeln!(out, "{}", json!({"applied": self.apply, "buckets": sites}))?;
        } else {
            for site in &sites {
                print(&mut out, site)?;
            }
        }
        trouble.map_or(Ok(()), Err)?;
        let is_well = sites.iter().flat_map(|site| &site.steps).all(|step| step.state != State::Failed);
        Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// One bucket, and what was to do there.
#[derive(Debug, Serialize)]
struct Done {
    /// `storage`, or `storage.mirror`.
    storage: &'static str,
    bucket: String,
    /// Where it is.
    #[serde(skip)]
    endpoint: String,
    steps: Vec<Step>,
}

/// Each bucket of one storage, but those that were seen to already.
async fn provision_storage(config: &Config, terms: Terms, already: &[Done]) -> anyhow::Result<Vec<Done>> {
    let section = config.storage.rank.section();
    let storage = assemble::storage_for_operator(config).await?;
    let (endpoint, region) = match &config.storage.place {
        Place::External(external) => {
            let region = (config.storage.provider == Provider::Aws).then_some(external.region.as_str());
            (external.endpoint.to_string(), region)
        }
        Place::Embedded(_) => (String::new(), None),
    };
    let mut all = Vec::new();
    for bucket in storage.buckets() {
        if already.iter().any(|done| (&done.endpoint, &done.bucket) == (&endpoint, &bucket.name)) {
            // A mirror may lie beside the storage, in the same bucket.
            continue;
        }
        let operator = bucket.operator.as_ref().with_context(|| {
            format!(
                "the operator has no key; set access_key_id and secret_access_key in [{section}.operator] to one with \
                 the rights that `strongroom policy operator` prints"
            )
        })?;
        let of_spaces = (bucket.name != storage.own.name).then_some(bucket.name.as_str());
        let site = Site { operator, of_spaces, region, location: &storage.location };
        let steps = provision::run(config, site, terms).await;
        all.push(Done { storage: section, bucket: bucket.name.clone(), endpoint: endpoint.clone(), steps });
    }
    Ok(all)
}

fn print(out: &mut impl Write, site: &Done) -> io::Result<()> {
    let Done { storage, bucket, steps, .. } = site;
    writeln!(out, "The bucket {bucket} of [{storage}]:")?;
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
