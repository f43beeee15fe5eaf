//! The commands: what each is called, and where its own file is.

mod config;
mod gc;
mod progress;
mod serve;
mod store;
mod token;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, Sources, process_environment};

/// Private media for applications: users hand files in, the bucket stays private, links live for minutes.
#[derive(Debug, Parser)]
#[command(name = "strongroom", version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the service
    Serve(serve::Serve),
    /// Look after the embedded store
    #[command(subcommand)]
    Store(store::StoreVerb),
    /// Make, list and revoke API keys; make tokens to try things out
    #[command(subcommand)]
    Token(token::TokenVerb),
    /// Check a configuration, or print a documented one
    Config {
        #[command(flatten)]
        common: Common,
        #[command(subcommand)]
        verb: config::ConfigVerb,
    },
    /// Clear away expired uploads, deleted objects and leavings, as the service does by itself
    Gc(gc::Gc),
}

/// What every command takes.
#[derive(Debug, Clone, Args)]
struct Common {
    /// The configuration file
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// The folder of the database, the generated secrets and the embedded store
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,
}

impl Common {
    fn sources(&self) -> Sources {
        Sources {
            file: self.config.clone(),
            environment: process_environment(),
            data: self.data.clone(),
            ..Sources::default()
        }
    }
}

/// A configuration that cannot be used; its problems are for the person who wrote it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unusable(crate::config::ConfigErrors);

fn load(sources: &Sources) -> anyhow::Result<Config> {
    Config::load(sources).map_err(|errors| Unusable(errors).into())
}

/// Runs the verb that the arguments name. Exit codes: 0 done, 1 failed, 2 wrong arguments or configuration.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.verb {
        Verb::Serve(serve) => serve.run(),
        Verb::Store(verb) => verb.run(),
        Verb::Token(verb) => verb.run(),
        Verb::Config { common, verb } => {
            config::run(&verb, &common.sources(), &mut io::stdout().lock(), &mut io::stderr().lock())
                .map_err(anyhow::Error::from)
        }
        Verb::Gc(gc) => gc.run(),
    };
    result.unwrap_or_else(|error| {
        let code = if error.is::<Unusable>() { config::UNUSABLE } else { 1 };
        let _ = writeln!(io::stderr(), "strongroom: {error:#}");
        ExitCode::from(code)
    })
}

/// A runtime for one command.
fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}
