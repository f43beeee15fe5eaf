//! The configuration: a TOML file, the environment and the command line, laid over the defaults and checked together.
//!
//! This is the only code that reads the environment. [`Config::load`] reports everything that is wrong, not just the
//! first thing, and says for each where it was set and what would be right.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use accept::{Accept, TypePattern, is_active};
pub use arrivals::{Arrivals, Topic};
pub use auth::{Algorithm, Auth, ClaimNames, ClaimPath, Jwt, JwtKeys};
pub use aws::{Aws, AwsError};
pub use bucket_settings::{BucketSettings, Days, Encryption};
pub use cleanup::Cleanup;
pub use database::Database;
pub use key_path::KeyPath;
pub use key_template::{KeyTemplate, Piece, Placeholder, STAGING, VariantKey};
pub use origin::Origin;
pub use problem::{ConfigErrors, Problem, Source};
pub use processing::Processing;
pub use rules::{Rule, Rules};
pub use secret::Secret;
pub use server::{Log, LogFormat, RateLimit, Server};
pub use space::{AllowedOrigin, Lifecycle, Links, Original, Quota, Space, Uploads};
pub use storage::{
    Addressing, Care, CredentialSource, Credentials, Embedded, External, Identities, LEAST_PART, Place, Profile,
    Provider, Rank, Role, Storage, UploadAcl,
};
pub use transforms::TransformKeys;
pub use variant::{Amount, Box as Frame, Format, LONGEST_SIDE, Make, Optimise, Part, Tint, Variant};

use arrivals::RawArrivals;
use auth::RawAuth;
use aws::AwsVariables;
use database::RawDatabase;
use layers::{Layers, Report};
use storage::RawStorage;
use transforms::RawTransforms;

mod accept;
mod arrivals;
mod auth;
mod aws;
mod bucket_settings;
mod cleanup;
mod credential;
mod database;
pub(crate) mod duration;
mod key_path;
mod key_template;
mod layers;
mod origin;
mod problem;
mod processing;
mod read;
mod rules;
mod secret;
mod server;
pub(crate) mod size;
mod space;
mod storage;
#[cfg(test)]
mod tests;
mod transforms;
mod variant;

/// The configuration file with every key explained, as `strongroom config example` prints it.
pub const EXAMPLE: &str = include_str!("../example.toml");

/// Everything that can be configured, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The folder of the database, the generated secrets and the embedded store.
    pub data: PathBuf,
    /// The service.
    pub server: Server,
    /// Where everything but the bytes lies.
    pub database: Database,
    /// Where the bytes lie.
    pub storage: Storage,
    /// What the bucket should be like.
    pub bucket: BucketSettings,
    /// Who is believed.
    pub auth: Auth,
    /// The classes of objects by their names; never empty.
    pub spaces: BTreeMap<String, Space>,
    /// Who may tell that bytes have arrived.
    pub arrivals: Arrivals,
    /// What making variants of pictures may cost.
    pub processing: Processing,
    /// What signs transforms.
    pub transforms: TransformKeys,
    /// The clean-up.
    pub cleanup: Cleanup,
    /// What is allowed but probably not meant; to be logged at start.
    pub warnings: Vec<Problem>,
}

/// Where the configuration comes from. Later fields win over earlier ones.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The TOML file (`--config`).
    pub file: Option<PathBuf>,
    /// The environment; [`process_environment`] gives the real one.
    pub environment: Vec<(String, String)>,
    /// `--data`
    pub data: Option<PathBuf>,
    /// `--listen`
    pub listen: Option<String>,
    /// `--store-listen`
    pub store_listen: Option<String>,
    /// `--demo`: adds the space `demo`.
    pub demo: bool,
}

/// The file as it is written.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawConfig {
    data: PathBuf,
    server: Server,
    database: RawDatabase,
    storage: RawStorage,
    bucket: BucketSettings,
    auth: RawAuth,
    spaces: BTreeMap<String, Space>,
    arrivals: RawArrivals,
    processing: Processing,
    transforms: RawTransforms,
    cleanup: Cleanup,
}

impl Default for RawConfig {
    fn default() -> Self {
        Self {
            data: PathBuf::from("strongroom-data"),
            server: Server::default(),
            database: RawDatabase::default(),
            storage: RawStorage::default(),
            bucket: BucketSettings::default(),
            auth: RawAuth::default(),
            spaces: BTreeMap::new(),
            arrivals: RawArrivals::default(),
            processing: Processing::default(),
            transforms: RawTransforms::default(),
            cleanup: Cleanup::default(),
        }
    }
}

