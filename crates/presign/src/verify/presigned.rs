//! Verifies presigned URLs.

use super::canonical::{self, Claim, Query, Scope};
use super::error::VerifyError;
use super::header_auth::body_rule;
use super::{IncomingRequest, Mechanism, Verified, Verifier};
use crate::canonical_request::UNSIGNED_PAYLOAD;
use crate::credentials::Credentials;
use crate::moment::{AmzDate, parse_amz};
use crate::string_to_sign::ALGORITHM;
use crate::validity::MAX_LIFE;

pub(super) fn verify(
    verifier: &Verifier,
    request: &IncomingRequest<'_>,
    query: &Query,
    lookup: &impl Fn(&str) -> Option<Credentials>,
    now: i64,
) -> Result<Verified, VerifyError> {
    let algorithm = demand(query, "X-Amz-Algorithm")?;
    if algorithm != ALGORITHM {
        return Err(VerifyError::Algorithm(algorithm.to_owned()));
    }
    let signature = demand(query, "X-Amz-Signature")?;
    let scope = Scope::read(verifier, "X-Amz-Credential", demand(query, "X-Amz-Credential")?)?;
    let names = canonical::signed_names(request, demand(query, "X-Amz-SignedHeaders")?, "X-Amz-SignedHeaders")?;
    let (signed_at, date) = parse_amz(demand(query, "X-Amz-Date")?)
        .and_then(|seconds| Some((seconds, AmzDate::from_unix(seconds)?)))
        .ok_or_else(|| VerifyError::malformed("X-Amz-Date", "not a date such as 20130524T000000Z"))?;
    scope.check_day("X-Amz-Credential", &date)?;
    let expires_at = signed_at + life(demand(query, "X-Amz-Expires")?)?;
    let payload = match canonical::only(query, "X-Amz-Content-Sha256")? {
        Some(payload) => payload,
        None => request.header("x-amz-content-sha256").unwrap_or(UNSIGNED_PAYLOAD),
    };
    let (body, chunked) = body_rule(payload)?;
    if chunked.is_some() {
        return Err(VerifyError::malformed("x-amz-content-sha256", "a presigned URL cannot sign chunks"));
    }
    let credentials = scope.credentials(lookup, canonical::only(query, "X-Amz-Security-Token")?, now)?;
    let headers = canonical::signed_headers(request, &names)?;
    let claim = Claim {
        request,
        query,
        left_out: Some("X-Amz-Signature"),
        headers: &headers,
        payload,
        scope: &scope,
        date: &date,
        provided: signature,
    };
    claim.check(&scope.signing_key(&credentials))?;
    // The times are looked at last, so that only who holds a real URL learns that it has ended.
    if signed_at > now.saturating_add(verifier.max_skew) {
        return Err(VerifyError::NotYetValid { signed_at, now });
    }
    if now >= expires_at {
        return Err(VerifyError::Expired { expired_at: expires_at, now });
    }
    Ok(Verified {
        access_key: scope.access_key,
        mechanism: Mechanism::Presigned,
        signed_at,
        expires_at: Some(expires_at),
        signed_headers: names,
        body,
        seed: None,
    })
}

fn demand<'q>(query: &'q Query, name: &'static str) -> Result<&'q str, VerifyError> {
    canonical::only(query, name)?.ok_or_else(|| VerifyError::malformed(name, "the parameter is missing"))
}

fn life(text: &str) -> Result<i64, VerifyError> {
    let plain = !text.is_empty() && text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds: u64 = plain
        .then(|| text.parse().ok())
        .flatten()
        .ok_or_else(|| VerifyError::malformed("X-Amz-Expires", "not a number of seconds"))?;
    if (1..=u64::from(MAX_LIFE)).contains(&seconds) { Ok(seconds as i64) } else { Err(VerifyError::Life(seconds)) }
}
