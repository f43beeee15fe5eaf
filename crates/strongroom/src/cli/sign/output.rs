//! Prints what was signed: the URL, a curl line, or everything as JSON.

use std::io::{self, Write as _};

use clap::Args;
use serde_json::{Map, Value, json};
use strongroom_presign::{Request, Validity};

use super::curl::{self, Body};
use super::life::moment;
use super::place::Target;
use crate::cli::terminal;

/// In which form it is printed; the URL alone when nothing is said.
#[derive(Debug, Args)]
pub(super) struct Format {
    /// Print a curl line that uses it
    #[arg(long, conflicts_with = "json")]
    pub(super) curl: bool,
    /// Print one JSON object with everything
    #[arg(long)]
    pub(super) json: bool,
}

/// A signed request.
#[derive(Debug)]
pub(super) struct Signed<'a> {
    pub(super) target: &'a Target,
    pub(super) request: &'a Request<'a>,
    pub(super) url: &'a str,
    pub(super) validity: Validity,
    pub(super) body: &'a Body,
}

impl Format {
    pub(super) fn print(&self, signed: &Signed<'_>) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        if self.json {
            writeln!(out, "{}", terminal::json(&as_json(signed)))?;
        } else if self.curl {
            writeln!(out, "{}", curl::of_request(signed.request, signed.url, signed.body)?)?;
        } else {
            writeln!(out, "{}", signed.url)?;
            for (name, value) in signed.request.headers() {
                let line = terminal::on_one_line(&format!("{name}: {value}"));
                writeln!(io::stderr(), "strongroom: send with it exactly this header: {line}")?;
            }
            if let Body::Text(text) = signed.body {
                writeln!(io::stderr(), "strongroom: send with it this body: {}", terminal::on_one_line(text))?;
            }
        }
        Ok(())
    }
}

fn as_json(signed: &Signed<'_>) -> Value {
    let mut all = of_target(signed.target, signed.validity);
    all["method"] = signed.request.method().as_str().into();
    all["url"] = signed.url.into();
    let headers = signed.request.headers().map(|(name, value)| (name.to_ascii_lowercase(), Value::from(value)));
    all["headers"] = headers.collect::<Map<_, _>>().into();
    if let Body::Text(text) = signed.body {
        all["body"] = text.as_str().into();
    }
    all
}

/// What is said of the object and of the life of anything that was signed.
pub(super) fn of_target(target: &Target, validity: Validity) -> Value {
    let Target { signer, key, version } = target;
    let mut all = json!({
        "bucket": signer.bucket(),
        "key": key,
        "region": signer.endpoint().region(),
        "access_key_id": signer.access_key(),
        "signed_at": moment(validity.signed_at()),
        "expires_at": moment(validity.expires_at()),
        "expires_in": validity.seconds(),
    });
    if let Some(version) = version {
        all["version"] = version.as_str().into();
    }
    all
}
