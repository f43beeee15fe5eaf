//! `strongroom migrate`: moves an installation to other ground.

mod storage;

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::json;
use strongroom_postgres::Address;

use super::progress::Progress;
use super::{Common, load};
use crate::assemble;
use crate::config::Database;
use crate::db;
use crate::embedded::Addresses;

#[derive(Debug, Subcommand)]
pub(super) enum MigrateVerb {
    /// Copy everything from SQLite in the data folder to an empty PostgreSQL database; stop the service first
    ///
    /// It happens in one transaction, whole or not at all, and the file stays as it is.
    Db {
        #[command(flatten)]
        common: Common,
        /// Where to: postgres://USER:PASSWORD@HOST:PORT/DATABASE; the configured `database.url` when nothing is said
        #[arg(long, value_name = "URL")]
        to: Option<String>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Bring everything into the mirror, `storage.mirror`, and compare it there, so that it can take the storage's place
    ///
    /// Running it again goes on where it stopped. Exits with 1 if something could not be brought there.
    Storage(storage::Storage),
}

impl MigrateVerb {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let (common, to, json) = match self {
            Self::Db { common, to, json } => (common, to, json),
            Self::Storage(storage) => return storage.run(),
        };
        let config = load(&common.sources())?;
        let target: Address = match (to, config.database) {
            (Some(url), _) => url.parse::<Address>().map_err(|error| anyhow::anyhow!("--to {error}"))?,
            (None, Database::Postgres { address, .. }) => *address,
            (None, Database::Sqlite) => {
                anyhow::bail!("there is no target; name it with --to, or set database.url in the configuration")
            }
        };
        let file = assemble::sqlite_file(&config.data);
        anyhow::ensure!(file.is_file(), "there is no database of SQLite to move: {} is not there", file.display());
        let place = target.to_string();
        let moved = super::block_on(async move {
            anyhow::ensure!(
                !is_running(&config.data).await,
                "the service runs on this data folder; stop it first, or what it writes meanwhile would be left behind"
            );
            let progress = Mutex::new(Progress::rows("moved"));
            let moved = db::move_to_postgres(&file, target, move |done, total| {
                progress.lock().unwrap_or_else(PoisonError::into_inner).reached_of(done, total);
            });
            moved.await.context("nothing was moved")
        })?;
        let mut out = io::stdout().lock();
        if json {
            let tables: serde_json::Map<_, _> =
                moved.iter().map(|moved| (moved.table.to_owned(), moved.rows.into())).collect();
            writeln!(out, "{}", json!({ "to": place, "rows": tables }))?;
        } else {
            for moved in &moved {
                writeln!(out, "{:>10}  {}", moved.rows, moved.table)?;
            }
            writeln!(out, "Everything is in {place} now. Set database.url to it, and start the service.")?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Whether the service that last ran on this folder still answers.
async fn is_running(data: &std::path::Path) -> bool {
    let Some(addresses) = Addresses::find(data) else { return false };
    let authority = addresses.api.split("://").nth(1).unwrap_or_default().trim_end_matches('/').to_owned();
    tokio::net::TcpStream::connect(authority).await.is_ok()
}
