//! The compact form of a signed token: header, payload and signature (RFC 7515, section 7.1).

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::TokenError;

/// A token taken apart. Nothing in it is believed yet.
#[derive(Debug)]
pub(super) struct SignedToken<'a> {
    pub(super) header: Header,
    /// What is signed: header and payload as they came.
    pub(super) message: &'a str,
    /// The signature, still in base64.
    pub(super) signature: &'a str,
    payload: Vec<u8>,
}

/// The part of the header that is looked at. What stands twice in it is refused.
#[derive(Debug, Deserialize)]
pub(super) struct Header {
    pub(super) alg: String,
    #[serde(default)]
    pub(super) kid: Option<String>,
    #[serde(default)]
    typ: Option<String>,
    #[serde(default, deserialize_with = "present")]
    crit: bool,
}

impl<'a> SignedToken<'a> {
    /// Takes a token apart and refuses what nobody could believe.
    pub(super) fn parse(token: &'a str) -> Result<Self, TokenError> {
        let malformed = || TokenError::Malformed("is not three parts of base64url with dots between");
        let (message, signature) = token.rsplit_once('.').ok_or_else(malformed)?;
        let (header, payload) = message.split_once('.').ok_or_else(malformed)?;
        let decode = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed());
        let (header, payload) = (decode(header)?, decode(payload)?);
        if decode(signature)?.is_empty() {
            return Err(TokenError::Malformed("is not signed"));
        }
        let header: Header =
            serde_json::from_slice(&header).map_err(|_| TokenError::Malformed("has no header that can be read"))?;
        if header.crit {
            // RFC 7515, section 4.1.11: who does not understand an extension marked as critical must refuse.
            return Err(TokenError::Malformed("has critical extensions (`crit`), which are not supported"));
        }
        if header.is_for_something_else() {
            return Err(TokenError::Malformed("is not for access: its `typ` says that it serves another purpose"));
        }
        Ok(Self { header, message, signature, payload })
    }

    /// The claims. Only believe them after checking the signature.
    pub(super) fn claims(&self) -> Result<Map<String, Value>, TokenError> {
        serde_json::from_slice(&self.payload).map_err(|_| TokenError::Malformed("has no claims that can be read"))
    }
}

impl Header {
    /// RFC 8725, section 3.11: logout tokens, security events and proofs are signed by the same keys as access tokens,
    /// and must not be taken for one.
    fn is_for_something_else(&self) -> bool {
        let Some(typ) = &self.typ else {
            return false;
        };
        let typ = typ.to_ascii_lowercase();
        let kind = typ.strip_prefix("application/").unwrap_or(&typ);
        kind.ends_with("+jwt") && kind != "at+jwt"
    }
}

/// Notes that a member is there, whatever it says.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(deserializer).map(|_| true)
}
