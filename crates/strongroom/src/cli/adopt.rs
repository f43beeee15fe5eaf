//! `strongroom adopt`: makes objects of what lies in the bucket already.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use futures_util::{StreamExt as _, stream};
use serde_json::json;

use super::progress::Progress;
use super::{Common, load, terminal};
use crate::adopt::{self, Adopted, Error, Row};
use crate::assemble;
use crate::description::Description;
use crate::service::Service;

/// How many are looked at at once.
const AT_ONCE: usize = 8;

/// Make objects of what lies in the bucket already, without moving a byte
///
/// Exits with 0 if everything is an object now, and with 1 if something could not become one. Running it again goes on
/// where it stopped, and adds nothing twice.
#[derive(Debug, Args)]
pub(super) struct Adopt {
    #[command(flatten)]
    common: Common,
    /// The space that the objects shall live in
    space: String,
    /// Everything in the bucket whose name begins so, storage.location included
    #[arg(long, value_name = "PREFIX", required_unless_present = "from", conflicts_with = "from")]
    prefix: Option<String>,
    /// A table (CSV) with one of the columns url, uri and key, and if you like owner, group, name, tags and metadata
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Whom everything belongs to whose row names nobody
    #[arg(long, value_name = "SUBJECT")]
    owner: Option<String>,
    /// The group of everything whose row names none
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// A tag for everything; may be repeated
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// Only look whether it would go, without reading everything
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON object for each, and one with the numbers at the end
    #[arg(long)]
    json: bool,
}

/// How many of each.
#[derive(Debug, Default)]
struct Tally {
    adopted: u64,
    there: u64,
    possible: u64,
    failed: u64,
}

impl Adopt {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let config = load(&self.common.sources())?;
        super::block_on(async move {
            let service = assemble::for_command(config).await?;
            anyhow::ensure!(
                service.config.spaces.contains_key(&self.space),
                "there is no space `{}` in the configuration; there are: {}",
                self.space,
                service.config.spaces.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
            );
            let rows = self.rows(&service).await?;
            let tally = self.adopt(&service, rows).await?;
            self.sum_up(&tally)?;
            Ok(if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        })
    }

    async fn rows(&self, service: &Service) -> anyhow::Result<Vec<adopt::TableRow>> {
        let mut rows = match (&self.from, &self.prefix) {
            (Some(file), _) => {
                let table = std::fs::File::open(file).with_context(|| format!("{} cannot be read", file.display()))?;
                adopt::read_table(table)?
            }
            (None, prefix) => {
                let keys = adopt::below(service, &self.space, prefix.as_deref().unwrap_or_default()).await?;
                let location = service.storage.location.clone();
                let row = |key: crate::storage::ObjectKey| {
                    let reference = key.in_bucket(&location)?;
                    Ok(Ok(Row { reference, key: Some(key), description: Description::default() }))
                };
                keys.into_iter().map(row).collect::<anyhow::Result<_>>()?
            }
        };
        for row in rows.iter_mut().flatten() {
            let description = &mut row.description;
            description.owner = description.owner.take().or_else(|| self.owner.clone());
            description.group = description.group.take().or_else(|| self.group.clone());
            let more = self.tag.iter().filter(|tag| !description.tags.contains(tag)).cloned().collect::<Vec<_>>();
            description.tags.extend(more);
        }
        Ok(rows)
    }

    async fn adopt(&self, service: &Service, rows: Vec<adopt::TableRow>) -> anyhow::Result<Tally> {
        let (total, mut tally) = (rows.len() as u64, Tally::default());
        let mut progress = Progress::rows(if self.dry_run { "looked at" } else { "adopted" });
        let work = stream::iter(rows.into_iter().enumerate()).map(|(at, row)| async move {
            match row {
                Ok(row) => {
                    let result = adopt::adopt(service, &self.space, &row, self.dry_run).await;
                    (at, row.reference, result)
                }
                Err(reason) => (at, String::new(), Err(Error::Malformed(reason))),
            }
        });
        let mut results = work.buffered(AT_ONCE);
        let mut out = io::stdout().lock();
        while let Some((at, reference, result)) = results.next().await {
            match &result {
                Ok(Adopted::Now(_)) => tally.adopted += 1,
                Ok(Adopted::Before(_)) => tally.there += 1,
                Ok(Adopted::Possible) => tally.possible += 1,
                Err(_) => tally.failed += 1,
            }
            self.tell(&mut out, at + 1, &reference, &result)?;
            progress.reached_of(tally.adopted + tally.there + tally.possible + tally.failed, total);
            if let Err(Error::Db(error)) = result {
                return Err(anyhow::Error::from(error).context("it stopped; run it again to go on"));
            }
        }
        progress.end();
        Ok(tally)
    }

    fn tell(
        &self,
        out: &mut impl io::Write,
        row: usize,
        reference: &str,
        result: &Result<Adopted, Error>,
    ) -> io::Result<()> {
        if self.json {
            let line = match result {
                Ok(Adopted::Now(id)) => json!({ "row": row, "reference": reference, "outcome": "adopted", "id": id }),
                Ok(Adopted::Before(id)) => json!({ "row": row, "reference": reference, "outcome": "there", "id": id }),
                Ok(Adopted::Possible) => json!({ "row": row, "reference": reference, "outcome": "possible" }),
                Err(error) => json!({
                    "row": row, "reference": reference, "outcome": "failed", "code": error.code(),
                    "detail": error.to_string(),
                }),
            };
            return writeln!(out, "{line}");
        }
        match result {
            Err(error) => writeln!(out, "row {row}: {}: {error}", terminal::visible(reference)),
            Ok(_) => Ok(()),
        }
    }

    fn sum_up(&self, tally: &Tally) -> io::Result<()> {
        let Tally { adopted, there, possible, failed } = tally;
        let mut out = io::stdout().lock();
        if self.json {
            let sum = json!({ "adopted": adopted, "there": there, "possible": possible, "failed": failed });
            return writeln!(out, "{sum}");
        }
        if self.dry_run {
            writeln!(out, "{possible} would be adopted, {there} are objects already, {failed} cannot be adopted")?;
            return writeln!(out, "Nothing was changed.");
        }
        writeln!(out, "{adopted} were adopted, {there} were objects already, {failed} could not be adopted")
    }
}
