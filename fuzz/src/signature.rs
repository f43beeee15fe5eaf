//! Makes the signatures that a server would accept at the one moment and from the one identity of all targets.

use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use strongroom_presign::{Credentials, IncomingRequest, Verifier, VerifyError};

/// 24 May 2013, the day of AWS's own examples, so that inputs with a date stay valid.
pub const NOW: i64 = 1_369_353_600;
/// The region of every scope.
pub const REGION: &str = "us-east-1";
/// The scope that goes with [`NOW`].
pub const SCOPE: &str = "20130524/us-east-1/s3/aws4_request";
/// The access key of the only identity.
pub const ACCESS_KEY: &str = "AK";
/// What stands in the place of a signature until it is known.
pub const BLANK: &str = "0000000000000000000000000000000000000000000000000000000000000000";

const SECRET: &str = "secret";

/// The only identity.
pub fn credentials() -> Credentials {
    Credentials::new(ACCESS_KEY, SECRET).expect("both are printable ASCII")
}

/// What the verifiers look keys up with.
pub fn lookup(access_key: &str) -> Option<Credentials> {
    (access_key == ACCESS_KEY).then(credentials)
}

/// The signature that would make a request valid which has [`BLANK`] in its place; `None` if no signature would.
pub fn expected(request: &IncomingRequest<'_>) -> Option<String> {
    match Verifier::new(REGION).verify(request, lookup, NOW) {
        Err(VerifyError::Mismatch(mismatch)) if mismatch.provided == BLANK => {
            // The scope is the third line of what is signed.
            let scope = mismatch.string_to_sign.split('\n').nth(2)?;
            Some(sign(scope, &mismatch.string_to_sign))
        }
        _ => None,
    }
}

/// The signature of a text under the key of a scope.
pub fn sign(scope: &str, text: &str) -> String {
    let mut key = format!("AWS4{SECRET}").into_bytes();
    for step in scope.split('/') {
        key = hmac(&key, step.as_bytes());
    }
    hmac(&key, text.as_bytes()).iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}
