//! `[auth]`: the administrator's token, and how the application's tokens (JWT) are verified.

use std::path::PathBuf;
use std::time::Duration;

use jsonwebtoken::DecodingKey;
use serde::Deserialize;

use super::credential;
use super::duration;
use super::key_path::KeyPath;
use super::layers::Report;
use super::secret::Secret;
pub use claims::{ClaimNames, ClaimPath};

mod claims;

/// Who is believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Auth {
    /// The administrator's token; nothing when it is generated in the data folder.
    pub admin_token: Option<Secret>,
    /// How the application's tokens are verified.
    pub jwt: Jwt,
}

/// How the application's tokens are verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jwt {
    /// What the signature is checked with.
    pub keys: JwtKeys,
    /// What `iss` must be, if it is checked.
    pub issuer: Option<String>,
    /// What `aud` must name one of. When empty, tokens that are addressed to anybody are refused.
    pub audience: Vec<String>,
    /// How far the clocks of issuer and service may differ.
    pub leeway: Duration,
    /// How old published keys may become while the issuer cannot be reached.
    pub jwks_max_age: Duration,
    /// Where a token says who its bearer is.
    pub claims: ClaimNames,
}

/// What signatures are checked with. The algorithm belongs to the key; a token cannot choose it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JwtKeys {
    /// HS256 with the secret that is generated in the data folder.
    Generated,
    /// HS256 with this secret.
    Secret(Secret),
    /// One public key.
    Public {
        /// The key in PEM (`-----BEGIN PUBLIC KEY-----`).
        pem: String,
        /// The algorithm that belongs to it.
        algorithm: Algorithm,
    },
    /// A set of public keys that the issuer publishes and changes (RFC 7517).
    Published {
        /// Where it is published.
        url: String,
        /// Which algorithms its keys may have.
        algorithms: Vec<Algorithm>,
    },
}

/// The signature algorithms that are understood (RFC 7518, RFC 8037).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    #[serde(rename = "HS256")]
    Hs256,
    /// RSA PKCS #1 v1.5 with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl Default for Jwt {
    fn default() -> Self {
        Self {
            keys: JwtKeys::Generated,
            issuer: None,
            audience: Vec::new(),
            leeway: DEFAULT_LEEWAY,
            jwks_max_age: DEFAULT_JWKS_MAX_AGE,
            claims: ClaimNames::default(),
        }
    }
}

impl Algorithm {
    /// The name tokens use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}

const DEFAULT_LEEWAY: Duration = Duration::from_secs(30);
const DEFAULT_JWKS_MAX_AGE: Duration = Duration::from_hours(24);
const ASYMMETRIC: [Algorithm; 3] = [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa];

/// The section as it is written.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawAuth {
    admin_token: Option<Secret>,
    admin_token_file: Option<PathBuf>,
    jwt: RawJwt,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawJwt {
    secret: Option<Secret>,
    secret_file: Option<PathBuf>,
    public_key_file: Option<PathBuf>,
    jwks_url: Option<String>,
    algorithms: Option<Vec<Algorithm>>,
    issuer: Option<String>,
    audience: Vec<String>,
    #[serde(deserialize_with = "duration::deserialize")]
    leeway: Duration,
    #[serde(deserialize_with = "duration::deserialize")]
    jwks_max_age: Duration,
    claims: ClaimNames,
}

impl Default for RawJwt {
    fn default() -> Self {
        Self {
            secret: None,
            secret_file: None,
            public_key_file: None,
            jwks_url: None,
            algorithms: None,
            issuer: None,
            audience: Vec::new(),
            leeway: DEFAULT_LEEWAY,
            jwks_max_age: DEFAULT_JWKS_MAX_AGE,
            claims: ClaimNames::default(),
        }
    }
}

impl RawAuth {
    pub(super) fn validate(self, report: &mut Report) -> Auth {
        let section = KeyPath::of(["auth"]);
        let admin_token = self.admin_token(&section, report);
        Auth { admin_token, jwt: self.jwt.validate(&section.then("jwt"), report) }
    }