impl Config {
    /// Reads, merges and checks everything. Nothing is changed on disk.
    pub fn load(sources: &Sources) -> Result<Self, ConfigErrors> {
        let mut report = Report::default();
        report.layers = layers(sources, &mut report.problems)?;
        let raw: RawConfig = read::read(&mut report);
        let aws = AwsVariables::from_environment(&sources.environment);
        let config = raw.validate(&aws, sources.data.as_deref(), sources.demo, &mut report);
        if report.problems.is_empty() {
            Ok(Self { warnings: report.warnings, ..config })
        } else {
            report.problems.sort_by(|a, b| a.source.cmp(&b.source));
            Err(ConfigErrors(report.problems))
        }
    }

    /// The buckets that spaces have for themselves, each once.
    pub fn buckets_of_spaces(&self) -> Vec<&str> {
        let mut buckets: Vec<_> = self.spaces.values().filter_map(|space| space.bucket.as_deref()).collect();
        buckets.sort_unstable();
        buckets.dedup();
        buckets
    }

    /// The bucket of a space, as rows name it: the installation's own has no name there.
    pub fn bucket_of(&self, space: &str) -> &str {
        self.spaces.get(space).and_then(|space| space.bucket.as_deref()).unwrap_or_default()
    }

    /// All web origins that any space lets in, each once.
    pub fn origins(&self) -> Vec<&AllowedOrigin> {
        let mut origins: Vec<_> = self.spaces.values().flat_map(|space| &space.origins).collect();
        origins.sort();
        origins.dedup();
        origins
    }
}

impl RawConfig {
    fn validate(self, aws: &AwsVariables, data: Option<&Path>, demo: bool, report: &mut Report) -> Config {
        let data_key = KeyPath::of(["data"]);
        if data.unwrap_or(&self.data).as_os_str().is_empty() {
            report.problem(&data_key, "is empty; name a folder, such as \"strongroom-data\"");
        }
        let data = data.map_or_else(|| report.layers.resolve(&data_key, &self.data), Path::to_owned);
        self.server.validate(report);
        self.processing.validate(report);
        self.cleanup.validate(report);
        let database = self.database.validate(report);
        let storage = self.storage.validate(aws, report);
        self.bucket.validate(report);
        let auth = self.auth.validate(report);
        refuse_generated_secrets_in_public(&self.server, &auth, report);
        let spaces = space::validate(self.spaces, demo, report);
        storage::check_mirror(&storage, &spaces, report);
        let arrivals = self.arrivals.validate(report);
        let transforms = self.transforms.validate(report);
        Config {
            data,
            server: self.server,
            database,
            storage,
            bucket: self.bucket,
            auth,
            spaces,
            arrivals,
            processing: self.processing,
            transforms,
            cleanup: self.cleanup,
            warnings: Vec::new(),
        }
    }
}

/// Whoever offers the service to other machines must have chosen its secrets: the generated ones lie in a folder that
/// nobody thought about, and are printed at start.
fn refuse_generated_secrets_in_public(server: &Server, auth: &Auth, report: &mut Report) {
    if server.listen.ip().is_loopback() {
        return;
    }
    let mut missing = Vec::new();
    if auth.admin_token.is_none() {
        missing.push("auth.admin_token (or auth.admin_token_file)");
    }
    if auth.jwt.keys == JwtKeys::Generated {
        missing.push("auth.jwt.secret (or secret_file, public_key_file, jwks_url)");
    }
    if !missing.is_empty() {
        report.problem(
            &KeyPath::of(["server", "listen"]),
            format!(
                "would offer the service to other machines under secrets that were generated for this one; \
                 listen on 127.0.0.1, or set {}",
                missing.join(" and ")
            ),
        );
    }
}

fn layers(sources: &Sources, problems: &mut Vec<Problem>) -> Result<Layers, ConfigErrors> {
    let mut layers = Layers::default();
    if let Some(path) = &sources.file {
        layers.add_file(path, &read_file(path)?)?;
    }
    let mut environment: Vec<_> = sources.environment.iter().collect();
    environment.sort();
    for (variable, text) in environment {
        problems.extend(layers.add_variable(variable, text).err());
    }
    let arguments = [
        ("--listen", KeyPath::of(["server", "listen"]), &sources.listen),
        ("--store-listen", KeyPath::of(["storage", "listen"]), &sources.store_listen),
    ];
    for (flag, key, text) in arguments {
        if let Some(text) = text {
            problems.extend(layers.add_argument(flag, &key, text).err());
        }
    }
    Ok(layers)
}

fn read_file(path: &Path) -> Result<String, ConfigErrors> {
    fs::read_to_string(path).map_err(|error| {
        let message = format!(
            "cannot be read: {error}; name another file with --config, or start from `strongroom config example`"
        );
        let source = Source::File { path: path.to_owned(), line: 1, column: 1 };
        ConfigErrors(vec![Problem { source, key: KeyPath::default(), value: None, message }])
    })
}

/// The environment of this process. Variables that are not Unicode are left out.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
pub fn process_environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}
