//! `strongroom serve`: runs the service until it is told to stop.

use std::io::{self, IsTerminal as _, Write};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::{Common, load};
use crate::assemble::{self, Running};
use crate::config::{Config, Log, LogFormat, Sources};
use crate::demo;

/// Run the service.
#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    common: Common,
    /// Where the service listens; port 0 takes a free one
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// Where the embedded store listens; port 0 takes a free one
    #[arg(long, value_name = "ADDR")]
    store_listen: Option<String>,
    /// Add the space `demo` and hand forty drawn pictures in
    #[arg(long)]
    demo: bool,
    /// Say where everything is as one line of JSON
    #[arg(long)]
    json: bool,
}

impl Serve {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let sources = Sources {
            listen: self.listen.clone(),
            store_listen: self.store_listen.clone(),
            demo: self.demo,
            ..self.common.sources()
        };
        let config = load(&sources)?;
        log(&config.server.log)?;
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        super::block_on(self.serve(config))
    }

    async fn serve(self, config: Config) -> anyhow::Result<ExitCode> {
        let mut terminate = signal(SignalKind::terminate()).context("signals cannot be received")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("signals cannot be received")?;
        let running = assemble::start(config).await?;
        self.announce(&running).context("standard output cannot be written")?;
        if self.demo {
            tokio::spawn(demo::hand_in(
                running.service.clone(),
                running.http.clone(),
                running.api.clone(),
                running.admin_token.clone(),
            ));
        }
        tokio::select! {
            _ = terminate.recv() => {
                tracing::info!("about to end; /readyz says so");
                // Who cannot wait says so by another signal.
                tokio::select! {
                    () = running.drain() => {}
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            }
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping; what is in flight is finished first");
        running.stop().await;
        Ok(ExitCode::SUCCESS)
    }

    fn announce(&self, running: &Running) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let Running { service, api, store, admin_token, .. } = running;
        let generated = service.config.auth.admin_token.is_none();
        if self.json {
            let token = generated.then(|| admin_token.expose());
            writeln!(out, "{}", json!({"api": api, "console": format!("{api}/"), "store": store, "token": token}))?;
            return out.flush();
        }
        let data = service.config.data.display();
        let token = if generated { admin_token.expose() } else { "the one you configured" };
        let bearer = if generated { admin_token.expose() } else { "$TOKEN" };
        let space = service.config.spaces.keys().find(|name| *name != "demo").map_or("demo", String::as_str);
        writeln!(out, "Strongroom {} is running; its data lies in {data}", env!("CARGO_PKG_VERSION"))?;
        writeln!(out)?;
        writeln!(out, "  Look:     {api}/")?;
        writeln!(out, "  Sign in:  {token}")?;
        writeln!(out, "  API:      {api}/docs")?;
        writeln!(out, "  Storage:  {store}, bucket {}", service.storage.own.name)?;
        writeln!(out)?;
        writeln!(out, "Hand a file in; the answer holds its link:")?;
        writeln!(out)?;
        writeln!(out, "  curl -H 'Authorization: Bearer {bearer}' -F file=@photo.jpg {api}/v1/spaces/{space}/objects")?;
        writeln!(out)?;
        writeln!(out, "Stop it with Ctrl-C.")?;
        out.flush()
    }
}

/// Logs to standard error, so that standard output stays for programs.
fn log(log: &Log) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&log.level)?;
    // What fetches credentials writes whole answers into its events, with all that is secret in them.
    let is_ours = filter_fn(|metadata| !metadata.target().starts_with("aws_"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match log.format {
        LogFormat::Text => builder.with_ansi(io::stderr().is_terminal()).finish().with(is_ours).init(),
        LogFormat::Json => builder.json().flatten_event(true).finish().with(is_ours).init(),
    }
    Ok(())
}