    fn admin_token(&self, section: &KeyPath, report: &mut Report) -> Option<Secret> {
        const LENGTHS: std::ops::RangeInclusive<usize> = 32..=512;
        let key = section.then("admin_token");
        let token = credential::choose(self.admin_token.as_ref(), self.admin_token_file.as_deref(), &key, report)?;
        let is_right =
            LENGTHS.contains(&token.expose().len()) && token.expose().bytes().all(|byte| byte.is_ascii_graphic());
        if !is_right {
            report.problem(
                &key,
                "must be 32 to 512 visible ASCII characters, because it opens everything; make one \
                 with `openssl rand -hex 32`",
            );
        }
        Some(token)
    }
}

impl RawJwt {
    fn validate(self, section: &KeyPath, report: &mut Report) -> Jwt {
        let keys = self.keys(section, report);
        if self.leeway > Duration::from_mins(10) {
            report.problem(
                &section.then("leeway"),
                "would accept tokens long after their end; set the clocks right and write \"10m\" or less",
            );
        }
        if self.jwks_max_age < Duration::from_mins(1) {
            report.problem(
                &section.then("jwks_max_age"),
                "would ask the issuer for its keys all the time; write \"1m\" or more",
            );
        }
        if self.issuer.as_deref() == Some("") {
            report.problem(
                &section.then("issuer"),
                "is empty; write what the tokens have in `iss`, or remove the \
                 key",
            );
        }
        if self.audience.iter().any(String::is_empty) {
            report.problem(&section.then("audience"), "holds an empty name; write what the tokens have in `aud`");
        }
        if matches!(keys, Some(JwtKeys::Published { .. })) && self.audience.is_empty() {
            report.warning(
                &section.then("jwks_url"),
                "is believed without auth.jwt.audience: tokens that are \
                 addressed to nobody in particular are accepted from this issuer, whichever application they were \
                 made for",
            );
        }
        Jwt {
            keys: keys.unwrap_or(JwtKeys::Generated),
            issuer: self.issuer,
            audience: self.audience,
            leeway: self.leeway,
            jwks_max_age: self.jwks_max_age,
            claims: self.claims,
        }
    }

    fn keys(&self, section: &KeyPath, report: &mut Report) -> Option<JwtKeys> {
        let given: Vec<&str> = ["secret", "secret_file", "public_key_file", "jwks_url"]
            .into_iter()
            .filter(|name| report.is_set(&section.then(name)))
            .collect();
        let algorithms_key = section.then("algorithms");
        match given.as_slice() {
            [] => {
                self.check_algorithms(&[Algorithm::Hs256], "the generated secret", &algorithms_key, report);
                Some(JwtKeys::Generated)
            }
            ["secret" | "secret_file"] => {
                self.check_algorithms(&[Algorithm::Hs256], "a secret", &algorithms_key, report);
                self.secret(section, report).map(JwtKeys::Secret)
            }
            ["public_key_file"] => self.public_key(section, report),
            [_] => self.published(section, report),
            [_, second, ..] => {
                let message = format!(
                    "is set together with another key source ({}); tokens are verified with one of them, remove the \
                         others",
                    given.join(", ")
                );
                report.problem(&section.then(second), message);
                None
            }
        }
    }

    fn secret(&self, section: &KeyPath, report: &mut Report) -> Option<Secret> {
        // RFC 7518, section 3.2: the key of HS256 is at least as long as the hash, 256 bits.
        const SHORTEST: usize = 32;
        let key = section.then("secret");
        let secret = credential::choose(self.secret.as_ref(), self.secret_file.as_deref(), &key, report)?;
        if secret.expose().len() < SHORTEST {
            report.problem(
                &key,
                format!("is too short: HS256 needs at least {SHORTEST} bytes; make one with `openssl rand -hex 32`"),
            );
        }
        Some(secret)
    }

