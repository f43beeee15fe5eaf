//! Reads where an object is from a key, an `s3://` URI or a permanent or presigned URL of any style, and writes it back.

use crate::encode;
use crate::endpoint::{Addressing, Endpoint, UrlError};
use crate::object_key::{KeyError, check_bucket, check_key};

/// What an address says of an object; what it does not say is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Address {
    /// The bucket.
    pub bucket: Option<String>,
    /// The region, if the host names it.
    pub region: Option<String>,
    /// The key, decoded; `None` for the bucket itself.
    pub key: Option<String>,
    /// The version id.
    pub version: Option<String>,
    /// Whether it was a presigned URL (of any signature version).
    pub presigned: bool,
}

/// Why an address cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Nothing but blanks.
    #[error("the address is empty")]
    Empty,
    /// Another scheme than `s3`, `http` or `https`.
    #[error("`{0}://` is not an address of S3; use s3://, http:// or https://")]
    Scheme(String),
    /// The host is neither AWS's nor one of the given endpoints.
    #[error("the host `{0}` is neither AWS's nor a known endpoint")]
    UnknownHost(String),
    /// No bucket, or one with a name that no bucket has.
    #[error(transparent)]
    Bucket(#[from] crate::object_key::BucketError),
    /// The key breaks a rule.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A `%` without two hex digits, or bytes that are not UTF-8.
    #[error("the address is not percent-encoded UTF-8")]
    Encoding,
}

impl Address {
    /// Reads any form. `endpoints` are the custom ones whose URLs are to be understood besides AWS's.
    ///
    /// ```
    /// use strongroom_presign::Address;
    /// let address = Address::read("https://photos.s3.eu-central-1.amazonaws.com/a%20b.jpg?versionId=7", &[])?;
    /// assert_eq!(address.bucket.as_deref(), Some("photos"));
    /// assert_eq!(address.region.as_deref(), Some("eu-central-1"));
    /// assert_eq!(address.key.as_deref(), Some("a b.jpg"));
    /// assert_eq!(address.version.as_deref(), Some("7"));
    /// # Ok::<(), strongroom_presign::AddressError>(())
    /// ```
    pub fn read(text: &str, endpoints: &[Endpoint]) -> Result<Self, AddressError> {
        if text.trim().is_empty() {
            return Err(AddressError::Empty);
        }
        let scheme = text.find("://").map(|end| text[..end].to_ascii_lowercase());
        match scheme.as_deref() {
            Some("s3") => Self::of_uri(&text["s3://".len()..]),
            Some(scheme @ ("http" | "https")) => Self::of_url(&text[scheme.len() + "://".len()..], endpoints),
            // A key may hold `://` behind a first segment, but a scheme has no slash.
            Some(scheme) if !scheme.contains('/') => Err(AddressError::Scheme(scheme.to_owned())),
            _ => {
                check_key(text)?;
                Ok(Self { key: Some(text.to_owned()), ..Self::default() })
            }
        }
    }

    /// The `s3://` URI; `None` without a bucket.
    pub fn s3_uri(&self) -> Option<String> {
        let bucket = self.bucket.as_ref()?;
        let key = self.key.as_deref().unwrap_or_default();
        let version = self.version.as_ref().map(|version| format!("?versionId={version}")).unwrap_or_default();
        Some(format!("s3://{bucket}/{key}{version}"))
    }

    /// The permanent URL at an endpoint; `None` without a bucket or key.
    pub fn url(&self, endpoint: &Endpoint) -> Option<Result<String, UrlError>> {
        let (bucket, key) = (self.bucket.as_ref()?, self.key.as_ref()?);
        let url = endpoint.url(bucket, key);
        Some(match &self.version {
            None => url,
            Some(version) => url.map(|url| format!("{url}?versionId={}", encode::to_query(version))),
        })
    }

    /// Reads what follows `s3://`, where nothing is percent-encoded.
    fn of_uri(rest: &str) -> Result<Self, AddressError> {
        let (rest, version) = match rest.rsplit_once("?versionId=") {
            Some((rest, version)) => (rest, Some(version.to_owned())),
            None => (rest, None),
        };
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        Self { version, ..Self::default() }.with(bucket, key)
    }

