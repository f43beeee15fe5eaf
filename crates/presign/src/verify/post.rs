//! Verifies the signature of a POST form's policy.

use subtle::ConstantTimeEq as _;

use super::canonical::{self, Scope};
use super::error::{Mismatch, VerifyError};
use super::policy::Policy;
use super::{Verifier, version2};
use crate::credentials::Credentials;
use crate::encode;
use crate::moment::{AmzDate, parse_amz};
use crate::string_to_sign::ALGORITHM;

/// A form whose policy is signed by a known key and has not ended.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct VerifiedPost {
    /// Whose signature it is.
    pub access_key: String,
    /// What the policy demands of the fields and the file; not yet checked.
    pub policy: Policy,
}

pub(super) fn verify(
    verifier: &Verifier,
    fields: &[(&str, &str)],
    lookup: &impl Fn(&str) -> Option<Credentials>,
    now: i64,
) -> Result<VerifiedPost, VerifyError> {
    let Some(encoded) = field(fields, "policy")? else {
        return Err(VerifyError::Missing);
    };
    let old = field(fields, "x-amz-algorithm")?.is_none() && field(fields, "awsaccesskeyid")?.is_some();
    let access_key = match (old, &verifier.version2) {
        (true, Some(_)) => version2_signer(fields, encoded, lookup, now)?,
        (true, None) => return Err(VerifyError::SigV2Off),
        (false, _) => version4_signer(verifier, fields, encoded, lookup, now)?,
    };
    let policy = Policy::read(encoded).map_err(|why| VerifyError::malformed("policy", why.to_string()))?;
    if now >= policy.expires_at() {
        return Err(VerifyError::Expired { expired_at: policy.expires_at(), now });
    }
    Ok(VerifiedPost { access_key, policy })
}

/// The access key whose signature is right, by Version 4.
fn version4_signer(
    verifier: &Verifier,
    fields: &[(&str, &str)],
    encoded: &str,
    lookup: &impl Fn(&str) -> Option<Credentials>,
    now: i64,
) -> Result<String, VerifyError> {
    let algorithm = demand(fields, "x-amz-algorithm")?;
    if algorithm != ALGORITHM {
        return Err(VerifyError::Algorithm(algorithm.to_owned()));
    }
    let scope = Scope::read(verifier, "x-amz-credential", demand(fields, "x-amz-credential")?)?;
    let date = parse_amz(demand(fields, "x-amz-date")?)
        .and_then(AmzDate::from_unix)
        .ok_or_else(|| VerifyError::malformed("x-amz-date", "not a date such as 20130524T000000Z"))?;
    scope.check_day("x-amz-credential", &date)?;
    let provided = demand(fields, "x-amz-signature")?;
    let credentials = scope.credentials(lookup, field(fields, "x-amz-security-token")?, now)?;
    let ours = encode::hex(&scope.signing_key(&credentials).sign(encoded.as_bytes()));
    if bool::from(ours.ct_eq(provided.as_bytes())) {
        Ok(scope.access_key)
    } else {
        Err(mismatch(scope.access_key, provided, encoded))
    }
}

/// The access key whose signature is right, by Version 2.
fn version2_signer(
    fields: &[(&str, &str)],
    encoded: &str,
    lookup: &impl Fn(&str) -> Option<Credentials>,
    now: i64,
) -> Result<String, VerifyError> {
    let access_key = demand(fields, "awsaccesskeyid")?;
    let provided = demand(fields, "signature")?;
    let credentials = canonical::credentials(access_key, lookup, field(fields, "x-amz-security-token")?, now)?;
    if version2::is_of_policy(credentials.secret_key(), encoded, provided) {
        Ok(access_key.to_owned())
    } else {
        Err(mismatch(access_key.to_owned(), provided, encoded))
    }
}

fn mismatch(access_key: String, provided: &str, encoded: &str) -> VerifyError {
    VerifyError::Mismatch(Box::new(Mismatch {
        access_key,
        provided: provided.to_owned(),
        string_to_sign: encoded.to_owned(),
        canonical_request: String::new(),
    }))
}

fn field<'f>(fields: &[(&str, &'f str)], name: &'static str) -> Result<Option<&'f str>, VerifyError> {
    let mut found = fields.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name));
    let first = found.next().map(|(_, value)| *value);
    match found.next() {
        Some(_) => Err(VerifyError::malformed(name, "the field is given twice")),
        None => Ok(first),
    }
}

fn demand<'f>(fields: &[(&str, &'f str)], name: &'static str) -> Result<&'f str, VerifyError> {
    field(fields, name)?.ok_or_else(|| VerifyError::malformed(name, "the field is missing"))
}
