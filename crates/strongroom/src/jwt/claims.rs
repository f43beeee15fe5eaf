//! What a token whose signature is right must say to be believed, and whom it names.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Expected, TokenError};
use crate::access::{Principal, PrincipalKind, check_subject};
use crate::config::ClaimPath;

/// Checks the claims and reads the principal from them.
pub(super) fn principal(
    claims: &Map<String, Value>,
    expected: &Expected,
    now: Timestamp,
) -> Result<Principal, TokenError> {
    check_times(claims, expected.leeway.as_secs_f64(), now)?;
    check_issuer(claims, expected.issuer.as_deref())?;
    check_audience(claims, &expected.audience)?;
    let names = &expected.claims;
    let subject = match names.subject.find(claims) {
        Some(Value::String(subject)) => subject.clone(),
        // Some applications have numbers for their users.
        Some(Value::Number(number)) if number.is_i64() || number.is_u64() => number.to_string(),
        Some(Value::Null) | None => return Err(TokenError::MissingClaim(names.subject.to_string())),
        Some(_) => return Err(TokenError::BadClaim(names.subject.to_string())),
    };
    check_subject(&subject)?;
    Ok(Principal {
        subject: Some(subject),
        roles: words(claims, &names.roles)?,
        scopes: words(claims, &names.scopes)?,
        kind: PrincipalKind::Jwt,
    })
}

/// RFC 7519, sections 4.1.4 to 4.1.6. The end is needed; a token without one would be valid for ever.
fn check_times(claims: &Map<String, Value>, leeway: f64, now: Timestamp) -> Result<(), TokenError> {
    let now = now.as_second() as f64;
    let Some(end) = moment(claims, "exp")? else {
        return Err(TokenError::MissingClaim("exp".to_owned()));
    };
    if now >= end + leeway {
        return Err(TokenError::Expired);
    }
    for name in ["nbf", "iat"] {
        if moment(claims, name)?.is_some_and(|beginning| now < beginning - leeway) {
            return Err(TokenError::NotYetValid);
        }
    }
    Ok(())
}

/// A moment in seconds since 1970, which may have a fraction (RFC 7519, section 2: `NumericDate`).
fn moment(claims: &Map<String, Value>, name: &str) -> Result<Option<f64>, TokenError> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => match value.as_f64().filter(|seconds| seconds.is_finite()) {
            Some(seconds) => Ok(Some(seconds)),
            None => Err(TokenError::BadClaim(name.to_owned())),
        },
    }
}

fn check_issuer(claims: &Map<String, Value>, expected: Option<&str>) -> Result<(), TokenError> {
    match expected {
        Some(issuer) if claims.get("iss").and_then(Value::as_str) != Some(issuer) => Err(TokenError::WrongIssuer),
        _ => Ok(()),
    }
}

/// RFC 7519, section 4.1.3: who is not among those a token is addressed to must refuse it.
fn check_audience(claims: &Map<String, Value>, expected: &[String]) -> Result<(), TokenError> {
    let is_expected = |value: &Value| value.as_str().is_some_and(|name| expected.iter().any(|own| own == name));
    let is_right = match claims.get("aud") {
        None => expected.is_empty(),
        Some(Value::Array(names)) => names.iter().any(is_expected),
        Some(name) => is_expected(name),
    };
    if is_right { Ok(()) } else { Err(TokenError::WrongAudience) }
}

/// A list of texts, or one text with spaces between the words.
fn words(claims: &Map<String, Value>, path: &ClaimPath) -> Result<Vec<String>, TokenError> {
    let bad = || TokenError::BadClaim(path.to_string());
    match path.find(claims) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(text)) => Ok(text.split_whitespace().map(str::to_owned).collect()),
        Some(Value::Array(items)) => {
            items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(bad)).collect()
        }
        Some(_) => Err(bad()),
    }
}
