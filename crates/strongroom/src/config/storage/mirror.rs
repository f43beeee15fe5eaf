//! `[storage.mirror]`: a second storage that gets everything, too.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Addressing, Place, Provider, Rank, RawCredentials, RawProfile, RawStorage, Storage, location};
use crate::config::aws::AwsVariables;
use crate::config::key_path::KeyPath;
use crate::config::layers::Report;
use crate::config::origin::Origin;
use crate::config::space::Space;
use crate::config::{BucketSettings, Config, Encryption};

/// The section as it is written.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawMirror {
    bucket: Option<String>,
    region: Option<String>,
    endpoint: Option<Origin>,
    public_endpoint: Option<Origin>,
    addressing: Option<Addressing>,
    provider: Option<Provider>,
    profile: RawProfile,
    location: Option<String>,
    reader: Option<RawCredentials>,
    janitor: Option<RawCredentials>,
    operator: Option<RawCredentials>,
    all: Option<RawCredentials>,
}

impl RawMirror {
    /// The mirror as a storage of its own. The usual variables of AWS's tools are about the first one: what they say
    /// does not count here.
    pub(super) fn validate(self, first: &Storage, report: &mut Report) -> Option<Box<Storage>> {
        let section = KeyPath::of(["storage", "mirror"]);
        if self.bucket.is_none() {
            report.problem(
                &section.then("bucket"),
                "is missing; name the bucket that shall hold everything a second time, or remove the section",
            );
            return None;
        }
        let missing = match (&self.reader, &self.janitor, &self.all) {
            (Some(_), None, None) => Some("janitor"),
            (None, Some(_), None) => Some("reader"),
            _ => None,
        };
        if let Some(name) = missing {
            report.problem(
                &section.then(name),
                format!(
                    "is missing; a mirror needs a reader and a janitor: set access_key_id and secret_access_key, or \
                     role_arn, or profile in [storage.mirror.{name}]"
                ),
            );
            return None;
        }
        let location = match &self.location {
            Some(text) => location(text, &section.then("location"), report),
            None => first.location.clone(),
        };
        let raw = RawStorage {
            bucket: self.bucket,
            region: self.region,
            endpoint: self.endpoint,
            public_endpoint: self.public_endpoint,
            addressing: self.addressing,
            provider: self.provider,
            reader: self.reader,
            // Nobody uploads to a mirror, so it has no identity for that alone.
            writer: self.janitor.clone(),
            janitor: self.janitor,
            operator: self.operator,
            all: self.all,
            ..RawStorage::default()
        };
        let external = raw.external(&AwsVariables::default(), &section, report)?;
        let provider = self.provider.unwrap_or_else(|| Provider::of(&external.endpoint));
        let mut base = provider.profile();
        base.addressing = external.addressing;
        let profile = self.profile.over(base, &section.then("profile"), report);
        let (rank, place) = (Rank::Mirror, Place::External(external));
        Some(Box::new(Storage { rank, location, provider, profile, place, mirror: None }))
    }
}

impl Config {
    /// The same installation for each of its storages, as if that were its only one: the first, and the mirror if there
    /// is one.
    pub fn storages(&self) -> Vec<Self> {
        let first = Self { storage: Storage { mirror: None, ..self.storage.clone() }, ..self.clone() };
        std::iter::once(first).chain(self.of_mirror()).collect()
    }

    /// The same installation as if the mirror were its only storage.
    pub fn of_mirror(&self) -> Option<Self> {
        let storage = self.storage.mirror.as_deref()?.clone();
        // What names a key, a topic, a role or a class is about one region and one provider, which are the first's.
        let bucket = BucketSettings {
            encryption: self.bucket.encryption.filter(|encryption| *encryption != Encryption::Kms),
            kms_key: None,
            acceleration: None,
            events: None,
            replica: None,
            replication_role: None,
            ..self.bucket.clone()
        };
        let mut swapped = Self { storage, bucket, ..self.clone() };
        for space in swapped.spaces.values_mut() {
            space.bucket = space.mirror_bucket.take();
            space.lifecycle.colder_after = None;
        }
        Some(swapped)
    }
}

/// Checks the two storages, and the buckets that spaces have for themselves in each, against one another.
pub(in crate::config) fn check(first: &Storage, spaces: &BTreeMap<String, Space>, report: &mut Report) {
    let own = |name: &str, key: &str| KeyPath::of(["spaces", name, key]);
    let Some(mirror) = &first.mirror else {
        for (name, _) in spaces.iter().filter(|(_, space)| space.mirror_bucket.is_some()) {
            report.problem(
                &own(name, "mirror_bucket"),
                "belongs to a mirror, but there is none; describe one as [storage.mirror], or remove this key",
            );
        }
        return;
    };
    let mut mirrored_in = BTreeMap::new();
    let mut mirrors = BTreeMap::new();
    for (name, space) in spaces {
        match (&space.bucket, &space.mirror_bucket) {
            (None, None) => {}
            (None, Some(_)) => report.problem(
                &own(name, "mirror_bucket"),
                "belongs to a space with a bucket of its own; set bucket, or remove this key to have the space \
                 mirrored in the bucket of [storage.mirror]",
            ),
            (Some(_), None) => report.problem(
                &own(name, "mirror_bucket"),
                "is missing: the space has a bucket of its own, and there is a mirror; name the bucket there that \
                 shall hold the space's objects a second time",
            ),
            (Some(bucket), Some(mirror_bucket)) => {
                if *mirrored_in.entry(bucket).or_insert(mirror_bucket) != mirror_bucket
                    || *mirrors.entry(mirror_bucket).or_insert(bucket) != bucket
                {
                    report.problem(
                        &own(name, "mirror_bucket"),
                        "does not go with that of another space: each bucket has one mirror bucket, and each mirror \
                         bucket mirrors one bucket, so that they can change places",
                    );
                }
            }
        }
    }
    check_apart(first, mirror, spaces, report);
}

/// What is mirrored into itself would be found there by nobody, and be deleted with what it mirrors.
fn check_apart(first: &Storage, mirror: &Storage, spaces: &BTreeMap<String, Space>, report: &mut Report) {
    let Place::External(second) = &mirror.place else { return };
    let same_prefix = first.location.starts_with(&mirror.location) || mirror.location.starts_with(&first.location);
    let (is_same_store, own) = match &first.place {
        Place::Embedded(embedded) => {
            let listening = format!("http://{}", embedded.listen);
            let public = embedded.public_endpoint.as_ref().map(Origin::as_str);
            (second.endpoint.as_str() == listening || public == Some(second.endpoint.as_str()), None)
        }
        Place::External(external) => (external.endpoint == second.endpoint, Some(&external.bucket)),
    };
    if !is_same_store || !same_prefix {
        return;
    }
    let key = KeyPath::of(["storage", "mirror", "bucket"]);
    if own.is_none() {
        // The embedded store makes no bucket but those that are mirrored.
        report.problem(&key, "lies in the embedded store that it should mirror; name a bucket of another storage");
        return;
    }
    let buckets: Vec<&String> =
        own.into_iter().chain(spaces.values().filter_map(|space| space.bucket.as_ref())).collect();
    if buckets.contains(&&second.bucket) {
        report.problem(
            &key,
            "is where the objects lie already; name a bucket of another storage, best in another region or with \
             another provider",
        );
    }
    for (name, space) in spaces {
        if space.mirror_bucket.as_ref().is_some_and(|bucket| buckets.contains(&bucket)) {
            report.problem(
                &KeyPath::of(["spaces", name, "mirror_bucket"]),
                "is where objects lie already; name a bucket of another storage",
            );
        }
    }
}
