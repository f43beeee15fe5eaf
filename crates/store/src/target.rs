//! What a request is about: bucket, key and query, read from the request line as it was sent.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use percent_encoding::percent_decode_str;

use crate::fault::{Code, Fault};

/// The longest key in bytes.
pub(crate) const MAX_KEY_BYTES: usize = 1024;

/// The parameters that make up a signature.
const SIGNING: &[&str] = &[
    "x-amz-algorithm",
    "x-amz-content-sha256",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-signedheaders",
];

/// The bucket and key a request names. A key is any text: it never becomes a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// The bucket; empty when the request is about the store itself.
    pub(crate) bucket: String,
    /// The key; empty when the request is about the bucket itself.
    pub(crate) key: String,
}

impl Target {
    /// Reads a path-style or, under one of `domains`, a virtual-host request.
    pub(crate) fn of(parts: &Parts, domains: &[String]) -> Result<Self, Fault> {
        let path = parts.uri.path().strip_prefix('/').ok_or(Code::InvalidURI)?;
        let (bucket, key) = match virtual_bucket(parts, domains) {
            Some(bucket) => (bucket, path),
            None => path.split_once('/').unwrap_or((path, "")),
        };
        let target = Self { bucket: decode(bucket)?, key: decode(key)? };
        if target.key.len() > MAX_KEY_BYTES { Err(too_long(&target.key)) } else { Ok(target) }
    }
}

/// Checks the name of a bucket that is to be made; answers the rule it breaks.
/// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>.
pub(crate) fn check_new_bucket(name: &str) -> Result<(), &'static str> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-');
    if !(3..=63).contains(&name.len()) {
        Err("it must have 3 to 63 characters")
    } else if !name.bytes().all(fits) {
        Err("it may hold lower-case letters, digits, dots and hyphens alone")
    } else if !name.split('.').all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-')) {
        Err("it and every part between its dots must begin and end with a letter or digit")
    } else if name.parse::<std::net::Ipv4Addr>().is_ok() {
        Err("it must not look like an IP address")
    } else {
        Ok(())
    }
}

/// The refusal of a key that is too long.
pub(crate) fn too_long(key: &str) -> Fault {
    Fault::from(Code::KeyTooLongError)
        .with("Size", key.len().to_string())
        .with("MaxSizeAllowed", MAX_KEY_BYTES.to_string())
}

fn virtual_bucket<'a>(parts: &'a Parts, domains: &[String]) -> Option<&'a str> {
    let host = parts.headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| parts.uri.authority().map(http::uri::Authority::as_str))?;
    let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let name = name.map_or(host, |(name, _)| name);
    domains
        .iter()
        .find_map(|domain| name.strip_suffix(domain.as_str())?.strip_suffix('.'))
        .filter(|own| !own.is_empty())
}

fn decode(text: &str) -> Result<String, Fault> {
    match percent_decode_str(text).decode_utf8() {
        Ok(decoded) => Ok(decoded.into_owned()),
        Err(_) => Err(Fault::new(Code::InvalidURI, "Couldn't parse the specified URI: it is not UTF-8.")),
    }
}

/// The decoded query.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads the query of a request line.
    pub(crate) fn of(parts: &Parts) -> Result<Self, Fault> {
        let form = |text: &str| decode(&text.replace('+', " "));
        let pairs = parts.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((form(name)?, form(value)?))
        });
        Ok(Self(pairs.collect::<Result<_, Fault>>()?))
    }

    /// The value of a parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Whether a parameter is there, with a value or without.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The value of a parameter unless it is empty.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// A parameter that is a number.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u32>, Fault> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let number =
            text.parse::<u32>().ok().filter(|number| *number <= i32::MAX.cast_unsigned()).ok_or_else(|| {
                Fault::new(Code::InvalidArgument, format!("Provided {name} not an integer or within integer range"))
                    .with("ArgumentName", name)
                    .with("ArgumentValue", text)
            })?;
        Ok(Some(number))
    }

    /// Gives parameters such as `x-amz-checksum-sha256` the meaning of the header of that name, as S3 does: clients that
    /// presign put them into the URL, where the signature covers them. The call comes after the signature was verified.
    pub(crate) fn hoist(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.0 {
            let name = name.to_ascii_lowercase();
            if name.starts_with("x-amz-")
                && !SIGNING.contains(&name.as_str())
                && let (Ok(name), Ok(value)) =
                    (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value.as_bytes()))
            {
                headers.entry(name).or_insert(value);
            }
        }
    }

    /// The names of all parameters.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }
}
