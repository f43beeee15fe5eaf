//! The closed set of operations: which request is which, what right it needs, and the file that does it.

mod abort_multipart_upload;
mod acl;
mod bucket_cors;
mod bucket_lifecycle;
mod bucket_versioning;
mod chosen;
mod complete_multipart_upload;
mod copied_bytes;
mod copy_object;
mod copy_source;
mod create_bucket;
mod create_multipart_upload;
mod delete_bucket;
mod delete_object;
mod delete_objects;
mod get_bucket_location;
mod get_object;
mod get_object_attributes;
mod head_bucket;
mod list_buckets;
mod list_multipart_uploads;
mod list_object_versions;
mod list_objects;
mod list_parts;
mod object_lock;
mod object_parts;
mod object_tagging;
mod post_object;
mod put_object;
mod upload_part;
mod upload_part_copy;

use http::{HeaderMap, Method, Response};

use crate::access::Action;
use crate::body::Body;
use crate::call::Call;
use crate::fault::{Code, Fault};
use crate::payload::Payload;
use crate::target::{Query, Target};

/// Everything the store can be asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    AbortMultipartUpload,
    CompleteMultipartUpload,
    CopyObject,
    CreateBucket,
    CreateMultipartUpload,
    DeleteBucket,
    DeleteBucketCors,
    DeleteBucketLifecycle,
    DeleteObject,
    DeleteObjectTagging,
    DeleteObjects,
    GetBucketAcl,
    GetBucketCors,
    GetBucketLifecycle,
    GetBucketLocation,
    GetBucketVersioning,
    GetObject,
    GetObjectAcl,
    GetObjectAttributes,
    GetObjectLegalHold,
    GetObjectLockConfiguration,
    GetObjectRetention,
    GetObjectTagging,
    HeadBucket,
    HeadObject,
    ListBuckets,
    ListMultipartUploads,
    ListObjectVersions,
    ListObjects,
    ListObjectsV2,
    ListParts,
    PostObject,
    PutBucketAcl,
    PutBucketCors,
    PutBucketLifecycle,
    PutBucketVersioning,
    PutObject,
    PutObjectAcl,
    PutObjectLegalHold,
    PutObjectLockConfiguration,
    PutObjectRetention,
    PutObjectTagging,
    UploadPart,
    UploadPartCopy,
}

/// Query parameters that select an operation of S3 which the store does not have.
const ABSENT: &[&str] = &[
    "accelerate",
    "analytics",
    "append",
    "encryption",
    "intelligent-tiering",
    "inventory",
    "logging",
    "metadataConfiguration",
    "metadataTable",
    "metrics",
    "notification",
    "ownershipControls",
    "policy",
    "policyStatus",
    "publicAccessBlock",
    "renameObject",
    "replication",
    "requestPayment",
    "restore",
    "select",
    "session",
    "torrent",
    "website",
];

/// Query parameters that select an operation on the configuration of a bucket or on what belongs to an object.
const OF_BUCKETS: &[&str] = &["acl", "cors", "lifecycle", "object-lock", "versioning"];
const OF_OBJECTS: &[&str] = &["acl", "attributes", "legal-hold", "retention", "tagging"];

impl Operation {
    /// Recognises a request, or says that it is none of these.
    pub(crate) fn of(method: &Method, target: &Target, query: &Query, headers: &HeaderMap) -> Result<Self, Fault> {
        if let Some(name) = query.names().find(|name| ABSENT.contains(name)) {
            return Err(absent(name));
        }
        if target.bucket.is_empty() {
            return if method == Method::GET { Ok(Self::ListBuckets) } else { Err(not_allowed(method)) };
        }
        let (own, others) = if target.key.is_empty() { (OF_BUCKETS, OF_OBJECTS) } else { (OF_OBJECTS, OF_BUCKETS) };
        if let Some(name) = query.names().find(|name| own.contains(name)) {
            return Self::of_part(method, name, target.key.is_empty());
        }
        if let Some(name) = query.names().find(|name| others.contains(name)) {
            return Err(absent(name));
        }
        let copies = headers.contains_key("x-amz-copy-source");
        let operation = match (method, target.key.is_empty()) {
            (&Method::GET, true) if query.has("location") => Self::GetBucketLocation,
            (&Method::GET, true) if query.has("uploads") => Self::ListMultipartUploads,
            (&Method::GET, true) if query.has("versions") => Self::ListObjectVersions,
            (&Method::GET, true) if query.get("list-type") == Some("2") => Self::ListObjectsV2,
            (&Method::GET, true) => Self::ListObjects,
            (&Method::HEAD, true) => Self::HeadBucket,
            (&Method::PUT, true) => Self::CreateBucket,
            (&Method::DELETE, true) => Self::DeleteBucket,
            (&Method::POST, true) if query.has("delete") => Self::DeleteObjects,
            (&Method::POST, true) => Self::PostObject,
            (&Method::GET, false) if query.has("uploadId") => Self::ListParts,
            (&Method::GET, false) => Self::GetObject,
            (&Method::HEAD, false) => Self::HeadObject,
            (&Method::PUT, false) if query.has("uploadId") || query.has("partNumber") => {
                if copies {
                    Self::UploadPartCopy
                } else {
                    Self::UploadPart
                }
            }
            (&Method::PUT, false) if copies => Self::CopyObject,
            (&Method::PUT, false) => Self::PutObject,
            (&Method::DELETE, false) if query.has("uploadId") => Self::AbortMultipartUpload,
            (&Method::DELETE, false) => Self::DeleteObject,
            (&Method::POST, false) if query.has("uploads") => Self::CreateMultipartUpload,
            (&Method::POST, false) if query.has("uploadId") => Self::CompleteMultipartUpload,
            _ => return Err(not_allowed(method)),
        };
        Ok(operation)
    }

