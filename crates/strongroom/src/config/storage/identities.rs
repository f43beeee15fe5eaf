//! The keys of the four storage identities, and what may stand in for one that is not given.

use std::collections::BTreeSet;

use super::{AwsVariables, RawCredentials, RawStorage};
use crate::config::credential;
use crate::config::key_path::KeyPath;
use crate::config::layers::Report;
use crate::config::secret::Secret;

const NAMES: [&str; 4] = ["reader", "writer", "janitor", "operator"];

/// The keys of each identity. They should be four different ones, each with no more rights than its work needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identities {
    /// Reads objects; signs links.
    pub reader: Credentials,
    /// Writes below the staging prefix; signs uploads.
    pub writer: Credentials,
    /// Writes final keys, promotes, lists and deletes; signs nothing that is handed out.
    pub janitor: Credentials,
    /// Configures the bucket; only commands use it, so an external bucket can do without.
    pub operator: Option<Credentials>,
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
            let Some(credentials) = raw.validate(&key, report) else {
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

    /// The identities for an external bucket: each its own, or else the one for all, or else the usual variables.
    pub(super) fn identities(&self, aws: &AwsVariables, section: &KeyPath, report: &mut Report) -> Option<Identities> {
        let all = match &self.all {
            Some(raw) => raw.validate(&section.then("all"), report),
            None => aws.credentials(),
        };
        let given = [&self.reader, &self.writer, &self.janitor, &self.operator];
        let mut own = 0;
        let mut shared = Vec::new();
        let mut missing = false;
        let mut found = [None, None, None, None];
        for ((name, identity), slot) in NAMES.into_iter().zip(given).zip(&mut found) {
            let key = section.then(name);
            match (identity, &all) {
                (Some(raw), _) => {
                    own += 1;
                    *slot = raw.validate(&key, report);
                }
                (None, Some(credentials)) => {
                    shared.push(name);
                    *slot = Some(credentials.clone());
                }
                (None, None) if name == "operator" || self.all.is_some() => {}
                (None, None) => {
                    missing = true;
                    report.problem(
                        &key,
                        format!("is missing; set access_key_id and secret_access_key in [storage.{name}]"),
                    );
                }
            }
        }
        if own == 0 && missing {
            // One sentence about all of them is clearer than one about each.
            report.problems.retain(|problem| !NAMES.iter().any(|name| problem.key == section.then(name)));
            report.problem(
                section,
                "has a bucket but no keys; set access_key_id and secret_access_key in \
                 [storage.reader], [storage.writer] and [storage.janitor], or, with less protection, in \
                 [storage.all] or as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            );
        }
        if shared.len() > 1 {
            report.warning(
                section,
                format!(
                    "uses one key for {}: whoever gets hold of it can do everything; give \
                 each identity its own key with only the rights it needs",
                    shared.join(", ")
                ),
            );
        }
        let [reader, writer, janitor, operator] = found;
        Some(Identities { reader: reader?, writer: writer?, janitor: janitor?, operator })
    }
}

impl RawCredentials {
    fn validate(&self, key: &KeyPath, report: &mut Report) -> Option<Credentials> {
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
        Some(Credentials { access_key_id: id?, secret_access_key: secret?, session_token })
    }
}
