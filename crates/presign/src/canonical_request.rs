//! Step one of Signature Version 4: the canonical request, in which client and server write the same request the same way.
//!
//! Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>.

use crate::sha256;
use crate::signed_headers::SignedHeaders;

/// The payload line of every presigned URL, and of requests whose body is not hashed.
pub(crate) const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// The parts of a canonical request, already in their canonical form.
pub(crate) struct CanonicalRequest<'a> {
    pub(crate) method: &'a str,
    /// Encoded once, not normalised, as S3 takes `a//b` and `a/b` for two keys.
    pub(crate) path: &'a str,
    pub(crate) rest: Rest<'a>,
}

/// What follows the path.
pub(crate) enum Rest<'a> {
    /// Its parts.
    Parts {
        /// Sorted by name, then by value, both encoded.
        query: &'a str,
        headers: &'a SignedHeaders,
        /// The hex SHA-256 of the body, or one of the protocol's words.
        payload: &'a str,
    },
    /// All of it as one text, which [`ready`] made for many requests.
    Ready(&'a str),
}

/// The text of [`Rest::Ready`] for requests with the same query, headers and payload.
pub(crate) fn ready(query: &str, headers: &SignedHeaders, payload: &str) -> String {
    format!("\n{query}{}{payload}", headers.lines)
}

impl CanonicalRequest<'_> {
    /// The SHA-256 that goes into the string to sign.
    #[inline]
    pub(crate) fn digest(&self) -> [u8; 32] {
        let Self { method, path, rest } = self;
        match rest {
            Rest::Ready(rest) => sha256::digest_of(&[method, "\n", path, rest]),
            Rest::Parts { query, headers, payload } => {
                sha256::digest_of(&[method, "\n", path, "\n", query, &headers.lines, payload])
            }
        }
    }

    /// The text itself.
    pub(crate) fn text(&self) -> String {
        let Self { method, path, rest } = self;
        match rest {
            Rest::Ready(rest) => [method, "\n", path, rest].concat(),
            Rest::Parts { query, headers, payload } => {
                [method, "\n", path, "\n", query, &headers.lines, payload].concat()
            }
        }
    }
}
