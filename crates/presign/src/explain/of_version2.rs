//! Checks a link of Signature Version 2 with the credentials, for the method that was used and for the others.

use super::Evidence;
use super::cause::{Cause, Certainty};
use super::error_document::ErrorDocument;
use super::findings::Findings;
use super::link::Link;
use super::of_signature::METHODS;
use crate::credentials::Credentials;
use crate::verify::{IncomingRequest, Verifier, VerifyError};

pub(super) fn look(
    findings: &mut Findings,
    evidence: &Evidence<'_>,
    link: &Link,
    access_key: &str,
    expires_at: Option<i64>,
    document: Option<&ErrorDocument>,
) {
    let (Some(credentials), Some(expires_at)) = (evidence.credentials, expires_at) else { return };
    if credentials.access_key() != access_key {
        let given = credentials.access_key().to_owned();
        return findings.add(Certainty::Possible, Cause::OtherAccessKey { url: access_key.to_owned(), given });
    }
    let used = evidence.method.unwrap_or("GET").to_ascii_uppercase();
    let refused = match verify(evidence, link, &used, credentials, expires_at) {
        Ok(()) => return holds(findings, credentials, access_key, expires_at, document),
        Err(refused) => refused,
    };
    match refused {
        VerifyError::Token if credentials.session_token().is_none() => {
            // The token may only be missing among the credentials that were given here.
            findings.add(Certainty::Possible, Cause::TokenInvalid);
        }
        VerifyError::Token if link.query.to_ascii_lowercase().contains("x-amz-security-token") => {
            findings.add(Certainty::Likely, Cause::TokenInvalid);
        }
        VerifyError::Token => findings.certain(Cause::TokenMissing { access_key: access_key.to_owned() }),
        _ => {
            let others = METHODS.iter().filter(|method| **method != used);
            let signed = others
                .filter(|method| verify(evidence, link, method, credentials, expires_at).is_ok())
                .map(|method| (*method).to_owned())
                .next();
            match signed {
                Some(_) if evidence.method.is_none() => {
                    holds(findings, credentials, access_key, expires_at, document);
                }
                Some(signed) => findings.certain(Cause::MethodDiffers { signed, arrived: used }),
                // Version 2 signs the type and the MD5 that the client sends, and nobody said what it sent.
                None if evidence.headers.is_none() => {
                    findings.add(Certainty::Likely, Cause::AlteredOrOtherSecret);
                }
                None => findings.certain(Cause::AlteredOrOtherSecret),
            }
        }
    }
}

/// The signature is right as far as can be seen from here.
fn holds(
    findings: &mut Findings,
    credentials: &Credentials,
    access_key: &str,
    expires_at: i64,
    document: Option<&ErrorDocument>,
) {
    match document {
        None => {
            let until = credentials.expires_at().filter(|end| *end < expires_at);
            findings.certain(Cause::SignatureHolds { until });
        }
        Some(document) if document.text("Code") == "SignatureDoesNotMatch" => {
            findings.add(Certainty::Likely, Cause::ServerSecret { access_key: access_key.to_owned() });
        }
        Some(_) => {}
    }
}

/// Whether the signature holds, whatever the time: of that the URL speaks for itself. The bucket may stand in the path or
/// be the first label of the host.
fn verify(
    evidence: &Evidence<'_>,
    link: &Link,
    method: &str,
    credentials: &Credentials,
    expires_at: i64,
) -> Result<(), VerifyError> {
    let mut headers: Vec<(&str, &[u8])> = vec![("host", link.host.as_bytes())];
    let sent = evidence.headers.unwrap_or_default();
    headers.extend(
        sent.iter()
            .filter(|(name, _)| !name.eq_ignore_ascii_case("host") && !name.eq_ignore_ascii_case("authorization"))
            .map(|(name, value)| (*name, value.as_bytes())),
    );
    let path = if link.path.is_empty() { "/" } else { &link.path };
    let request = IncomingRequest { method, path, query: &link.query, headers: &headers };
    let lookup = |key: &str| (key == credentials.access_key()).then(|| credentials.clone());
    let before_its_end = expires_at.saturating_sub(1);
    let host = link.host.split_once(':').map_or(link.host.as_str(), |(host, _)| host);
    let domains = host.split_once('.').map(|(_, domain)| domain.to_owned()).into_iter().collect();
    let check = |domains| {
        let verifier = Verifier::new("").with_version2(domains);
        verifier.verify(&request, lookup, before_its_end).map(drop)
    };
    check(Vec::new()).or_else(|refused| check(domains).map_err(|_| refused))
}
