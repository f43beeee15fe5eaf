//! The server's side: tells whether a request, a presigned URL or a POST form was signed by a key it knows.

mod canonical;
mod error;
mod header_auth;
mod policy;
mod post;
mod presigned;
mod version2;

use crate::chunks::{ChunkDecoder, ChunkSeed};
use crate::credentials::Credentials;

pub use error::{Mismatch, VerifyError};
pub use policy::{Policy, PolicyError};
pub use post::VerifiedPost;

/// How far the clock of a signer may be off, in seconds; S3's own figure.
pub const MAX_SKEW: i64 = 900;

/// A request as it came over the wire. Nothing is decoded or normalised beforehand.
#[derive(Debug, Clone, Copy)]
pub struct IncomingRequest<'a> {
    /// `GET`, `PUT`, ….
    pub method: &'a str,
    /// The path as sent, percent-encoded, with its leading slash.
    pub path: &'a str,
    /// The query as sent, without the question mark; empty if there is none.
    pub query: &'a str,
    /// All headers, names in any case, in their order. HTTP/2's `:authority` goes in as `host`.
    pub headers: &'a [(&'a str, &'a [u8])],
}

impl<'a> IncomingRequest<'a> {
    /// The first header of that name (lower-case) that is text.
    pub(crate) fn header(&self, name: &str) -> Option<&'a str> {
        let found = self.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.and_then(|(_, value)| std::str::from_utf8(value).ok()).map(str::trim)
    }
}

/// Verifies signatures of one region. It knows no keys: each call is given the way to look them up.
///
/// ```
/// # use strongroom_presign::{Credentials, Endpoint, IncomingRequest, Request, Signer, Validity, Verifier};
/// # let credentials = Credentials::new("AK", "secret")?;
/// # let signer = Signer::new(credentials.clone(), Endpoint::custom("http://localhost:9000", "us-east-1")?, "photos")?;
/// let url = signer.presign(&Request::get("cat.jpg"), Validity::new(1_369_353_600, 300)?)?;
/// let (path, query) = url.strip_prefix("http://localhost:9000").and_then(|rest| rest.split_once('?')).unwrap_or_default();
/// let request = IncomingRequest { method: "GET", path, query, headers: &[("Host", b"localhost:9000")] };
/// let lookup = |key: &str| (key == "AK").then(|| credentials.clone());
/// let verified = Verifier::new("us-east-1").verify(&request, lookup, 1_369_353_700)?;
/// assert_eq!(verified.access_key, "AK");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Verifier {
    region: String,
    max_skew: i64,
    /// The host names under which a bucket is the first label, if Signature Version 2 is taken.
    version2: Option<Vec<String>>,
}

impl Verifier {
    /// For one region, with S3's own 15 minutes of skew.
    pub fn new(region: impl Into<String>) -> Self {
        Self { region: region.into(), max_skew: MAX_SKEW, version2: None }
    }

    /// Allows clocks to be off by that many seconds instead.
    #[must_use]
    pub fn with_skew(mut self, seconds: u32) -> Self {
        self.max_skew = i64::from(seconds);
        self
    }

    /// Takes Signature Version 2 as well, for clients that know nothing newer. It signs the bucket, so it has to be told
    /// under which host names a bucket may stand as the first label; path style needs none.
    #[must_use]
    pub fn with_version2(mut self, domains: Vec<String>) -> Self {
        self.version2 = Some(domains);
        self
    }

    /// Verifies a request signed by headers or by its query. `now` is in Unix seconds.
    ///
    /// A request without any signature is [`VerifyError::Missing`], which a server may take for an anonymous one.
    pub fn verify(
        &self,
        request: &IncomingRequest<'_>,
        lookup: impl Fn(&str) -> Option<Credentials>,
        now: i64,
    ) -> Result<Verified, VerifyError> {
        let query = canonical::parse_query(request.query)?;
        let has = |name: &str| query.iter().any(|(own, _)| own == name.as_bytes());
        let in_query = has("X-Amz-Signature") || has("X-Amz-Algorithm") || has("X-Amz-Credential");
        let old_query = has("Signature") && has("AWSAccessKeyId");
        let authorization = request.header("authorization");
        match (authorization, in_query, old_query) {
            (Some(_), true, _) | (Some(_), _, true) | (_, true, true) => Err(VerifyError::Twice),
            (Some(value), ..) if value.starts_with("AWS ") => match self.version2 {
                Some(_) => version2::header(self, request, &query, value, &lookup, now),
                None => Err(VerifyError::SigV2Off),
            },
            (Some(value), ..) => header_auth::verify(self, request, &query, value, &lookup, now),
            (None, true, _) => presigned::verify(self, request, &query, &lookup, now),
            (None, _, true) if self.version2.is_some() => version2::presigned(self, request, &query, &lookup, now),
            (None, _, true) => Err(VerifyError::SigV2Off),
            (None, false, false) => Err(VerifyError::Missing),
        }
    }

    /// Verifies the signature and the expiry of a POST form's fields (without the file). What the policy demands of
    /// the fields and the file is asked of the answer: [`VerifiedPost::policy`]. A policy is valid until its own end.
    pub fn verify_post(
        &self,
        fields: &[(&str, &str)],
        lookup: impl Fn(&str) -> Option<Credentials>,
        now: i64,
    ) -> Result<VerifiedPost, VerifyError> {
        post::verify(self, fields, &lookup, now)
    }
}

/// How a request was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mechanism {
    /// An `Authorization` header.
    Headers,
    /// A presigned URL.
    Presigned,
}

/// What the signature says of the body, which the caller has to hold the body to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyRule {
    /// The signature does not cover it.
    Unsigned,
    /// It has this SHA-256.
    Sha256([u8; 32]),
    /// It is `aws-chunked`: feed it through [`Verified::chunk_decoder`].
    Chunked,
}

/// A request whose signature holds.
#[derive(Debug)]
#[non_exhaustive]
pub struct Verified {
    /// Whose signature it is.
    pub access_key: String,
    /// How it was signed.
    pub mechanism: Mechanism,
    /// When, in Unix seconds.
    pub signed_at: i64,
    /// When a presigned URL ends, in Unix seconds.
    pub expires_at: Option<i64>,
    /// The names of the signed headers, lower-case and sorted.
    pub signed_headers: Vec<String>,
    /// What the signature says of the body.
    pub body: BodyRule,
    seed: Option<ChunkSeed>,
}

impl Verified {
    /// The decoder for an `aws-chunked` body; `None` for any other.
    pub fn chunk_decoder(&self) -> Option<ChunkDecoder> {
        self.seed.as_ref().map(ChunkDecoder::new)
    }
}
