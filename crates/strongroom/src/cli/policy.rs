//! `strongroom policy`: the least policy for each storage identity, to be installed where the bucket is.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use serde_json::{Map, to_string, to_string_pretty, to_value};

use super::{Common, load};
use crate::config::{Config, External, Place};
use crate::storage::{Dialect, Identity, Location, Policy, Terrain};

/// Print the least policy of each storage identity.
#[derive(Debug, Args)]
pub(super) struct PolicyArguments {
    #[command(flatten)]
    common: Common,
    /// The identity; all if none is named
    #[arg(value_enum)]
    identity: Option<Name>,
    /// Of the mirror, in place of the storage
    #[arg(long)]
    mirror: bool,
    /// As documents, as a script for AWS's command line, or as Terraform
    #[arg(long, value_enum, default_value_t = Format::Json)]
    format: Format,
    /// The bucket, where none is configured yet; may be given several times
    #[arg(long, value_name = "NAME")]
    bucket: Vec<String>,
    /// The prefix of all keys; what is configured if nothing is said
    #[arg(long, value_name = "PREFIX")]
    location: Option<String>,
    /// What the names of the users begin with, for several installations in one place
    #[arg(long, value_name = "NAME", default_value = "strongroom", value_parser = user_name)]
    users: String,
    /// In whose words; those of the configured storage if nothing is said
    #[arg(long = "for", value_enum, value_name = "STORE")]
    store: Option<Store>,
}

/// An identity on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Name {
    /// Gets, and signs links
    Reader,
    /// Puts what is handed in, and signs uploads
    Writer,
    /// Promotes, deletes and lists
    Janitor,
    /// Configures the bucket
    Operator,
}

/// How policies are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The document; with all identities, one object with a document under each name, and under `buckets` what
    /// the buckets themselves have to allow, if anything
    Json,
    /// A shell script that installs them with `aws`
    Cli,
    /// Resources of the provider `aws`
    Terraform,
}

/// Who has to understand a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Store {
    /// AWS, and whoever follows it
    Aws,
    /// Ceph's gateway
    Ceph,
    /// SeaweedFS
    #[value(name = "seaweedfs")]
    SeaweedFs,
}

impl From<Name> for Identity {
    fn from(name: Name) -> Self {
        match name {
            Name::Reader => Self::Reader,
            Name::Writer => Self::Writer,
            Name::Janitor => Self::Janitor,
            Name::Operator => Self::Operator,
        }
    }
}

impl From<Store> for Dialect {
    fn from(store: Store) -> Self {
        match store {
            Store::Aws => Self::Aws,
            Store::Ceph => Self::Ceph,
            Store::SeaweedFs => Self::SeaweedFs,
        }
    }
}

impl PolicyArguments {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let mut config = load(&self.common.sources())?;
        if self.mirror {
            let mirror = config.of_mirror();
            config = mirror.context("there is no mirror; describe one as [storage.mirror] in the configuration")?;
            anyhow::ensure!(
                self.identity != Some(Name::Writer),
                "a mirror has no writer, because nobody uploads to it; ask for its reader, janitor or operator"
            );
        }
        let external = match &config.storage.place {
            Place::External(external) => Some(external),
            Place::Embedded(_) => None,
        };
        let dialect = self.store.map_or_else(|| config.storage.provider.into(), Dialect::from);
        let policies = self.policies(&config, external, dialect)?;
        let text = match self.format {
            Format::Json => policies.documents()?,
            Format::Cli => self.script(&policies, external, dialect)?,
            Format::Terraform => self.terraform(&policies)?,
        };
        io::stdout().write_all(text.as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }

