//! Where a bucket is reached: scheme, host, base path, region, and how the bucket stands in the URL.

use crate::object_key::{BucketError, check_bucket};

/// How a bucket and key become a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Addressing {
    /// `https://host/bucket/key`.
    Path,
    /// `https://bucket.host/key`; a bucket whose name cannot be one TLS label, and any at a host that is an IP address,
    /// falls back to [`Addressing::Path`].
    VirtualHost,
    /// `https://host/key`: the host itself belongs to the bucket, which none of AWS's own regional hosts does.
    CustomDomain,
}

/// An S3 endpoint and its region.
///
/// ```
/// use strongroom_presign::Endpoint;
/// let aws = Endpoint::aws("eu-central-1")?;
/// assert_eq!(aws.url("photos", "a b.jpg")?, "https://photos.s3.eu-central-1.amazonaws.com/a%20b.jpg");
/// let local = Endpoint::custom("http://127.0.0.1:9000", "us-east-1")?;
/// assert_eq!(local.url("photos", "a.jpg")?, "http://127.0.0.1:9000/photos/a.jpg");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    scheme: &'static str,
    authority: String,
    base_path: String,
    region: String,
    addressing: Addressing,
}

impl Endpoint {
    /// AWS's own endpoint of a region, virtual-host style; `cn-…` and `us-gov-…` regions get their partitions' hosts.
    pub fn aws(region: &str) -> Result<Self, EndpointError> {
        Self::of_aws(region, &format!("s3.{region}"))
    }

    /// AWS's dual-stack (IPv4 and IPv6) endpoint of a region.
    pub fn aws_dual_stack(region: &str) -> Result<Self, EndpointError> {
        Self::of_aws(region, &format!("s3.dualstack.{region}"))
    }

    /// AWS's transfer acceleration, which takes virtual-host style alone; the region is still signed.
    pub fn aws_accelerate(region: &str, dual_stack: bool) -> Result<Self, EndpointError> {
        if region.starts_with("cn-") || region.starts_with("us-gov-") {
            return Err(EndpointError::NotAccelerated(region.to_owned()));
        }
        Self::of_aws(region, if dual_stack { "s3-accelerate.dualstack" } else { "s3-accelerate" })
    }

    /// Any other endpoint, path style until told otherwise. A path in the URL comes before bucket and key.
    pub fn custom(url: &str, region: &str) -> Result<Self, EndpointError> {
        check_region(region)?;
        let (scheme, rest) = if let Some(rest) = strip_scheme(url, "https://") {
            ("https", rest)
        } else if let Some(rest) = strip_scheme(url, "http://") {
            ("http", rest)
        } else {
            return Err(EndpointError::Scheme(url.to_owned()));
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let base_path = path.trim_end_matches('/');
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
        let dots = |segment: &str| segment == "." || segment == "..";
        if !base_path.bytes().all(plain) || base_path.split('/').any(dots) {
            return Err(EndpointError::Path(path.to_owned()));
        }
        Ok(Self {
            scheme,
            authority: authority_of(authority, scheme)?,
            base_path: base_path.to_owned(),
            region: region.to_owned(),
            addressing: Addressing::Path,
        })
    }

    fn of_aws(region: &str, host: &str) -> Result<Self, EndpointError> {
        check_aws_region(region)?;
        let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        Ok(Self {
            scheme: "https",
            authority: format!("{host}.{suffix}"),
            base_path: String::new(),
            region: region.to_owned(),
            addressing: Addressing::VirtualHost,
        })
    }

    /// The same endpoint with another way to address buckets.
    #[must_use]
    pub fn with_addressing(mut self, addressing: Addressing) -> Self {
        self.addressing = addressing;
        self
    }

    /// The region that is signed.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Host and port, without a default port and without a bucket.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The path that comes before bucket and key; empty for most.
    pub fn base_path(&self) -> &str {
        &self.base_path
    }

    /// `http` or `https`.
    pub fn scheme(&self) -> &str {
        self.scheme
    }

    /// How buckets are addressed.
    pub fn addressing(&self) -> Addressing {
        self.addressing
    }

    /// The permanent, unsigned URL of an object.
    pub fn url(&self, bucket: &str, key: &str) -> Result<String, UrlError> {
        check_bucket(bucket)?;
        crate::object_key::check_key(key)?;
        let place = self.place(bucket)?;
        let mut url = place.url_head;
        crate::encode::path(&mut url, key.as_bytes());
        Ok(url)
    }

    /// The constant parts of every URL of one bucket, whose name was checked.
    pub(crate) fn place(&self, bucket: &str) -> Result<Place, UrlError> {
        let Self { scheme, authority, base_path, .. } = self;
        let is_label = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let one_label = bucket.len() <= 63 && bucket.bytes().all(is_label);
        // Without TLS there is no certificate that a name of several labels would not fit.
        let may_lead = one_label
            || (*scheme == "http" && bucket.len() <= 63 && bucket.bytes().all(|byte| is_label(byte) || byte == b'.'));
        let accelerated = authority.starts_with("s3-accelerate.");
        if accelerated && !one_label {
            return Err(UrlError::NotAccelerated(bucket.to_owned()));
        }
        let addressing = match self.addressing {
            Addressing::CustomDomain if self.is_every_buckets() => {
                return Err(UrlError::NotOfOneBucket(authority.clone()));
            }
            Addressing::VirtualHost if !may_lead || self.is_ip() => Addressing::Path,
            Addressing::Path if accelerated => Addressing::VirtualHost,
            other => other,
        };
        let (host, path_head) = match addressing {
            Addressing::Path => (authority.clone(), format!("{base_path}/{bucket}/")),
            Addressing::VirtualHost => (format!("{bucket}.{authority}"), format!("{base_path}/")),
            Addressing::CustomDomain => (authority.clone(), format!("{base_path}/")),
        };
        let origin = format!("{scheme}://{host}");
        let bucket_path = match addressing {
            Addressing::Path => path_head.trim_end_matches('/').to_owned(),
            _ => path_head.clone(),
        };
        Ok(Place { path_start: origin.len(), url_head: origin + &path_head, bucket_path, host })
    }

    /// Whether it is a host that AWS has for all buckets of a region, accelerated or not.
    fn is_every_buckets(&self) -> bool {
        let of_aws = self.authority.ends_with(".amazonaws.com") || self.authority.ends_with(".amazonaws.com.cn");
        of_aws && (self.authority.starts_with("s3.") || self.authority.starts_with("s3-"))
    }

    /// Whether the host is an IP address, before which no name can stand.
    fn is_ip(&self) -> bool {
        let host = split_port(&self.authority).map_or(self.authority.as_str(), |(host, _)| host);
        host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok()
    }
}

/// What is the same in every URL of one bucket.
#[derive(Debug)]
pub(crate) struct Place {
    /// Everything before the key, `https://host/bucket/`.
    pub(crate) url_head: String,
    /// Where in `url_head` the path begins.
    pub(crate) path_start: usize,
    /// The path of the bucket itself: `/bucket`, or `/` where the host names the bucket.
    pub(crate) bucket_path: String,
    /// The `Host` header, with a port that is not the scheme's own.
    pub(crate) host: String,
}

/// Why an endpoint was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// Neither `http://` nor `https://`.
    #[error("`{0}` does not begin with http:// or https://")]
    Scheme(String),
    /// No host, a user name, a bad port or a character that no host has.
    #[error("`{0}` is not a host with an optional port")]
    Authority(String),
    /// A query, a fragment, an encoded character or a dot segment in the base path.
    #[error("`{0}` cannot stand before bucket and key; use letters, digits and `-._~/`")]
    Path(String),
    /// Empty, over 64 bytes or with characters that cannot stand in a credential scope.
    #[error("`{0}` is no region: 1 to 64 letters, digits, `-` or `_`")]
    Region(String),
    /// AWS's regions are part of its hosts.
    #[error("`{0}` is no region of AWS: 1 to 63 lowercase letters, digits and `-`, such as `eu-west-1`")]
    AwsRegion(String),
    /// AWS has no transfer acceleration there.
    #[error("AWS has no transfer acceleration in `{0}`")]
    NotAccelerated(String),
}

