//! Throws requests and forms at the verifier, and finds that the signature it expects is one that it accepts, and that
//! taking Version 2 as well changes nothing for Version 4.
//!
//! An input is a line with method and target, then lines with headers; with the method FORM the lines are fields.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_fuzz::signature::{self, BLANK, NOW, REGION};
use strongroom_presign::{IncomingRequest, Verifier, VerifyError};

fuzz_target!(|text: &str| {
    let (off, on) = (verify(text), verify_with(text, &verifier().with_version2(vec!["s3.localhost".to_owned()])));
    if off == Err(VerifyError::SigV2Off) {
        assert_ne!(on, Err(VerifyError::SigV2Off), "{text}");
    } else {
        assert_eq!(on, off, "{text}");
    }
    let Some(expected) = check(text) else { return };
    // Were it anywhere else too, that would change what is signed.
    if text.matches(BLANK).count() == 1 {
        let signed = text.replace(BLANK, &expected);
        let outcome = verify(&signed);
        assert!(!matches!(outcome, Err(VerifyError::Mismatch(_))), "{outcome:?}\n{signed}");
    }
});

/// Verifies, and answers the signature that would have been accepted in the place of a blank one.
fn check(text: &str) -> Option<String> {
    match verify(text) {
        Err(VerifyError::Mismatch(mismatch)) if mismatch.provided == BLANK => {
            // The scope is the third line of what is signed; a form signs its policy alone, and names the scope beside.
            let of_form = || {
                let mut fields = text.lines().filter_map(|line| line.split_once(": "));
                let credential = fields.find(|(name, _)| name.eq_ignore_ascii_case("x-amz-credential"))?.1;
                Some(credential.trim_start_matches(signature::ACCESS_KEY).trim_start_matches('/'))
            };
            let scope = mismatch.string_to_sign.split('\n').nth(2).or_else(of_form)?;
            Some(signature::sign(scope, &mismatch.string_to_sign))
        }
        _ => None,
    }
}

fn verifier() -> Verifier {
    Verifier::new(REGION)
}

fn verify(text: &str) -> Result<(), VerifyError> {
    verify_with(text, &verifier())
}

fn verify_with(text: &str, verifier: &Verifier) -> Result<(), VerifyError> {
    let mut lines = text.split('\n');
    let (method, target) = lines.next().and_then(|line| line.split_once(' ')).unwrap_or_default();
    let pairs: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(": ")).collect();
    if method == "FORM" {
        let post = verifier.verify_post(&pairs, signature::lookup, NOW)?;
        let _ = post.policy.check_fields(&pairs, "files");
        let _ = post.policy.content_length_range();
        return Ok(());
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers: Vec<(&str, &[u8])> = pairs.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    let holds = verifier.verify(&IncomingRequest { method, path, query, headers: &headers }, signature::lookup, NOW)?;
    assert_eq!(holds.access_key, signature::ACCESS_KEY);
    // Version 2 signs the bucket instead.
    let is_version2 = query.contains("AWSAccessKeyId") || pairs.iter().any(|(_, value)| value.starts_with("AWS "));
    assert!(is_version2 || holds.signed_headers.iter().any(|name| name == "host"), "{:?}", holds.signed_headers);
    Ok(())
}
