//! Server-side encryption: with the store's own key (SSE-S3), or with one that the customer sends each time (SSE-C).
//!
//! What an object is encrypted with stands in its row, and every content of it is sealed that way under a key of its
//! own, which the master key or the customer's key wraps. Of a customer's key only a salted proof is kept.

mod customer;
mod master;
mod seal;

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use crate::checksum::Sums;
use crate::fault::{Code, Fault};
use crate::headers;
use crate::store::Inner;
pub(crate) use customer::{AES256, Asked, CUSTOMER, CustomerKey, SSE};
pub(crate) use seal::{CHUNK, ContentKey, Sealing, Secret, TAG, WRAPPED, sealed_length};

/// What a customer's key proves.
const PROOF: &[u8] = b"strongroom-store customer's key, 1";

/// What an object or an upload is encrypted with, as the index keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Encryption {
    /// The store's master key.
    Store,
    /// A key that only the customer has.
    Customer {
        /// What makes the proof one of its own, in base64.
        salt: String,
        /// The proof of the key, in base64.
        proof: String,
    },
}

impl Encryption {
    fn customer(key: &CustomerKey, salt: u128) -> Self {
        let salt = salt.to_be_bytes();
        let proof = key.secret.proof(&[PROOF, &salt].concat());
        Self::Customer { salt: STANDARD.encode(salt), proof: STANDARD.encode(proof) }
    }

    /// Whether it is a customer's key, and this one.
    fn is_of(&self, key: &CustomerKey) -> bool {
        let Self::Customer { salt, proof } = self else { return false };
        match (STANDARD.decode(salt), STANDARD.decode(proof)) {
            (Ok(salt), Ok(proof)) => key.secret.proves(&[PROOF, &salt].concat(), &proof),
            _ => false,
        }
    }
}

/// Who wants to know what is encrypted, and so how a refusal is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It is to be read.
    Read,
    /// A part is to be added to it.
    AddPart,
}

/// Refuses a key that is not the one, one where none belongs, and none where one belongs.
pub(crate) fn demand_key(
    encryption: Option<&Encryption>,
    key: Option<&CustomerKey>,
    reason: Reason,
) -> Result<(), Fault> {
    let refused = |message: &str| Err(Fault::new(Code::InvalidRequest, message));
    match (encryption, key, reason) {
        (Some(Encryption::Customer { .. }), None, Reason::Read) => refused(
            "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve the object.",
        ),
        (Some(Encryption::Customer { .. }), None, Reason::AddPart) => refused(
            "The multipart upload initiate requested encryption. Subsequent part requests must include the appropriate encryption parameters.",
        ),
        (Some(encryption @ Encryption::Customer { .. }), Some(key), reason) if !encryption.is_of(key) => match reason {
            Reason::Read => Err(Code::AccessDenied.into()),
            Reason::AddPart => refused("The provided encryption parameters did not match the ones used originally."),
        },
        (None | Some(Encryption::Store), Some(_), Reason::Read) => {
            refused("The encryption parameters are not applicable to this object.")
        }
        (None | Some(Encryption::Store), Some(_), Reason::AddPart) => {
            refused("The multipart upload was not begun with a customer provided key, so no part can have one.")
        }
        _ => Ok(()),
    }
}

/// What contents are sealed and opened with: nothing, or the secret of one object.
#[derive(Debug, Clone, Default)]
pub(crate) struct Protection {
    /// What the object's row says.
    pub(crate) encryption: Option<Encryption>,
    /// What wraps the keys of its contents.
    pub(crate) secret: Option<Secret>,
    /// The MD5 of the customer's key, which answers repeat.
    md5: Option<String>,
}

impl Protection {
    fn of_customer(encryption: Encryption, key: &CustomerKey) -> Self {
        Self { encryption: Some(encryption), secret: Some(key.secret.clone()), md5: Some(key.md5.clone()) }
    }

    fn of_store(secret: Secret) -> Self {
        Self { encryption: Some(Encryption::Store), secret: Some(secret), md5: None }
    }

    /// Whether what is protected by `other` is protected as this says: then contents can be shared.
    pub(crate) fn covers(&self, other: Option<&Encryption>) -> bool {
        match (&self.encryption, other) {
            (None, None) | (Some(Encryption::Store), Some(Encryption::Store)) => true,
            (Some(Encryption::Customer { .. }), Some(other)) => {
                let key = self.secret.clone().zip(self.md5.clone()).map(|(secret, md5)| CustomerKey { secret, md5 });
                key.is_some_and(|key| other.is_of(&key))
            }
            _ => false,
        }
    }

    /// Says in an answer what the object is encrypted with.
    pub(crate) fn describe(&self, response: &mut HeaderMap) -> Result<(), Fault> {
        describe(self.encryption.as_ref(), self.md5.as_deref(), response)
    }
}

