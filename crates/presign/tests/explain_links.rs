//! Reads links of every kind of host and signature, and shows none of what they keep secret.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report, in its helpers too")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
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

#[test]
fn the_end_of_a_custom_policy_of_cloudfront_is_read() {
    let policy = |json: &str| STANDARD.encode(json).replace('+', "-").replace('=', "_").replace('/', "~");
    let of = |json: &str| {
        format!(
            "https://d111111abcdef8.cloudfront.net/a.jpg?Policy={}&Signature=x&Key-Pair-Id=K2JCJMDEHXQW5F",
            policy(json)
        )
    };
    let json = "{\"Statement\":[{\"Resource\":\"https://d111111abcdef8.cloudfront.net/?>*\",\"Condition\":{\
                \"DateLessThan\":{\"AWS:EpochTime\":1369353600},\"IpAddress\":{\"AWS:SourceIp\":\"192.0.2.0/24\"}}}]}";
    let explanation = explain(&Evidence::of(&of(json)), NOW + 90);
    assert!(explanation.to_string().contains("ended 1 minute 30 seconds ago"), "{explanation}");
    assert!(explain(&Evidence::of(&of(json)), NOW - 1).findings.is_empty());
    for unreadable in ["{}", "no JSON", "[]"] {
        assert!(explain(&Evidence::of(&of(unreadable)), NOW).findings.is_empty(), "{unreadable}");
    }
}

#[test]
fn credentials_that_cannot_check_a_signature_are_said_to_be_unused() {
    let url = "https://d111111abcdef8.cloudfront.net/a.jpg?Expires=1369353900&Signature=x&Key-Pair-Id=K2JCJMDEHXQW5F";
    assert_eq!(codes(url, &credentials(), NOW), ["credentials-unused"]);
}

#[test]
fn a_link_of_version_2_is_checked_with_the_credentials() {
    let path_style = Endpoint::custom("http://old.example.org:8080", "us-east-1").unwrap();
    for endpoint in [path_style, Endpoint::aws("us-east-1").unwrap()] {
        let signer = Signer::new(credentials(), endpoint, "photos").unwrap();
        let of = |request: &Request<'_>| signer.presign_v2(request, Validity::new(NOW, 300).unwrap()).unwrap();
        let url = of(&Request::get("a b.jpg").query("versionId", "7"));
        let with = |evidence: Evidence<'_>, secret: &str| {
            let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", secret).unwrap();
            let explanation = explain(&evidence.credentials(&credentials), NOW);
            explanation.findings.iter().map(|finding| finding.cause.code()).collect::<Vec<_>>()
        };
        let right = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        assert_eq!(with(Evidence::of(&url).method("GET"), right), ["signature-holds", "signature-version-2"]);
        assert_eq!(with(Evidence::of(&url), right), ["signature-holds", "signature-version-2"]);
        assert_eq!(with(Evidence::of(&url).method("PUT"), right), ["method-differs", "signature-version-2"]);
        let nothing = Evidence::of(&url).method("GET").headers(&[]);
        assert_eq!(with(nothing, "another"), ["altered-or-other-secret", "signature-version-2"]);
        let changed = url.replace("versionId=7", "versionId=8");
        let changed = Evidence::of(&changed).method("GET").headers(&[]);
        assert_eq!(with(changed, right), ["altered-or-other-secret", "signature-version-2"]);
        let refused = "<Error><Code>SignatureDoesNotMatch</Code></Error>";
        let codes = with(Evidence::of(&url).method("GET").answer(refused), right);
        assert!(codes.contains(&"server-has-other-secret"), "{codes:?}");

        let typed = of(&Request::put("a.jpg").header("content-type", "image/png"));
        let sent = [("Content-Type", "image/png")];
        let codes = with(Evidence::of(&typed).method("PUT").headers(&sent), right);
        assert_eq!(codes, ["signature-holds", "signature-version-2"]);
        let codes = with(Evidence::of(&typed).method("PUT").headers(&[("Content-Type", "text/html")]), right);
        assert_eq!(codes, ["altered-or-other-secret", "signature-version-2"]);
    }
    let other = Credentials::new("AKIDEXAMPLE", "another").unwrap();
    let endpoint = Endpoint::custom("http://old.example.org:8080", "us-east-1").unwrap();
    let signer = Signer::new(credentials(), endpoint, "photos").unwrap();
    let url = signer.presign_v2(&Request::get("a.jpg"), Validity::new(NOW, 300).unwrap()).unwrap();
    assert!(codes(&url, &other, NOW).contains(&"other-access-key"));
}

#[test]
fn no_debug_output_shows_a_session_token() {
    let own = credentials().with_session_token("tok+secret").unwrap();
    let signer = Signer::new(own, Endpoint::aws("us-east-1").unwrap(), "photos").unwrap();
    for url in [
        signer.presign(&Request::get("a.jpg"), Validity::new(NOW, 300).unwrap()).unwrap(),
        signer.presign_v2(&Request::get("a.jpg"), Validity::new(NOW, 300).unwrap()).unwrap(),
    ] {
        let evidence = Evidence::of(&url);
        let shown = format!("{:?} {evidence:?}", explain(&evidence, NOW));
        assert!(
            shown.contains("a.jpg") && shown.to_ascii_lowercase().contains("x-amz-security-token=[redacted]"),
            "{shown}"
        );
        assert!(!shown.contains("secret"), "{shown}");
    }
}
