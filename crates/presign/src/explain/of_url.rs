//! What the text of a URL shows by itself: its form, its scope, its times and its key.

use super::Evidence;
use super::cause::{Cause, Certainty};
use super::findings::Findings;
use super::link::{Link, LinkSignature, Version4, pairs};
use crate::string_to_sign::ALGORITHM;
use crate::validity::MAX_LIFE;
use crate::verify::MAX_SKEW;

pub(super) fn look(findings: &mut Findings, evidence: &Evidence<'_>, link: &Link, now: i64) {
    match &link.signature {
        // A form carries its signature in a field of the body.
        LinkSignature::None if is_form(evidence) && is_method(evidence, "POST") => {}
        LinkSignature::None => findings.certain(Cause::NotSigned),
        LinkSignature::Version4(signed) => {
            form(findings, link, signed);
            scope(findings, link, signed);
            if let (Some(from), Some(until)) = (signed.signed_at(), signed.expires_at()) {
                times(findings, now, Some(from), until);
            }
            headers(findings, evidence, signed);
        }
        LinkSignature::Version2 { expires_at, .. } => {
            findings.add(Certainty::Possible, Cause::OldSignature);
            expires_at.inspect(|until| times(findings, now, None, *until));
        }
        LinkSignature::CloudFront { expires_at, .. } => {
            expires_at.inspect(|until| times(findings, now, None, *until));
        }
    }
    key(findings, evidence, link);
}

fn form(findings: &mut Findings, link: &Link, signed: &Version4) {
    let demanded = [
        ("X-Amz-Algorithm", signed.algorithm.is_empty()),
        ("X-Amz-Credential", signed.credential.is_empty()),
        ("X-Amz-Date", signed.date.is_empty()),
        ("X-Amz-Expires", signed.expires.is_empty()),
        ("X-Amz-SignedHeaders", signed.signed_headers.is_empty()),
        ("X-Amz-Signature", signed.signature.is_empty()),
    ];
    let missing: Vec<String> =
        demanded.iter().filter(|(_, missing)| *missing).map(|(name, _)| (*name).to_owned()).collect();
    if !missing.is_empty() {
        findings.certain(Cause::Incomplete { missing });
    }
    let pairs = pairs(&link.query);
    let mut own: Vec<&String> = pairs.iter().map(|(name, _)| name).filter(|name| name.starts_with("X-Amz-")).collect();
    own.sort_unstable();
    if let Some(twice) = own.windows(2).find(|pair| pair[0] == pair[1]) {
        findings.certain(Cause::RepeatedParameter { name: twice[0].clone() });
    }
    let signature = &signed.signature;
    if !signature.is_empty() && (signature.len() != 64 || !signature.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        findings.certain(Cause::SignatureCut { length: signature.chars().count() });
    }
    if !signed.algorithm.is_empty() && signed.algorithm != ALGORITHM {
        findings.certain(Cause::Algorithm { found: signed.algorithm.clone() });
    }
    if !signed.date.is_empty() && signed.signed_at().is_none() {
        findings.certain(Cause::Date { found: signed.date.clone() });
    }
    if !signed.expires.is_empty() && !signed.expires.parse::<u32>().is_ok_and(|life| (1..=MAX_LIFE).contains(&life)) {
        findings.certain(Cause::Life { found: signed.expires.clone() });
    }
    if !signed.signed_headers.is_empty() && !signed.signed_headers.iter().any(|name| name == "host") {
        findings.certain(Cause::HostNotSigned);
    }
}

fn scope(findings: &mut Findings, link: &Link, signed: &Version4) {
    if signed.credential.is_empty() {
        return;
    }
    let parts: Vec<&str> = signed.credential.split('/').collect();
    let [access_key, day, region, service, "aws4_request"] = parts[..] else {
        return findings.certain(Cause::Scope { found: signed.credential.clone() });
    };
    if service != "s3" {
        findings.certain(Cause::Service { found: service.to_owned() });
    }
    if signed.signed_at().is_some() && !signed.date.starts_with(day) {
        findings.certain(Cause::ScopeDay { scope: day.to_owned(), date: signed.date.clone() });
    }
    let of_host = link.address.as_ref().and_then(|address| address.region.as_deref());
    if let Some(host) = of_host.filter(|host| *host != region) {
        findings.certain(Cause::RegionOfHost { scope: region.to_owned(), host: host.to_owned() });
    }
    // AWS begins the access keys of temporary credentials with these letters.
    if access_key.starts_with("ASIA") && access_key.len() == 20 && !signed.has_token {
        findings.certain(Cause::TokenMissing { access_key: access_key.to_owned() });
    }
}

