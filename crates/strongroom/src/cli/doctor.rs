//! `strongroom doctor`: tries everything for real, and says what to do about what does not work.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::terminal::visible;
use super::{Common, load};
use crate::ambient::{Clock, Random};
use crate::assemble;
use crate::config::Rank;
use crate::db::Db;
use crate::doctor::{self, Check, Instruments, Verdict};
use crate::storage::KeyringError;

/// Try everything for real.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    #[command(flatten)]
    common: Common,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let config = load(&self.common.sources())?;
        let checks = super::block_on(async move {
            let (http, clock) = (assemble::http_client()?, Clock::system());
            let tools =
                Instruments { config: &config, http: &http, clock: &clock, id: Random::system().id(clock.now()) };
            let mut checks = doctor::look_around(tools).await;
            let (found, db) = database(&config).await;
            checks.push(found);
            for config in config.storages() {
                let found = match assemble::storage_for_operator(&config).await {
                    Ok(storage) => {
                        let tools = Instruments { config: &config, ..tools };
                        doctor::look_at_storage(tools, &storage, db.as_ref()).await
                    }
                    Err(error) => vec![no_storage(&error)],
                };
                checks.extend(found.into_iter().map(|check| named(check, config.storage.rank)));
            }
            Ok(checks)
        })?;
        let worst = checks.iter().map(|check| check.verdict).max().unwrap_or(Verdict::Good);
        let mut out = io::stdout().lock();
        if self.json {
            writeln!(out, "{}", json!({"verdict": worst, "checks": checks}))?;
        } else {
            for check in &checks {
                let mark = match check.verdict {
                    Verdict::Good => "ok  ",
                    Verdict::Doubtful => "WARN",
                    Verdict::Bad => "FAIL",
                };
                writeln!(out, "{mark}  {}: {}", visible(&check.what), visible(&check.found))?;
                if let Some(mend) = &check.mend {
                    writeln!(out, "      {mend}")?;
                }
            }
        }
        Ok(if worst == Verdict::Bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

/// The same check, with a name that says which storage it is about.
fn named(check: Check, rank: Rank) -> Check {
    match rank {
        Rank::First => check,
        Rank::Mirror => Check { what: format!("mirror: {}", check.what), ..check },
    }
}

/// Why nothing can be asked of the storage.
fn no_storage(error: &anyhow::Error) -> Check {
    let (what, found, mend) = match error.downcast_ref::<KeyringError>() {
        Some(KeyringError::Fetch { names, place, reason, mend }) => {
            ("credentials", format!("NoCredentials: {place} have none for the {names}: {reason}"), *mend)
        }
        _ => ("storage", format!("{error:#}"), "`strongroom config check` says what the storage is meant to be"),
    };
    Check { what: what.to_owned(), verdict: Verdict::Bad, found, mend: Some(mend.to_owned()) }
}

/// Opening it brings it to the newest form, so who can open it has nothing left to migrate.
async fn database(config: &crate::config::Config) -> (Check, Option<Db>) {
    let what = "database".to_owned();
    match assemble::database(config).await {
        Ok(db) => {
            let found = "answers, and has the form that this version wants".to_owned();
            (Check { what, verdict: Verdict::Good, found, mend: None }, Some(db))
        }
        Err(error) => {
            let mend = "see that database.url names a server that runs and a user that may log in, or that the data \
                        folder can be written";
            (Check { what, verdict: Verdict::Bad, found: format!("{error:#}"), mend: Some(mend.to_owned()) }, None)
        }
    }
}