    fn public_key(&self, section: &KeyPath, report: &mut Report) -> Option<JwtKeys> {
        let key = section.then("public_key_file");
        let pem = credential::read(self.public_key_file.as_deref()?, &key, report)?;
        match algorithm_of(&pem) {
            Ok(algorithm) => {
                self.check_algorithms(&[algorithm], "this public key", &section.then("algorithms"), report);
                Some(JwtKeys::Public { pem, algorithm })
            }
            Err(message) => {
                report.problem(&key, message);
                None
            }
        }
    }

    fn published(&self, section: &KeyPath, report: &mut Report) -> Option<JwtKeys> {
        let key = section.then("jwks_url");
        let url = self.jwks_url.clone()?;
        let parsed = url.parse::<http::Uri>().ok().filter(|uri| uri.host().is_some_and(|host| !host.is_empty()));
        let scheme = parsed.as_ref().and_then(http::Uri::scheme_str);
        if !matches!(scheme, Some("http" | "https")) || url.contains('@') || url.contains('#') {
            report.problem(
                &key,
                "is not a web address; write one such as \"https://issuer.example.com/.well-known/jwks.json\"",
            );
            return None;
        }
        let host = parsed.as_ref().and_then(http::Uri::host).unwrap_or_default();
        let is_loopback = host == "localhost"
            || host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        if scheme == Some("http") && !is_loopback {
            report.warning(
                &key,
                "is fetched without encryption: whoever stands between can hand out keys of their \
                 own and become anybody; use https",
            );
        }
        self.check_algorithms(&ASYMMETRIC, "published keys", &section.then("algorithms"), report);
        Some(JwtKeys::Published { url, algorithms: self.algorithms.clone().unwrap_or_else(|| ASYMMETRIC.to_vec()) })
    }

    /// `algorithms` can only narrow what the key itself allows.
    fn check_algorithms(&self, possible: &[Algorithm], what: &str, key: &KeyPath, report: &mut Report) {
        let Some(wanted) = &self.algorithms else {
            return;
        };
        let is_right = !wanted.is_empty() && wanted.iter().all(|algorithm| possible.contains(algorithm));
        if !is_right {
            let names: Vec<_> = possible.iter().map(|algorithm| format!("\"{}\"", algorithm.name())).collect();
            report.problem(key, format!("does not go with {what}; write [{}], or remove the key", names.join(", ")));
        }
    }
}

/// Which algorithm a public key in PEM belongs to.
fn algorithm_of(pem: &str) -> Result<Algorithm, &'static str> {
    if pem.contains("PRIVATE KEY-----") {
        return Err(
            "names a private key, which must not lie here; give the public one (`openssl pkey -in private.pem \
                 -pubout`)",
        );
    }
    if pem.contains("-----BEGIN CERTIFICATE") {
        return Err("names a certificate; give its public key (`openssl x509 -in cert.pem -pubkey -noout`)");
    }
    let bytes = pem.as_bytes();
    if DecodingKey::from_rsa_pem(bytes).is_ok() {
        Ok(Algorithm::Rs256)
    } else if let Ok(key) = DecodingKey::from_ec_pem(bytes) {
        // An uncompressed point on P-256 has 65 bytes; larger curves belong to algorithms that are not supported.
        let is_p256 = key.try_get_as_bytes().is_ok_and(|point| point.len() == 65);
        if is_p256 {
            Ok(Algorithm::Es256)
        } else {
            Err("names an elliptic-curve key on another curve than P-256; only ES256, RS256 and EdDSA (Ed25519) are \
                     supported")
        }
    } else if DecodingKey::from_ed_pem(bytes).is_ok() {
        Ok(Algorithm::EdDsa)
    } else {
        Err("names no public key in PEM; it should begin with -----BEGIN PUBLIC KEY----- and hold an RSA, P-256 or \
                 Ed25519 key")
    }
}
