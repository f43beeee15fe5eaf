//! Where the credentials of the four storage identities come from, and what may stand in for those not given.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{AwsVariables, RawCredentials, RawStorage};
use crate::config::credential;
use crate::config::key_path::KeyPath;
use crate::config::layers::Report;
use crate::config::secret::Secret;

const NAMES: [&str; 4] = ["reader", "writer", "janitor", "operator"];

/// The credentials of each identity: the keys themselves for the embedded store, where they come from for another one.
/// They should be four different ones, each with no more rights than its work needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identities<C = Credentials> {
    /// Reads objects; signs links.
    pub reader: C,
    /// Writes below the staging prefix; signs uploads.
    pub writer: C,
    /// Writes final keys, promotes, lists and deletes; signs nothing that is handed out.
    pub janitor: C,
    /// Configures the bucket; only commands use it, so an external bucket can do without.
    pub operator: Option<C>,
}

/// Where the credentials of one identity come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialSource {
    /// They are written down, in the configuration or in the usual variables.
    Keys(Credentials),
    /// A profile below `~/.aws` holds them, or says how they are fetched.
    Profile(String),
    /// The first of the usual places that has any: environment, profile, web identity, container, machine.
    Chain,
    /// They are those of a role.
    Role(Box<Role>),
}

/// A role that is taken on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// What the owner of the role wants to be told, if anything.
    pub external_id: Option<String>,
    /// How the session is called in the logs of who owns the role.
    pub session_name: String,
    /// Whose credentials take it on; never those of another role.
    pub base: CredentialSource,
}

/// The keys of one identity, as S3 knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The public half.
    pub access_key_id: String,
    /// The secret half.
    pub secret_access_key: Secret,
    /// The token of temporary credentials.
    pub session_token: Option<Secret>,
    /// When temporary credentials end, if anybody says.
    pub expires_at: Option<Timestamp>,
}

impl RawStorage {
    /// The identities of the embedded store: all four, all different, or none.
    pub(super) fn own_identities(&self, section: &KeyPath, report: &mut Report) -> Option<Identities> {
        const SHORTEST_SECRET: usize = 32;
        if self.all.is_some() {
            report.problem(
                &section.then("all"),
                "belongs to an external bucket: the embedded store tells its four \
                 identities apart by their keys; set storage.reader, storage.writer, storage.janitor and \
                 storage.operator instead",
            );
        }
        let given = [&self.reader, &self.writer, &self.janitor, &self.operator];
        if given.iter().all(|identity| identity.is_none()) {
            return None;
        }
        let mut found = Vec::new();
        let mut ids = BTreeSet::new();
        for (name, identity) in NAMES.into_iter().zip(given) {
            let key = section.then(name);
            let Some(raw) = identity else {
                report.problem(
                    &key,
                    "is missing; the embedded store takes the keys of all four identities from the \
                     configuration, or of none",
                );
                continue;
            };
            for name in ["role_arn", "profile", "external_id", "role_session_name"] {
                if report.is_set(&key.then(name)) {
                    report.problem(
                        &key.then(name),
                        "belongs to an external bucket; the embedded store knows its identities by their keys",
                    );
                }
            }
            let Some(credentials) = raw.keys(&key, report) else {
                continue;
            };
            if credentials.session_token.is_some() {
                report.problem(
                    &key.then("session_token"),
                    "belongs to an external bucket; the embedded store issues no temporary credentials",
                );
            }
            if credentials.secret_access_key.expose().len() < SHORTEST_SECRET {
                report.problem(
                    &key.then("secret_access_key"),
                    format!("is too short to be safe; use at least {SHORTEST_SECRET} random characters"),
                );
            }
            if !ids.insert(credentials.access_key_id.clone()) {
                report.problem(
                    &key.then("access_key_id"),
                    "is used by another identity too; each needs its own, \
                     because the embedded store tells them apart by it",
                );
            }
            found.push(credentials);
        }
        let [reader, writer, janitor, operator] = <[Credentials; 4]>::try_from(found).ok()?;
        Some(Identities { reader, writer, janitor, operator: Some(operator) })
    }

    /// The identities for an external bucket: each its own, or else the one for all, or else the usual variables; and
    /// where nothing is given at all, whatever the usual places of AWS's tools have.
    pub(super) fn identities(
        &self,
        aws: &AwsVariables,
        section: &KeyPath,
        report: &mut Report,
    ) -> Option<Identities<CredentialSource>> {
        let given = [&self.reader, &self.writer, &self.janitor, &self.operator];
        let all = match &self.all {
            Some(raw) => raw.source("all", &section.then("all"), report),
            None => match aws.credentials(report) {
                Some(keys) => Some(CredentialSource::Keys(keys)),
                None => given.iter().all(|identity| identity.is_none()).then_some(CredentialSource::Chain),
            },
        };
        let mut shared = Vec::new();
        let mut found = [None, None, None, None];
        for ((name, identity), slot) in NAMES.into_iter().zip(given).zip(&mut found) {
            let key = section.then(name);
            match (identity, &all) {
                (Some(raw), _) => *slot = raw.source(name, &key, report),
                (None, Some(source)) => {
                    shared.push(name);
                    *slot = Some(source.clone());
                }
                (None, None) if name == "operator" || self.all.is_some() => {}
                (None, None) => report.problem(
                    &key,
                    format!("is missing; set access_key_id and secret_access_key, or role_arn, or profile in [{key}]"),
                ),
            }
        }
        if shared.len() > 1 {
            report.warning(
                section,
                format!(
                    "uses the same credentials for {}: whoever gets hold of them can do everything; give each \
                     identity its own, a key or a role, with only the rights it needs",
                    shared.join(", ")
                ),
            );
        }
        let [reader, writer, janitor, operator] = found;
        Some(Identities { reader: reader?, writer: writer?, janitor: janitor?, operator })
    }
}

