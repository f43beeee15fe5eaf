//! The headers that speak of encryption: what a new object is to be encrypted with, and the keys of customers (SSE-C).
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/specifying-s3-c-encryption.html>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::Digest as _;
use zeroize::Zeroizing;

use super::seal::Secret;
use crate::fault::{Code, Fault};

/// The header that asks for the store's own key, and that tells of it in answers.
pub(crate) const SSE: &str = "x-amz-server-side-encryption";
/// What begins the names of the headers with a customer's key.
pub(crate) const CUSTOMER: &str = "x-amz-server-side-encryption-customer-";
/// The same for the key of a copy's source.
pub(crate) const SOURCE: &str = "x-amz-copy-source-server-side-encryption-customer-";

/// The one algorithm of both.
pub(crate) const AES256: &str = "AES256";

/// A key that came with a request. Its `Debug` output shows nothing of it.
#[derive(Debug, Clone)]
pub(crate) struct CustomerKey {
    /// The key.
    pub(crate) secret: Secret,
    /// Its MD5 in base64, which answers repeat.
    pub(crate) md5: String,
}

/// What a request asks a new object to be encrypted with.
#[derive(Debug, Clone)]
pub(crate) enum Asked {
    /// Nothing.
    Nothing,
    /// The store's own key (SSE-S3).
    Store,
    /// The customer's key (SSE-C).
    Customer(CustomerKey),
}

impl Asked {
    /// Reads the headers of a request or the fields of a form.
    pub(crate) fn of<'a>(lines: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Self, Fault> {
        let found = Found::among(lines, CUSTOMER);
        match (found.sse, found.key()?) {
            (None, None) => Ok(Self::Nothing),
            (None, Some(key)) => Ok(Self::Customer(key)),
            (Some(_), Some(_)) => Err(argument(
                SSE,
                "Server Side Encryption with Customer provided key is incompatible with the encryption method specified",
            )),
            (Some(b"AES256"), None) => Ok(Self::Store),
            (Some(b"aws:kms" | b"aws:kms:dsse"), None) => {
                let message = "The store has no key management service: ask for AES256 or send a key of your own.";
                Err(Fault::new(Code::NotImplemented, message).with("Header", SSE))
            }
            (Some(_), None) => Err(Code::InvalidEncryptionAlgorithmError.into()),
        }
    }

    /// Whether anything is asked for.
    pub(crate) fn is_something(&self) -> bool {
        !matches!(self, Self::Nothing)
    }
}

impl CustomerKey {
    /// The key of a request that makes no object: one that asks for the store's own key there is refused.
    pub(crate) fn of_reader<'a>(lines: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Option<Self>, Fault> {
        let found = Found::among(lines, CUSTOMER);
        if found.sse.is_some() {
            return Err(argument(SSE, "x-amz-server-side-encryption header is not supported for this operation."));
        }
        found.key()
    }

    /// The key that opens the source of a copy.
    pub(crate) fn of_source<'a>(lines: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Option<Self>, Fault> {
        Found::among(lines, SOURCE).key()
    }
}

/// The values of the headers that are about encryption.
struct Found<'a> {
    prefix: &'static str,
    sse: Option<&'a [u8]>,
    algorithm: Option<&'a [u8]>,
    key: Option<&'a [u8]>,
    md5: Option<&'a [u8]>,
}

impl<'a> Found<'a> {
    fn among(lines: impl IntoIterator<Item = (&'a str, &'a [u8])>, prefix: &'static str) -> Self {
        let mut found = Self { prefix, sse: None, algorithm: None, key: None, md5: None };
        for (name, value) in lines {
            let name = name.to_ascii_lowercase();
            let place = match name.strip_prefix(prefix) {
                Some("algorithm") => &mut found.algorithm,
                Some("key") => &mut found.key,
                Some("key-md5") => &mut found.md5,
                _ if name == SSE => &mut found.sse,
                _ => continue,
            };
            place.get_or_insert(value);
        }
        found
    }

    /// The key, whole and as it was meant; `None` if nothing of one is there.
    fn key(&self) -> Result<Option<CustomerKey>, Fault> {
        if self.algorithm.is_none() && self.key.is_none() && self.md5.is_none() {
            return Ok(None);
        }
        match self.algorithm {
            Some(b"AES256") => {}
            Some(_) => return Err(Code::InvalidEncryptionAlgorithmError.into()),
            None => return Err(self.must("algorithm", "provide a valid encryption algorithm")),
        }
        let key = self.key.ok_or_else(|| self.must("key", "provide an appropriate secret key"))?;
        let secret = decode(key)
            .ok_or_else(|| self.refused("key", "The secret key was invalid for the specified algorithm."))?;
        let md5 =
            self.md5.ok_or_else(|| self.must("key-MD5", "provide the client calculated MD5 of the secret key"))?;
        let computed = STANDARD.encode(md5::Md5::digest(secret.expose()));
        if md5 != computed.as_bytes() {
            let message = "The calculated MD5 hash of the key did not match the hash that was provided.";
            return Err(self.refused("key-MD5", message));
        }
        Ok(Some(CustomerKey { secret, md5: computed }))
    }

    fn must(&self, end: &str, what: &str) -> Fault {
        let who = "Requests specifying Server Side Encryption with Customer provided keys must";
        self.refused(end, &format!("{who} {what}."))
    }

    fn refused(&self, end: &str, message: &str) -> Fault {
        argument(&format!("{}{end}", self.prefix), message)
    }
}

/// Reads 256 bits in base64; `None` if they are not.
pub(super) fn decode(text: &[u8]) -> Option<Secret> {
    // The decoder wants room for what so many characters could be.
    let mut decoded = Zeroizing::new([0; 33]);
    let length = STANDARD.decode_slice(text, decoded.as_mut()).ok()?;
    (length == 32).then(|| Secret::filled(|bytes| bytes.copy_from_slice(&decoded[..32])))
}

fn argument(name: &str, message: &str) -> Fault {
    Fault::new(Code::InvalidArgument, message).with("ArgumentName", name)
}
