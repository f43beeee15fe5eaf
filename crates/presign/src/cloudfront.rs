//! Signs URLs and cookies for CloudFront, with canned and custom policies and with RSA or ECDSA keys.
//!
//! Source: <https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/PrivateContent.html>.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::{self, signature::hazmat::PrehashSigner as _};
use p256::pkcs8::DecodePrivateKey as _;
use rsa::pkcs1::DecodeRsaPrivateKey as _;
use rsa::traits::PublicKeyParts as _;
use rsa::{Pkcs1v15Sign, RsaPrivateKey};
use sha1::{Digest as _, Sha1};
use sha2::Sha256;

/// Signs for one key pair of a CloudFront key group. The key is wiped when dropped and never shown.
///
/// ```no_run
/// use strongroom_presign::{CloudFrontPolicy, CloudFrontSigner};
/// # let pem = "";
/// let signer = CloudFrontSigner::new("K2JCJMDEHXQW5F", pem)?;
/// let link = signer.url("https://media.example.org/cat.jpg", 1_369_353_900)?;
/// let album = CloudFrontPolicy::new("https://media.example.org/albums/7/*", 1_369_353_900)?.for_ip("192.0.2.0/24")?;
/// let cookies = signer.cookies(&album);
/// # Ok::<(), strongroom_presign::CloudFrontError>(())
/// ```
#[derive(Clone)]
pub struct CloudFrontSigner {
    key_pair_id: String,
    key: Key,
    hash: Hash,
}

#[derive(Clone)]
enum Key {
    Rsa(Box<RsaPrivateKey>),
    P256(Box<ecdsa::SigningKey>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hash {
    Sha1,
    Sha256,
}

impl CloudFrontSigner {
    /// Reads a private key in PEM: RSA (PKCS #1 or #8) or ECDSA on P-256 (SEC 1 or PKCS #8).
    pub fn new(key_pair_id: &str, pem: &str) -> Result<Self, CloudFrontError> {
        if !(1..=64).contains(&key_pair_id.len())
            || !key_pair_id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
        {
            return Err(CloudFrontError::KeyPairId);
        }
        let key = read_key(pem.trim()).ok_or(CloudFrontError::Key)?;
        Ok(Self { key_pair_id: key_pair_id.to_owned(), key, hash: Hash::Sha1 })
    }

    /// Hashes with SHA-256 instead of SHA-1, CloudFront's own default; the URL then says so.
    #[must_use]
    pub fn with_sha256(mut self) -> Self {
        self.hash = Hash::Sha256;
        self
    }

    /// A URL that works until `expires_at` (Unix seconds), under a canned policy.
    pub fn url(&self, url: &str, expires_at: i64) -> Result<String, CloudFrontError> {
        check_url(url)?;
        let policy = CloudFrontPolicy::new(url, expires_at)?;
        Ok(self.join(url, &format!("Expires={expires_at}"), &policy))
    }

    /// A URL under a custom policy, whose resource may have wildcards and need not be the URL itself.
    pub fn url_with(&self, url: &str, policy: &CloudFrontPolicy) -> Result<String, CloudFrontError> {
        check_url(url)?;
        Ok(self.join(url, &format!("Policy={}", url_safe(policy.json().as_bytes())), policy))
    }

    /// The cookies for everything that a policy's resource names; set them for the distribution's domain, `Secure` and
    /// `HttpOnly`.
    pub fn cookies(&self, policy: &CloudFrontPolicy) -> Vec<(&'static str, String)> {
        let json = policy.json();
        // A canned policy is rebuilt by CloudFront from the URL that is asked for, so it needs one without wildcards.
        let first = if policy.is_canned() && !policy.resource.contains(['*', '?']) {
            ("CloudFront-Expires", policy.expires_at.to_string())
        } else {
            ("CloudFront-Policy", url_safe(json.as_bytes()))
        };
        let mut cookies = vec![
            first,
            ("CloudFront-Signature", self.signature(&json)),
            ("CloudFront-Key-Pair-Id", self.key_pair_id.clone()),
        ];
        if self.hash == Hash::Sha256 {
            cookies.push(("CloudFront-Hash-Algorithm", "SHA256".to_owned()));
        }
        cookies
    }

    fn join(&self, url: &str, first: &str, policy: &CloudFrontPolicy) -> String {
        let separator = if url.contains('?') { '&' } else { '?' };
        let signature = self.signature(&policy.json());
        let hash = if self.hash == Hash::Sha256 { "&Hash-Algorithm=SHA256" } else { "" };
        format!("{url}{separator}{first}&Signature={signature}&Key-Pair-Id={}{hash}", self.key_pair_id)
    }

    fn signature(&self, policy: &str) -> String {
        let digest = match self.hash {
            Hash::Sha1 => Sha1::digest(policy).to_vec(),
            Hash::Sha256 => Sha256::digest(policy).to_vec(),
        };
        let signature = match &self.key {
            Key::Rsa(key) => {
                let scheme = match self.hash {
                    Hash::Sha1 => Pkcs1v15Sign::new::<Sha1>(),
                    Hash::Sha256 => Pkcs1v15Sign::new::<Sha256>(),
                };
                key.sign(scheme, &digest).expect("a key of 1,024 bits and more, as was read, holds a padded digest")
            }
            Key::P256(key) => {
                let signature: ecdsa::Signature =
                    key.sign_prehash(&digest).expect("a digest of half the curve's size and more can be signed");
                signature.to_der().as_bytes().to_vec()
            }
        };
        url_safe(&signature)
    }
}

impl fmt::Debug for CloudFrontSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudFrontSigner")
            .field("key_pair_id", &self.key_pair_id)
            .field("key", &"[redacted]")
            .field("hash", &self.hash)
            .finish()
    }
}