impl RawCredentials {
    /// Where the credentials of the identity `name` come from.
    fn source(&self, name: &str, key: &KeyPath, report: &mut Report) -> Option<CredentialSource> {
        let has_keys = self.access_key_id.is_some()
            || self.secret_access_key.is_some()
            || self.secret_access_key_file.is_some()
            || self.session_token.is_some()
            || self.session_token_file.is_some();
        if has_keys && self.profile.is_some() {
            report.problem(&key.then("profile"), "is set together with keys; remove one of the two");
            return None;
        }
        if self.profile.as_deref().is_some_and(|name| name.trim().is_empty()) {
            report.problem(&key.then("profile"), "is empty; name a profile of ~/.aws/config, or remove the key");
            return None;
        }
        let base = match &self.profile {
            Some(profile) => CredentialSource::Profile(profile.clone()),
            None if self.role_arn.is_some() && !has_keys => CredentialSource::Chain,
            None => CredentialSource::Keys(self.keys(key, report)?),
        };
        self.role(name, base, key, report)
    }

    /// The role that is taken on with these credentials, or these credentials if there is none.
    fn role(&self, name: &str, base: CredentialSource, key: &KeyPath, report: &mut Report) -> Option<CredentialSource> {
        let Some(arn) = self.role_arn.clone() else {
            let mut is_right = true;
            for (name, value) in [("external_id", &self.external_id), ("role_session_name", &self.role_session_name)] {
                if value.is_some() {
                    report.problem(&key.then(name), "belongs to a role; set role_arn, or remove this key");
                    is_right = false;
                }
            }
            return is_right.then_some(base);
        };
        let fits = |text: &str, lengths: std::ops::RangeInclusive<usize>, others: &[u8]| {
            lengths.contains(&text.len())
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte) || others.contains(&byte))
        };
        let mut is_right = true;
        if !(arn.starts_with("arn:") && arn.contains(":role/") && fits(&arn, 20..=2048, b":/")) {
            let message = "is not the ARN of a role, such as \"arn:aws:iam::123456789012:role/strongroom-reader\"";
            report.problem(&key.then("role_arn"), message);
            is_right = false;
        }
        if self.external_id.as_deref().is_some_and(|id| !fits(id, 2..=1224, b":/")) {
            report.problem(
                &key.then("external_id"),
                "is not an external id; those have 2 to 1,224 letters, digits and _+=,.@:/-",
            );
            is_right = false;
        }
        let session_name = self.role_session_name.clone().unwrap_or_else(|| match name {
            "all" => "strongroom".to_owned(),
            name => format!("strongroom-{name}"),
        });
        if !fits(&session_name, 2..=64, b"") {
            report.problem(
                &key.then("role_session_name"),
                "is not the name of a session; those have 2 to 64 letters, digits and _+=,.@-",
            );
            is_right = false;
        }
        let role = Role { arn, external_id: self.external_id.clone(), session_name, base };
        is_right.then(|| CredentialSource::Role(Box::new(role)))
    }

    fn keys(&self, key: &KeyPath, report: &mut Report) -> Option<Credentials> {
        let secret = credential::choose(
            self.secret_access_key.as_ref(),
            self.secret_access_key_file.as_deref(),
            &key.then("secret_access_key"),
            report,
        );
        let session_token = credential::choose(
            self.session_token.as_ref(),
            self.session_token_file.as_deref(),
            &key.then("session_token"),
            report,
        );
        let id = self.access_key_id.clone();
        match &id {
            None => report.problem(&key.then("access_key_id"), "is missing; it is the public half of the key"),
            Some(id) => {
                let is_right = (1..=128).contains(&id.len())
                    && id.bytes().all(|byte| byte.is_ascii_graphic() && !b"/,=\"".contains(&byte));
                if !is_right {
                    report.problem(
                        &key.then("access_key_id"),
                        "is not an access key id; those are 1 to 128 visible ASCII characters without / , = and \
                             quotes",
                    );
                }
            }
        }
        if self.secret_access_key.is_none() && self.secret_access_key_file.is_none() {
            report.problem(
                &key.then("secret_access_key"),
                "is missing; set it, or secret_access_key_file with the path of a file that holds it",
            );
        }
        Some(Credentials { access_key_id: id?, secret_access_key: secret?, session_token, expires_at: None })
    }
}
