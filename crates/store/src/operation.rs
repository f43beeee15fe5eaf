//! The closed set of operations: which request is which, what right it needs, and the one file that does it.

mod abort_multipart_upload;
mod complete_multipart_upload;
mod copy_object;
mod create_bucket;
mod create_multipart_upload;
mod delete_bucket;
mod delete_object;
mod delete_objects;
mod get_bucket_location;
mod get_object;
mod head_bucket;
mod list_buckets;
mod list_multipart_uploads;
mod list_objects;
mod list_parts;
mod post_object;
mod put_object;
mod upload_part;

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
    DeleteObject,
    DeleteObjects,
    GetBucketLocation,
    GetObject,
    HeadBucket,
    HeadObject,
    ListBuckets,
    ListMultipartUploads,
    ListObjects,
    ListObjectsV2,
    ListParts,
    PostObject,
    PutObject,
    UploadPart,
}

/// Query parameters that select an operation of S3 which the store does not have.
const ABSENT: &[&str] = &[
    "accelerate",
    "acl",
    "analytics",
    "append",
    "attributes",
    "cors",
    "encryption",
    "intelligent-tiering",
    "inventory",
    "legal-hold",
    "lifecycle",
    "logging",
    "metadataConfiguration",
    "metadataTable",
    "metrics",
    "notification",
    "object-lock",
    "ownershipControls",
    "policy",
    "policyStatus",
    "publicAccessBlock",
    "renameObject",
    "replication",
    "requestPayment",
    "restore",
    "retention",
    "select",
    "session",
    "tagging",
    "torrent",
    "versioning",
    "versions",
    "website",
];

impl Operation {
    /// Recognises a request, or says that it is none of these.
    pub(crate) fn of(method: &Method, target: &Target, query: &Query, headers: &HeaderMap) -> Result<Self, Fault> {
        if let Some(name) = query.names().find(|name| ABSENT.contains(name)) {
            return Err(absent(name));
        }
        let level = (target.bucket.is_empty(), target.key.is_empty());
        let operation = match (method, level) {
            (&Method::GET, (true, _)) => Self::ListBuckets,
            (&Method::GET, (_, true)) if query.has("location") => Self::GetBucketLocation,
            (&Method::GET, (_, true)) if query.has("uploads") => Self::ListMultipartUploads,
            (&Method::GET, (_, true)) if query.get("list-type") == Some("2") => Self::ListObjectsV2,
            (&Method::GET, (_, true)) => Self::ListObjects,
            (&Method::HEAD, (false, true)) => Self::HeadBucket,
            (&Method::PUT, (false, true)) => Self::CreateBucket,
            (&Method::DELETE, (false, true)) => Self::DeleteBucket,
            (&Method::POST, (false, true)) if query.has("delete") => Self::DeleteObjects,
            (&Method::POST, (false, true)) => Self::PostObject,
            (&Method::GET, _) if query.has("uploadId") => Self::ListParts,
            (&Method::GET, _) => Self::GetObject,
            (&Method::HEAD, (_, false)) => Self::HeadObject,
            (&Method::PUT, (_, false)) if query.has("uploadId") || query.has("partNumber") => {
                if headers.contains_key("x-amz-copy-source") {
                    return Err(absent("x-amz-copy-source with partNumber"));
                }
                Self::UploadPart
            }
            (&Method::PUT, (_, false)) if headers.contains_key("x-amz-copy-source") => Self::CopyObject,
            (&Method::PUT, (_, false)) => Self::PutObject,
            (&Method::DELETE, (_, false)) if query.has("uploadId") => Self::AbortMultipartUpload,
            (&Method::DELETE, (_, false)) => Self::DeleteObject,
            (&Method::POST, (_, false)) if query.has("uploads") => Self::CreateMultipartUpload,
            (&Method::POST, (_, false)) if query.has("uploadId") => Self::CompleteMultipartUpload,
            _ => return Err(Fault::from(Code::MethodNotAllowed).with("Method", method.as_str())),
        };
        Ok(operation)
    }

    /// The right it needs on its bucket and key. Where that depends on more than these, the operation asks by itself.
    pub(crate) fn action(self) -> Option<Action> {
        match self {
            Self::GetObject | Self::HeadObject => Some(Action::Get),
            Self::PutObject
            | Self::CopyObject
            | Self::CreateMultipartUpload
            | Self::UploadPart
            | Self::CompleteMultipartUpload => Some(Action::Put),
            Self::DeleteObject => Some(Action::Delete),
            Self::AbortMultipartUpload => Some(Action::Abort),
            Self::ListParts => Some(Action::ListParts),
            Self::CreateBucket | Self::DeleteBucket => Some(Action::Configure),
            Self::DeleteObjects
            | Self::GetBucketLocation
            | Self::HeadBucket
            | Self::ListBuckets
            | Self::ListMultipartUploads
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
            Self::DeleteObject => delete_object::run(call).await,
            Self::DeleteObjects => delete_objects::run(call, payload).await,
            Self::GetBucketLocation => get_bucket_location::run(call),
            Self::GetObject => get_object::run(call).await,
            Self::HeadBucket => head_bucket::run(call),
            Self::HeadObject => get_object::head(call).await,
            Self::ListBuckets => list_buckets::run(call),
            Self::ListMultipartUploads => list_multipart_uploads::run(call).await,
            Self::ListObjects => list_objects::run(call, list_objects::Dialect::V1).await,
            Self::ListObjectsV2 => list_objects::run(call, list_objects::Dialect::V2).await,
            Self::ListParts => list_parts::run(call),
            Self::PostObject => post_object::refuse(),
            Self::PutObject => put_object::run(call, payload).await,
            Self::UploadPart => upload_part::run(call, payload).await,
        }
    }
}

pub(crate) use post_object::run as post_form;

/// The refusal of what S3 has and the store does not.
fn absent(name: &str) -> Fault {
    Fault::new(Code::NotImplemented, format!("The store does not offer {name:?}.")).with("Header", name)
}
