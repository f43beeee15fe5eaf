//! `strongroom sign transform`: the URL of a picture that is made as the URL says.

use std::io::{self, Write as _};
use std::time::Duration;

use clap::Args;
use serde_json::json;
use uuid::Uuid;

use super::life::{moment, whole_seconds};
use crate::ambient::Clock;
use crate::assemble;
use crate::cli::{Common, load, terminal};
use crate::config::duration;
use crate::pictures::Options;

/// A picture, and how it is made.
#[derive(Debug, Args)]
pub(in crate::cli) struct Transform {
    #[command(flatten)]
    common: Common,
    /// The object's id
    #[arg(value_name = "OBJECT")]
    object: Uuid,
    /// How its picture is made, such as rs:fill:300:200/q:80, or pr:thumb for a declared variant
    #[arg(value_name = "OPTIONS")]
    options: String,
    /// How long the URL works; without it as long as the object is there
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    expires: Option<Duration>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Transform {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let mut options = self.options.clone();
        if let Some(expires) = self.expires {
            let end = Clock::system().now().as_second() + i64::from(whole_seconds(expires, "--expires")?);
            options = format!("{options}/exp:{end}");
        }
        let end = Options::read(&options)?.expires;
        let config = load(&self.common.sources())?;
        let url = assemble::transforms(&config)?.url(&options, self.object)?;
        let mut out = io::stdout().lock();
        if self.json {
            let all = json!({ "method": "GET", "url": url, "headers": {}, "expires_at": end.map(moment) });
            writeln!(out, "{}", terminal::json(&all))?;
        } else {
            writeln!(out, "{url}")?;
        }
        Ok(())
    }
}
