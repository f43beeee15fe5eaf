//! Step one of Signature Version 4: the canonical request, in which client and server write the same request the same way.
//!
//! Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>.

use std::ops::Range;

use sha2::{Digest as _, Sha256};

use crate::signed_headers::SignedHeaders;

/// The payload line of every presigned URL, and of requests whose body is not hashed.
pub(crate) const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// The parts of a canonical request, already in their canonical form.
pub(crate) struct CanonicalRequest<'a> {
    pub(crate) method: &'a str,
    /// Where in the buffer the path stands: encoded once, not normalised, as S3 takes `a//b` and `a/b` for two keys.
    pub(crate) path: Range<usize>,
    pub(crate) rest: Rest<'a>,
}

/// What follows the path.
pub(crate) enum Rest<'a> {
    /// Its parts.
    Parts {
        /// Where in the buffer the query stands: sorted by name, then by value, both encoded.
        query: Range<usize>,
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
    /// The SHA-256 that goes into the string to sign. `buffer` is the URL (or a part of it), in whose spare capacity
    /// the text is put together for a moment, so that a URL costs one allocation and its hash one pass.
    #[inline]
    pub(crate) fn digest(&self, buffer: &mut String) -> [u8; 32] {
        let end = buffer.len();
        self.append(buffer);
        let digest = Sha256::digest(&buffer.as_bytes()[end..]).into();
        buffer.truncate(end);
        digest
    }

    /// Appends the text itself.
    #[inline]
    pub(crate) fn append(&self, buffer: &mut String) {
        buffer.push_str(self.method);
        buffer.push('\n');
        buffer.extend_from_within(self.path.clone());
        match &self.rest {
            Rest::Ready(text) => buffer.push_str(text),
            Rest::Parts { query, headers, payload } => {
                buffer.push('\n');
                buffer.extend_from_within(query.clone());
                buffer.push_str(&headers.lines);
                buffer.push_str(payload);
            }
        }
    }
}

/// How many bytes [`CanonicalRequest::append`] adds at most to a buffer that holds path and query.
pub(crate) fn room(headers: &SignedHeaders, path_and_query: usize) -> usize {
    // A method, a payload and the line ends between the parts.
    path_and_query + headers.lines.len() + 6 + 64 + 3
}
