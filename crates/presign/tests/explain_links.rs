//! Reads links of every kind of host and signature, and shows none of what they keep secret.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report, in its helpers too")]

use strongroom_presign::{Credentials, Endpoint, Evidence, Link, Request, Signer, Validity, explain};

const NOW: i64 = 1_369_353_600;

fn credentials() -> Credentials {
    Credentials::new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY").unwrap()
}

fn codes(url: &str, credentials: &Credentials, now: i64) -> Vec<&'static str> {
    let explanation = explain(&Evidence::of(url).method("GET").credentials(credentials), now);
    explanation.findings.iter().map(|finding| finding.cause.code()).collect()
}

#[test]
fn a_name_and_password_are_no_part_of_the_host() {
    let signer = Signer::new(credentials(), Endpoint::aws("us-east-1").unwrap(), "photos").unwrap();
    let url = signer.presign(&Request::get("a.jpg"), Validity::new(NOW, 300).unwrap()).unwrap();
    let named = url.replace("https://", "https://ann:let@me-in@");
    assert_eq!(Link::read(&named, &[]).unwrap().host, "photos.s3.us-east-1.amazonaws.com");
    assert_eq!(codes(&named, &credentials(), NOW), ["signature-holds"]);
    assert!(Link::read("https://ann:secret@/a.jpg", &[]).is_none());
}
