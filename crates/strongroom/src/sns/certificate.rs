//! The certificate of SNS: the public key in it, and from when until when it counts.

use jiff::Timestamp;
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RsaParameters, UnparsedPublicKey,
};
use x509_cert::der::DecodePem as _;
use x509_cert::der::oid::ObjectIdentifier;

/// `rsaEncryption` (RFC 8017).
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// It is not a certificate in PEM.
    #[error("it cannot be read")]
    Unreadable,
    /// Its key is for something else.
    #[error("its key is not an RSA key")]
    NotRsa,
}

/// A certificate that was fetched from SNS itself. Nobody but TLS vouches for it, as Amazon describes it.
#[derive(Debug)]
pub(super) struct Certificate {
    /// The key as RFC 8017 writes it.
    key: Vec<u8>,
    not_before: i64,
    not_after: i64,
}

/// How a message is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// RSA over SHA-1.
    One,
    /// RSA over SHA-256.
    Two,
}

impl Certificate {
    pub(super) fn read(pem: &[u8]) -> Result<Self, CertificateError> {
        let certificate = x509_cert::Certificate::from_pem(pem).map_err(|_| CertificateError::Unreadable)?;
        let inner = certificate.tbs_certificate;
        if inner.subject_public_key_info.algorithm.oid != RSA {
            return Err(CertificateError::NotRsa);
        }
        let seconds = |time: x509_cert::time::Time| {
            i64::try_from(time.to_unix_duration().as_secs()).map_err(|_| CertificateError::Unreadable)
        };
        Ok(Self {
            key: inner.subject_public_key_info.subject_public_key.raw_bytes().to_vec(),
            not_before: seconds(inner.validity.not_before)?,
            not_after: seconds(inner.validity.not_after)?,
        })
    }

    pub(super) fn is_valid_at(&self, now: Timestamp) -> bool {
        (self.not_before..=self.not_after).contains(&now.as_second())
    }

    /// Whether the holder of this certificate's key signed the text.
    pub(super) fn signed(&self, version: Version, text: &str, signature: &[u8]) -> bool {
        let parameters: &RsaParameters = match version {
            Version::One => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
            Version::Two => &RSA_PKCS1_2048_8192_SHA256,
        };
        UnparsedPublicKey::new(parameters, &self.key).verify(text.as_bytes(), signature).is_ok()
    }
}
