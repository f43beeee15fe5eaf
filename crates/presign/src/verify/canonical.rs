//! Makes the canonical request from what came over the wire, and compares signatures.

use subtle::ConstantTimeEq as _;

use super::error::{Mismatch, VerifyError};
use super::{IncomingRequest, Verifier};
use crate::canonical_request::{CanonicalRequest, Rest};
use crate::credentials::Credentials;
use crate::encode;
use crate::moment::AmzDate;
use crate::signature::SigningKey;
use crate::signed_headers::{SignedHeaders, canonical_value};
use crate::string_to_sign;

/// A decoded query: names and values as bytes, in the order they came.
pub(super) type Query = Vec<(Vec<u8>, Vec<u8>)>;

/// The credential scope a request names, split and checked against the verifier.
pub(super) struct Scope {
    pub(super) access_key: String,
    pub(super) date: String,
    pub(super) region: String,
}

impl Scope {
    /// Reads `AKIA…/20130524/us-east-1/s3/aws4_request`.
    pub(super) fn read(verifier: &Verifier, what: &'static str, credential: &str) -> Result<Self, VerifyError> {
        let mut parts = credential.split('/');
        let (Some(access_key), Some(date), Some(region), Some(service), Some(end), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(VerifyError::malformed(what, "expecting <access key>/<date>/<region>/s3/aws4_request"));
        };
        if end != string_to_sign::TERMINATOR {
            return Err(VerifyError::malformed(what, format!("the scope ends in `{end}`, not aws4_request")));
        }
        if service != "s3" {
            return Err(VerifyError::Service(service.to_owned()));
        }
        if region != verifier.region {
            return Err(VerifyError::Region { expected: verifier.region.clone(), found: region.to_owned() });
        }
        Ok(Self { access_key: access_key.to_owned(), date: date.to_owned(), region: region.to_owned() })
    }

    /// The scope must be of the day the request was signed on.
    pub(super) fn check_day(&self, what: &'static str, date: &AmzDate) -> Result<(), VerifyError> {
        if self.date == date.date() {
            Ok(())
        } else {
            Err(VerifyError::malformed(
                what,
                format!("the date `{}` is not that of X-Amz-Date, `{}`", self.date, date.date()),
            ))
        }
    }

    /// The credentials behind the access key, if they are still good and the token is theirs.
    pub(super) fn credentials(
        &self,
        lookup: &impl Fn(&str) -> Option<Credentials>,
        token: Option<&str>,
        now: i64,
    ) -> Result<Credentials, VerifyError> {
        credentials(&self.access_key, lookup, token, now)
    }

    pub(super) fn signing_key(&self, credentials: &Credentials) -> SigningKey {
        SigningKey::derive(credentials.secret_key(), &self.date, &self.region, "s3")
    }

    pub(super) fn text(&self) -> String {
        string_to_sign::scope(&self.date, &self.region, "s3")
    }
}

/// The credentials behind an access key, if they are still good and the token is theirs.
pub(super) fn credentials(
    access_key: &str,
    lookup: &impl Fn(&str) -> Option<Credentials>,
    token: Option<&str>,
    now: i64,
) -> Result<Credentials, VerifyError> {
    let unknown = || VerifyError::UnknownKey { access_key: access_key.to_owned() };
    let credentials = lookup(access_key).ok_or_else(unknown)?;
    let same = match (credentials.session_token(), token) {
        (None, None) => true,
        (Some(own), Some(sent)) => own.as_bytes().ct_eq(sent.as_bytes()).into(),
        _ => false,
    };
    if !same {
        return Err(VerifyError::Token);
    }
    match credentials.expires_at() {
        Some(expired_at) if expired_at <= now => Err(VerifyError::CredentialsExpired { expired_at }),
        _ => Ok(credentials),
    }
}

/// Splits and decodes a query.
pub(super) fn parse_query(query: &str) -> Result<Query, VerifyError> {
    let decode = |text: &str| {
        encode::decode(text, true).ok_or_else(|| VerifyError::malformed("query", "a `%` without two hex digits"))
    };
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        })
        .collect()
}

/// The one value of a query parameter; twice the same name is refused.
pub(super) fn only<'q>(query: &'q Query, name: &'static str) -> Result<Option<&'q str>, VerifyError> {
    let mut found = query.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name.as_bytes()));
    let Some((own, value)) = found.next() else { return Ok(None) };
    if own != name.as_bytes() || found.next().is_some() {
        return Err(VerifyError::malformed(name, "given twice or in another case"));
    }
    let text = std::str::from_utf8(value).map_err(|_| VerifyError::malformed(name, "not UTF-8"))?;
    Ok(Some(text))
}

