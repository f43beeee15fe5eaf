//! Who may do what: identities with keys, and their rights by bucket, prefix and action.

use serde::{Deserialize, Serialize};
use strongroom_presign::{Credentials, CredentialsError};

use crate::fault::{Code, Fault};
use crate::lock::Lock;

/// What may be allowed, named after what S3's policies call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Read an object or its headers (`s3:GetObject`).
    Get,
    /// Write an object by any way: in one piece, in parts, by form, as the target of a copy (`s3:PutObject`).
    Put,
    /// Write an object in one piece where nothing is: by `PutObject` with `If-None-Match: *` alone, which replaces
    /// nothing (`s3:PutObject` under a condition on `s3:if-none-match`).
    Create,
    /// Delete an object (`s3:DeleteObject`).
    Delete,
    /// List the keys of a bucket, and learn that it exists (`s3:ListBucket`).
    List,
    /// List the parts of an upload (`s3:ListMultipartUploadParts`).
    ListParts,
    /// List the uploads of a bucket (`s3:ListBucketMultipartUploads`).
    ListUploads,
    /// Abort an upload (`s3:AbortMultipartUpload`).
    Abort,
    /// Make, find and remove buckets, set their versioning, CORS, lifecycle and locks, and lock versions
    /// (`s3:CreateBucket`, `s3:DeleteBucket`, `s3:GetBucketLocation`, `s3:PutBucketVersioning`, `s3:PutBucketCORS`,
    /// `s3:PutLifecycleConfiguration`, `s3:PutBucketObjectLockConfiguration`, `s3:PutObjectRetention`,
    /// `s3:PutObjectLegalHold`, `s3:BypassGovernanceRetention`).
    Configure,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 9] = [
        Self::Get,
        Self::Put,
        Self::Create,
        Self::Delete,
        Self::List,
        Self::ListParts,
        Self::ListUploads,
        Self::Abort,
        Self::Configure,
    ];
}

/// One right: these actions on these keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The bucket; `None` for all of them.
    pub bucket: Option<String>,
    /// What keys must begin with; empty for all of them. A listing must ask for this prefix or a longer one.
    pub prefix: String,
    /// What may be done.
    pub actions: Vec<Action>,
}

/// A key pair and what it may do. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct Identity {
    pub(crate) credentials: Credentials,
    grants: Vec<Grant>,
}

impl Identity {
    /// An identity; an access key or secret that the protocol cannot carry is refused.
    pub fn new(
        access_key_id: impl Into<String>,
        secret_access_key: impl Into<String>,
        grants: Vec<Grant>,
    ) -> Result<Self, CredentialsError> {
        Ok(Self { credentials: Credentials::new(access_key_id, secret_access_key)?, grants })
    }

    /// The public half of the key pair.
    pub fn access_key_id(&self) -> &str {
        self.credentials.access_key()
    }

    /// Whether `action` is allowed on `key` (or on all keys that begin with it, for listings).
    pub(crate) fn may(&self, action: Action, bucket: &str, key: &str) -> bool {
        self.grants.iter().any(|grant| {
            grant.actions.contains(&action)
                && grant.bucket.as_deref().is_none_or(|own| own == bucket)
                && key.starts_with(&grant.prefix)
        })
    }

    /// Whether the bucket is any of this identity's business.
    pub(crate) fn knows(&self, bucket: &str) -> bool {
        self.grants.iter().any(|grant| {
            grant.bucket.as_deref().is_none_or(|own| own == bucket)
                && (grant.actions.contains(&Action::List) || grant.actions.contains(&Action::Configure))
        })
    }

    /// Refuses a lock from one who may not configure: nobody could lift what whoever may write has locked.
    pub(crate) fn demand_lock(&self, lock: Lock, bucket: &str, key: &str) -> Result<(), Fault> {
        if lock.is_none() { Ok(()) } else { self.demand(Action::Configure, bucket, key) }
    }

    /// Refuses what is not allowed.
    pub(crate) fn demand(&self, action: Action, bucket: &str, key: &str) -> Result<(), Fault> {
        if self.may(action, bucket, key) { Ok(()) } else { Err(Code::AccessDenied.into()) }
    }
}
