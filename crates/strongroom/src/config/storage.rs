//! `[storage]`: the embedded store on local disk, or an external bucket, and the four identities that use it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::aws::AwsVariables;
use super::duration;
use super::key_path::KeyPath;
use super::layers::Report;
use super::origin::Origin;
use super::secret::Secret;
use super::server::address;
use super::size;
pub(super) use bucket::check_name as check_bucket;
pub use care::Care;
pub use identities::{CredentialSource, Credentials, Identities, Role};
pub use profile::{LEAST_PART, Profile, Provider, UploadAcl};

mod bucket;
mod care;
mod identities;
mod mirror;
mod profile;

use mirror::RawMirror;
pub(super) use mirror::check as check_mirror;
use profile::RawProfile;

/// Which of an installation's storages one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rank {
    /// The one that everything is handed in to.
    First,
    /// The second one, which gets copies.
    Mirror,
}

impl Rank {
    /// The section of the configuration that describes it.
    pub fn section(self) -> &'static str {
        match self {
            Self::First => "storage",
            Self::Mirror => "storage.mirror",
        }
    }
}

/// Where the bytes lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Storage {
    /// Which storage it is.
    pub rank: Rank,
    /// What every key begins with: empty, or path segments ending in one slash, such as `media/`.
    pub location: String,
    /// The kind of storage.
    pub provider: Provider,
    /// What that kind can and cannot do, and what the configuration says against that.
    pub profile: Profile,
    /// The store itself.
    pub place: Place,
    /// A second storage that gets everything, too.
    pub mirror: Option<Box<Storage>>,
}

/// Which store is used. Both speak the S3 protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The store inside this program, on local disk.
    Embedded(Embedded),
    /// A bucket somewhere else.
    External(External),
}

/// The store inside this program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Embedded {
    /// Where its S3 endpoint listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How users reach it, if that differs from `http://{listen}`.
    pub public_endpoint: Option<Origin>,
    /// The keys of the four identities; nothing when they are generated in the data folder.
    pub identities: Option<Identities>,
    /// Whether its clients may sign with Version 2 too.
    pub signature_version_2: bool,
    /// How it looks after itself.
    pub care: Care,
}

/// A bucket of another S3-compatible store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct External {
    /// The bucket's name.
    pub bucket: String,
    /// The region that requests are signed for.
    pub region: String,
    /// Where the service reaches the store.
    pub endpoint: Origin,
    /// Where users reach the store, if that differs; links and uploads are signed for this host.
    pub public_endpoint: Option<Origin>,
    /// Where the bucket's name stands in a URL.
    pub addressing: Addressing,
    /// Where the credentials of the four identities come from.
    pub identities: Identities<CredentialSource>,
}

/// Where the bucket's name stands in a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Addressing {
    /// `https://endpoint/bucket/key`
    Path,
    /// `https://bucket.endpoint/key`
    VirtualHost,
}

impl Default for Storage {
    fn default() -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 9000));
        Self {
            rank: Rank::First,
            location: String::new(),
            provider: Provider::Embedded,
            profile: Provider::Embedded.profile(),
            place: Place::Embedded(Embedded {
                listen,
                public_endpoint: None,
                identities: None,
                signature_version_2: false,
                care: Care::default(),
            }),
            mirror: None,
        }
    }
}

impl Embedded {
    /// How users reach the store, given where it really listens.
    pub fn public_endpoint(&self, listening: SocketAddr) -> String {
        match &self.public_endpoint {
            Some(endpoint) => endpoint.as_str().to_owned(),
            None => format!("http://{listening}"),
        }
    }
}

/// The section as it is written.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawStorage {
    #[serde(deserialize_with = "address::optional")]
    listen: Option<SocketAddr>,
    bucket: Option<String>,
    region: Option<String>,
    endpoint: Option<Origin>,
    public_endpoint: Option<Origin>,
    addressing: Option<Addressing>,
    provider: Option<Provider>,
    profile: RawProfile,
    location: String,
    signature_version_2: bool,
    #[serde(deserialize_with = "size::deserialize")]
    min_free: Option<u64>,
    #[serde(deserialize_with = "size::deserialize")]
    scrub_rate: Option<u64>,
    #[serde(deserialize_with = "duration::deserialize")]
    scrub_interval: Option<Duration>,
    reader: Option<RawCredentials>,
    writer: Option<RawCredentials>,
    janitor: Option<RawCredentials>,
    operator: Option<RawCredentials>,
    all: Option<RawCredentials>,
    mirror: Option<RawMirror>,
}

/// The credentials of one identity as they are written.
#[derive(Debug, Default, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawCredentials {
    access_key_id: Option<String>,
    secret_access_key: Option<Secret>,
    secret_access_key_file: Option<PathBuf>,
    session_token: Option<Secret>,
    session_token_file: Option<PathBuf>,
    profile: Option<String>,
    role_arn: Option<String>,
    external_id: Option<String>,
    role_session_name: Option<String>,
}

