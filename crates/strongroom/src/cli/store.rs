//! `strongroom store`: looking at the embedded store and looking after it.

mod keys;

use std::process::ExitCode;

use clap::Subcommand;

use crate::config::{Config, Embedded, Place};

#[derive(Debug, Subcommand)]
pub(super) enum StoreVerb {
    /// Print the store's endpoint, region, bucket and the four identities' keys; make and revoke other keys
    Keys(keys::Keys),
}

impl StoreVerb {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Keys(keys) => keys.run(),
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
