//! `strongroom store`: looking at the embedded store and looking after it.

mod inspect;
mod keys;
mod transfer;

use std::process::ExitCode;

use clap::Subcommand;

use crate::config::{Config, Embedded, Place};

#[derive(Debug, Subcommand)]
pub(super) enum StoreVerb {
    /// Print the store's endpoint, region, bucket and the four identities' keys; make and revoke other keys
    Keys(keys::Keys),
    /// Read everything over and compare it with its checksums; the service may run
    Scrub(inspect::Scrub),
    /// Compare the index with itself and with the files, without reading them; the service may run
    Check(inspect::Check),
    /// Write every object and every earlier version into a folder, with a manifest of all that belongs to it; the service may run
    Export(transfer::Export),
    /// Bring in what an export wrote; the service must not run
    Import(transfer::Import),
}

impl StoreVerb {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Keys(keys) => keys.run(),
            Self::Scrub(scrub) => scrub.run(),
            Self::Check(check) => check.run(),
            Self::Export(export) => export.run(),
            Self::Import(import) => import.run(),
        }
    }
}

/// The embedded store's section, which these commands are about.
fn embedded(config: &Config) -> anyhow::Result<&Embedded> {
    match &config.storage.place {
        Place::Embedded(embedded) => Ok(embedded),
        Place::External(_) => anyhow::bail!(
            "a bucket is configured, so there is no embedded store; its keys are those you configured, and it is \
             looked after where it lies"
        ),
    }
}
