//! `strongroom token`: API keys for services, and tokens to try things out as some user.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::json;

use super::{Common, load};
use crate::access::check_subject;
use crate::ambient::{Clock, Random};
use crate::assemble;
use crate::authenticate::{KEY_PREFIX, hash};
use crate::config::{Secret, duration};
use crate::db::{self, api_keys::ApiKey};
use crate::jwt::{Bearer, mint};

#[derive(Debug, Subcommand)]
pub(super) enum TokenVerb {
    /// Make an API key; it is shown once, and only a hash of it is kept
    Create {
        #[command(flatten)]
        common: Common,
        /// What people call it
        #[arg(long)]
        name: String,
        /// The subject it speaks for
        #[arg(long)]
        subject: Option<String>,
        /// A role it has; may be repeated
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
        /// A scope it has; may be repeated. The scope `admin` opens everything
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<String>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// List the API keys
    List {
        #[command(flatten)]
        common: Common,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Revoke an API key; it works no longer from the next request on
    Revoke {
        #[command(flatten)]
        common: Common,
        /// The key's id, as `token list` shows it
        id: String,
    },
    /// Make a token such as your application would, signed with the secret of this installation
    Mint {
        #[command(flatten)]
        common: Common,
        /// The user it is for
        #[arg(long)]
        subject: String,
        /// A role of the user; may be repeated
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
        /// How long it is good for
        #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = duration::parse)]
        expires: Duration,
    },
}

impl TokenVerb {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Create { common, name, subject, roles, scopes, json } => {
                create(&common, Wanted { name, subject, roles, scopes }, json)?;
            }
            Self::List { common, json } => list(&common, json)?,
            Self::Revoke { common, id } => revoke(&common, &id)?,
            Self::Mint { common, subject, roles, expires } => {
                let config = load(&common.sources())?;
                let secrets = assemble::secrets(&config)?;
                let bearer = Bearer { subject, roles, scopes: Vec::new() };
                let secret = Secret::new(&secrets.signing_secret);
                let token = mint(&config.auth.jwt, &secret, &bearer, Clock::system().now(), expires)?;
                writeln!(io::stdout(), "{token}")?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What a new key shall be.
struct Wanted {
    name: String,
    subject: Option<String>,
    roles: Vec<String>,
    scopes: Vec<String>,
}

fn create(common: &Common, wanted: Wanted, as_json: bool) -> anyhow::Result<()> {
    if let Some(subject) = &wanted.subject {
        check_subject(subject).map_err(|error| anyhow::anyhow!("the subject {error}"))?;
    }
    let config = load(&common.sources())?;
    let random = Random::system();
    let id: String = base16ct::lower::encode_string(&random.bytes::<6>());
    let secret = random.secret();
    let key = ApiKey {
        id: id.clone(),
        name: wanted.name,
        secret_hash: hash(&secret),
        subject: wanted.subject,
        roles: wanted.roles,
        scopes: wanted.scopes,
        created_at: Clock::system().now(),
        revoked_at: None,
    };
    super::block_on(async move {
        let db = assemble::database(&config).await?;
        db.write(move |tx| db::api_keys::insert(tx, &key)).await.context("the key could not be kept")
    })?;
    let token = format!("{KEY_PREFIX}{id}_{secret}");
    let mut out = io::stdout().lock();
    if as_json {
        writeln!(out, "{}", json!({"id": id, "token": token}))?;
    } else {
        writeln!(out, "{token}")?;
        writeln!(io::stderr(), "It is not shown again. Revoke it with: strongroom token revoke {id}")?;
    }
    Ok(())
}

fn list(common: &Common, as_json: bool) -> anyhow::Result<()> {
    let config = load(&common.sources())?;
    let keys: Vec<ApiKey> = super::block_on(async move {
        let db = assemble::database(&config).await?;
        db.read(db::api_keys::list).await.map_err(|error: db::Error| error.into())
    })?;
    let mut out = io::stdout().lock();
    if as_json {
        let items: Vec<_> = keys
            .iter()
            .map(|key| {
                json!({
                    "id": key.id, "name": key.name, "subject": key.subject, "roles": key.roles, "scopes": key.scopes,
                    "created_at": key.created_at, "revoked_at": key.revoked_at,
                })
            })
            .collect();
        writeln!(out, "{}", json!({"items": items}))?;
        return Ok(());
    }
    for key in keys {
        let subject = key.subject.as_deref().unwrap_or("-");
        let rights: Vec<_> = key.roles.iter().map(|role| format!("role:{role}")).chain(key.scopes).collect();
        let state = if key.revoked_at.is_some() { "revoked" } else { "active" };
        writeln!(out, "{}  {state:<7}  {}  subject {subject}  {}", key.id, key.name, rights.join(" "))?;
    }
    Ok(())
}

fn revoke(common: &Common, id: &str) -> anyhow::Result<()> {
    let config = load(&common.sources())?;
    let (now, wanted) = (Clock::system().now(), id.to_owned());
    let revoked = super::block_on(async move {
        let db = assemble::database(&config).await?;
        db.write(move |tx| db::api_keys::revoke(tx, &wanted, now)).await.map_err(|error: db::Error| error.into())
    })?;
    anyhow::ensure!(revoked, "there is no active key {id}; `strongroom token list` shows them");
    writeln!(io::stdout(), "revoked {id}")?;
    Ok(())
}
