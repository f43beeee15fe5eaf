//! Holds CloudFront's URLs and cookies to what OpenSSL signs with the same keys, and refuses what would change a policy.
#![cfg(feature = "cloudfront")]
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report, in its helpers too")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use p256::ecdsa::{DerSignature, VerifyingKey};
use p256::pkcs8::DecodePublicKey as _;
use sha1::{Digest as _, Sha1};
use strongroom_presign::{CloudFrontError, CloudFrontPolicy, CloudFrontSigner};

const RSA: &str = include_str!("cloudfront_keys/rsa.pem");
const RSA_PKCS8: &str = include_str!("cloudfront_keys/rsa.pkcs8.pem");
const P256: &str = include_str!("cloudfront_keys/p256.pem");
const P256_PKCS8: &str = include_str!("cloudfront_keys/p256.pkcs8.pem");
const P256_PUBLIC: &str = include_str!("cloudfront_keys/p256.pub.pem");
const URL: &str = "https://media.example.org/cat.jpg?size=1&b=2";
const END: i64 = 1_369_353_900;

/// Made with `openssl dgst -sha1 -sign rsa.pem` over the canned policy of [`URL`].
const CANNED_SHA1: &str = "KaB8ZJecuEl5MYUucHukU2qPtp26SV0R0AAgYP3JlaiC1BAnBvJiYjOtSQ1uZW6mqBy8lIvVLSGYi--5IZx7eZRxYJl~RTm4Lxau-puApVA2VueX3QFwn8CZ3adAQIzw5bRoJpog4D2mRYFVkgj9iYrfTWYZ0AD97sN6CpzNdPu5XSLwXNt~DBY7A81QXXNHuomOg24ucYC09HjXDKL9VwBT~PkGsAsBpYce6AN~gJbqnYKB~COZ8a07iwWXGFMRq95UBtr8H0pE0cU3fBmgDpAKTv1LRxhdgPYoxbCLlAd2LtV0wqjLn~4UzQuWrfA6zQ5D9cbBG0CXoXq0udTNgw__";
/// The same with `-sha256`.
const CANNED_SHA256: &str = "Cis6xlPbGUZ-3oWUElfpnN7KNlpNjeX6eNIQVtR2Og-WAZ-UTbsMYltjtGSMHoqrvhi~gfye3MIgWCFPEJaLP8T4a~dkn1S8gFR-GRL897bFnzx6pdt~aW3zrdP5z7~oRTVv--WSPKHOfW6L-MPBRamoESTX2GEhcxzvhdVratbfqjm5KR2DZwixhReoQDEKAptRwCdCIcJkbvLkt6jV26tfIdFsskBOVp8qdOOHI0x4XzjipvH9LbWTNwlGB6oMlUcHeiMcdCu~uyu1FKn0tv5LjA62Pi0jTD4RNi~NaePonJGWqWLvAnM5O5nXq1dCjQoWCIzIcTRJK82tbHpOmw__";
/// Made with `openssl dgst -sha1 -sign rsa.pem` over the policy in [`CUSTOM`].
const CUSTOM_SHA1: &str = "k3LVBvcTA1FvmOFExB93YJnZtUE4GVThfixuTKFzY4M~lohGjoZggx6AcbAzhP~LlQ4M1Weg0hRhj~2PJ71nIAUG0CgCUgYtY5qa7onwihi941D2jsl~oZIDh2X39P-TEIquED~-LxwLS9ewobKRb4cOikgrK1h5xbtB38lOqrKgUVgr~Y~z3NejqwDrDAjgHzwRSprI59uTg~cy5DYIPi0rsnUHJijjoB2KSjV23wltlvoZbBSiP-dgTmQYBjZoRMpjfFurrbmc8J~PfdWUJ8yjifdKGV8Ohc8emsYbj8q6--~GJe5Oujsc-4ZmlQwrggtvLG4FT427exMNKQBXEA__";
const CUSTOM: &str = "eyJTdGF0ZW1lbnQiOlt7IlJlc291cmNlIjoiaHR0cHM6Ly9tZWRpYS5leGFtcGxlLm9yZy9hbGJ1bXMvNy8qIiwiQ29uZGl0aW9uIjp7IkRhdGVMZXNzVGhhbiI6eyJBV1M6RXBvY2hUaW1lIjoxMzY5MzUzOTAwfSwiRGF0ZUdyZWF0ZXJUaGFuIjp7IkFXUzpFcG9jaFRpbWUiOjEzNjkzNTM2MDB9LCJJcEFkZHJlc3MiOnsiQVdTOlNvdXJjZUlwIjoiMTkyLjAuMi4wLzI0In19fV19";

fn rsa() -> CloudFrontSigner {
    CloudFrontSigner::new("K2JCJMDEHXQW5F", RSA).unwrap()
}

fn album() -> CloudFrontPolicy {
    let policy = CloudFrontPolicy::new("https://media.example.org/albums/7/*", END).unwrap();
    policy.not_before(END - 300).unwrap().for_ip("192.0.2.0/24").unwrap()
}

