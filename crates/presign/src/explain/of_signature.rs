//! Finds what was signed and what arrived, from the credentials and from the store's own view, and compares the two.

use sha2::{Digest as _, Sha256};

use super::Evidence;
use super::cause::{Cause, Certainty};
use super::error_document::ErrorDocument;
use super::findings::Findings;
use super::link::{Link, Version4, pairs};
use super::seen::Seen;
use crate::address::takes_plus_for_blank;
use crate::canonical_request::UNSIGNED_PAYLOAD;
use crate::credentials::Credentials;
use crate::encode;
use crate::query;
use crate::signature::SigningKey;
use crate::signed_headers::canonical_value;
use crate::string_to_sign::{self, ALGORITHM};

/// The line of the string to sign that holds the digest of the canonical request.
const DIGEST_LINE: usize = 4;

/// The methods that a link may have been signed for.
pub(super) const METHODS: [&str; 5] = ["GET", "PUT", "HEAD", "POST", "DELETE"];

pub(super) fn look(
    findings: &mut Findings,
    evidence: &Evidence<'_>,
    link: &Link,
    signed: &Version4,
    document: Option<&ErrorDocument>,
    now: i64,
) {
    let mismatch = document.filter(|document| document.text("Code") == "SignatureDoesNotMatch");
    let stated = as_stated(evidence, link, signed);
    let claimed = evidence.credentials.and_then(|credentials| {
        if credentials.access_key() == signed.access_key() {
            return Some(credentials);
        }
        let given = credentials.access_key().to_owned();
        findings.add(Certainty::Possible, Cause::OtherAccessKey { url: signed.access_key().to_owned(), given });
        None
    });
    let was_signed = claimed.and_then(|credentials| what_was_signed(&stated, &link.host, signed, credentials));
    let arrived = mismatch.and_then(|document| what_arrived(document, &stated));

    if let Some(document) = mismatch {
        lines(findings, document, signed);
        if claimed.is_some_and(|credentials| signs_the_same(document, signed, credentials)) {
            return findings.certain(Cause::ServerSecret { access_key: signed.access_key().to_owned() });
        }
    }
    match (claimed, was_signed, arrived) {
        (_, Some(was_signed), Some(arrived)) => {
            if !was_signed.differs(&arrived, true, findings) && !findings.has_certain() {
                findings.add(Certainty::Likely, Cause::ChangedOrOtherSecret { line: None });
            }
        }
        (claimed, Some(was_signed), None) => {
            // Without the store's view, the client's own is what there is.
            let method = evidence.method.map_or_else(|| was_signed.method.clone(), str::to_ascii_uppercase);
            let differs = was_signed.differs(&known(Seen { method, ..stated }, &was_signed), true, findings);
            if differs || findings.has_certain() {
                return;
            }
            if let Some(document) = mismatch {
                // The three lines before the digest are those that the URL states, or they would have been found.
                let differing = document.get("StringToSign").map(|_| DIGEST_LINE);
                findings.add(Certainty::Likely, Cause::ChangedOrOtherSecret { line: differing });
            } else if let Some(credentials) = claimed.filter(|_| document.is_none()) {
                holds(findings, link, signed, credentials, now);
            }
        }
        (claimed, None, arrived) => {
            let knows_method = evidence.method.is_some();
            let differs = arrived.as_ref().is_some_and(|arrived| stated.differs(arrived, knows_method, findings));
            if differs || findings.has("string-to-sign-differs") || findings.has("signature-cut") {
                return;
            }
            if claimed.is_some() && !unknown_headers(&stated) {
                findings.certain(Cause::AlteredOrOtherSecret);
            } else if mismatch.is_some() && !findings.has("signed-header-not-sent") {
                findings
                    .add(Certainty::Likely, Cause::MethodOrSecret { arrived: arrived.map(|arrived| arrived.method) });
            }
        }
    }
}