impl RawStorage {
    pub(super) fn validate(self, aws: &AwsVariables, report: &mut Report) -> Storage {
        let section = KeyPath::of(["storage"]);
        let location = location(&self.location, &section.then("location"), report);
        let place = if report.is_set(&section.then("bucket")) {
            self.external(aws, &section, report).map(Place::External)
        } else {
            self.embedded(&section, report).map(Place::Embedded)
        };
        let place = place.unwrap_or_else(|| Storage::default().place);
        let provider = match &place {
            Place::Embedded(_) => Provider::Embedded,
            Place::External(external) => self.provider.unwrap_or_else(|| Provider::of(&external.endpoint)),
        };
        let mut base = provider.profile();
        match &place {
            Place::Embedded(embedded) => base.signature_version_2 = embedded.signature_version_2,
            Place::External(external) => base.addressing = external.addressing,
        }
        let profile = self.profile.over(base, &section.then("profile"), report);
        let mut storage = Storage { rank: Rank::First, location, provider, profile, place, mirror: None };
        storage.mirror = self.mirror.and_then(|mirror| mirror.validate(&storage, report));
        storage
    }

    fn embedded(&self, section: &KeyPath, report: &mut Report) -> Option<Embedded> {
        for name in ["region", "endpoint", "addressing", "provider"] {
            if report.is_set(&section.then(name)) {
                report.problem(
                    &section.then(name),
                    "belongs to an external bucket, but storage.bucket is not set; \
                     set it, or remove this key to use the embedded store",
                );
            }
        }
        let Place::Embedded(default) = Storage::default().place else {
            return None;
        };
        let listen = self.listen.unwrap_or(default.listen);
        let identities = self.own_identities(section, report);
        if identities.is_none() && !listen.ip().is_loopback() {
            report.problem(
                &section.then("listen"),
                "would offer the store to other machines under keys that were generated for this one; listen on \
                127.0.0.1, \
                 or set access_key_id and secret_access_key in [storage.reader], [storage.writer], [storage.janitor] \
                 and [storage.operator]",
            );
        }
        let care = self.care(section, report);
        let public_endpoint = self.public_endpoint.clone();
        Some(Embedded { listen, public_endpoint, identities, signature_version_2: self.signature_version_2, care })
    }

    fn external(&self, aws: &AwsVariables, section: &KeyPath, report: &mut Report) -> Option<External> {
        if report.is_set(&section.then("listen")) {
            report.problem(
                &section.then("listen"),
                "belongs to the embedded store, but storage.bucket names an external one; remove one of the two",
            );
        }
        for name in care::KEYS.into_iter().chain(["signature_version_2"]) {
            if report.is_set(&section.then(name)) {
                report.problem(
                    &section.then(name),
                    "is about the embedded store, but storage.bucket names an external one; remove one of the two",
                );
            }
        }
        let identities = self.identities(aws, section, report);
        let endpoint = self.endpoint.clone().or_else(|| bucket::endpoint_from_environment(aws, report));
        let region = self.region(aws, endpoint.is_some(), section, report);
        let bucket = self.bucket.clone()?;
        if let Err(message) = bucket::check_name(&bucket) {
            report.problem(&section.then("bucket"), message);
        }
        let region = region?;
        let endpoint = endpoint.or_else(|| bucket::aws_endpoint(&region))?;
        let usual = self.provider.unwrap_or_else(|| Provider::of(&endpoint)).profile().addressing;
        let addressing = self.addressing.unwrap_or_else(|| bucket::usual_addressing(usual, &endpoint, &bucket));
        if addressing == Addressing::VirtualHost && bucket.contains('.') && endpoint.is_encrypted() {
            report.problem(
                &section.then("addressing"),
                "cannot work over https with a dot in the bucket's name, because the certificate covers one level \
                 only; write addressing = \"path\"",
            );
        }
        let public_endpoint = self.public_endpoint.clone();
        Some(External { bucket, region, endpoint, public_endpoint, addressing, identities: identities? })
    }

    /// The region requests are signed for. Stores other than AWS hardly look at it, but something must be signed.
    fn region(&self, aws: &AwsVariables, has_endpoint: bool, section: &KeyPath, report: &mut Report) -> Option<String> {
        let key = section.then("region");
        let named = self.region.clone().or_else(|| aws.region.clone());
        let Some(region) = named.or_else(|| has_endpoint.then(|| "us-east-1".to_owned())) else {
            report.problem(
                &key,
                format!(
                    "is missing; name the bucket's region, such as \"eu-central-1\", or set {} for a store other than \
                     AWS",
                    section.then("endpoint")
                ),
            );
            return None;
        };
        if bucket::is_region(&region) {
            return Some(region);
        }
        report.problem(
            &key,
            "is not the name of a region; write lower-case letters, digits and hyphens, such as \"eu-central-1\"",
        );
        None
    }
}

/// Checks the prefix of all keys and ends it with exactly one slash.
fn location(text: &str, key: &KeyPath, report: &mut Report) -> String {
    const LONGEST: usize = 256;
    let bare = text.strip_suffix('/').unwrap_or(text);
    let is_safe = |segment: &str| {
        !segment.is_empty()
            && segment != "."
            && segment != ".."
            && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.~=".contains(&byte))
    };
    if text.is_empty() {
        return String::new();
    }
    if bare.len() > LONGEST || !bare.split('/').all(is_safe) {
        let message = format!(
            "is not a usable prefix; write up to {LONGEST} letters, digits and -_.~= in segments between single \
                 slashes, without one in front, such as \"media/production\""
        );
        report.problem(key, message);
        return String::new();
    }
    format!("{bare}/")
}