    /// Recognises a request about one part of a bucket's or an object's description.
    fn of_part(method: &Method, name: &str, of_bucket: bool) -> Result<Self, Fault> {
        match (method, name) {
            (&Method::GET, "acl") if of_bucket => Ok(Self::GetBucketAcl),
            (&Method::GET, "acl") => Ok(Self::GetObjectAcl),
            (&Method::PUT, "acl") if of_bucket => Ok(Self::PutBucketAcl),
            (&Method::PUT, "acl") => Ok(Self::PutObjectAcl),
            (&Method::GET, "attributes") => Ok(Self::GetObjectAttributes),
            (&Method::GET, "cors") => Ok(Self::GetBucketCors),
            (&Method::PUT, "cors") => Ok(Self::PutBucketCors),
            (&Method::DELETE, "cors") => Ok(Self::DeleteBucketCors),
            (&Method::GET, "legal-hold") => Ok(Self::GetObjectLegalHold),
            (&Method::PUT, "legal-hold") => Ok(Self::PutObjectLegalHold),
            (&Method::GET, "lifecycle") => Ok(Self::GetBucketLifecycle),
            (&Method::PUT, "lifecycle") => Ok(Self::PutBucketLifecycle),
            (&Method::DELETE, "lifecycle") => Ok(Self::DeleteBucketLifecycle),
            (&Method::GET, "object-lock") => Ok(Self::GetObjectLockConfiguration),
            (&Method::PUT, "object-lock") => Ok(Self::PutObjectLockConfiguration),
            (&Method::GET, "retention") => Ok(Self::GetObjectRetention),
            (&Method::PUT, "retention") => Ok(Self::PutObjectRetention),
            (&Method::GET, "tagging") => Ok(Self::GetObjectTagging),
            (&Method::PUT, "tagging") => Ok(Self::PutObjectTagging),
            (&Method::DELETE, "tagging") => Ok(Self::DeleteObjectTagging),
            (&Method::GET, "versioning") => Ok(Self::GetBucketVersioning),
            (&Method::PUT, "versioning") => Ok(Self::PutBucketVersioning),
            _ => Err(not_allowed(method)),
        }
    }

    /// The right it needs on its bucket and key. Where that depends on more than these, the operation asks by itself.
    pub(crate) fn action(self) -> Option<Action> {
        match self {
            Self::GetObject
            | Self::GetObjectAcl
            | Self::GetObjectAttributes
            | Self::GetObjectLegalHold
            | Self::GetObjectRetention
            | Self::GetObjectTagging
            | Self::HeadObject => Some(Action::Get),
            Self::PutObject
            | Self::CopyObject
            | Self::CreateMultipartUpload
            | Self::DeleteObjectTagging
            | Self::PutObjectAcl
            | Self::PutObjectTagging
            | Self::UploadPart
            | Self::UploadPartCopy
            | Self::CompleteMultipartUpload => Some(Action::Put),
            Self::DeleteObject => Some(Action::Delete),
            Self::AbortMultipartUpload => Some(Action::Abort),
            Self::ListParts => Some(Action::ListParts),
            Self::CreateBucket
            | Self::DeleteBucket
            | Self::DeleteBucketCors
            | Self::DeleteBucketLifecycle
            | Self::GetBucketCors
            | Self::GetBucketLifecycle
            | Self::GetObjectLockConfiguration
            | Self::PutBucketAcl
            | Self::PutBucketCors
            | Self::PutBucketLifecycle
            | Self::PutBucketVersioning
            | Self::PutObjectLegalHold
            | Self::PutObjectLockConfiguration
            | Self::PutObjectRetention => Some(Action::Configure),
            Self::DeleteObjects
            | Self::GetBucketAcl
            | Self::GetBucketLocation
            | Self::GetBucketVersioning
            | Self::HeadBucket
            | Self::ListBuckets
            | Self::ListMultipartUploads
            | Self::ListObjectVersions
            | Self::ListObjects
            | Self::ListObjectsV2
            | Self::PostObject => None,
        }
    }

