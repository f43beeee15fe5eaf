//! `[storage.mirror]`: a second storage that gets everything, too.

use serde::Deserialize;

use super::{Addressing, Place, Provider, RawCredentials, RawStorage, Storage, location};
use crate::config::aws::AwsVariables;
use crate::config::key_path::KeyPath;
use crate::config::layers::Report;
use crate::config::origin::Origin;

/// The section as it is written.
#[derive(Debug, Default, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawMirror {
    bucket: Option<String>,
    region: Option<String>,
    endpoint: Option<Origin>,
    public_endpoint: Option<Origin>,
    addressing: Option<Addressing>,
    provider: Option<Provider>,
    location: Option<String>,
    reader: Option<RawCredentials>,
    janitor: Option<RawCredentials>,
    all: Option<RawCredentials>,
}

impl RawMirror {
    /// The mirror as a storage of its own. What stands in the environment is about the first one, and does not count.
    pub(super) fn validate(&self, first: &str, report: &mut Report) -> Option<Box<Storage>> {
        let section = KeyPath::of(["storage", "mirror"]);
        if self.bucket.is_none() {
            report.problem(
                &section.then("bucket"),
                "is missing; name the bucket that shall hold everything a second time, or remove the section",
            );
            return None;
        }
        let raw = RawStorage {
            bucket: self.bucket.clone(),
            region: self.region.clone(),
            endpoint: self.endpoint.clone(),
            public_endpoint: self.public_endpoint.clone(),
            addressing: self.addressing,
            provider: self.provider,
            reader: self.reader.clone(),
            // Nobody uploads to a mirror, so no identity is needed that only does that.
            writer: self.janitor.clone(),
            janitor: self.janitor.clone(),
            all: self.all.clone(),
            ..RawStorage::default()
        };
        let location = match &self.location {
            Some(text) => location(text, &section.then("location"), report),
            None => first.to_owned(),
        };
        let external = raw.external(&AwsVariables::default(), &section, report)?;
        let provider = self.provider.unwrap_or_else(|| Provider::of(&external.endpoint));
        let mut profile = provider.profile();
        profile.addressing = external.addressing;
        Some(Box::new(Storage { location, provider, profile, place: Place::External(external), mirror: None }))
    }
}