#[test]
fn canned_urls_are_those_of_openssl() {
    let expected = format!("{URL}&Expires={END}&Signature={CANNED_SHA1}&Key-Pair-Id=K2JCJMDEHXQW5F");
    assert_eq!(rsa().url(URL, END).unwrap(), expected);
    let pkcs8 = CloudFrontSigner::new("K2JCJMDEHXQW5F", RSA_PKCS8).unwrap();
    assert_eq!(pkcs8.url(URL, END).unwrap(), expected);
    let expected =
        format!("{URL}&Expires={END}&Signature={CANNED_SHA256}&Key-Pair-Id=K2JCJMDEHXQW5F&Hash-Algorithm=SHA256");
    assert_eq!(rsa().with_sha256().url(URL, END).unwrap(), expected);
}

#[test]
fn custom_urls_and_cookies_are_those_of_openssl() {
    let url = "https://media.example.org/albums/7/cat.jpg";
    assert_eq!(
        rsa().url_with(url, &album()).unwrap(),
        format!("{url}?Policy={CUSTOM}&Signature={CUSTOM_SHA1}&Key-Pair-Id=K2JCJMDEHXQW5F")
    );
    let cookies = rsa().cookies(&album());
    let expected = [
        ("CloudFront-Policy", CUSTOM.to_owned()),
        ("CloudFront-Signature", CUSTOM_SHA1.to_owned()),
        ("CloudFront-Key-Pair-Id", "K2JCJMDEHXQW5F".to_owned()),
    ];
    assert_eq!(cookies, expected);
}

#[test]
fn cookies_for_one_file_are_canned() {
    let one = CloudFrontPolicy::new("https://media.example.org/cat.jpg", END).unwrap();
    let cookies = rsa().with_sha256().cookies(&one);
    assert_eq!(cookies[0], ("CloudFront-Expires", END.to_string()));
    assert_eq!(cookies[3], ("CloudFront-Hash-Algorithm", "SHA256".to_owned()));
}

#[test]
fn ecdsa_signatures_verify_with_the_public_key() {
    let public = VerifyingKey::from_public_key_pem(P256_PUBLIC).unwrap();
    let policy = format!(
        "{{\"Statement\":[{{\"Resource\":\"{URL}\",\"Condition\":{{\"DateLessThan\":{{\"AWS:EpochTime\":{END}}}}}}}]}}"
    );
    let signature = |url: &str| {
        let text = url.split_once("&Signature=").unwrap().1.split('&').next().unwrap();
        let base64 = text.replace('-', "+").replace('_', "=").replace('~', "/");
        DerSignature::from_bytes(&STANDARD.decode(base64).unwrap()).unwrap()
    };
    for pem in [P256, P256_PKCS8] {
        let signer = CloudFrontSigner::new("K2JCJMDEHXQW5F", pem).unwrap();
        let url = signer.url(URL, END).unwrap();
        public.verify_prehash(&Sha1::digest(&policy), &signature(&url)).unwrap();
        let url = signer.with_sha256().url(URL, END).unwrap();
        public.verify(policy.as_bytes(), &signature(&url)).unwrap();
    }
}

#[test]
fn what_would_change_the_policy_is_refused() {
    for resource in [
        "https://example.com/file\",\"Resource\":\"*\",\"x\":\"",
        "https://example.com/test\\invalid.mp4",
        "https://example.com/test\ninvalid.mp4",
        "https://example.com/test\u{7f}invalid.mp4",
        "https://example.com/test invalid.mp4",
        "https://example.com/test\tinvalid.mp4",
        "https://example.com/tést.mp4",
        "example.com/test.mp4",
        "",
    ] {
        assert!(matches!(rsa().url(resource, END), Err(CloudFrontError::Resource(_))), "{resource}");
        assert!(matches!(CloudFrontPolicy::new(resource, END), Err(CloudFrontError::Resource(_))), "{resource}");
    }
    for url in ["https://example.com/a#b", "https://example.com/a?x=1&Policy=y", "https://example.com/a?Expires=9"] {
        assert!(matches!(rsa().url(url, END), Err(CloudFrontError::Reserved(_))), "{url}");
    }
    assert_eq!(rsa().url(URL, 0), Err(CloudFrontError::Times));
    assert_eq!(album().not_before(END), Err(CloudFrontError::Times));
    for network in ["", "192.0.2.0/33", "192.0.2.0/", "192.0.2.0/+4", "2001:db8::/32", "192.0.2.0/24\"}"] {
        assert!(matches!(album().for_ip(network), Err(CloudFrontError::Network(_))), "{network}");
    }
}

#[test]
fn keys_are_refused_without_being_repeated_and_never_shown() {
    for (id, pem) in [("K2", "not a key"), ("K2", P256_PUBLIC), ("", RSA), ("K&x=1", RSA)] {
        let error = CloudFrontSigner::new(id, pem).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("BEGIN"));
    }
    assert!(!format!("{:?}", rsa()).contains("PRIVATE"));
}