/// Who may have which resource, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudFrontPolicy {
    resource: String,
    starts_at: Option<i64>,
    expires_at: i64,
    ip: Option<String>,
}

impl CloudFrontPolicy {
    /// For a URL, in which `*` stands for any characters and `?` for one, until `expires_at` (Unix seconds).
    pub fn new(resource: &str, expires_at: i64) -> Result<Self, CloudFrontError> {
        let scheme = ["https://", "http://", "http*://"].iter().any(|scheme| resource.starts_with(scheme));
        if !scheme || resource.len() > 4_096 || !resource.bytes().all(fits) {
            return Err(CloudFrontError::Resource(resource.to_owned()));
        }
        if expires_at <= 0 {
            return Err(CloudFrontError::Times);
        }
        Ok(Self { resource: resource.to_owned(), starts_at: None, expires_at, ip: None })
    }

    /// Not before that time, in Unix seconds.
    pub fn not_before(mut self, starts_at: i64) -> Result<Self, CloudFrontError> {
        if starts_at <= 0 || starts_at >= self.expires_at {
            return Err(CloudFrontError::Times);
        }
        self.starts_at = Some(starts_at);
        Ok(self)
    }

    /// Only from that IPv4 address or network, `192.0.2.10` or `192.0.2.0/24`; CloudFront takes no IPv6 here.
    pub fn for_ip(mut self, network: &str) -> Result<Self, CloudFrontError> {
        let (address, bits) = network.split_once('/').unwrap_or((network, "32"));
        let plain = !bits.is_empty() && bits.len() <= 2 && bits.bytes().all(|byte| byte.is_ascii_digit());
        if address.parse::<std::net::Ipv4Addr>().is_err() || !plain || bits.parse::<u8>().is_ok_and(|bits| bits > 32) {
            return Err(CloudFrontError::Network(network.to_owned()));
        }
        self.ip = Some(network.to_owned());
        Ok(self)
    }

    fn is_canned(&self) -> bool {
        self.starts_at.is_none() && self.ip.is_none()
    }