    fn policies(&self, config: &Config, external: Option<&External>, dialect: Dialect) -> anyhow::Result<Policies> {
        let buckets = match external {
            _ if !self.bucket.is_empty() => self.bucket.clone(),
            Some(external) => {
                let others = config.buckets_of_spaces().into_iter().filter(|name| *name != external.bucket);
                std::iter::once(external.bucket.as_str()).chain(others).map(str::to_owned).collect()
            }
            None => bail!(
                "the embedded store holds its identities to their rights by itself and needs no policy; set \
                 storage.bucket in the configuration, or name the bucket with --bucket"
            ),
        };
        let location = Location::new(self.location.as_ref().unwrap_or(&config.storage.location))
            .context("--location is not a prefix for keys")?;
        let region = external.map_or("", |external| &external.region);
        let puts_are_final = match external {
            Some(_) if self.store.is_none() => config.storage.profile.puts_are_final(),
            _ => dialect != Dialect::Ceph,
        };
        let kms_key = config.bucket.kms_key.as_deref();
        let terrain = Terrain { buckets: &buckets, location: &location, region, dialect, puts_are_final, kms_key };
        let named = self.identity.map(|name| vec![Identity::from(name)]);
        let identities = named.unwrap_or_else(|| Identity::of(config.storage.rank).collect());
        let writer = identities.contains(&Identity::Writer).then(|| self.user(Identity::Writer));
        let of_buckets = buckets.iter().filter_map(|bucket| {
            let policy = Policy::of_bucket(bucket, writer.as_deref()?, terrain)?;
            Some((bucket.clone(), policy))
        });
        Ok(Policies {
            alone: self.identity.is_some(),
            of_identities: identities
                .into_iter()
                .map(|identity| (identity, Policy::least(identity, terrain)))
                .collect(),
            of_buckets: of_buckets.collect(),
        })
    }

    fn user(&self, identity: Identity) -> String {
        format!("{}-{}", self.users, self.name(identity, '-'))
    }

    /// The name of an identity beside those of the other storage.
    fn name(&self, identity: Identity, joint: char) -> String {
        if self.mirror { format!("mirror{joint}{identity}") } else { identity.to_string() }
    }

    /// A script that can be run again and again.
    fn script(&self, policies: &Policies, external: Option<&External>, dialect: Dialect) -> anyhow::Result<String> {
        let mut script =
            String::from("#!/bin/sh\n# Gives each storage identity of Strongroom what it needs.\nset -eu\n");
        let aws = match external {
            // Users and their rights are with the store, wherever that is; AWS has a place of its own for them.
            Some(external) if dialect != Dialect::Aws => format!("aws --endpoint-url {}", external.endpoint),
            _ => "aws".to_owned(),
        };
        for (identity, policy) in &policies.of_identities {
            let user = self.user(*identity);
            let document = shlex::try_quote(&to_string(policy)?)?.into_owned();
            match dialect {
                Dialect::Ceph => write!(
                    script,
                    "\n# The user is made where the cluster is administered:\n\
                     # radosgw-admin user create --uid={user} --display-name={user}{}\n\
                     {aws} iam put-user-policy --user-name {user} --policy-name strongroom --policy-document {document}\n",
                    // Whoever may have buckets may make them, whatever the policy says.
                    if *identity == Identity::Operator { "" } else { " --max-buckets=-1" }
                )?,
                // A policy of the user itself may name only some actions there; one that is attached may name all, and
                // yet suffices for no form.
                Dialect::SeaweedFs if *identity != Identity::Writer => write!(
                    script,
                    "\n{aws} iam get-user --user-name {user} >/dev/null 2>&1 || {aws} iam create-user --user-name {user}\n\
                     old=arn:aws:iam:::policy/{user}\n\
                     {aws} iam detach-user-policy --user-name {user} --policy-arn \"$old\" 2>/dev/null || true\n\
                     {aws} iam delete-policy --policy-arn \"$old\" 2>/dev/null || true\n\
                     arn=$({aws} iam create-policy --policy-name {user} --policy-document {document} \
                     --query Policy.Arn --output text)\n\
                     {aws} iam attach-user-policy --user-name {user} --policy-arn \"$arn\"\n\
                     # Its key is shown once: {aws} iam create-access-key --user-name {user}\n"
                )?,
                Dialect::Aws | Dialect::SeaweedFs => write!(
                    script,
                    "\n{aws} iam get-user --user-name {user} >/dev/null 2>&1 || {aws} iam create-user --user-name {user}\n\
                     {aws} iam put-user-policy --user-name {user} --policy-name strongroom --policy-document {document}\n\
                     # Its key is shown once: {aws} iam create-access-key --user-name {user}\n"
                )?,
            }
        }
        for (bucket, policy) in &policies.of_buckets {
            let document = shlex::try_quote(&to_string(policy)?)?.into_owned();
            let bucket = shlex::try_quote(bucket)?;
            write!(
                script,
                "\n# For forms; whoever owns the bucket runs this, once it is there.\n\
                 case \"$({aws} s3api get-bucket-policy --bucket {bucket} --query Policy --output text 2>/dev/null || true)\" in\n\
                 ''|*{forms}*) {aws} s3api put-bucket-policy --bucket {bucket} --policy {document} ;;\n\
                 *) echo 'the bucket' {bucket} 'has a policy of its own: add the statement {forms} to it' >&2; exit 1 ;;\n\
                 esac\n",
                forms = Policy::FORMS
            )?;
        }
        Ok(script)
    }

