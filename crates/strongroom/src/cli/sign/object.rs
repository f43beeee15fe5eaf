//! `strongroom sign get`, `head`, `put` and `delete`: one URL for one object.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use sha2::{Digest as _, Sha256};
use strongroom_presign::{Method, Request, Validity};

use super::curl::Body;
use super::life::Life;
use super::output::{Format, Signed};
use super::place::{Place, Target};
use crate::ambient::Clock;
use crate::cli::named::{self, Separator};

/// What every URL of an object can have besides.
#[derive(Debug, Args)]
pub(super) struct More {
    #[command(flatten)]
    life: Life,
    /// A header that is signed, so that the client must send it; may be repeated
    #[arg(long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// A query parameter, such as response-content-type=text/plain; may be repeated
    #[arg(long = "query", value_name = "NAME=VALUE")]
    query: Vec<String>,
    /// Sign with Signature Version 2, for old stores that know no other
    #[arg(long)]
    v2: bool,
    #[command(flatten)]
    format: Format,
}

impl More {
    /// Adds headers and query to the request, signs it now, and prints that.
    pub(super) fn sign(&self, target: &Target, mut request: Request<'_>, body: &Body) -> anyhow::Result<()> {
        for text in &self.headers {
            let (name, value) = named::split(text, Separator::Colon, "--header")?;
            request = request.header(name.to_owned(), value.to_owned());
        }
        for text in &self.query {
            let (name, value) = named::split(text, Separator::Equals, "--query")?;
            ensure!(
                !request.query_pairs().any(|(own, _)| own == name),
                "the query parameter `{name}` is given twice, or is part of what is signed already; leave one out"
            );
            request = request.query(name.to_owned(), value.to_owned());
        }
        let validity = self.life.from(&target.signer, Clock::system().now())?;
        let url = self.url(target, &request, validity)?;
        self.format.print(&Signed { target, request: &request, url: &url, validity, body })
    }

    fn url(&self, target: &Target, request: &Request<'_>, validity: Validity) -> anyhow::Result<String> {
        let signed = if self.v2 {
            target.signer.presign_v2(request, validity)
        } else {
            target.signer.presign(request, validity)
        };
        signed.with_context(|| format!("`{}` is not signed", target.key))
    }
}

/// Reading, or looking.
#[derive(Debug, Args)]
pub(in crate::cli) struct Read {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    more: More,
}

impl Read {
    pub(super) fn run(&self, method: Method) -> anyhow::Result<()> {
        let target = self.place.find()?;
        let body = if method == Method::Head { Body::HeadersOnly } else { Body::None };
        self.more.sign(&target, of_version(Request::on_key(method, &target.key), &target), &body)
    }
}

/// Deleting.
#[derive(Debug, Args)]
pub(in crate::cli) struct Delete {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    more: More,
}

impl Delete {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let target = self.place.find()?;
        self.more.sign(&target, of_version(Request::delete(&target.key), &target), &Body::None)
    }
}

fn of_version<'r>(request: Request<'r>, target: &'r Target) -> Request<'r> {
    match &target.version {
        Some(version) => request.query("versionId", version.as_str()),
        None => request,
    }
}

/// Writing.
#[derive(Debug, Args)]
pub(in crate::cli) struct Put {
    #[command(flatten)]
    place: Place,
    /// The content type that must be sent
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,
    /// The digest that the content must have, in hex as sha256sum prints it
    #[arg(long, value_name = "HEX", conflicts_with = "file")]
    sha256: Option<String>,
    #[command(flatten)]
    content: Content,
    #[command(flatten)]
    more: More,
}

/// What is sent.
#[derive(Debug, Args)]
pub(super) struct Content {
    /// How many bytes must be sent
    #[arg(long, value_name = "BYTES", conflicts_with = "file")]
    content_length: Option<u64>,
    /// The file that will be sent: its length is signed (and for `put` its SHA-256), and the curl line sends it
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

impl Put {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let target = self.place.find()?;
        refuse_version(&target)?;
        let mut request = Request::put(&target.key);
        if let Some(content_type) = &self.content_type {
            request = request.header("content-type", content_type.as_str());
        }
        let digest = match (&self.content.file, &self.sha256) {
            (Some(file), _) => Some(digest_of(file)?),
            (None, Some(hex)) => Some(digest(hex)?),
            (None, None) => None,
        };
        if let Some(digest) = digest {
            request = request.header("x-amz-checksum-sha256", STANDARD.encode(digest));
        }
        let (request, body) = self.content.of(request)?;
        self.more.sign(&target, request, &body)
    }
}

impl Content {
    /// The request with the length that was announced, and where the body comes from.
    pub(super) fn of<'r>(&self, request: Request<'r>) -> anyhow::Result<(Request<'r>, Body)> {
        let length = match &self.file {
            Some(file) => Some(length_of(file)?),
            None => self.content_length,
        };
        let request = match length {
            Some(length) => request.header("content-length", length.to_string()),
            None => request,
        };
        Ok((request, self.file.as_ref().map_or(Body::Stdin, |file| Body::File(file.clone()))))
    }
}

/// Versions are made by the store, so nobody can write one.
pub(super) fn refuse_version(target: &Target) -> anyhow::Result<()> {
    if let Some(version) = &target.version {
        bail!("the address names the version `{version}`, and nobody can write a version that exists; leave it out");
    }
    Ok(())
}

fn length_of(file: &Path) -> anyhow::Result<u64> {
    let metadata = std::fs::metadata(file).with_context(|| unreadable(file))?;
    ensure!(metadata.is_file(), "{} is no file; name the one that will be sent", file.display());
    Ok(metadata.len())
}

fn digest_of(file: &Path) -> anyhow::Result<[u8; 32]> {
    length_of(file)?;
    let mut hasher = Sha256::new();
    File::open(file).and_then(|mut file| io::copy(&mut file, &mut hasher)).with_context(|| unreadable(file))?;
    Ok(hasher.finalize().into())
}

fn unreadable(file: &Path) -> String {
    format!("the file {} cannot be read", file.display())
}

fn digest(hex: &str) -> anyhow::Result<[u8; 32]> {
    let mut digest = [0; 32];
    match base16ct::mixed::decode(hex, &mut digest) {
        Ok(bytes) if bytes.len() == 32 => Ok(digest),
        _ => bail!("`{hex}` is not a SHA-256; write its 64 hex digits, as sha256sum prints them"),
    }
}
