//! `[bucket]`: what `strongroom provision` makes of the bucket, where there is a choice.

use serde::Deserialize;

use super::duration;
use super::key_path::KeyPath;
use super::layers::Report;

/// What the bucket should be like. What is not set stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BucketSettings {
    /// How the storage encrypts what lies in the bucket; nothing means what suits the kind of storage.
    pub encryption: Option<Encryption>,
    /// The key of the key service, where it is not the account's own for S3.
    pub kms_key: Option<String>,
    /// Whether earlier contents of a key are kept.
    pub versioning: Option<bool>,
    /// How long they are kept.
    pub noncurrent_retention: Days,
    /// After how long an upload that nobody finished goes, and what it left.
    pub abandoned_after: Days,
    /// Whether AWS's transfer acceleration is on.
    pub acceleration: Option<bool>,
    /// The topic or queue that is told of each upload, as an ARN.
    pub events: Option<String>,
    /// The bucket that everything is copied to, as an ARN.
    pub replica: Option<String>,
    /// The role that copies it.
    pub replication_role: Option<String>,
}

/// How the storage encrypts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encryption {
    /// With keys of its own.
    SseS3,
    /// With a key of the key service.
    Kms,
    /// However it likes.
    AsItIs,
}

/// A number of whole days, at least one: storages count in nothing shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Days(pub u32);

impl TryFrom<String> for Days {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        const DAY: u64 = 86_400;
        let length = duration::parse(&text)?;
        if length.subsec_nanos() != 0 || length.as_secs() == 0 || !length.as_secs().is_multiple_of(DAY) {
            return Err(
                "is not a number of whole days, and storages count in nothing else; write \"1d\" or more".to_owned()
            );
        }
        u32::try_from(length.as_secs() / DAY).map(Self).map_err(|_| "is too long".to_owned())
    }
}

impl Default for BucketSettings {
    fn default() -> Self {
        Self {
            encryption: None,
            kms_key: None,
            versioning: None,
            noncurrent_retention: Days(30),
            // No upload stays open for longer than seven days.
            abandoned_after: Days(8),
            acceleration: None,
            events: None,
            replica: None,
            replication_role: None,
        }
    }
}

impl BucketSettings {
    pub(super) fn validate(&self, report: &mut Report) {
        let section = KeyPath::of(["bucket"]);
        if self.kms_key.is_some() && self.encryption != Some(Encryption::Kms) {
            report.problem(&section.then("kms_key"), "belongs to encryption = \"kms\"; set that, or remove this key");
        }
        if self.abandoned_after < Days(8) {
            report.problem(
                &section.then("abandoned_after"),
                "could take an upload away that is still open, which it may be for 7 days; write \"8d\" or more",
            );
        }
        if let Some(events) = &self.events
            && !["arn:aws:sns:", "arn:aws:sqs:", "arn:aws-cn:sns:", "arn:aws-cn:sqs:"]
                .iter()
                .any(|start| events.starts_with(start))
        {
            report.problem(
                &section.then("events"),
                "is not the ARN of a topic or a queue, such as \"arn:aws:sqs:eu-central-1:123456789012:uploads\"",
            );
        }
        match (&self.replica, &self.replication_role) {
            (Some(replica), Some(_)) if !(replica.starts_with("arn:") && replica.contains(":s3:::")) => report.problem(
                &section.then("replica"),
                "is not the ARN of a bucket, such as \"arn:aws:s3:::example-media-replica\"",
            ),
            (Some(_), None) => {
                report.problem(&section.then("replica"), "needs a role that copies; set replication_role to its ARN");
            }
            (None, Some(_)) => {
                report.problem(&section.then("replication_role"), "does nothing without replica; set that too");
            }
            _ => {}
        }
        if self.replica.is_some() && self.versioning != Some(true) {
            report.problem(&section.then("replica"), "needs versioning = true: storages copy versions");
        }
    }
}