    fn of_url(rest: &str, endpoints: &[Endpoint]) -> Result<Self, AddressError> {
        let rest = rest.split('#').next().unwrap_or(rest);
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let authority = authority.rsplit('@').next().unwrap_or(authority).to_ascii_lowercase();
        let decode = |text: &str, plus| {
            encode::decode(text, plus).and_then(|bytes| String::from_utf8(bytes).ok()).ok_or(AddressError::Encoding)
        };
        let mut read = Self::default();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "versionId" => read.version = Some(decode(value, true)?),
                "X-Amz-Signature" | "Signature" => read.presigned = true,
                _ => {}
            }
        }
        let plus_is_blank = takes_plus_for_blank(&authority);
        let (place, path) = Self::of_host(&authority, path, endpoints).ok_or(AddressError::UnknownHost(authority))?;
        read.region = place.region;
        let path = decode(path, plus_is_blank)?;
        let path = path.strip_prefix('/').unwrap_or(&path);
        match place.bucket {
            Bucket::Named(bucket) => read.with(&bucket, path),
            Bucket::InPath => {
                let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
                read.with(bucket, key)
            }
            Bucket::Unsaid => {
                check_key(path)?;
                read.key = Some(path.to_owned());
                Ok(read)
            }
        }
    }

    fn of_host<'p>(authority: &str, path: &'p str, endpoints: &[Endpoint]) -> Option<(HostPlace, &'p str)> {
        let default_port = |endpoint: &Endpoint| {
            let port = if endpoint.scheme() == "https" { ":443" } else { ":80" };
            authority.strip_suffix(port).unwrap_or(authority).to_owned()
        };
        for endpoint in endpoints {
            let host = default_port(endpoint);
            let bucket = if host == endpoint.authority() {
                if endpoint.addressing() == Addressing::CustomDomain { Bucket::Unsaid } else { Bucket::InPath }
            } else {
                match host.strip_suffix(endpoint.authority()).and_then(|head| head.strip_suffix('.')) {
                    Some(bucket) if !bucket.is_empty() => Bucket::Named(bucket.to_owned()),
                    _ => continue,
                }
            };
            let Some(path) = path.strip_prefix(endpoint.base_path()) else { continue };
            return Some((HostPlace { bucket, region: Some(endpoint.region().to_owned()) }, path));
        }
        Some((of_aws(without_port(authority))?, path))
    }

    fn with(mut self, bucket: &str, key: &str) -> Result<Self, AddressError> {
        check_bucket(bucket)?;
        self.bucket = Some(bucket.to_owned());
        if !key.is_empty() {
            check_key(key)?;
            self.key = Some(key.to_owned());
        }
        Ok(self)
    }
}

/// Whether the host reads a `+` in a path as a blank. AWS's do, against the rules of URLs; other stores keep the plus.
pub(crate) fn takes_plus_for_blank(authority: &str) -> bool {
    of_aws(without_port(&authority.to_ascii_lowercase())).is_some()
}

fn without_port(authority: &str) -> &str {
    authority.strip_suffix(":443").or_else(|| authority.strip_suffix(":80")).unwrap_or(authority)
}

struct HostPlace {
    bucket: Bucket,
    region: Option<String>,
}

enum Bucket {
    Named(String),
    InPath,
    Unsaid,
}

/// Reads a host below `amazonaws.com`: what comes before the last label that is S3's own is the bucket.
fn of_aws(host: &str) -> Option<HostPlace> {
    let (name, china) = match host.strip_suffix(".amazonaws.com.cn") {
        Some(name) => (name, true),
        None => (host.strip_suffix(".amazonaws.com")?, false),
    };
    let labels: Vec<&str> = name.split('.').collect();
    let (at, region) = (0..labels.len()).rev().find_map(|at| Some((at, own_labels(&labels[at..])?)))?;
    let bucket = if at == 0 { Bucket::InPath } else { Bucket::Named(labels[..at].join(".")) };
    let region = match region {
        "" => china.then_some("cn-north-1"),
        named => Some(named),
    };
    let region = region.map(str::to_owned);
    Some(HostPlace { bucket, region })
}

/// The region in S3's own labels, empty where they name none: `s3`, `s3.eu-west-1`, `s3-eu-west-1`,
/// `s3.dualstack.eu-west-1`, `s3-fips…`, `s3-website…`, `s3-external-1` and `s3-accelerate…` exist.
fn own_labels<'l>(labels: &[&'l str]) -> Option<&'l str> {
    match labels {
        ["s3" | "s3-accelerate"] | ["s3-accelerate", "dualstack"] => Some(""),
        ["s3-external-1"] => Some("us-east-1"),
        ["s3" | "s3-fips" | "s3-website", region] | ["s3" | "s3-fips", "dualstack", region] if is_region(region) => {
            Some(region)
        }
        [one] => {
            let heads = ["s3-website-", "s3-fips-", "s3-"];
            let region = heads.iter().find_map(|head| one.strip_prefix(head))?;
            is_region(region).then_some(region)
        }
        _ => None,
    }
}

/// `eu-central-1`: letters, a dash, letters, a dash, a number.
fn is_region(text: &str) -> bool {
    let mut parts = text.rsplitn(2, '-');
    let number = parts.next().unwrap_or_default();
    let place = parts.next().unwrap_or_default();
    !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && place.contains('-')
        && place.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn the_old_names_of_hosts_are_read() {
        for (host, region) in [
            ("s3-fips-us-gov-west-1", "us-gov-west-1"),
            ("photos.s3-fips-us-gov-west-1", "us-gov-west-1"),
            ("photos.s3-fips.us-gov-west-1", "us-gov-west-1"),
            ("photos.s3-website-eu-west-1", "eu-west-1"),
            ("photos.s3-ap-south-1", "ap-south-1"),
        ] {
            let bucket = if host.starts_with("photos.") { "" } else { "photos/" };
            let address = Address::read(&format!("https://{host}.amazonaws.com/{bucket}a.jpg"), &[]).unwrap();
            assert_eq!(
                (address.bucket.as_deref(), address.region.as_deref()),
                (Some("photos"), Some(region)),
                "{host}"
            );
        }
    }

    #[test]
    fn a_plus_is_read_as_the_host_reads_it() {
        let address = Address::read("https://S3.eu-west-1.amazonaws.com:443/photos/a+b%2Bc", &[]).unwrap();
        assert_eq!(address.key.as_deref(), Some("a b+c"));
        let own = crate::Endpoint::custom("https://s3.example.org", "us-east-1").unwrap();
        let address = Address::read("https://s3.example.org/photos/a+b%2Bc", &[own]).unwrap();
        assert_eq!(address.key.as_deref(), Some("a+b+c"));
    }
}
