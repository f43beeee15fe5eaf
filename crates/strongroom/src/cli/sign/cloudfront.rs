//! `strongroom sign cloudfront`: a URL or cookies for a CloudFront distribution, signed with a key pair's private key.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use serde_json::{Map, Value, json};
use strongroom_presign::{CloudFrontPolicy, CloudFrontSigner};
use zeroize::Zeroizing;

use super::curl;
use super::life::{moment, whole_seconds};
use super::output::Format;
use crate::ambient::Clock;
use crate::cli::terminal;
use crate::config::duration;

/// A link or cookies.
#[derive(Debug, Args)]
pub(in crate::cli) struct CloudFront {
    /// The URL at the distribution
    url: String,
    /// The id of the public key that CloudFront knows
    #[arg(long, value_name = "ID")]
    key_pair_id: String,
    /// The file of the private key, RSA or ECDSA P-256 in PEM
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// How long it works
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration::parse)]
    expires: Duration,
    /// What it opens, with * and ?, where that is more than the URL alone
    #[arg(long, value_name = "PATTERN")]
    resource: Option<String>,
    /// The only IPv4 address or network that may use it
    #[arg(long, value_name = "NETWORK")]
    ip: Option<String>,
    /// Make cookies instead of a URL
    #[arg(long)]
    cookies: bool,
    /// Hash with SHA-256 instead of SHA-1, CloudFront's own default
    #[arg(long)]
    sha256: bool,
    #[command(flatten)]
    format: Format,
}

impl CloudFront {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let pem = fs::read_to_string(&self.key).map(Zeroizing::new);
        let pem = pem.with_context(|| format!("the key in {} cannot be read", self.key.display()))?;
        let mut signer = CloudFrontSigner::new(&self.key_pair_id, &pem)?;
        if self.sha256 {
            signer = signer.with_sha256();
        }
        let seconds = whole_seconds(self.expires, "--expires")?;
        anyhow::ensure!(seconds > 0, "a life of no time at all; write one such as 15m");
        let expires_at = Clock::system().now().as_second() + i64::from(seconds);
        let mut policy = CloudFrontPolicy::new(self.resource.as_deref().unwrap_or(&self.url), expires_at)?;
        if let Some(network) = &self.ip {
            policy = policy.for_ip(network)?;
        }
        if self.cookies {
            // Cookies sign the resource alone, but the URL is put into a line that a shell and curl will read.
            anyhow::ensure!(
                is_url(&self.url),
                "`{}` is no URL that the cookies could be sent to; write one such as https://media.example.org/a.jpg",
                self.url.escape_debug()
            );
            return self.print_cookies(&signer.cookies(&policy), expires_at);
        }
        let url = if self.resource.is_none() && self.ip.is_none() {
            signer.url(&self.url, expires_at)?
        } else {
            signer.url_with(&self.url, &policy)?
        };
        let mut out = io::stdout().lock();
        if self.format.json {
            let all = json!({"method": "GET", "url": url, "headers": {}, "expires_at": moment(expires_at)});
            writeln!(out, "{}", terminal::json(&all))?;
        } else if self.format.curl {
            writeln!(out, "{}", curl::of_url(&url)?)?;
        } else {
            writeln!(out, "{url}")?;
        }
        Ok(())
    }

    fn print_cookies(&self, cookies: &[(&str, String)], expires_at: i64) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        if self.format.json {
            let all: Map<_, _> =
                cookies.iter().map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str()))).collect();
            let all = json!({"url": self.url, "cookies": all, "expires_at": moment(expires_at)});
            writeln!(out, "{}", terminal::json(&all))?;
        } else if self.format.curl {
            writeln!(out, "{}", curl::of_cookies(&self.url, cookies)?)?;
        } else {
            for (name, value) in cookies {
                writeln!(out, "{name}={value}")?;
            }
        }
        Ok(())
    }
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['/', '?', '#']))
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}
