//! `strongroom store keys`: what any S3 client needs to use the embedded store.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Value, json};

use super::{Common, load};
use crate::assemble;
use crate::config::{Credentials, Place};
use crate::embedded::{self, Addresses};

#[derive(Debug, Subcommand)]
pub(super) enum StoreVerb {
    /// Print the store's endpoint, region, bucket and the four identities' keys
    Keys {
        #[command(flatten)]
        common: Common,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

impl StoreVerb {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let Self::Keys { common, json } = self;
        let config = load(&common.sources())?;
        let Place::Embedded(embedded) = &config.storage.place else {
            anyhow::bail!("a bucket is configured, so there is no embedded store; its keys are those you configured");
        };
        let (_, secrets) = assemble::database(&config)?;
        let identities = embedded::identities(embedded, &secrets);
        let endpoint = Addresses::find(&config.data)
            .map_or_else(|| embedded.public_endpoint(embedded.listen), |addresses| addresses.store);
        let all = [
            ("reader", Some(&identities.reader)),
            ("writer", Some(&identities.writer)),
            ("janitor", Some(&identities.janitor)),
            ("operator", identities.operator.as_ref()),
        ];
        let mut out = io::stdout().lock();
        if json {
            let mut answer = json!({"endpoint": endpoint, "region": embedded::REGION, "bucket": embedded::BUCKET});
            for (name, credentials) in all {
                answer[name] = credentials.map_or(Value::Null, as_json);
            }
            writeln!(out, "{answer}")?;
            return Ok(ExitCode::SUCCESS);
        }
        writeln!(out, "endpoint  {endpoint}")?;
        writeln!(out, "region    {}", embedded::REGION)?;
        writeln!(out, "bucket    {}", embedded::BUCKET)?;
        for (name, credentials) in all {
            if let Some(credentials) = credentials {
                writeln!(out, "\n{name}")?;
                writeln!(out, "  AWS_ACCESS_KEY_ID={}", credentials.access_key_id)?;
                writeln!(out, "  AWS_SECRET_ACCESS_KEY={}", credentials.secret_access_key.expose())?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn as_json(credentials: &Credentials) -> Value {
    json!({
        "access_key_id": credentials.access_key_id,
        "secret_access_key": credentials.secret_access_key.expose(),
    })
}
