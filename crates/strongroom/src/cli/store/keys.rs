//! `strongroom store keys`: what any S3 client needs to use the embedded store, and keys of one's own for it.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use strongroom_store::{AccessKey, Action, Grant, Keyring, KeyringError};

use super::embedded;
use crate::ambient::{Clock, Random};
use crate::assemble;
use crate::cli::{Common, load};
use crate::config::{Config, Credentials, duration};
use crate::embedded::{self as store, Addresses};

/// Without a verb: the endpoint, region, bucket and the four identities' keys.
#[derive(Debug, Args)]
pub(in crate::cli) struct Keys {
    #[command(flatten)]
    common: Common,
    /// Print one JSON object
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    verb: Option<KeysVerb>,
}

#[derive(Debug, Subcommand)]
enum KeysVerb {
    /// List every key and what it may do, without secrets
    List,
    /// Make a key; a running service knows it from the next request on
    Create {
        /// What people call it
        #[arg(long)]
        name: String,
        /// The bucket it is for; `*` for all of them
        #[arg(long)]
        bucket: String,
        /// What its keys must begin with; without it, all of the bucket
        #[arg(long, default_value = "")]
        prefix: String,
        /// What it may do; may be repeated, or be `all`
        #[arg(long = "allow", value_name = "ACTION", required = true, value_delimiter = ',', value_parser = action)]
        actions: Vec<Allowed>,
        /// How long it is good for; for ever when nothing is said
        #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
        expires: Option<Duration>,
    },
    /// Replace a key by a new one with the same rights
    Rotate {
        /// The access key id, as `store keys list` shows it
        id: String,
        /// How long the old one still works; not at all when nothing is said
        #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
        grace: Option<Duration>,
    },
    /// Take a key back; it works no longer from the next request on
    Revoke {
        /// The access key id, as `store keys list` shows it
        id: String,
    },
}

/// One action, or every one.
#[derive(Debug, Clone)]
struct Allowed(Vec<Action>);

/// Reads an action by the name it has in the file of keys.
fn action(text: &str) -> Result<Allowed, String> {
    if text == "all" {
        return Ok(Allowed(Action::ALL.to_vec()));
    }
    serde_json::from_value(Value::String(text.to_owned())).map(|action| Allowed(vec![action])).map_err(|_| {
        let names: Vec<String> = Action::ALL.into_iter().map(named).collect();
        format!("it is none of {} and all", names.join(", "))
    })
}