fn times(findings: &mut Findings, now: i64, from: Option<i64>, until: i64) {
    if let Some(at) = from.filter(|from| *from > now.saturating_add(MAX_SKEW)) {
        findings.certain(Cause::NotYetValid { by: at.abs_diff(now), at });
    } else if now >= until {
        findings.certain(Cause::Expired { by: now.abs_diff(until), at: until });
    }
}

fn headers(findings: &mut Findings, evidence: &Evidence<'_>, signed: &Version4) {
    let own: Vec<String> = signed.signed_headers.iter().filter(|name| *name != "host").cloned().collect();
    // Only a PUT URL that was sent a form is the mistake; without a method the answer has to show it.
    if is_form(evidence) && is_method(evidence, "PUT") {
        findings.certain(Cause::MultipartForm { signed_type: None });
    }
    let Some(sent) = evidence.headers else {
        if !own.is_empty() {
            findings.add(Certainty::Possible, Cause::HeadersToSend { names: own });
        }
        return;
    };
    for name in own.into_iter().filter(|name| evidence.header(name).is_none()) {
        if name == "content-length" {
            // Clients count the body themselves, so nobody lists it.
            findings.add(Certainty::Possible, Cause::HeadersToSend { names: vec![name] });
        } else {
            findings.certain(Cause::HeaderNotSent { name });
        }
    }
    let unsigned: Vec<String> = sent
        .iter()
        .map(|(name, _)| name.to_ascii_lowercase())
        .filter(|name| name.starts_with("x-amz-") && !signed.signed_headers.contains(name))
        .collect();
    if !unsigned.is_empty() {
        findings.certain(Cause::HeadersNotSigned { names: unsigned });
    }
}

fn is_form(evidence: &Evidence<'_>) -> bool {
    evidence.header("content-type").is_some_and(|sent| sent.to_ascii_lowercase().starts_with("multipart/form-data"))
}

fn is_method(evidence: &Evidence<'_>, method: &str) -> bool {
    evidence.method.is_some_and(|used| used.eq_ignore_ascii_case(method))
}

fn key(findings: &mut Findings, evidence: &Evidence<'_>, link: &Link) {
    let raw_dots = link.path.split('/').any(|segment| {
        let plain = segment.replace("%2E", ".").replace("%2e", ".");
        plain == "." || plain == ".."
    });
    if raw_dots {
        findings.add(Certainty::Likely, Cause::DotSegment { key: link.path.trim_start_matches('/').to_owned() });
    }
    let Some(address) = &link.address else { return };
    let Some(key) = &address.key else {
        // Listing and form URLs name no object either, and cannot be told apart from a lost key.
        return findings.add(Certainty::Possible, Cause::KeyMissing);
    };
    if looks_encoded(key) {
        findings.add(Certainty::Likely, Cause::KeyEncodedTwice { key: key.clone() });
    }
    if link.path.contains('+') {
        findings.add(Certainty::Possible, Cause::PlusInPath { key: key.clone() });
    }
    if key.starts_with('/') {
        findings.add(Certainty::Likely, Cause::LeadingSlash { key: key.clone() });
    }
    if let Some(bucket) = address
        .bucket
        .as_ref()
        .filter(|bucket| key.strip_prefix(bucket.as_str()).is_some_and(|rest| rest.starts_with('/')))
    {
        findings.add(Certainty::Likely, Cause::BucketTwice { bucket: bucket.clone() });
    }
    prefix(findings, evidence, key);
}

fn prefix(findings: &mut Findings, evidence: &Evidence<'_>, key: &str) {
    let key_owned = || key.to_owned();
    let Some(prefix) = evidence.prefix.map(|prefix| prefix.trim_matches('/')).filter(|prefix| !prefix.is_empty())
    else {
        // Nobody told the prefix, but a first segment that comes twice is seldom meant.
        let mut segments = key.split('/');
        if let (Some(first), Some(second), Some(_)) = (segments.next(), segments.next(), segments.next())
            && first == second
            && !first.is_empty()
        {
            findings.add(Certainty::Possible, Cause::PrefixDoubled { prefix: first.to_owned(), key: key_owned() });
        }
        return;
    };
    let below = |key: &str| key.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/')).map(str::to_owned);
    let prefix = prefix.to_owned();
    match below(key) {
        None => findings.add(Certainty::Likely, Cause::PrefixMissing { prefix, key: key_owned() }),
        Some(rest) if below(&rest).is_some() => {
            findings.add(Certainty::Likely, Cause::PrefixDoubled { prefix, key: key_owned() });
        }
        Some(_) => {}
    }
}

/// A decoded key that still has a `%` with two hex digits behind it.
fn looks_encoded(key: &str) -> bool {
    key.as_bytes()
        .windows(3)
        .any(|three| three[0] == b'%' && three[1].is_ascii_hexdigit() && three[2].is_ascii_hexdigit())
}