/// Says that the signature holds, and for how long: neither a token nor an end of the credentials shows in a signature.
fn holds(findings: &mut Findings, link: &Link, signed: &Version4, credentials: &Credentials, now: i64) {
    let ends_at = credentials.expires_at();
    if ends_at.is_some_and(|end| end <= now) {
        return findings.certain(Cause::TokenExpired);
    }
    let pairs = pairs(&link.query);
    let token = pairs.iter().find(|(name, _)| name == "X-Amz-Security-Token").map(|(_, value)| value.as_str());
    match (token, credentials.session_token()) {
        (None, Some(_)) => findings.certain(Cause::TokenMissing { access_key: signed.access_key().to_owned() }),
        (Some(own), Some(given)) if own != given => findings.add(Certainty::Likely, Cause::TokenInvalid),
        // The token may only be missing among the credentials that were given here.
        (Some(_), None) => findings.add(Certainty::Possible, Cause::TokenInvalid),
        _ => {
            let cut = ends_at.filter(|end| signed.expires_at().is_none_or(|until| *end < until));
            findings.certain(Cause::SignatureHolds { until: cut });
        }
    }
}

/// The request as the URL and what is known of the client state it.
fn as_stated(evidence: &Evidence<'_>, link: &Link, signed: &Version4) -> Seen {
    let decoded = |text: &str, plus| encode::decode(text, plus).unwrap_or_else(|| text.as_bytes().to_vec());
    let mut path = String::new();
    let plus = takes_plus_for_blank(&link.host);
    encode::path(&mut path, &decoded(if link.path.is_empty() { "/" } else { &link.path }, plus));
    let pairs = link.query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("X-Amz-Signature="));
    let encoded = |text: &str| {
        let mut out = String::new();
        encode::query(&mut out, &decoded(text, true));
        out
    };
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let mut canonical = String::new();
    query::append_encoded(&mut canonical, pairs.map(|(name, value)| (encoded(name), encoded(value))).collect(), false);
    let headers = signed.signed_headers.iter().map(|name| {
        let value = if name == "host" {
            Some(without_own_port(link, evidence.url))
        } else {
            evidence.header(name).map(|value| canonical_value(value).into_owned())
        };
        (name.clone(), value)
    });
    Seen {
        method: evidence.method.unwrap_or("GET").to_ascii_uppercase(),
        path,
        query: canonical,
        headers: headers.collect(),
        payload: signed.payload.clone().unwrap_or_else(|| UNSIGNED_PAYLOAD.to_owned()),
    }
}

/// The host that a client sends for a URL: lower-case and without the scheme's own port.
fn without_own_port(link: &Link, url: &str) -> String {
    let own = if url.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https:")) { ":443" } else { ":80" };
    link.host.strip_suffix(own).unwrap_or(&link.host).to_ascii_lowercase()
}

/// Tries methods, hosts and encodings of the path until one gives the signature that the URL carries.
fn what_was_signed(stated: &Seen, host: &str, signed: &Version4, credentials: &Credentials) -> Option<Seen> {
    let wanted = encode::unhex(signed.signature.as_bytes())?;
    let key = signing_key(signed, credentials);
    let head = head(signed);
    candidates(stated, host).find(|candidate| {
        let string_to_sign = string_to_sign::text(&head, &Sha256::digest(candidate.text()).into());
        key.sign(string_to_sign.as_bytes()) == wanted
    })
}

/// The store's view: its canonical request if it shows one, else the candidate that has the digest it shows.
fn what_arrived(document: &ErrorDocument, stated: &Seen) -> Option<Seen> {
    if let Some(seen) = document.get("CanonicalRequest").and_then(Seen::read) {
        return Some(seen);
    }
    let digest = document.get("StringToSign")?.lines().nth(3)?.trim();
    let digest = encode::unhex(digest.as_bytes())?;
    candidates(stated, "").find(|candidate| digest == <[u8; 32]>::from(Sha256::digest(candidate.text())))
}

