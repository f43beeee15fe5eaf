//! Which operation of S3 a request is: what it is counted as, and how long it may take.

use std::time::Duration;

use strongroom_presign::{Method, Request};

/// The slowest line that a body is sent over, in bytes a second.
const SLOWEST: u64 = 64 * 1024;

/// An operation, as far as the service uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Get,
    Head,
    Put,
    Copy,
    Delete,
    List,
    CreateMultipart,
    UploadPart,
    CompleteMultipart,
    AbortMultipart,
    ListParts,
    ListMultiparts,
    /// One about the bucket itself.
    Configure,
}

impl Operation {
    pub(super) fn of(request: &Request<'_>) -> Self {
        let has = |name: &str| request.query_pairs().any(|(key, _)| key == name);
        let copies = || request.headers().any(|(name, _)| name.eq_ignore_ascii_case("x-amz-copy-source"));
        match (request.method(), request.key().is_some()) {
            (Method::Get, true) if has("uploadId") => Self::ListParts,
            (Method::Get, true) => Self::Get,
            (Method::Get, false) if has("uploads") => Self::ListMultiparts,
            (Method::Get, false) if has("list-type") => Self::List,
            (Method::Head, _) => Self::Head,
            (Method::Put, true) if copies() => Self::Copy,
            (Method::Put, true) if has("uploadId") => Self::UploadPart,
            (Method::Put, true) => Self::Put,
            (Method::Post, true) if has("uploads") => Self::CreateMultipart,
            (Method::Post, true) if has("uploadId") => Self::CompleteMultipart,
            (Method::Delete, true) if has("uploadId") => Self::AbortMultipart,
            (Method::Delete, true) => Self::Delete,
            _ => Self::Configure,
        }
    }

    /// Its name in what is counted.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Head => "head",
            Self::Put => "put",
            Self::Copy => "copy",
            Self::Delete => "delete",
            Self::List => "list",
            Self::CreateMultipart => "create-multipart",
            Self::UploadPart => "upload-part",
            Self::CompleteMultipart => "complete-multipart",
            Self::AbortMultipart => "abort-multipart",
            Self::ListParts => "list-parts",
            Self::ListMultiparts => "list-multiparts",
            Self::Configure => "configure",
        }
    }

    /// How long it may take, from the sending of its body to the end of an answer that is read whole. A store may
    /// move all bytes for a copy or a completion, and those
    /// that take long say every now and then that they are at it.
    pub(super) fn patience(self, body_bytes: usize) -> Duration {
        match self {
            Self::Copy | Self::CompleteMultipart => Duration::from_mins(5),
            _ => Duration::from_secs(10) + Duration::from_secs(body_bytes as u64 / SLOWEST),
        }
    }
}
