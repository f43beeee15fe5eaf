//! `[server]`: where the service listens, and how much it takes on.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use tracing_subscriber::EnvFilter;

use super::duration;
use super::key_path::KeyPath;
use super::layers::Report;
use super::origin::Origin;

/// How the service is reached and what bounds it keeps.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Where the service listens; port 0 takes a free one.
    #[serde(deserialize_with = "address::deserialize")]
    pub listen: SocketAddr,
    /// How users reach it, if that differs from `http://{listen}`.
    pub public_url: Option<Origin>,
    /// How long one request may take before its body begins to be answered.
    #[serde(deserialize_with = "duration::deserialize")]
    pub request_timeout: Duration,
    /// How long it goes on serving after it was told to end, while `/readyz` says no.
    #[serde(deserialize_with = "duration::deserialize")]
    pub drain: Duration,
    /// How many connections may be open at once.
    pub max_connections: u32,
    /// How many requests may be worked on at once.
    pub max_concurrent_requests: u32,
    /// How often one principal may ask.
    pub rate_limit: RateLimit,
    /// What is logged, and how.
    pub log: Log,
}

/// A token bucket for each principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RateLimit {
    /// How many requests a second are allowed in the long run; 0 switches the limit off.
    pub per_second: u32,
    /// How many requests may come at once after a pause.
    pub burst: u32,
}

/// The service's log on standard error.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// How each line looks.
    pub format: LogFormat,
    /// Which events are written: a level, or a list of directives as `tracing_subscriber::EnvFilter` reads them.
    pub level: String,
}

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: None,
            request_timeout: Duration::from_secs(30),
            drain: Duration::ZERO,
            max_connections: 10_000,
            max_concurrent_requests: 512,
            rate_limit: RateLimit::default(),
            log: Log::default(),
        }
    }
}

impl Default for RateLimit {
    fn default() -> Self {
        Self { per_second: 100, burst: 500 }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".to_owned() }
    }
}

impl Server {
    /// How users reach the service, given where it really listens.
    pub fn public_url(&self, listening: SocketAddr) -> String {
        match &self.public_url {
            Some(url) => url.as_str().to_owned(),
            None => format!("http://{listening}"),
        }
    }

    pub(super) fn validate(&self, report: &mut Report) {
        let section = KeyPath::of(["server"]);
        if self.request_timeout < Duration::from_secs(1) {
            report.problem(&section.then("request_timeout"), "leaves no time to answer; allow at least \"1s\"");
        }
        for (name, value) in
            [("max_connections", self.max_connections), ("max_concurrent_requests", self.max_concurrent_requests)]
        {
            if value == 0 {
                report.problem(&section.then(name), "would let nobody in; write 1 or more");
            }
        }
        let RateLimit { per_second, burst } = self.rate_limit;
        if per_second > 0 && burst == 0 {
            report.problem(
                &section.then("rate_limit").then("burst"),
                "would refuse every request; write 1 or more, or switch the limit off with per_second = 0",
            );
        }
        if let Err(error) = EnvFilter::try_new(&self.log.level) {
            report.problem(
                &section.then("log").then("level"),
                format!(
                    "is not a log filter ({error}); write \"error\", \"warn\", \"info\", \"debug\" or \"trace\", \
                     or a list such as \"info,strongroom=debug\""
                ),
            );
        }
    }
}

/// Addresses to listen on.
pub(super) mod address {
    use std::net::SocketAddr;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer};

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|_| {
            D::Error::custom(if text.starts_with("localhost:") {
                "must be a numeric address; write \"127.0.0.1:PORT\" for localhost"
            } else {
                "is not an address; write a numeric address and a port, such as \"127.0.0.1:8080\", \"0.0.0.0:8080\" \
                     or \"[::1]:8080\""
            })
        })
    }

    pub(crate) fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
        deserialize(deserializer).map(Some)
    }
}
