//! Why a signature was not accepted, told apart by meaning so that a server can answer with S3's own code for each.

use std::fmt;

/// Why a request was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// There is no signature at all (`AccessDenied`).
    #[error("the request is not signed")]
    Missing,
    /// Signed by headers and by the query (`InvalidArgument`).
    #[error("the request is signed in more than one way")]
    Twice,
    /// Something is missing or cannot be read (`AuthorizationHeaderMalformed`, `AuthorizationQueryParametersError`).
    #[error("{what}: {why}")]
    Malformed {
        /// The header, parameter or field.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// Another algorithm than `AWS4-HMAC-SHA256` (`InvalidRequest`).
    #[error("the signing algorithm `{0}` is not supported")]
    Algorithm(String),
    /// Signature Version 2, which is off (`InvalidRequest`).
    #[error("Signature Version 2 is not accepted; use AWS4-HMAC-SHA256")]
    SigV2Off,
    /// Nobody has that access key (`InvalidAccessKeyId`).
    #[error("the access key `{access_key}` is unknown")]
    UnknownKey {
        /// The key that was sent.
        access_key: String,
    },
    /// The session token is missing, not the right one or not wanted (`InvalidToken`).
    #[error("the session token does not belong to the access key")]
    Token,
    /// The temporary credentials have ended (`ExpiredToken`).
    #[error("the credentials ended at {expired_at}")]
    CredentialsExpired {
        /// When, in Unix seconds.
        expired_at: i64,
    },
    /// The presigned URL or the policy has ended (`AccessDenied`, "Request has expired").
    #[error("expired at {expired_at}; it is {now} now")]
    Expired {
        /// When, in Unix seconds.
        expired_at: i64,
        /// The server's time.
        now: i64,
    },
    /// A presigned URL signed in the future (`AccessDenied`, "Request is not yet valid").
    #[error("signed for {signed_at}; it is only {now} now")]
    NotYetValid {
        /// When it was signed for, in Unix seconds.
        signed_at: i64,
        /// The server's time.
        now: i64,
    },
    /// The clock of a header-signed request is off (`RequestTimeTooSkewed`).
    #[error("signed at {signed_at}, more than {max} seconds from {now}")]
    Skewed {
        /// The request's time, in Unix seconds.
        signed_at: i64,
        /// The server's time.
        now: i64,
        /// How far they may differ.
        max: i64,
    },
    /// A presigned URL that would live over 7 days or not at all (`AuthorizationQueryParametersError`).
    #[error("X-Amz-Expires is {0}; it must be 1 to 604800 seconds")]
    Life(u64),
    /// The scope names another region (`AuthorizationHeaderMalformed`, with the right one).
    #[error("the region `{found}` is wrong; expecting `{expected}`")]
    Region {
        /// The server's region.
        expected: String,
        /// The scope's region.
        found: String,
    },
    /// The scope names another service than `s3`.
    #[error("the service `{0}` is wrong; expecting `s3`")]
    Service(String),
    /// Headers that the server would obey are not signed (`AccessDenied`, "There were headers present in the request
    /// which were not signed").
    #[error("these headers are not signed: {}", .0.join(", "))]
    UnsignedHeaders(Vec<String>),
    /// A header named in the signature was not sent.
    #[error("the signed header `{0}` was not sent")]
    HeaderNotSent(String),
    /// The signature is another one (`SignatureDoesNotMatch`).
    #[error("the signature does not match")]
    Mismatch(Box<Mismatch>),
}

/// What `SignatureDoesNotMatch` tells the client, so that it can compare. The texts can have its session token in them,
/// so `Debug` leaves them out.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Mismatch {
    /// The access key that was named.
    pub access_key: String,
    /// The signature that came.
    pub provided: String,
    /// The server's string to sign.
    pub string_to_sign: String,
    /// The server's canonical request; empty for a POST policy, which has none.
    pub canonical_request: String,
}

impl fmt::Debug for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { access_key, provided, .. } = self;
        f.debug_struct("Mismatch").field("access_key", access_key).field("provided", provided).finish_non_exhaustive()
    }
}

impl VerifyError {
    pub(crate) fn malformed(what: &'static str, why: impl Into<String>) -> Self {
        Self::Malformed { what, why: why.into() }
    }
}