/// What is commonly signed, or commonly arrives, instead of what a URL states. `host` is one more to try.
fn candidates(stated: &Seen, host: &str) -> impl Iterator<Item = Seen> {
    let twice = stated.path.replace('%', "%25");
    let once = encode::decode(&stated.path, false).and_then(|bytes| String::from_utf8(bytes).ok());
    let once = once.filter(|path| path.contains('%') && path.bytes().all(|byte| byte.is_ascii_graphic()));
    let mut paths = vec![stated.path.clone()];
    // Where the path has a `+`, the signer and the store may have read it as two different characters.
    let (plus, blank) = (stated.path.replace("%20", "%2B"), stated.path.replace("%2B", "%20"));
    paths
        .extend([Some(twice), once, Some(plus), Some(blank)].into_iter().flatten().filter(|path| *path != stated.path));
    let own = stated.headers.iter().find(|(name, _)| name == "host").and_then(|(_, host)| host.clone());
    let own = own.unwrap_or_default();
    let bare = own.split_once(':').map_or(own.as_str(), |(host, _)| host).to_owned();
    let mut hosts = vec![own.clone(), host.to_owned(), bare.clone(), format!("{bare}:443"), format!("{bare}:80")];
    hosts.retain(|host| !host.is_empty());
    let mut methods = vec![stated.method.clone()];
    methods.extend(METHODS.iter().map(|method| (*method).to_owned()).filter(|method| *method != stated.method));
    paths.into_iter().flat_map(move |path| {
        let (methods, stated) = (methods.clone(), stated.clone());
        hosts.clone().into_iter().flat_map(move |host| {
            let (path, stated) = (path.clone(), stated.clone());
            methods.clone().into_iter().map(move |method| {
                let mut seen = Seen { method, path: path.clone(), ..stated.clone() };
                for (name, value) in &mut seen.headers {
                    if name == "host" {
                        *value = Some(host.clone());
                    }
                }
                seen
            })
        })
    })
}

/// Compares the lines of the string to sign that the URL itself states.
fn lines(findings: &mut Findings, document: &ErrorDocument, signed: &Version4) {
    let Some(text) = document.get("StringToSign") else { return };
    let scope = scope(signed);
    for (at, (own, server)) in [ALGORITHM, &signed.date, &scope].into_iter().zip(text.lines()).enumerate() {
        if own != server.trim() {
            findings.certain(Cause::TimeLineDiffers {
                line: at + 1,
                url: own.to_owned(),
                server: server.trim().to_owned(),
            });
        }
    }
}

/// Whether these credentials give the URL's signature for what the store saw. Then all is right but the store's secret.
fn signs_the_same(document: &ErrorDocument, signed: &Version4, credentials: &Credentials) -> bool {
    document.get("StringToSign").is_some_and(|text| {
        encode::hex_string(&signing_key(signed, credentials).sign(text.as_bytes())) == signed.signature
    })
}

/// Gives headers that nobody knows the value they were signed with, so that only what is known is compared.
fn known(mut sent: Seen, was_signed: &Seen) -> Seen {
    for (name, value) in &mut sent.headers {
        if value.is_none() {
            *value = was_signed.headers.iter().find(|(own, _)| own == name).and_then(|(_, value)| value.clone());
        }
    }
    sent
}

fn unknown_headers(stated: &Seen) -> bool {
    stated.headers.iter().any(|(_, value)| value.is_none())
}

fn signing_key(signed: &Version4, credentials: &Credentials) -> SigningKey {
    SigningKey::derive(credentials.secret_key(), signed.day(), signed.region(), signed.service())
}

fn scope(signed: &Version4) -> String {
    string_to_sign::scope(signed.day(), signed.region(), signed.service())
}

fn head(signed: &Version4) -> String {
    format!("{ALGORITHM}\n{}\n{}\n", signed.date, scope(signed))
}
