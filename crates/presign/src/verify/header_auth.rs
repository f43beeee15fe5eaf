//! Verifies requests signed in the `Authorization` header.

use super::canonical::{self, Claim, Query, Scope};
use super::error::VerifyError;
use super::{BodyRule, IncomingRequest, Mechanism, Verified, Verifier};
use crate::canonical_request::UNSIGNED_PAYLOAD;
use crate::chunks::{ChunkMode, ChunkSeed};
use crate::credentials::Credentials;
use crate::encode;
use crate::moment::{AmzDate, parse_amz, parse_http_date};
use crate::string_to_sign::ALGORITHM;

const WHAT: &str = "Authorization";

pub(super) fn verify(
    verifier: &Verifier,
    request: &IncomingRequest<'_>,
    query: &Query,
    authorization: &str,
    lookup: &impl Fn(&str) -> Option<Credentials>,
    now: i64,
) -> Result<Verified, VerifyError> {
    let parts = Parts::read(authorization)?;
    let scope = Scope::read(verifier, WHAT, parts.credential)?;
    let names = canonical::signed_names(request, parts.signed_headers, WHAT)?;
    let (signed_at, date) = request_time(request)?;
    scope.check_day(WHAT, &date)?;
    if signed_at.abs_diff(now) > verifier.max_skew.unsigned_abs() {
        return Err(VerifyError::Skewed { signed_at, now, max: verifier.max_skew });
    }
    let Some(payload) = request.header("x-amz-content-sha256") else {
        return Err(VerifyError::malformed("x-amz-content-sha256", "the header is missing"));
    };
    let (body, mode) = body_rule(payload)?;
    let credentials = scope.credentials(lookup, request.header("x-amz-security-token"), now)?;
    let key = scope.signing_key(&credentials);
    let headers = canonical::signed_headers(request, &names)?;
    let claim = Claim {
        request,
        query,
        left_out: None,
        headers: &headers,
        payload,
        scope: &scope,
        date: &date,
        provided: parts.signature,
    };
    claim.check(&key)?;
    let seed = match mode {
        None => None,
        Some(mode) => {
            let scope = scope.text();
            Some(ChunkSeed::new(mode, request, key, &date, &scope, parts.signature)?)
        }
    };
    Ok(Verified {
        access_key: scope.access_key,
        mechanism: Mechanism::Headers,
        signed_at,
        expires_at: None,
        signed_headers: names,
        body,
        seed,
    })
}

/// The three parts of `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`.
struct Parts<'a> {
    credential: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

impl<'a> Parts<'a> {
    fn read(authorization: &'a str) -> Result<Self, VerifyError> {
        let (algorithm, rest) = authorization.split_once(' ').unwrap_or((authorization, ""));
        if algorithm != ALGORITHM {
            return Err(VerifyError::Algorithm(algorithm.to_owned()));
        }
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for part in rest.split(',').map(str::trim) {
            let place = match part.split_once('=') {
                Some(("Credential", value)) => credential.replace(value),
                Some(("SignedHeaders", value)) => signed_headers.replace(value),
                Some(("Signature", value)) => signature.replace(value),
                _ => return Err(VerifyError::malformed(WHAT, "expecting Credential, SignedHeaders and Signature")),
            };
            if place.is_some() {
                return Err(VerifyError::malformed(WHAT, "a part is given twice"));
            }
        }
        match (credential, signed_headers, signature) {
            (Some(credential), Some(signed_headers), Some(signature)) => {
                Ok(Self { credential, signed_headers, signature })
            }
            _ => Err(VerifyError::malformed(WHAT, "Credential, SignedHeaders or Signature is missing")),
        }
    }
}

/// `x-amz-date`, or `Date` where that is missing.
fn request_time(request: &IncomingRequest<'_>) -> Result<(i64, AmzDate), VerifyError> {
    let seconds = match (request.header("x-amz-date"), request.header("date")) {
        (Some(text), _) => parse_amz(text),
        (None, Some(text)) => parse_http_date(text).or_else(|| parse_amz(text)),
        (None, None) => return Err(VerifyError::malformed("x-amz-date", "neither x-amz-date nor Date was sent")),
    };
    seconds
        .and_then(|seconds| Some((seconds, AmzDate::from_unix(seconds)?)))
        .ok_or_else(|| VerifyError::malformed("x-amz-date", "not a date such as 20130524T000000Z"))
}

/// Reads the value of `x-amz-content-sha256`.
pub(super) fn body_rule(payload: &str) -> Result<(BodyRule, Option<ChunkMode>), VerifyError> {
    let chunked = |mode| Ok((BodyRule::Chunked, Some(mode)));
    match payload {
        UNSIGNED_PAYLOAD => Ok((BodyRule::Unsigned, None)),
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => chunked(ChunkMode::Signed),
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => chunked(ChunkMode::SignedTrailer),
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => chunked(ChunkMode::UnsignedTrailer),
        hex => match encode::unhex(hex.as_bytes()) {
            Some(digest) => Ok((BodyRule::Sha256(digest), None)),
            None => Err(VerifyError::malformed(
                "x-amz-content-sha256",
                "expecting a hex SHA-256, UNSIGNED-PAYLOAD or a STREAMING- word",
            )),
        },
    }
}
