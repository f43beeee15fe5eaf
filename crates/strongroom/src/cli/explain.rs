//! `strongroom explain`: says in plain words why a link fails, from the link and whatever else is known.

mod answer;
mod curl_line;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use jiff::Timestamp;
use strongroom_presign::{Credentials, Endpoint, Evidence, Link, LinkSignature, explain};

use super::named::{self, Separator};
use super::sign::StoreOptions;
use crate::ambient::Clock;
use crate::config::{Aws, process_environment};
use curl_line::Request;

/// What is known of the link.
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The URL, or the whole curl line that failed; - reads either from standard input
    #[arg(value_name = "URL|-")]
    url: String,
    /// The file with the store's answer, an XML document; - reads it from standard input
    #[arg(long, value_name = "FILE|-")]
    error: Option<PathBuf>,
    /// The method that was used
    #[arg(long, value_name = "METHOD")]
    method: Option<String>,
    /// A header that was sent; give all that you set, once each
    #[arg(long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// No header was set
    #[arg(long, conflicts_with = "headers")]
    no_headers: bool,
    /// The prefix below which all keys are meant to lie
    #[arg(long, value_name = "PREFIX")]
    location: Option<String>,
    /// Check the signature with the credentials of the environment or of a profile, which are never shown
    #[arg(long)]
    with_credentials: bool,
    /// The profile of AWS's tools that has the credentials
    #[arg(long, value_name = "NAME", requires = "with_credentials")]
    profile: Option<String>,
    #[command(flatten)]
    store: StoreOptions,
    /// Judge as of this time, such as 2026-01-31T12:00:00Z, instead of now
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// More than any URL or answer has; what is longer is no such thing.
const LARGEST: u64 = 1024 * 1024;

impl Explain {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let Request { url, method, headers } = self.request()?;
        let given: Vec<(&str, &str)> =
            headers.iter().flatten().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = self.answer()?;
        let credentials = self.credentials()?;
        let endpoints: Vec<Endpoint> = self.endpoint(&url)?.into_iter().collect();
        let mut evidence = Evidence::of(&url).endpoints(&endpoints);
        if let Some(method) = &method {
            evidence = evidence.method(method);
        }
        if headers.is_some() {
            evidence = evidence.headers(&given);
        }
        if let Some(answer) = &answer {
            evidence = evidence.answer(answer);
        }
        if let Some(credentials) = &credentials {
            evidence = evidence.credentials(credentials);
        }
        if let Some(prefix) = &self.location {
            evidence = evidence.prefix(prefix);
        }
        let explanation = explain(&evidence, self.now()?);
        answer::print(&explanation, self.json)?;
        Ok(ExitCode::from(u8::from(answer::is_wrong(&explanation))))
    }

    /// What the client sent: the curl line, if there is one, and what the options say of it.
    fn request(&self) -> anyhow::Result<Request> {
        let from_input = self.url == "-";
        ensure!(
            !(from_input && self.error.as_ref().is_some_and(|path| path.as_os_str() == "-")),
            "the URL and the answer cannot both come from standard input; put one of them into a file or an argument"
        );
        let text = if from_input { read(&mut io::stdin().lock(), "standard input")? } else { self.url.clone() };
        let text = text.trim();
        ensure!(!text.is_empty(), "there is no URL; give it in single quotes, as `&` ends a command, or pipe it to -");
        let mut request = if curl_line::is_one(text) {
            curl_line::read(text)?
        } else {
            // Quotes and angle brackets come along when a URL is copied out of a text.
            let url = text.trim_matches(['\'', '"', '<', '>']);
            Request { url: url.to_owned(), method: None, headers: None }
        };
        request.method = self.method.clone().or(request.method);
        if self.no_headers {
            request.headers = Some(Vec::new());
        }
        for text in &self.headers {
            let (name, value) = named::split(text, Separator::Colon, "--header")?;
            request.headers.get_or_insert_default().push((name.to_owned(), value.to_owned()));
        }
        Ok(request)
    }

    fn answer(&self) -> anyhow::Result<Option<String>> {
        let Some(path) = &self.error else { return Ok(None) };
        let answer = if path.as_os_str() == "-" {
            read(&mut io::stdin().lock(), "standard input")?
        } else {
            let mut file = File::open(path).with_context(|| {
                format!("the answer in {} cannot be read; name a file that holds it, or pipe it to -", path.display())
            })?;
            read(&mut file, &path.display().to_string())?
        };
        // With the headers of the answer in front of it, as `curl --include` prints it, it is still found.
        ensure!(
            answer.contains("<Code>"),
            "the answer is no error document of a store; it begins with `<Error>` or an XML declaration and has a <Code>. \
             Save the body of the answer, or leave --error out"
        );
        Ok(Some(answer))
    }

    fn credentials(&self) -> anyhow::Result<Option<Credentials>> {
        if !self.with_credentials {
            return Ok(None);
        }
        let aws = Aws::read(&process_environment(), self.profile.as_deref())?;
        Ok(Some(aws.credentials()?))
    }

    /// The store, if one was named. Its region is the one that was signed for, unless something else is said.
    fn endpoint(&self, url: &str) -> anyhow::Result<Option<Endpoint>> {
        let StoreOptions { endpoint, region, addressing } = &self.store;
        let Some(endpoint) = endpoint else {
            if region.is_some() || addressing.is_some() {
                bail!("--region and --addressing say how a store is reached; name it with --endpoint");
            }
            return Ok(None);
        };
        let signed_for = match Link::read(url, &[]).map(|link| link.signature) {
            Some(LinkSignature::Version4(signed)) if !signed.region().is_empty() => signed.region().to_owned(),
            _ => "us-east-1".to_owned(),
        };
        let made = match region {
            Some(region) => Endpoint::custom(endpoint, region)?,
            // What stands in a link may be no region at all, and is then a part of what is wrong.
            None => Endpoint::custom(endpoint, &signed_for).or_else(|_| Endpoint::custom(endpoint, "us-east-1"))?,
        };
        Ok(Some(match addressing {
            Some(style) => made.with_addressing((*style).into()),
            None => made,
        }))
    }

    fn now(&self) -> anyhow::Result<i64> {
        let Some(text) = &self.at else { return Ok(Clock::system().now().as_second()) };
        let moment: Timestamp =
            text.parse().with_context(|| format!("--at is `{text}`; write a time such as 2026-01-31T12:00:00Z"))?;
        Ok(moment.as_second())
    }
}

/// Reads a text of bounded length; bytes that are no text are replaced, so that the rest can be looked at.
fn read(source: &mut dyn io::Read, name: &str) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    source.take(LARGEST + 1).read_to_end(&mut bytes).with_context(|| format!("{name} cannot be read"))?;
    ensure!(bytes.len() as u64 <= LARGEST, "{name} has more than 1 MiB, so it is neither a URL nor a store's answer");
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
