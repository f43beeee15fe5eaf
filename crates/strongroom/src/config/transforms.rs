//! `[transforms]`: the keys that sign URLs of pictures that are made on demand.

use std::path::PathBuf;

use serde::Deserialize;

use super::credential;
use super::key_path::KeyPath;
use super::layers::Report;
use super::secret::Secret;

/// A key has at least as many bytes as the hash (RFC 2104, section 3).
const SHORTEST: usize = 32;

/// The keys: the first signs, and all of them are believed. None means that one is derived.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TransformKeys(pub Vec<Secret>);

/// The section as it is written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawTransforms {
    key: Option<Secret>,
    key_file: Option<PathBuf>,
    former_key: Option<Secret>,
    former_key_file: Option<PathBuf>,
}

impl RawTransforms {
    pub(super) fn validate(&self, report: &mut Report) -> TransformKeys {
        let section = KeyPath::of(["transforms"]);
        let given = [("key", &self.key, &self.key_file), ("former_key", &self.former_key, &self.former_key_file)];
        let mut keys = Vec::new();
        for (name, text, file) in given {
            let key = section.then(name);
            let Some(secret) = credential::choose(text.as_ref(), file.as_deref(), &key, report) else { continue };
            if secret.expose().len() < SHORTEST {
                report.problem(
                    &key,
                    format!("is too short: it needs at least {SHORTEST} bytes; make one with `openssl rand -hex 32`"),
                );
            }
            if name == "former_key" && keys.is_empty() {
                report.problem(&key, "has no successor; set transforms.key, which signs");
            }
            keys.push(secret);
        }
        TransformKeys(keys)
    }
}