    /// The policy without a blank, as it is signed. What stands in it was checked and needs no escaping.
    fn json(&self) -> String {
        let Self { resource, starts_at, expires_at, ip } = self;
        let starts = starts_at.map(|at| format!(",\"DateGreaterThan\":{{\"AWS:EpochTime\":{at}}}")).unwrap_or_default();
        let ip = ip.as_ref().map(|ip| format!(",\"IpAddress\":{{\"AWS:SourceIp\":\"{ip}\"}}")).unwrap_or_default();
        format!(
            "{{\"Statement\":[{{\"Resource\":\"{resource}\",\"Condition\":{{\
             \"DateLessThan\":{{\"AWS:EpochTime\":{expires_at}}}{starts}{ip}}}}}]}}"
        )
    }
}

/// Why nothing was signed for CloudFront. No message repeats a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CloudFrontError {
    /// Not the id of a key pair or public key.
    #[error("a key pair id is 1 to 64 letters, digits, `-` or `_`")]
    KeyPairId,
    /// Not a private key that CloudFront knows.
    #[error("the private key must be RSA (1024 bits or more) or ECDSA P-256, in PEM and not encrypted")]
    Key,
    /// Not an `http` or `https` URL, or with a character that would end or change the policy.
    #[error(
        "`{0}` is no URL of visible ASCII characters without quotes and backslashes, beginning with http:// or https://"
    )]
    Resource(String),
    /// A fragment, or a parameter that signing itself sets.
    #[error("the URL has a fragment or the parameter `{0}`, which CloudFront keeps for itself")]
    Reserved(String),
    /// The end is not after the beginning, or not after 1970.
    #[error("a policy begins after 1970 and before it ends")]
    Times,
    /// Not an IPv4 address or network.
    #[error("`{0}` is no IPv4 address or network such as 192.0.2.0/24")]
    Network(String),
}

fn read_key(pem: &str) -> Option<Key> {
    let rsa = |key: RsaPrivateKey| (key.size() >= 128).then(|| Key::Rsa(Box::new(key)));
    let p256 = |key: ecdsa::SigningKey| Key::P256(Box::new(key));
    if pem.starts_with("-----BEGIN RSA PRIVATE KEY-----") {
        RsaPrivateKey::from_pkcs1_pem(pem).ok().and_then(rsa)
    } else if pem.starts_with("-----BEGIN EC PRIVATE KEY-----") {
        p256::SecretKey::from_sec1_pem(pem).ok().map(|key| p256(key.into()))
    } else {
        let as_rsa = RsaPrivateKey::from_pkcs8_pem(pem).ok().and_then(rsa);
        as_rsa.or_else(|| ecdsa::SigningKey::from_pkcs8_pem(pem).ok().map(p256))
    }
}

/// What may stand in a policy's JSON unescaped, and in a URL.
fn fits(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'"' && byte != b'\\'
}

/// The parameters that signing sets.
const OWN: [&str; 5] = ["Expires", "Policy", "Signature", "Key-Pair-Id", "Hash-Algorithm"];

fn check_url(url: &str) -> Result<(), CloudFrontError> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    if rest.is_none_or(str::is_empty) || !url.bytes().all(fits) {
        return Err(CloudFrontError::Resource(url.to_owned()));
    }
    if let Some((_, fragment)) = url.split_once('#') {
        return Err(CloudFrontError::Reserved(format!("#{fragment}")));
    }
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let names = query.split('&').map(|pair| pair.split('=').next().unwrap_or(pair));
    match names.into_iter().find(|name| OWN.contains(name)) {
        Some(name) => Err(CloudFrontError::Reserved(name.to_owned())),
        None => Ok(()),
    }
}

/// Base64 in which the three characters that a URL cannot hold are replaced as CloudFront wants them.
fn url_safe(bytes: &[u8]) -> String {
    STANDARD.encode(bytes).replace('+', "-").replace('=', "_").replace('/', "~")
}