    fn terraform(&self, policies: &Policies) -> anyhow::Result<String> {
        let mut text = String::new();
        for (identity, policy) in &policies.of_identities {
            let user = self.user(*identity);
            let document = to_string_pretty(policy)?;
            let gap = if text.is_empty() { "" } else { "\n" };
            let name = self.name(*identity, '_');
            write!(
                text,
                "{gap}resource \"aws_iam_user\" \"strongroom_{name}\" {{\n  name = \"{user}\"\n}}\n\n\
                 resource \"aws_iam_user_policy\" \"strongroom_{name}\" {{\n  name   = \"strongroom\"\n  \
                 user   = aws_iam_user.strongroom_{name}.name\n  policy = <<-EOT\n{document}\nEOT\n}}\n"
            )?;
        }
        for (number, (bucket, policy)) in policies.of_buckets.iter().enumerate() {
            let document = to_string_pretty(policy)?;
            write!(
                text,
                "\nresource \"aws_s3_bucket_policy\" \"strongroom_{number}\" {{\n  bucket = {bucket:?}\n  policy = \
                 <<-EOT\n{document}\nEOT\n}}\n"
            )?;
        }
        Ok(text)
    }
}

/// What stands in a script and in Terraform must need no quotes there.
fn user_name(text: &str) -> Result<String, String> {
    let is_right = (1..=48).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        && !text.starts_with('-');
    if is_right { Ok(text.to_owned()) } else { Err("write up to 48 letters, digits, - and _".to_owned()) }
}

/// Everything that has to be installed.
struct Policies {
    /// Whether one identity alone was asked for.
    alone: bool,
    of_identities: Vec<(Identity, Policy)>,
    /// What the buckets themselves have to allow.
    of_buckets: Vec<(String, Policy)>,
}

impl Policies {
    fn documents(&self) -> anyhow::Result<String> {
        let text = match &*self.of_identities {
            [(_, policy)] if self.alone => to_string_pretty(policy)?,
            all => {
                let each = all.iter().map(|(identity, policy)| Ok((identity.to_string(), to_value(policy)?)));
                let mut documents = each.collect::<Result<Map<_, _>, serde_json::Error>>()?;
                if !self.of_buckets.is_empty() {
                    let each = self.of_buckets.iter().map(|(bucket, policy)| Ok((bucket.clone(), to_value(policy)?)));
                    let buckets = each.collect::<Result<Map<_, _>, serde_json::Error>>()?;
                    documents.insert("buckets".to_owned(), buckets.into());
                }
                to_string_pretty(&documents)?
            }
        };
        Ok(text + "\n")
    }
}
