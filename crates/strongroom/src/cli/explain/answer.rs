//! Prints an explanation, for people or as JSON.

use std::io::{self, Write as _};

use jiff::Timestamp;
use serde_json::{Value, json};
use strongroom_presign::{Cause, Certainty, Explanation, Finding, Link, LinkSignature};

use crate::cli::terminal::{self, on_one_line};

/// Whether anything is wrong, or likely to be. What is only worth a look is not.
pub(super) fn is_wrong(explanation: &Explanation) -> bool {
    explanation.findings.iter().any(|Finding { certainty, cause }| {
        *certainty != Certainty::Possible && !matches!(cause, Cause::SignatureHolds { .. })
    })
}

pub(super) fn print(explanation: &Explanation, as_json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if as_json {
        return writeln!(out, "{}", terminal::json(&json(explanation)));
    }
    if let Some(link) = &explanation.link {
        for (name, value) in summary(link) {
            writeln!(out, "{name:<8} {}", on_one_line(&value))?;
        }
        writeln!(out)?;
    }
    if explanation.findings.is_empty() {
        writeln!(out, "Nothing is wrong with the URL as far as can be seen.")?;
        writeln!(
            out,
            "  → If it fails all the same, add what else is known: --error, --method, --header, --with-credentials."
        )?;
    }
    for Finding { certainty, cause } in &explanation.findings {
        let lead = match certainty {
            Certainty::Certain => "",
            Certainty::Likely => "Probably: ",
            Certainty::Possible => "Worth a look: ",
        };
        writeln!(out, "{lead}{}\n  → {}", on_one_line(&cause.to_string()), cause.mend())?;
    }
    Ok(())
}

/// What the link says of itself.
fn summary(link: &Link) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    if let Some(uri) = link.address.as_ref().and_then(strongroom_presign::Address::s3_uri) {
        lines.push(("object", uri));
    }
    lines.push(("host", link.host.clone()));
    let (signed, ends) = match &link.signature {
        LinkSignature::Version4(signed) => {
            let at = signed.signed_at().map(|at| format!(" at {}", moment(at))).unwrap_or_default();
            let who = format!(
                "by {} for {} in {}{at}",
                said(signed.access_key()),
                said(signed.service()),
                said(signed.region())
            );
            (who, signed.expires_at())
        }
        LinkSignature::Version2 { access_key, expires_at } => {
            (format!("by {}, Signature Version 2", said(access_key)), *expires_at)
        }
        LinkSignature::CloudFront { key_pair_id, expires_at } => {
            (format!("for CloudFront, by the key pair {}", said(key_pair_id)), *expires_at)
        }
        _ => ("not at all".to_owned(), None),
    };
    lines.push(("signed", signed));
    lines.extend(ends.map(|at| ("ends", moment(at))));
    lines
}

fn json(explanation: &Explanation) -> Value {
    let findings: Vec<Value> = explanation
        .findings
        .iter()
        .map(|Finding { certainty, cause }| {
            let certainty = match certainty {
                Certainty::Certain => "certain",
                Certainty::Likely => "likely",
                Certainty::Possible => "possible",
            };
            json!({"code": cause.code(), "certainty": certainty, "what": cause.to_string(), "mend": cause.mend()})
        })
        .collect();
    json!({
        "wrong": is_wrong(explanation),
        "findings": findings,
        "link": explanation.link.as_ref().map(link),
    })
}

/// Everything but the signature and the session token.
fn link(link: &Link) -> Value {
    let address = link.address.clone().unwrap_or_default();
    let signature = match &link.signature {
        LinkSignature::Version4(signed) => json!({
            "version": "4",
            "access_key_id": signed.access_key(),
            "region": signed.region(),
            "service": signed.service(),
            "signed_at": signed.signed_at().map(moment),
            "expires_at": signed.expires_at().map(moment),
            "signed_headers": signed.signed_headers,
            "has_session_token": signed.has_token,
        }),
        LinkSignature::Version2 { access_key, expires_at } => {
            json!({"version": "2", "access_key_id": access_key, "expires_at": expires_at.map(moment)})
        }
        LinkSignature::CloudFront { key_pair_id, expires_at } => {
            json!({"version": "cloudfront", "key_pair_id": key_pair_id, "expires_at": expires_at.map(moment)})
        }
        _ => Value::Null,
    };
    json!({
        "host": link.host,
        "path": link.path,
        "bucket": address.bucket,
        "key": address.key,
        "version": address.version,
        "region": address.region,
        "signature": signature,
    })
}

fn said(text: &str) -> &str {
    if text.is_empty() { "nobody knows" } else { text }
}

fn moment(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| format!("{seconds} s after 1970"), |moment| moment.to_string())
}
