//! The commands: what each is called, and where its own file is.

mod adopt;
mod config;
mod doctor;
mod explain;
mod gc;
mod migrate;
mod named;
mod policy;
mod progress;
mod provision;
mod serve;
mod sign;
mod store;
mod terminal;
mod token;
mod verify;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, Sources, process_environment};
use crate::pictures::draw_as_told;

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
    Adopt(adopt::Adopt),
    Verify(verify::Verify),
    /// Move an installation to another database
    #[command(subcommand)]
    Migrate(migrate::MigrateVerb),
    /// Try everything for real, and say what to do about what does not work
    ///
    /// Exits with 0 if everything works, whatever is doubtful, and with 1 if something does not work or is not safe.
    Doctor(doctor::Doctor),
    /// Print the least policy of each storage identity: as JSON, for AWS's command line, or for Terraform
    Policy(policy::PolicyArguments),
    /// Show what each bucket is and what it should be, and make it so
    ///
    /// Exits with 0 if nothing failed, whether anything is to change or not.
    Provision(provision::Provision),
    /// Make a presigned URL, a form or a CloudFront link, without a network
    #[command(subcommand)]
    Sign(sign::SignVerb),
    /// Say in plain words why a link fails, without a network
    ///
    /// Exits with 0 if nothing is found wrong, with 1 if something is, and with 2 if the arguments cannot be used.
    Explain(explain::Explain),
    /// What the service starts for itself, to draw an SVG
    #[command(hide = true)]
    Draw,
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
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return misused(&error),
    };
    let result = match arguments.verb {
        Verb::Serve(serve) => serve.run(),
        Verb::Store(verb) => verb.run(),
        Verb::Token(verb) => verb.run(),
        Verb::Config { common, verb } => {
            config::run(&verb, &common.sources(), &mut io::stdout().lock(), &mut io::stderr().lock())
                .map_err(anyhow::Error::from)
        }
        Verb::Gc(gc) => gc.run(),
        Verb::Adopt(adopt) => adopt.run(),
        Verb::Verify(verify) => verify.run(),
        Verb::Migrate(verb) => verb.run(),
        Verb::Doctor(doctor) => doctor.run(),
        Verb::Policy(policy) => policy.run(),
        Verb::Provision(provision) => provision.run(),
        // These do nothing but compute: what fails is what they were given.
        Verb::Sign(verb) => return verb.run().unwrap_or_else(|error| refuse(&error, config::UNUSABLE)),
        Verb::Draw => return draw_as_told(),
        Verb::Explain(explain) => return explain.run().unwrap_or_else(|error| refuse(&error, config::UNUSABLE)),
    };
    result.unwrap_or_else(|error| refuse(&error, if error.is::<Unusable>() { config::UNUSABLE } else { 1 }))
}

/// Prints the help that was asked for, or what is wrong with the arguments. These are repeated in it as they came.
fn misused(error: &clap::Error) -> ExitCode {
    let text = error.render().to_string();
    let visible = terminal::visible(&text);
    let _ = if text == visible { error.print() } else { io::stderr().write_all(visible.as_bytes()) };
    u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Says what went wrong, and ends with this code.
fn refuse(error: &anyhow::Error, code: u8) -> ExitCode {
    let _ = writeln!(io::stderr(), "strongroom: {}", terminal::visible(&format!("{error:#}")));
    ExitCode::from(code)
}

/// How many threads wait for disks. Each keeps memory of its own for what it reads, so that with tokio's 512 of them a
/// crowd of readers took hundreds of MiB; and no disk gains from so many questions at once.
const BLOCKING_THREADS: usize = 64;

/// A runtime for one command.
fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.enable_all().max_blocking_threads(BLOCKING_THREADS).build()?.block_on(work)
}
