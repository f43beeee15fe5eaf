//! Inputs are templates: what a fuzzer cannot guess (lengths, encoded policies, signatures) is filled in for it.
//!
//! `{length}` in a head becomes the length of the body, `{policy}…{/policy}` in a form becomes base64 of what it holds,
//! and `{signature}` the signature that the server expects.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use strongroom_presign::IncomingRequest;

use crate::signature::{self, BLANK};

const SIGNATURE: &[u8] = b"{signature}";

/// Fills a whole HTTP request in, and tells whether it was given a signature that holds.
pub fn request(template: &[u8]) -> (Vec<u8>, bool) {
    let end = find(template, b"\r\n\r\n").map_or(template.len(), |at| at + 4);
    let (head, body) = template.split_at(end);
    let (body, signed) = form(body);
    let head = replace(head, b"{length}", body.len().to_string().as_bytes());
    let blank = replace(&head, SIGNATURE, BLANK.as_bytes());
    let (head, signed) = match expected(&blank).filter(|_| blank != head) {
        Some(signature) => (replace(&head, SIGNATURE, signature.as_bytes()), true),
        None => (blank, signed),
    };
    ([head, body].concat(), signed)
}

/// Fills the body of a form in, and tells whether its policy was signed.
pub fn form(template: &[u8]) -> (Vec<u8>, bool) {
    const OPEN: &[u8] = b"{policy}";
    const CLOSE: &[u8] = b"{/policy}";
    let policy = find(template, OPEN).and_then(|open| {
        let inside = open + OPEN.len();
        Some((open, inside, inside + find(&template[inside..], CLOSE)?))
    });
    let Some((open, inside, close)) = policy else {
        return (template.to_vec(), false);
    };
    let encoded = STANDARD.encode(&template[inside..close]);
    let signature = signature::sign(signature::SCOPE, &encoded);
    let whole = [&template[..open], encoded.as_bytes(), &template[close + CLOSE.len()..]].concat();
    (replace(&whole, SIGNATURE, signature.as_bytes()), true)
}

/// What the verifier expects of a head.
fn expected(head: &[u8]) -> Option<String> {
    let mut headers = [httparse::EMPTY_HEADER; 100];
    let mut parsed = httparse::Request::new(&mut headers);
    parsed.parse(head).ok()?.is_complete().then_some(())?;
    let (path, query) = parsed.path?.split_once('?').unwrap_or((parsed.path?, ""));
    let headers: Vec<(&str, &[u8])> = parsed.headers.iter().map(|header| (header.name, header.value)).collect();
    signature::expected(&IncomingRequest { method: parsed.method?, path, query, headers: &headers })
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

fn replace(text: &[u8], wanted: &[u8], with: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = find(rest, wanted) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(with);
        rest = &rest[at + wanted.len()..];
    }
    out.extend_from_slice(rest);
    out
}
