//! Takes a URL apart without judging it: whose link it is, to what, and from when until when.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::words::shown;
use crate::address::Address;
use crate::encode;
use crate::endpoint::Endpoint;
use crate::moment::parse_amz;

/// What the text of a URL says. Nothing of it is verified.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Link {
    /// Host and port, as they stand in the URL, without a name and password before them.
    pub host: String,
    /// The path, percent-encoded as it stands in the URL.
    pub path: String,
    /// The query, without the question mark.
    pub query: String,
    /// Where the object is, if the host is known or path style can be assumed.
    pub address: Option<Address>,
    /// How it is signed.
    pub signature: LinkSignature,
}

/// How a URL is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkSignature {
    /// Not at all.
    None,
    /// Signature Version 4; what is missing is empty.
    Version4(Version4),
    /// Signature Version 2: the access key, and its end in Unix seconds.
    Version2 {
        /// The access key.
        access_key: String,
        /// The end.
        expires_at: Option<i64>,
    },
    /// CloudFront's: the key pair, and the end that its policy sets in Unix seconds.
    CloudFront {
        /// The key pair's id.
        key_pair_id: String,
        /// The end.
        expires_at: Option<i64>,
    },
}

/// The parameters of Signature Version 4, decoded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Version4 {
    /// `X-Amz-Algorithm`.
    pub algorithm: String,
    /// `X-Amz-Credential`, whole.
    pub credential: String,
    /// `X-Amz-Date`.
    pub date: String,
    /// `X-Amz-Expires`.
    pub expires: String,
    /// `X-Amz-SignedHeaders`, split.
    pub signed_headers: Vec<String>,
    /// `X-Amz-Signature`.
    pub signature: String,
    /// Whether there is an `X-Amz-Security-Token`.
    pub has_token: bool,
    /// `X-Amz-Content-Sha256`, if it is there.
    pub payload: Option<String>,
}

impl Version4 {
    /// A part of the credential: 0 the access key, 1 the day, 2 the region, 3 the service.
    fn part(&self, at: usize) -> &str {
        self.credential.split('/').nth(at).unwrap_or_default()
    }

    /// The access key.
    pub fn access_key(&self) -> &str {
        self.part(0)
    }

    /// The day of the scope.
    pub fn day(&self) -> &str {
        self.part(1)
    }

    /// The region of the scope.
    pub fn region(&self) -> &str {
        self.part(2)
    }

    /// The service of the scope.
    pub fn service(&self) -> &str {
        self.part(3)
    }

    /// When it was signed, in Unix seconds.
    pub fn signed_at(&self) -> Option<i64> {
        parse_amz(&self.date)
    }

    /// When it ends, in Unix seconds.
    pub fn expires_at(&self) -> Option<i64> {
        let seconds: u32 = self.expires.parse().ok()?;
        Some(self.signed_at()? + i64::from(seconds))
    }
}

/// Shows everything but session tokens.
impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, path, query, address, signature } = self;
        let query: Vec<_> =
            pairs(query).into_iter().map(|(name, value)| [&name, "=", shown(&name, &value)].concat()).collect();
        f.debug_struct("Link")
            .field("host", host)
            .field("path", path)
            .field("query", &query)
            .field("address", address)
            .field("signature", signature)
            .finish()
    }
}

impl Link {
    /// Reads an `http` or `https` URL. `endpoints` are the stores that are known besides AWS.
    pub fn read(url: &str, endpoints: &[Endpoint]) -> Option<Self> {
        let scheme_end = url.find("://")?;
        let scheme = url[..scheme_end].to_ascii_lowercase();
        if scheme != "http" && scheme != "https" {
            return None;
        }
        let rest = url[scheme_end + 3..].split('#').next()?;
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        // A name and a password before the host are no part of it, and not to be shown.
        let host = host.rsplit('@').next().unwrap_or(host);
        if host.is_empty() {
            return None;
        }
        let pairs = pairs(query);
        let get = |name: &str| pairs.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone());
        let text = |name: &str| get(name).unwrap_or_default();
        let signature = if pairs.iter().any(|(name, _)| name.starts_with("X-Amz-")) {
            let names = text("X-Amz-SignedHeaders");
            LinkSignature::Version4(Version4 {
                algorithm: text("X-Amz-Algorithm"),
                credential: text("X-Amz-Credential"),
                date: text("X-Amz-Date"),
                expires: text("X-Amz-Expires"),
                signed_headers: names.split(';').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
                signature: text("X-Amz-Signature"),
                has_token: get("X-Amz-Security-Token").is_some(),
                payload: get("X-Amz-Content-Sha256"),
            })
        } else if let Some(access_key) = get("AWSAccessKeyId") {
            LinkSignature::Version2 { access_key, expires_at: text("Expires").parse().ok() }
        } else if let Some(key_pair_id) = get("Key-Pair-Id") {
            let canned = text("Expires").parse().ok();
            LinkSignature::CloudFront { key_pair_id, expires_at: canned.or_else(|| end_of_policy(&text("Policy"))) }
        } else {
            LinkSignature::None
        };
        let address = Address::read(url, endpoints).ok().or_else(|| Self::path_style(url, &scheme, host, &signature));
        Some(Self { host: host.to_owned(), path: path.to_owned(), query: query.to_owned(), address, signature })
    }

    /// Most stores of one's own are addressed path style.
    fn path_style(url: &str, scheme: &str, host: &str, signature: &LinkSignature) -> Option<Address> {
        let region = match signature {
            LinkSignature::Version4(signed) if !signed.region().is_empty() => signed.region(),
            LinkSignature::CloudFront { .. } => return None,
            _ => "us-east-1",
        };
        let endpoint = Endpoint::custom(&format!("{scheme}://{host}"), region).ok()?;
        let address = Address::read(url, &[endpoint]).ok()?;
        // The region was only assumed.
        Some(Address { region: None, ..address })
    }
}

/// When a custom policy of CloudFront ends, which writes Base64 with other letters where URLs have a use for them.
fn end_of_policy(policy: &str) -> Option<i64> {
    let plain: String =
        policy.chars().map(|own| BASE64.iter().find(|(url, _)| *url == own).map_or(own, |(_, base)| *base)).collect();
    let policy: Value = serde_json::from_slice(&STANDARD.decode(plain).ok()?).ok()?;
    policy.pointer("/Statement/0/Condition/DateLessThan/AWS:EpochTime")?.as_i64()
}

/// What CloudFront writes in a URL, and what it stands for.
const BASE64: [(char, char); 3] = [('-', '+'), ('_', '='), ('~', '/')];

/// The decoded pairs of a query; what cannot be decoded stays as it is.
pub(super) fn pairs(query: &str) -> Vec<(String, String)> {
    let decode = |text: &str| match encode::decode(text, true) {
        Some(bytes) => String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned()),
        None => text.to_owned(),
    };
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}
