//! Verifies Signature Version 2, in the header and in the query, for clients that know nothing newer. It is off unless
//! it was switched on.
//!
//! Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAuthentication.html>.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq as _;

use super::canonical::{self, Query};
use super::error::{Mismatch, VerifyError};
use super::header_auth::body_rule;
use super::{BodyRule, IncomingRequest, Mechanism, Verified, Verifier};
use crate::credentials::Credentials;
use crate::moment::{parse_amz, parse_http_date};
use crate::sigv2::{SIGNED, hmac_sha1};
use crate::validity::MAX_LIFE;

/// The parameters that may stand in a query though Version 2 signs none of them: they choose a page of a listing, or are
/// the signature itself. Any other one could turn a request into another one, so it is refused.
const UNSIGNED: [&str; 21] = [
    "AWSAccessKeyId",
    "Expires",
    "Signature",
    "content-md5",
    "content-type",
    "continuation-token",
    "delimiter",
    "encoding-type",
    "fetch-owner",
    "key-marker",
    "list-type",
    "marker",
    "max-keys",
    "max-parts",
    "max-uploads",
    "part-number-marker",
    "prefix",
    "start-after",
    "upload-id-marker",
    "version-id-marker",
    "x-id",
];

/// Verifies `Authorization: AWS <access key>:<signature>`.
pub(super) fn header(
    verifier: &Verifier,
    request: &IncomingRequest<'_>,
    query: &Query,
    authorization: &str,
    lookup: &impl Fn(&str) -> Option<Credentials>,
    now: i64,
) -> Result<Verified, VerifyError> {
    let parts = authorization.strip_prefix("AWS ").and_then(|parts| parts.split_once(':'));
    let (access_key, signature) =
        parts.ok_or_else(|| VerifyError::malformed("Authorization", "expecting AWS <access key>:<signature>"))?;
    let amz_date = request.header("x-amz-date");
    let text = amz_date.or_else(|| request.header("date")).unwrap_or_default();
    let signed_at = parse_http_date(text)
        .or_else(|| parse_amz(text))
        .ok_or_else(|| VerifyError::malformed("date", "neither x-amz-date nor Date holds a date"))?;
    if signed_at.abs_diff(now) > verifier.max_skew.unsigned_abs() {
        return Err(VerifyError::Skewed { signed_at, now, max: verifier.max_skew });
    }
    let date = if amz_date.is_some() { "" } else { text };
    let claim = Claim { verifier, request, query, mechanism: Mechanism::Headers, access_key, signature, date };
    claim.check(lookup, now)?;
    claim.verified(signed_at, None)
}

/// Verifies `AWSAccessKeyId`, `Expires` and `Signature` in the query.
pub(super) fn presigned(
    verifier: &Verifier,
    request: &IncomingRequest<'_>,
    query: &Query,
    lookup: &impl Fn(&str) -> Option<Credentials>,
    now: i64,
) -> Result<Verified, VerifyError> {
    let demand =
        |name| canonical::only(query, name)?.ok_or_else(|| VerifyError::malformed(name, "the parameter is missing"));
    let date = demand("Expires")?;
    let digits = !date.is_empty() && date.len() <= 12 && date.bytes().all(|byte| byte.is_ascii_digit());
    let expires_at: i64 = digits
        .then(|| date.parse().ok())
        .flatten()
        .ok_or_else(|| VerifyError::malformed("Expires", "not a number of seconds since 1970"))?;
    let (access_key, signature) = (demand("AWSAccessKeyId")?, demand("Signature")?);
    let claim = Claim { verifier, request, query, mechanism: Mechanism::Presigned, access_key, signature, date };
    claim.check(lookup, now)?;
    if now >= expires_at {
        return Err(VerifyError::Expired { expired_at: expires_at, now });
    }
    // It does not say when it was signed, so what is left of its life is held to the longest life there is.
    let left = expires_at.saturating_sub(now);
    if left > i64::from(MAX_LIFE) {
        return Err(VerifyError::Life(left.unsigned_abs()));
    }
    claim.verified(now, Some(expires_at))
}

/// Whether a signature over a form's policy is the one of a secret.
pub(super) fn is_of_policy(secret: &str, policy: &str, provided: &str) -> bool {
    STANDARD.encode(hmac_sha1(secret, policy)).as_bytes().ct_eq(provided.as_bytes()).into()
}

/// A request, and what the client's signature over it is to be compared with.
struct Claim<'a> {
    verifier: &'a Verifier,
    request: &'a IncomingRequest<'a>,
    query: &'a Query,
    /// Where the signature stands.
    mechanism: Mechanism,
    access_key: &'a str,
    signature: &'a str,
    /// What stands in the place of the date: the date, the end of a URL, or nothing.
    date: &'a str,
}

