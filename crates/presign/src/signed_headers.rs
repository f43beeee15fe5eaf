//! The signed headers of a request: their canonical block and the list of their names.

use std::borrow::Cow;

/// Canonical headers, sorted by name.
#[derive(Debug, Clone)]
pub(crate) struct SignedHeaders {
    /// All of the canonical request between the query and the payload: a line end, each header as `name:value` with
    /// the name lower-case, the value trimmed and runs of blanks made one, an empty line, and the names once more.
    pub(crate) lines: String,
    /// `host;x-amz-date`.
    pub(crate) names: String,
}

/// Why a header cannot be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// Not a token of RFC 9110.
    #[error("`{0}` is no header name")]
    Name(String),
    /// A control character, which would let a value end the header.
    #[error("the value of the header `{0}` has a control character or is not ASCII")]
    Value(String),
    /// Named twice, or set by the signer itself.
    #[error("the header `{0}` is set twice, or is one that signing itself sets")]
    Twice(String),
}

/// Headers that proxies and clients change on the way, so that no S3 library signs them.
const NEVER_SIGNED: [&str; 9] = [
    "authorization",
    "connection",
    "expect",
    "keep-alive",
    "te",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "x-amzn-trace-id",
];

impl SignedHeaders {
    /// From a client's side: `host`, what the protocol adds, and the caller's own headers, each checked.
    pub(crate) fn of_request(
        host: &str,
        added: &[(&str, &str)],
        own: &[(Cow<'_, str>, Cow<'_, str>)],
    ) -> Result<Self, HeaderError> {
        let mut all: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::with_capacity(own.len() + added.len() + 1);
        all.push((Cow::Borrowed("host"), Cow::Borrowed(host)));
        all.extend(added.iter().map(|(name, value)| (Cow::Borrowed(*name), Cow::Borrowed(*value))));
        for (name, value) in own {
            let lower = if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
                Cow::Owned(name.to_ascii_lowercase())
            } else {
                Cow::Borrowed(name.as_ref())
            };
            check(&lower, value)?;
            if NEVER_SIGNED.contains(&&*lower) || all.iter().any(|(other, _)| *other == lower) {
                return Err(HeaderError::Twice(lower.into_owned()));
            }
            all.push((lower, canonical_value(value)));
        }
        Ok(Self::of_pairs(all))
    }

    /// From names (lower-case) and values that are canonical already.
    pub(crate) fn of_pairs(mut pairs: Vec<(Cow<'_, str>, Cow<'_, str>)>) -> Self {
        pairs.sort_unstable();
        let length = |(name, value): &(Cow<'_, str>, Cow<'_, str>)| 2 * name.len() + value.len() + 3;
        let mut lines = String::with_capacity(3 + pairs.iter().map(length).sum::<usize>());
        let mut names = String::with_capacity(pairs.iter().map(|(name, _)| name.len() + 1).sum());
        lines.push('\n');
        for (at, (name, value)) in pairs.iter().enumerate() {
            lines.push_str(name);
            lines.push(':');
            lines.push_str(value);
            lines.push('\n');
            if at > 0 {
                names.push(';');
            }
            names.push_str(name);
        }
        lines.push('\n');
        lines.push_str(&names);
        lines.push('\n');
        Self { lines, names }
    }
}

/// Trims a value and makes each run of blanks one, as both sides do before hashing.
pub(crate) fn canonical_value(value: &str) -> Cow<'_, str> {
    let blank = |character: char| matches!(character, ' ' | '\t');
    let value = value.trim_matches(blank);
    if !value.contains('\t') && !value.contains("  ") {
        return Cow::Borrowed(value);
    }
    let words: Vec<&str> = value.split(blank).filter(|word| !word.is_empty()).collect();
    Cow::Owned(words.join(" "))
}

fn check(name: &str, value: &str) -> Result<(), HeaderError> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || name.len() > 256 || !name.bytes().all(token) {
        return Err(HeaderError::Name(name.to_owned()));
    }
    if !value.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte)) {
        return Err(HeaderError::Value(name.to_owned()));
    }
    Ok(())
}