fn named(action: Action) -> String {
    serde_json::to_value(action).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

impl Keys {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let config = load(&self.common.sources())?;
        embedded(&config)?;
        let keyring = Keyring::of(store::folder(&config.data));
        let (now, random) = (Clock::system().now(), Random::system());
        let fresh = || AccessKey {
            access_key_id: format!("key-{}", base16ct::lower::encode_string(&random.bytes::<8>())),
            secret_access_key: random.secret(),
            name: String::new(),
            grants: Vec::new(),
            created: now,
            expires: None,
        };
        let after = |duration: Duration| {
            now.checked_add(duration).map_err(|_| anyhow::anyhow!("that is longer than any key can live"))
        };
        match self.verb {
            None => print_identities(&config, self.json)?,
            Some(KeysVerb::List) => list(&config, &keyring.list()?, self.json)?,
            Some(KeysVerb::Create { name, bucket, prefix, actions, expires }) => {
                // The folder may not be there before the service has run for the first time.
                assemble::secrets(&config)?;
                std::fs::create_dir_all(store::folder(&config.data))?;
                let mut actions: Vec<Action> = actions.into_iter().flat_map(|allowed| allowed.0).collect();
                actions.dedup();
                let grant = Grant { bucket: Some(bucket).filter(|bucket| bucket != "*"), prefix, actions };
                let key = AccessKey { name, grants: vec![grant], expires: expires.map(after).transpose()?, ..fresh() };
                keyring.add(key.clone())?;
                print_new(&config, &key, self.json)?;
            }
            Some(KeysVerb::Rotate { id, grace }) => {
                let new = keyring.rotate(&id, fresh(), grace.map(after).transpose()?).map_err(helpfully)?;
                print_new(&config, &new, self.json)?;
            }
            Some(KeysVerb::Revoke { id }) => {
                let gone = keyring.revoke(&id).map_err(helpfully)?;
                let mut out = io::stdout().lock();
                if self.json {
                    writeln!(out, "{}", json!({"revoked": gone.access_key_id}))?;
                } else {
                    writeln!(out, "revoked {} ({})", gone.access_key_id, gone.name)?;
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Says where a key that is not in the file may be found.
fn helpfully(error: KeyringError) -> anyhow::Error {
    match error {
        KeyringError::Unknown(id) => anyhow::anyhow!(
            "there is no access key {id} that was made here; `strongroom store keys list` shows them. The service's \
             own four stand in secrets.toml or in the configuration, and are changed there"
        ),
        other => other.into(),
    }
}

fn identities(config: &Config) -> anyhow::Result<[(&'static str, Option<Credentials>); 4]> {
    let secrets = assemble::secrets(config)?;
    let identities = store::identities(embedded(config)?, &secrets);
    Ok([
        ("reader", Some(identities.reader)),
        ("writer", Some(identities.writer)),
        ("janitor", Some(identities.janitor)),
        ("operator", identities.operator),
    ])
}

fn endpoint(config: &Config) -> anyhow::Result<String> {
    let embedded = embedded(config)?;
    Ok(Addresses::find(&config.data)
        .map_or_else(|| embedded.public_endpoint(embedded.listen), |addresses| addresses.store))
}

fn print_identities(config: &Config, as_json: bool) -> anyhow::Result<()> {
    let (all, endpoint) = (identities(config)?, endpoint(config)?);
    let mut out = io::stdout().lock();
    if as_json {
        let mut answer = json!({"endpoint": endpoint, "region": store::REGION, "bucket": store::BUCKET});
        for (name, credentials) in &all {
            answer[name] = credentials.as_ref().map_or(Value::Null, |credentials| {
                pair(&credentials.access_key_id, credentials.secret_access_key.expose())
            });
        }
        writeln!(out, "{answer}")?;
        return Ok(());
    }
    writeln!(out, "endpoint  {endpoint}")?;
    writeln!(out, "region    {}", store::REGION)?;
    writeln!(out, "bucket    {}", store::BUCKET)?;
    for (name, credentials) in &all {
        if let Some(credentials) = credentials {
            writeln!(out, "\n{name}")?;
            writeln!(out, "  AWS_ACCESS_KEY_ID={}", credentials.access_key_id)?;
            writeln!(out, "  AWS_SECRET_ACCESS_KEY={}", credentials.secret_access_key.expose())?;
        }
    }
    Ok(())
}

fn pair(access_key_id: &str, secret_access_key: &str) -> Value {
    json!({"access_key_id": access_key_id, "secret_access_key": secret_access_key})
}

fn print_new(config: &Config, key: &AccessKey, as_json: bool) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    if as_json {
        let mut answer = pair(&key.access_key_id, &key.secret_access_key);
        answer["endpoint"] = endpoint(config)?.into();
        answer["region"] = store::REGION.into();
        answer["expires"] = json!(key.expires);
        writeln!(out, "{answer}")?;
    } else {
        writeln!(out, "AWS_ACCESS_KEY_ID={}", key.access_key_id)?;
        writeln!(out, "AWS_SECRET_ACCESS_KEY={}", key.secret_access_key)?;
        writeln!(io::stderr(), "The secret is not shown again.")?;
    }
    Ok(())
}

fn list(config: &Config, keys: &[AccessKey], as_json: bool) -> anyhow::Result<()> {
    let own = identities(config)?;
    let own = own.iter().filter_map(|(name, credentials)| Some((*name, &credentials.as_ref()?.access_key_id)));
    let mut out = io::stdout().lock();
    if as_json {
        let made = keys.iter().map(|key| {
            json!({
                "access_key_id": key.access_key_id, "name": key.name, "grants": key.grants, "created": key.created,
                "expires": key.expires,
            })
        });
        let service = own.map(|(name, id)| json!({"access_key_id": id, "name": name}));
        writeln!(out, "{}", json!({"service": service.collect::<Vec<_>>(), "items": made.collect::<Vec<_>>()}))?;
        return Ok(());
    }
    for (name, id) in own {
        writeln!(out, "{id}  {name}  the service's own")?;
    }
    for key in keys {
        write!(out, "{}  {}", key.access_key_id, key.name)?;
        for grant in &key.grants {
            let actions: Vec<String> = grant.actions.iter().copied().map(named).collect();
            let bucket = grant.bucket.as_deref().unwrap_or("*");
            write!(out, "  {bucket}/{}* {}", grant.prefix, actions.join(","))?;
        }
        match key.expires {
            Some(expires) => writeln!(out, "  until {expires}")?,
            None => writeln!(out)?,
        }
    }
    Ok(())
}