    /// Does it.
    pub(crate) async fn run(self, call: Call<'_>, payload: Payload) -> Result<Response<Body>, Fault> {
        match self {
            Self::AbortMultipartUpload => abort_multipart_upload::run(call).await,
            Self::CompleteMultipartUpload => complete_multipart_upload::run(call, payload).await,
            Self::CopyObject => copy_object::run(call).await,
            Self::CreateBucket => create_bucket::run(call, payload).await,
            Self::CreateMultipartUpload => create_multipart_upload::run(call).await,
            Self::DeleteBucket => delete_bucket::run(call).await,
            Self::DeleteBucketCors => bucket_cors::delete(call).await,
            Self::DeleteBucketLifecycle => bucket_lifecycle::delete(call).await,
            Self::DeleteObject => delete_object::run(call).await,
            Self::DeleteObjectTagging => object_tagging::delete(call).await,
            Self::DeleteObjects => delete_objects::run(call, payload).await,
            Self::GetBucketAcl => acl::of_bucket(call),
            Self::GetBucketCors => bucket_cors::get(call),
            Self::GetBucketLifecycle => bucket_lifecycle::get(call),
            Self::GetBucketLocation => get_bucket_location::run(call),
            Self::GetBucketVersioning => bucket_versioning::get(call),
            Self::GetObject => get_object::run(call).await,
            Self::GetObjectAcl => acl::of_object(call).await,
            Self::GetObjectAttributes => get_object_attributes::run(call).await,
            Self::GetObjectLegalHold => object_lock::get_legal_hold(call),
            Self::GetObjectLockConfiguration => object_lock::get_configuration(call),
            Self::GetObjectRetention => object_lock::get_retention(call),
            Self::GetObjectTagging => object_tagging::get(call),
            Self::HeadBucket => head_bucket::run(call),
            Self::HeadObject => get_object::head(call).await,
            Self::ListBuckets => list_buckets::run(call),
            Self::ListMultipartUploads => list_multipart_uploads::run(call).await,
            Self::ListObjectVersions => list_object_versions::run(call).await,
            Self::ListObjects => list_objects::run(call, list_objects::Dialect::V1).await,
            Self::ListObjectsV2 => list_objects::run(call, list_objects::Dialect::V2).await,
            Self::ListParts => list_parts::run(call),
            Self::PostObject => post_object::refuse(),
            Self::PutBucketAcl => acl::put_of_bucket(call, payload).await,
            Self::PutBucketCors => bucket_cors::put(call, payload).await,
            Self::PutBucketLifecycle => bucket_lifecycle::put(call, payload).await,
            Self::PutBucketVersioning => bucket_versioning::put(call, payload).await,
            Self::PutObject => put_object::run(call, payload).await,
            Self::PutObjectAcl => acl::put_of_object(call, payload).await,
            Self::PutObjectLegalHold => object_lock::put_legal_hold(call, payload).await,
            Self::PutObjectLockConfiguration => object_lock::put_configuration(call, payload).await,
            Self::PutObjectRetention => object_lock::put_retention(call, payload).await,
            Self::PutObjectTagging => object_tagging::put(call, payload).await,
            Self::UploadPart => upload_part::run(call, payload).await,
            Self::UploadPartCopy => upload_part_copy::run(call).await,
        }
    }
}

pub(crate) use post_object::run as post_form;

/// The refusal of what S3 has and the store does not.
fn absent(name: &str) -> Fault {
    Fault::new(Code::NotImplemented, format!("The store does not offer {name:?}.")).with("Header", name)
}

fn not_allowed(method: &Method) -> Fault {
    Fault::from(Code::MethodNotAllowed).with("Method", method.as_str())
}
