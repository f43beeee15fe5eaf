//! Step two of Signature Version 4: the string to sign, which binds a canonical request to a time and a scope.

use crate::encode;
use crate::moment::AmzDate;

/// The only algorithm of S3's symmetric signatures.
pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The last word of every scope.
pub(crate) const TERMINATOR: &str = "aws4_request";

/// `20130524/us-east-1/s3/aws4_request`: the day, region and service a signing key is made for.
pub(crate) fn scope(date: &str, region: &str, service: &str) -> String {
    format!("{date}/{region}/{service}/{TERMINATOR}")
}

/// All of the string to sign but its last line. It is the same for every request of one second.
pub(crate) fn head(date: &AmzDate, scope: &str) -> String {
    format!("{ALGORITHM}\n{}\n{scope}\n", date.as_str())
}

/// The whole text: the head and the hex digest of the canonical request.
pub(crate) fn text(head: &str, canonical_request: &[u8; 32]) -> String {
    format!("{head}{}", encode::hex_string(canonical_request))
}
