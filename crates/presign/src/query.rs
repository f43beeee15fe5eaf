//! Writes a query in canonical order: sorted by encoded name, then by encoded value.

use std::borrow::Cow;

use crate::encode;
use crate::signer::SignError;

/// A name and a value, unencoded.
pub(crate) type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// The parameters that signing itself sets, lower-case and without `x-amz-`.
const RESERVED: [&str; 7] =
    ["algorithm", "credential", "date", "expires", "security-token", "signature", "signedheaders"];

/// Refuses what the store would refuse, or what would break the signature.
pub(crate) fn check(own: &[Pair<'_>]) -> Result<(), SignError> {
    for (name, value) in own {
        if name.is_empty() || is_reserved(name) {
            return Err(SignError::Query(name.to_string()));
        }
        if name == "partNumber" && !value.parse().is_ok_and(|part: u16| (1..=10_000).contains(&part)) {
            return Err(SignError::PartNumber(value.to_string()));
        }
        if name == "uploadId" && value.is_empty() {
            return Err(SignError::NoUploadId);
        }
    }
    Ok(())
}

/// Whether every parameter comes after those of the signature, all of which begin with `X`.
pub(crate) fn all_after_signature(own: &[Pair<'_>]) -> bool {
    own.iter().all(|(name, _)| name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase()))
}

/// Appends the parameters, each but the first after an `&`; `follows` says that something stands before them.
pub(crate) fn append(out: &mut String, own: &[Pair<'_>], follows: bool) {
    if let [(name, value)] = own {
        // One parameter, such as a content disposition, is in order by itself and needs no memory of its own.
        separate(out, follows);
        encode::query(out, name.as_bytes());
        out.push('=');
        encode::query(out, value.as_bytes());
        return;
    }
    let encoded = own.iter().map(|(name, value)| (encode::to_query(name), encode::to_query(value)));
    append_encoded(out, encoded.collect(), follows);
}

/// The same for what is encoded already.
pub(crate) fn append_encoded(out: &mut String, mut pairs: Vec<(String, String)>, follows: bool) {
    pairs.sort_unstable();
    for (at, (name, value)) in pairs.iter().enumerate() {
        separate(out, follows || at > 0);
        out.push_str(name);
        out.push('=');
        out.push_str(value);
    }
}

fn separate(out: &mut String, follows: bool) {
    if follows {
        out.push('&');
    }
}

fn is_reserved(name: &str) -> bool {
    name.split_at_checked(6).is_some_and(|(head, rest)| {
        head.eq_ignore_ascii_case("x-amz-") && RESERVED.iter().any(|reserved| rest.eq_ignore_ascii_case(reserved))
    })
}
