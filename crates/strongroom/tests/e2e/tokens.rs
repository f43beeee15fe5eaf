//! Makes the tokens of an application, good ones and forged ones.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

/// The secret that the application and the service of the tests share.
pub(crate) const SECRET: &str = "a secret of the end-to-end tests, long enough for HS256";

/// What the service has to be told for these tokens, and limits that no test meets by accident.
pub(crate) fn configuration() -> String {
    format!("[server]\nrate_limit = {{ per_second = 0 }}\n\n[auth.jwt]\nsecret = \"{SECRET}\"\n")
}

/// A token that is good for an hour.
pub(crate) fn mint(subject: &str, roles: &[&str]) -> String {
    sign(&json!({ "sub": subject, "roles": roles, "iat": now(), "exp": now() + 3600 }))
}

/// Signs any claims with the secret of the tests.
pub(crate) fn sign(claims: &Value) -> String {
    sign_with(&Header::new(Algorithm::HS256), claims, &EncodingKey::from_secret(SECRET.as_bytes()))
}

/// Signs with any key and header.
pub(crate) fn sign_with(header: &Header, claims: &Value, key: &EncodingKey) -> String {
    jsonwebtoken::encode(header, claims, key).expect("these claims and this key go together")
}

/// A token of three parts, the last of which is whatever it is.
pub(crate) fn forge(header: &Value, claims: &Value, signature: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{signature}", part(header), part(claims))
}

/// Seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "the service under test reads the real clock, so its callers must too")]
pub(crate) fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}