/// Why no URL could be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// The bucket's name breaks a rule.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// The key breaks a rule.
    #[error(transparent)]
    Key(#[from] crate::object_key::KeyError),
    /// Transfer acceleration puts the bucket into a host name of AWS's.
    #[error("the bucket `{0}` cannot be accelerated: its name needs to be lowercase letters, digits and `-` alone")]
    NotAccelerated(String),
    /// [`Addressing::CustomDomain`] at a host that AWS has for all buckets, where the key's first segment would be
    /// taken for the bucket.
    #[error("`{0}` belongs to no single bucket; custom-domain addressing needs a host that does")]
    NotOfOneBucket(String),
}

/// Stricter than [`check_region`], as the region becomes a part of the host.
fn check_aws_region(region: &str) -> Result<(), EndpointError> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=63).contains(&region.len()) && region.bytes().all(fits) {
        Ok(())
    } else {
        Err(EndpointError::AwsRegion(region.to_owned()))
    }
}

fn check_region(region: &str) -> Result<(), EndpointError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if (1..=64).contains(&region.len()) && region.bytes().all(fits) {
        Ok(())
    } else {
        Err(EndpointError::Region(region.to_owned()))
    }
}

fn strip_scheme<'a>(url: &'a str, scheme: &str) -> Option<&'a str> {
    let head = url.get(..scheme.len())?;
    head.eq_ignore_ascii_case(scheme).then(|| &url[scheme.len()..])
}

/// Lower-cases the host and drops the scheme's own port, as every HTTP client does.
fn authority_of(authority: &str, scheme: &str) -> Result<String, EndpointError> {
    let refused = || EndpointError::Authority(authority.to_owned());
    let (host, port) = split_port(authority).ok_or_else(refused)?;
    let in_brackets = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let fits = match in_brackets {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty()
                && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
        }
    };
    if !fits {
        return Err(refused());
    }
    let host = host.to_ascii_lowercase();
    let own_port = if scheme == "https" { 443 } else { 80 };
    Ok(match port.filter(|port| *port != own_port) {
        Some(port) => format!("{host}:{port}"),
        None => host,
    })
}

/// Splits `host:port`; `None` when what follows the colon is not a port.
fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let colon = match authority.rfind(']') {
        Some(bracket) => authority[bracket..].find(':').map(|at| bracket + at),
        None => authority.find(':'),
    };
    match colon {
        None => Some((authority, None)),
        Some(at) => {
            let port = &authority[at + 1..];
            let plain = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
            let port = plain.then(|| port.parse::<u16>().ok())??;
            (port != 0).then_some((&authority[..at], Some(port)))
        }
    }
}