/// Names of the signed headers as sent, `host;x-amz-date`, checked to cover what the server would obey.
pub(super) fn signed_names(
    request: &IncomingRequest<'_>,
    list: &str,
    what: &'static str,
) -> Result<Vec<String>, VerifyError> {
    let names: Vec<String> = list.split(';').map(str::to_owned).collect();
    if !names.is_sorted_by(|a, b| a < b)
        || names.iter().any(|name| name.is_empty() || name.bytes().any(|byte| byte.is_ascii_uppercase()))
    {
        return Err(VerifyError::malformed(what, "SignedHeaders must be lower-case, sorted and free of repetition"));
    }
    let mut unsigned: Vec<String> = request
        .headers
        .iter()
        .map(|(name, _)| name.to_ascii_lowercase())
        .filter(|name| (name == "host" || name.starts_with("x-amz-")) && !names.contains(name))
        .collect();
    if unsigned.is_empty() && !names.iter().any(|name| name == "host") {
        unsigned.push("host".to_owned());
    }
    if unsigned.is_empty() { Ok(names) } else { Err(VerifyError::UnsignedHeaders(unsigned)) }
}

/// The headers that were signed, with the values that came.
pub(super) fn signed_headers(request: &IncomingRequest<'_>, names: &[String]) -> Result<SignedHeaders, VerifyError> {
    let mut pairs = Vec::with_capacity(names.len());
    for name in names {
        let mut value: Option<String> = None;
        for (_, one) in request.headers.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name)) {
            let one = std::str::from_utf8(one)
                .map_err(|_| VerifyError::malformed("headers", format!("the signed header `{name}` is not UTF-8")))?;
            let one = canonical_value(one);
            match &mut value {
                None => value = Some(one.into_owned()),
                Some(value) => {
                    value.push(',');
                    value.push_str(&one);
                }
            }
        }
        let value = value.ok_or_else(|| VerifyError::HeaderNotSent(name.clone()))?;
        pairs.push((name.as_str().into(), value.into()));
    }
    Ok(SignedHeaders::of_pairs(pairs))
}

/// A request as both sides must write it, and what the client's signature over it is to be compared with.
pub(super) struct Claim<'a> {
    pub(super) request: &'a IncomingRequest<'a>,
    pub(super) query: &'a Query,
    /// The parameter that holds the signature itself.
    pub(super) left_out: Option<&'a str>,
    pub(super) headers: &'a SignedHeaders,
    pub(super) payload: &'a str,
    pub(super) scope: &'a Scope,
    pub(super) date: &'a AmzDate,
    pub(super) provided: &'a str,
}

impl Claim<'_> {
    /// Compares in constant time.
    pub(super) fn check(&self, key: &SigningKey) -> Result<(), VerifyError> {
        let path = path(self.request.path)?;
        let query = query(self.query, self.left_out);
        let rest = Rest::Parts { query: &query, headers: self.headers, payload: self.payload };
        let canonical = CanonicalRequest { method: self.request.method, path: &path, rest };
        let head = string_to_sign::head(self.date, &self.scope.text());
        let string_to_sign = string_to_sign::text(&head, &canonical.digest());
        let ours = encode::hex(&key.sign(string_to_sign.as_bytes()));
        if bool::from(ours.ct_eq(self.provided.as_bytes())) {
            return Ok(());
        }
        Err(VerifyError::Mismatch(Box::new(Mismatch {
            access_key: self.scope.access_key.clone(),
            provided: self.provided.to_owned(),
            string_to_sign,
            canonical_request: canonical.text(),
        })))
    }
}

/// The path in its canonical encoding. Nothing is normalised; only the encoding of each byte is made uniform.
fn path(raw: &str) -> Result<String, VerifyError> {
    let decoded =
        encode::decode(raw, false).ok_or_else(|| VerifyError::malformed("path", "a `%` without two hex digits"))?;
    let mut out = String::with_capacity(raw.len().max(1));
    encode::path(&mut out, if decoded.is_empty() { b"/" } else { &decoded });
    Ok(out)
}

/// The query in canonical order and encoding, without `left_out`.
fn query(query: &Query, left_out: Option<&str>) -> String {
    let kept = query.iter().filter(|(name, _)| left_out.is_none_or(|left_out| name != left_out.as_bytes()));
    let encoded = |bytes: &[u8]| {
        let mut text = String::new();
        encode::query(&mut text, bytes);
        text
    };
    let pairs = kept.map(|(name, value)| (encoded(name), encoded(value))).collect();
    let mut out = String::with_capacity(512);
    crate::query::append_encoded(&mut out, pairs, false);
    out
}
