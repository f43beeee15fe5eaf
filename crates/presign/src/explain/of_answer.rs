//! What the store's own error document says.

use super::cause::{Cause, Certainty};
use super::error_document::ErrorDocument;
use super::findings::Findings;
use super::link::{Link, LinkSignature};
use crate::moment::{parse_amz, parse_iso8601};

pub(super) fn look(findings: &mut Findings, document: &ErrorDocument, link: Option<&Link>) {
    let signed = link.and_then(|link| match &link.signature {
        LinkSignature::Version4(signed) => Some(signed),
        _ => None,
    });
    let (code, message) = (document.text("Code"), document.text("Message"));
    let lower = message.to_ascii_lowercase();
    let owned = |name: &str| document.text(name).to_owned();
    let field = |name: &str| document.get(name).map(str::to_owned);
    match code {
        "AccessDenied" if lower.contains("expired") => expired(findings, document),
        "AccessDenied" if lower.contains("not yet valid") || lower.contains("not valid yet") => {
            not_yet_valid(findings, document, link);
        }
        "AccessDenied" if lower.contains("not signed") || document.get("HeadersNotSigned").is_some() => {
            let names = document.text("HeadersNotSigned").split([',', ';']).map(str::trim);
            let names: Vec<String> = names.filter(|name| !name.is_empty()).map(str::to_owned).collect();
            findings.certain(Cause::HeadersNotSigned {
                names: if names.is_empty() { vec!["x-amz-*".to_owned()] } else { names },
            });
        }
        "AccessDenied" if lower.contains("according to policy") => {
            findings.certain(Cause::PolicyFailed { message: message.to_owned() });
        }
        "AccessDenied" | "AllAccessDisabled" => {
            let unsigned = link.is_some_and(|link| link.signature == LinkSignature::None);
            // An ended or unsigned link is refused before anybody's rights are looked at.
            if !unsigned && !findings.has_certain() {
                findings.add(Certainty::Likely, Cause::Denied);
            }
        }
        // What differs is computed from the string to sign, unless the store says it in words.
        "SignatureDoesNotMatch" => {
            if let Some(name) = quoted(message, "The header '").filter(|_| lower.contains("not sent")) {
                findings.certain(Cause::HeaderNotSent { name });
            }
        }
        "RequestTimeTooSkewed" => skewed(findings, document),
        "InvalidAccessKeyId" => {
            let named = field("AWSAccessKeyId").or_else(|| signed.map(|signed| signed.access_key().to_owned()));
            findings.certain(Cause::UnknownAccessKey { access_key: named.unwrap_or_default() });
        }
        "ExpiredToken" | "TokenRefreshRequired" => findings.certain(Cause::TokenExpired),
        "InvalidToken" | "InvalidSecurity" => findings.certain(Cause::TokenInvalid),
        "NoSuchKey" => {
            findings.certain(Cause::NoSuchKey { key: field("Key").or_else(|| key(link)).unwrap_or_default() });
        }
        "NoSuchBucket" => {
            let bucket = field("BucketName").or_else(|| link?.address.as_ref()?.bucket.clone());
            findings.certain(Cause::NoSuchBucket { bucket: bucket.unwrap_or_default() });
        }
        "NoSuchVersion" => findings.certain(Cause::NoSuchVersion),
        "PermanentRedirect" | "TemporaryRedirect" | "IncorrectEndpoint" => {
            findings.certain(Cause::WrongEndpoint { endpoint: owned("Endpoint") });
        }
        "AuthorizationHeaderMalformed" | "AuthorizationQueryParametersError" | "IllegalLocationConstraintException" => {
            let scope = signed.map(|signed| signed.region().to_owned()).unwrap_or_default();
            let expected = field("Region").or_else(|| expected_region(message));
            match expected {
                Some(expected) => findings.certain(Cause::WrongRegion { scope, expected }),
                None if lower.contains("expires") => {
                    findings.certain(Cause::Life {
                        found: signed.map(|signed| signed.expires.clone()).unwrap_or_default(),
                    });
                }
                None => other(findings, code, message),
            }
        }
        "InvalidRequest" if lower.contains("aws4-hmac-sha256") => findings.certain(Cause::OldSignature),
        "InvalidPolicyDocument" => findings.certain(Cause::PolicyFailed { message: message.to_owned() }),
        "EntityTooLarge" => findings.certain(Cause::TooLarge { most: field("MaxSizeAllowed") }),
        "EntityTooSmall" => findings.certain(Cause::TooSmall { least: field("MinSizeAllowed") }),
        "MissingContentLength" => findings.certain(Cause::LengthMissing),
        "NotImplemented" if lower.contains("transfer-encoding") || document.text("Header") == "Transfer-Encoding" => {
            findings.certain(Cause::LengthMissing);
        }
        "BadDigest" | "InvalidDigest" | "XAmzContentSHA256Mismatch" | "XAmzContentChecksumMismatch" => {
            findings.certain(Cause::DigestDiffers);
        }
        "InvalidObjectState" => findings.certain(Cause::Archived),
        _ => other(findings, code, message),
    }
}

fn other(findings: &mut Findings, code: &str, message: &str) {
    findings.certain(Cause::Other { code: code.to_owned(), message: message.to_owned() });
}

/// The key of a form or URL, as the URL tells it.
fn key(link: Option<&Link>) -> Option<String> {
    link?.address.as_ref()?.key.clone()
}

fn expired(findings: &mut Findings, document: &ErrorDocument) {
    let (at, now) = (parse_iso8601(document.text("Expires")), parse_iso8601(document.text("ServerTime")));
    match (at, now) {
        // The store's own clock is what decides.
        (Some(at), Some(now)) => findings.replace(Cause::Expired { by: now.abs_diff(at), at }),
        _ if findings.has("expired") => {}
        // The client's clock does not say so: then the store's is ahead, or the one here is behind.
        _ => other(findings, document.text("Code"), document.text("Message")),
    }
}

fn not_yet_valid(findings: &mut Findings, document: &ErrorDocument, link: Option<&Link>) {
    let signed_at = link.and_then(|link| match &link.signature {
        LinkSignature::Version4(signed) => signed.signed_at(),
        _ => None,
    });
    let at = parse_amz(document.text("X-Amz-Date"));
    let at = at.or_else(|| parse_iso8601(document.text("RequestTime"))).or(signed_at);
    match (at, parse_iso8601(document.text("ServerTime"))) {
        (Some(at), Some(now)) => findings.replace(Cause::NotYetValid { by: at.abs_diff(now), at }),
        _ if findings.has("not-yet-valid") => {}
        _ => other(findings, document.text("Code"), document.text("Message")),
    }
}

fn skewed(findings: &mut Findings, document: &ErrorDocument) {
    let time = |name: &str| parse_amz(document.text(name)).or_else(|| parse_iso8601(document.text(name)));
    match (time("RequestTime"), time("ServerTime")) {
        (Some(request), Some(server)) => {
            findings.certain(Cause::Skewed { by: request.abs_diff(server), ahead: request > server });
        }
        _ => other(findings, document.text("Code"), document.text("Message")),
    }
}

/// `… the region 'us-east-1' is wrong; expecting 'eu-west-1'`.
fn expected_region(message: &str) -> Option<String> {
    quoted(message, "expecting '")
}

/// What stands in single quotes after `head`, which ends with the first of them.
fn quoted(message: &str, head: &str) -> Option<String> {
    let (_, after) = message.split_once(head)?;
    let (inside, _) = after.split_once('\'')?;
    Some(inside.to_owned())
}