/// Says in an answer what an object is encrypted with. The customer's key is told by its MD5, which the request had.
pub(crate) fn describe(
    encryption: Option<&Encryption>,
    md5: Option<&str>,
    response: &mut HeaderMap,
) -> Result<(), Fault> {
    let name = |end: &str| {
        HeaderName::try_from(format!("{CUSTOMER}{end}"))
            .map_err(|error| Fault::from(Code::InternalError).because(error))
    };
    match (encryption, md5) {
        (Some(Encryption::Store), _) => {
            response.insert(SSE, HeaderValue::from_static(AES256));
        }
        (Some(Encryption::Customer { .. }), Some(md5)) => {
            response.insert(name("algorithm")?, HeaderValue::from_static(AES256));
            response.insert(name("key-md5")?, headers::value(md5)?);
        }
        _ => {}
    }
    Ok(())
}

impl Inner {
    /// What a new object is protected with.
    pub(crate) async fn protect(self: &Arc<Self>, asked: &Asked) -> Result<Protection, Fault> {
        match asked {
            Asked::Nothing => Ok(Protection::default()),
            Asked::Store => Ok(Protection::of_store(self.master(true).await?)),
            Asked::Customer(key) => Ok(Protection::of_customer(Encryption::customer(key, self.random()), key)),
        }
    }

    /// What opens an object that is there, or an upload that is under way, with the key that came with the request.
    pub(crate) async fn unlock(
        self: &Arc<Self>,
        encryption: Option<&Encryption>,
        key: Option<&CustomerKey>,
        reason: Reason,
    ) -> Result<Protection, Fault> {
        demand_key(encryption, key, reason)?;
        match (encryption, key) {
            (None, _) => Ok(Protection::default()),
            (Some(Encryption::Store), _) => Ok(Protection::of_store(self.master(false).await?)),
            (Some(customer), Some(key)) => Ok(Protection::of_customer(customer.clone(), key)),
            (Some(_), None) => Err(Code::AccessDenied.into()),
        }
    }

    /// Begins a content, if it is to be sealed.
    pub(crate) fn seal(&self, protection: &Protection) -> Option<Sealing> {
        protection.secret.as_ref().map(|secret| Sealing::begin(secret, self.luck_source()))
    }

    /// What a content's tag is made of: its MD5, unless a customer's key keeps that to who has the key.
    pub(crate) fn tag(&self, encryption: Option<&Encryption>, sums: &Sums) -> [u8; 16] {
        match encryption {
            Some(Encryption::Customer { .. }) => self.random().to_be_bytes(),
            None | Some(Encryption::Store) => sums.md5,
        }
    }

    /// The master key, read once; made if there was none and `make` says so.
    async fn master(self: &Arc<Self>, make: bool) -> Result<Secret, Fault> {
        let store = Arc::clone(self);
        let secret = self.master_key.get_or_try_init(|| async move {
            let known = store.index.read(master::known)?;
            let has_known = known.is_some();
            let (folder, random) = (store.folder().to_owned(), store.luck_source().clone());
            let reading = tokio::task::spawn_blocking(move || {
                let secret = master::load(&folder, known.as_deref())?;
                if secret.is_some() || !make {
                    return Ok(secret);
                }
                let secret = Secret::draw(&random);
                master::create(&folder, &secret)?;
                tracing::info!("a master key was made; what is encrypted with it is lost without it, so back it up");
                Ok::<_, master::MasterError>(Some(secret))
            });
            let secret = reading
                .await??
                .ok_or_else(|| Fault::from(Code::InternalError).because("no master key was ever made"))?;
            if !has_known {
                let proof = master::proof_of(&secret);
                store.index.write(move |connection| master::note(connection, &proof)).await?;
            }
            Ok::<_, Fault>(secret)
        });
        secret.await.cloned()
    }
}

/// The master key of a store that is only looked at; `None` if none was ever made.
pub(crate) fn look_for_master(folder: &Path, connection: &Connection) -> Result<Option<Secret>, Fault> {
    let known = master::known(connection)?;
    if known.is_none() {
        return Ok(None);
    }
    Ok(master::load(folder, known.as_deref())?)
}

#[cfg(test)]
mod tests {
    use super::{CustomerKey, Encryption};

    const KEY: [(&str, &[u8]); 3] = [
        ("X-Amz-Server-Side-Encryption-Customer-Algorithm", b"AES256"),
        ("X-Amz-Server-Side-Encryption-Customer-Key", b"a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="),
        ("X-Amz-Server-Side-Encryption-Customer-Key-Md5", b"mT2HRsMGJ5IX5C+0rreZ8Q=="),
    ];

    #[test]
    fn what_is_kept_of_a_key_is_a_proof_and_neither_the_key_nor_a_plain_digest_of_it() {
        let key = CustomerKey::of_reader(KEY).unwrap().unwrap();
        let (one, two) = (Encryption::customer(&key, 1), Encryption::customer(&key, 2));
        assert!(one.is_of(&key) && two.is_of(&key) && one != two);
        let kept = serde_json::to_string(&one).unwrap();
        assert!(!kept.contains("a2tra2tr") && !kept.contains("mT2HRsMG"), "{kept}");
        assert!(!format!("{key:?}").contains("a2tra2tr"));
        assert!(!format!("{key:?}").contains("107, 107"));
    }
}