impl Claim<'_> {
    /// Compares in constant time.
    fn check(&self, lookup: &impl Fn(&str) -> Option<Credentials>, now: i64) -> Result<(), VerifyError> {
        let amz = self.amz_headers()?;
        let token = amz.get("x-amz-security-token").map(String::as_str);
        let credentials = canonical::credentials(self.access_key, lookup, token, now)?;
        let header = |name| self.request.header(name).unwrap_or_default();
        let mut text =
            format!("{}\n{}\n{}\n{}\n", self.request.method, header("content-md5"), header("content-type"), self.date);
        for (name, value) in &amz {
            for part in [name, ":", value, "\n"] {
                text.push_str(part);
            }
        }
        self.push_resource(&mut text)?;
        let ours = STANDARD.encode(hmac_sha1(credentials.secret_key(), &text));
        if bool::from(ours.as_bytes().ct_eq(self.signature.as_bytes())) {
            return Ok(());
        }
        Err(VerifyError::Mismatch(Box::new(Mismatch {
            access_key: self.access_key.to_owned(),
            provided: self.signature.to_owned(),
            string_to_sign: text,
            canonical_request: String::new(),
        })))
    }

    /// Every `x-amz-*` that was sent. Those in the query of a URL count too: clients that presign put them there after
    /// signing them as headers, and a server obeys them, so an unsigned one must break the signature.
    fn amz_headers(&self) -> Result<BTreeMap<String, String>, VerifyError> {
        let mut amz: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in self.request.headers {
            let name = name.to_ascii_lowercase();
            if !name.starts_with("x-amz-") {
                continue;
            }
            let value = std::str::from_utf8(value)
                .map_err(|_| VerifyError::malformed("headers", format!("the header `{name}` is not UTF-8")))?
                .trim();
            amz.entry(name)
                .and_modify(|before| {
                    before.push(',');
                    before.push_str(value);
                })
                .or_insert_with(|| value.to_owned());
        }
        for (name, value) in self.query {
            let name = String::from_utf8_lossy(name).to_ascii_lowercase();
            if !name.starts_with("x-amz-") {
                continue;
            }
            let refused = |why: &str| Err(VerifyError::malformed("query", format!("`{}` {why}", name.escape_debug())));
            if self.mechanism == Mechanism::Headers {
                return refused("belongs among the headers of a request that is signed in its headers");
            }
            // The text that is signed has a line for each, so what no header could carry could pass for other lines.
            if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)) {
                return refused("is not the name of a header");
            }
            let value = std::str::from_utf8(value).ok().filter(|value| value.trim() == *value);
            let Some(value) = value.filter(|value| !value.chars().any(char::is_control)) else {
                return refused("holds what the value of a header cannot");
            };
            // A server obeys one of two values, and they would be signed as one.
            if amz.contains_key(&name) {
                return refused("is there twice");
            }
            amz.insert(name, value.to_owned());
        }
        Ok(amz)
    }

    /// The bucket and the path as sent, whatever the addressing, and the signed parameters with their plain values.
    fn push_resource(&self, text: &mut String) -> Result<(), VerifyError> {
        if let Some(bucket) = self.bucket_in_host() {
            text.push('/');
            text.push_str(bucket);
        }
        text.push_str(self.request.path);
        let mut signed: Vec<(&str, &str)> = Vec::new();
        for (name, value) in self.query {
            let unreadable = |_| VerifyError::malformed("query", "a parameter is not UTF-8");
            let name = std::str::from_utf8(name).map_err(unreadable)?;
            if SIGNED.contains(&name) {
                signed.push((name, std::str::from_utf8(value).map_err(unreadable)?));
            } else if !UNSIGNED.contains(&name) && !name.to_ascii_lowercase().starts_with("x-amz-") {
                return Err(VerifyError::malformed("query", format!("Signature Version 2 does not sign `{name}`")));
            }
        }
        signed.sort_unstable();
        for (at, (name, value)) in signed.into_iter().enumerate() {
            text.push(if at == 0 { '?' } else { '&' });
            text.push_str(name);
            if !value.is_empty() {
                text.push('=');
                text.push_str(value);
            }
        }
        Ok(())
    }

    fn bucket_in_host(&self) -> Option<&str> {
        let domains = self.verifier.version2.as_deref()?;
        let host = self.request.header("host")?;
        let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
        let host = name.map_or(host, |(name, _)| name);
        let bucket = domains.iter().find_map(|domain| host.strip_suffix(domain.as_str())?.strip_suffix('.'));
        bucket.filter(|bucket| !bucket.is_empty())
    }

    fn verified(&self, signed_at: i64, expires_at: Option<i64>) -> Result<Verified, VerifyError> {
        let amz = self.amz_headers()?;
        // What it says of the body is signed as every x-amz-* is.
        let body = match amz.get("x-amz-content-sha256") {
            Some(payload) => body_rule(payload)?.0,
            None => BodyRule::Unsigned,
        };
        if body == BodyRule::Chunked {
            return Err(VerifyError::malformed("x-amz-content-sha256", "Signature Version 2 cannot sign chunks"));
        }
        Ok(Verified {
            access_key: self.access_key.to_owned(),
            mechanism: self.mechanism,
            signed_at,
            expires_at,
            signed_headers: amz.into_keys().collect(),
            body,
            seed: None,
        })
    }
}
