//! Which tokens are believed, and which are not, whatever they claim.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Bearer, MintError, TokenError, Verifier, mint};
use crate::access::{Principal, PrincipalKind};
use crate::config::{self, Jwt, JwtKeys, Secret};
use crate::fetch::{Fetch, FetchError};

mod published;

const SECRET: &str = "a secret for these tests alone, not for you";
/// The moment the prepared tokens were made at, in seconds; they end an hour later.
const MADE: i64 = 1_700_000_000;
const RSA: &str = include_str!("tests/rsa-public.pem");
const EC: &str = include_str!("tests/ec-public.pem");
const ED: &str = include_str!("tests/ed-public.pem");

/// Tokens and keys that were made for these tests with openssl. The private keys were thrown away.
#[derive(Debug, Deserialize)]
struct Vectors {
    tokens: std::collections::BTreeMap<String, String>,
    keys: Vec<Value>,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("tests/vectors.json")).unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn no_fetching() -> Fetch {
    Fetch::new(|_| Box::pin(async { Err(FetchError::Status(404)) }))
}

fn with_secret(change: impl FnOnce(&mut Jwt)) -> Verifier {
    let mut jwt = Jwt::default();
    change(&mut jwt);
    Verifier::new(&jwt, &Secret::new(SECRET), no_fetching()).unwrap()
}

fn with_pem(pem: &str, algorithm: config::Algorithm) -> Verifier {
    with_secret(|jwt| jwt.keys = JwtKeys::Public { pem: pem.to_owned(), algorithm })
}

/// A token with these parts, signed by HS256 with `key`.
fn token(header: &str, claims: &str, key: &str) -> String {
    let message = format!("{}.{}", BASE64_URL_SAFE_NO_PAD.encode(header), BASE64_URL_SAFE_NO_PAD.encode(claims));
    let key = EncodingKey::from_secret(key.as_bytes());
    let signature = crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

/// A token for `ann` that ends an hour after [`MADE`], with these claims changed; `null` takes one away.
fn claiming(changes: &Value) -> String {
    let mut claims = json!({"sub": "ann", "iat": MADE, "exp": MADE + 3600});
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    token("{\"alg\":\"HS256\"}", &claims.to_string(), SECRET)
}

fn jwt_principal(subject: &str, roles: &[&str], scopes: &[&str]) -> Principal {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Principal {
        subject: Some(subject.to_owned()),
        roles: owned(roles),
        scopes: owned(scopes),
        kind: PrincipalKind::Jwt,
    }
}

#[tokio::test]
async fn a_token_says_who_its_bearer_is() {
    let verifier = with_secret(|_| ());
    let token = claiming(&json!({"roles": ["editor", "nurse"], "scope": "read write"}));
    let ann = jwt_principal("ann", &["editor", "nurse"], &["read", "write"]);
    assert_eq!(verifier.verify(&token, at(MADE)).await, Ok(ann));
}

#[tokio::test]
async fn claims_are_found_under_their_configured_names() {
    let verifier = with_secret(|jwt| {
        let toml = "subject = \"user.id\"\nroles = \"realm_access.roles\"\nscopes = \"scp\"";
        jwt.claims = toml::from_str(toml).unwrap();
    });
    let token = claiming(&json!({"user": {"id": 17}, "realm_access": {"roles": "editor"}, "scp": ["a"]}));
    assert_eq!(verifier.verify(&token, at(MADE)).await, Ok(jwt_principal("17", &["editor"], &["a"])));
}

#[tokio::test]
async fn each_algorithm_verifies_with_its_own_key() {
    let vectors = vectors();
    for (pem, algorithm, name) in [
        (RSA, config::Algorithm::Rs256, "RS256"),
        (EC, config::Algorithm::Es256, "ES256"),
        (ED, config::Algorithm::EdDsa, "EdDSA"),
    ] {
        let verifier = with_pem(pem, algorithm);
        for (other, token) in &vectors.tokens {
            let result = verifier.verify(token, at(MADE)).await;
            if other.starts_with(name) {
                assert_eq!(result, Ok(jwt_principal("ann", &[], &[])), "{name} with a token by {other}");
                let tampered = token.replace(".eyJzdWIi", ".eyJzdWJi");
                assert!(verifier.verify(&tampered, at(MADE)).await.is_err(), "{name}");
            } else {
                assert_eq!(result, Err(TokenError::UnknownKey), "{name} with a token by {other}");
            }
        }
    }
}

#[tokio::test]
async fn a_token_without_a_signature_is_refused_whatever_it_calls_that() {
    let verifier = with_secret(|_| ());
    let claims = BASE64_URL_SAFE_NO_PAD.encode(json!({"sub": "ann", "exp": MADE + 3600}).to_string());
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let header = BASE64_URL_SAFE_NO_PAD.encode(json!({"alg": alg}).to_string());
        let unsigned = format!("{header}.{claims}.");
        assert_eq!(verifier.verify(&unsigned, at(MADE)).await, Err(TokenError::Malformed("is not signed")));
        let signed = token(&json!({"alg": alg}).to_string(), "{}", SECRET);
        assert_eq!(verifier.verify(&signed, at(MADE)).await, Err(TokenError::UnknownKey));
    }
}

#[tokio::test]
async fn the_public_key_is_no_secret_to_sign_with() {
    let claims = json!({"sub": "ann", "exp": MADE + 3600}).to_string();
    for (pem, algorithm) in [(RSA, config::Algorithm::Rs256), (EC, config::Algorithm::Es256)] {
        let verifier = with_pem(pem, algorithm);
        for key in [pem, pem.trim_end()] {
            let forged = token("{\"alg\":\"HS256\"}", &claims, key);
            assert_eq!(verifier.verify(&forged, at(MADE)).await, Err(TokenError::UnknownKey));
            let header = json!({"alg": algorithm.name()}).to_string();
            let renamed = token(&header, &claims, key);
            assert_eq!(verifier.verify(&renamed, at(MADE)).await, Err(TokenError::BadSignature));
        }
    }
}

#[tokio::test]
async fn a_signature_by_another_secret_is_wrong() {
    let verifier = with_secret(|_| ());
    let forged = token("{\"alg\":\"HS256\"}", &json!({"sub": "ann", "exp": MADE + 3600}).to_string(), "another secret");
    assert_eq!(verifier.verify(&forged, at(MADE)).await, Err(TokenError::BadSignature));
    let verifier = with_secret(|jwt| jwt.keys = JwtKeys::Secret(Secret::new("the configured secret, not the other")));
    assert_eq!(verifier.verify(&claiming(&json!({})), at(MADE)).await, Err(TokenError::BadSignature));
}

#[tokio::test]
async fn a_token_is_valid_from_its_beginning_to_its_end_give_or_take_the_leeway() {
    let verifier = with_secret(|jwt| jwt.leeway = Duration::from_secs(30));
    let token = claiming(&json!({"nbf": MADE + 60, "exp": MADE as f64 + 120.5}));
    let at_second = async |second: i64| verifier.verify(&token, at(MADE + second)).await.map(|_| ());
    assert_eq!(at_second(29).await, Err(TokenError::NotYetValid));
    assert_eq!(at_second(30).await, Ok(()));
    assert_eq!(at_second(150).await, Ok(()));
    assert_eq!(at_second(151).await, Err(TokenError::Expired));
    let from_the_future = claiming(&json!({"iat": MADE + 31}));
    assert_eq!(verifier.verify(&from_the_future, at(MADE)).await, Err(TokenError::NotYetValid));
}

#[tokio::test]
async fn a_token_that_never_ends_or_has_no_bearer_is_refused() {
    let verifier = with_secret(|_| ());
    let verify = async |changes: Value| verifier.verify(&claiming(&changes), at(MADE)).await.unwrap_err();
    assert_eq!(verify(json!({"exp": null})).await, TokenError::MissingClaim("exp".to_owned()));
    assert_eq!(verify(json!({"exp": "1700003600"})).await, TokenError::BadClaim("exp".to_owned()));
    assert_eq!(verify(json!({"nbf": []})).await, TokenError::BadClaim("nbf".to_owned()));
    assert_eq!(verify(json!({"sub": null})).await, TokenError::MissingClaim("sub".to_owned()));
    assert_eq!(verify(json!({"sub": ["ann"]})).await, TokenError::BadClaim("sub".to_owned()));
    assert_eq!(verify(json!({"sub": 1.5})).await, TokenError::BadClaim("sub".to_owned()));
    assert_eq!(verify(json!({"roles": 7})).await, TokenError::BadClaim("roles".to_owned()));
    assert_eq!(verify(json!({"roles": [7]})).await, TokenError::BadClaim("roles".to_owned()));
    for subject in [String::new(), "a\nb".to_owned(), "x".repeat(256)] {
        assert!(matches!(verify(json!({"sub": subject})).await, TokenError::Subject(_)));
    }
}

#[tokio::test]
async fn the_issuer_must_be_the_configured_one() {
    let verifier = with_secret(|jwt| jwt.issuer = Some("https://issuer.example/".to_owned()));
    let verify = async |changes: Value| verifier.verify(&claiming(&changes), at(MADE)).await.map(|_| ());
    assert_eq!(verify(json!({"iss": "https://issuer.example/"})).await, Ok(()));
    for wrong in [json!({}), json!({"iss": "https://issuer.example"}), json!({"iss": ["https://issuer.example/"]})] {
        assert_eq!(verify(wrong).await, Err(TokenError::WrongIssuer));
    }
}

#[tokio::test]
async fn a_token_must_be_addressed_to_us() {
    let verifier = with_secret(|jwt| jwt.audience = vec!["media".to_owned(), "files".to_owned()]);
    let verify = async |changes: Value| verifier.verify(&claiming(&changes), at(MADE)).await.map(|_| ());
    assert_eq!(verify(json!({"aud": "media"})).await, Ok(()));
    assert_eq!(verify(json!({"aud": ["other", "files"]})).await, Ok(()));
    for wrong in
        [json!({}), json!({"aud": "other"}), json!({"aud": []}), json!({"aud": 5}), json!({"aud": "media files"})]
    {
        assert_eq!(verify(wrong).await, Err(TokenError::WrongAudience));
    }
}

#[tokio::test]
async fn without_a_configured_audience_tokens_that_are_addressed_to_anybody_are_refused() {
    let verifier = with_secret(|_| ());
    let verify = async |changes: Value| verifier.verify(&claiming(&changes), at(MADE)).await.map(|_| ());
    assert_eq!(verify(json!({})).await, Ok(()));
    assert_eq!(verify(json!({"aud": "other"})).await, Err(TokenError::WrongAudience));
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    let verifier = with_secret(|_| ());
    let good = claiming(&json!({}));
    let (message, signature) = good.rsplit_once('.').unwrap();
    let long = "x".repeat(8 * 1024 + 1);
    let json_form = json!({"payload": "e30", "protected": "e30", "signature": "AA"}).to_string();
    let padded = format!("{good}=");
    let four_parts = format!("{message}.x.{signature}");
    let spaced = format!(" {good}");
    let not_claims = token("{\"alg\":\"HS256\"}", "[1]", SECRET);
    for odd in [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c",
        &long,
        &json_form,
        &padded,
        &four_parts,
        &spaced,
        message,
        &not_claims,
        "\u{e9}.\u{e9}.\u{e9}",
    ] {
        let result = verifier.verify(odd, at(MADE)).await;
        assert!(matches!(result, Err(TokenError::Malformed(_))), "{odd}: {result:?}");
    }
    assert!(verifier.verify(&good, at(MADE)).await.is_ok());
}

#[tokio::test]
async fn a_token_that_is_too_long_is_refused_however_good_it_is() {
    let verifier = with_secret(|_| ());
    let long = claiming(&json!({"padding": "x".repeat(6 * 1024)}));
    assert_eq!(verifier.verify(&long, at(MADE)).await, Err(TokenError::Malformed("is longer than 8 KiB")));
    let shorter = claiming(&json!({"padding": "x".repeat(5 * 1024)}));
    assert!(verifier.verify(&shorter, at(MADE)).await.is_ok());
}

#[tokio::test]
async fn headers_that_ask_for_more_than_is_understood_are_refused() {
    let verifier = with_secret(|_| ());
    let claims = json!({"sub": "ann", "exp": MADE + 3600}).to_string();
    for header in [
        r#"{"alg":"HS256","crit":["exp"]}"#,
        r#"{"alg":"HS256","crit":[]}"#,
        r#"{"alg":"HS256","crit":null}"#,
        r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#,
        r#"{"alg":"HS256","alg":"none"}"#,
        r#"{"alg":"none","alg":"HS256"}"#,
        r#"{"alg":["HS256"]}"#,
        r#"{"alg":"HS256","kid":7}"#,
        r#"{"typ":"JWT"}"#,
        r#"{"alg":"HS256","typ":"logout+jwt"}"#,
        r#"{"alg":"HS256","typ":"application/secevent+jwt"}"#,
        "[]",
    ] {
        let result = verifier.verify(&token(header, &claims, SECRET), at(MADE)).await;
        assert!(matches!(result, Err(TokenError::Malformed(_))), "{header}: {result:?}");
    }
    for header in [
        r#"{"alg":"HS256","typ":"JWT"}"#,
        r#"{"alg":"HS256","typ":"at+jwt"}"#,
        r#"{"alg":"HS256","kid":"../../etc/passwd","jku":"https://evil.example/","jwk":{"kty":"oct","k":"AA"}}"#,
    ] {
        assert!(verifier.verify(&token(header, &claims, SECRET), at(MADE)).await.is_ok(), "{header}");
    }
}

#[tokio::test]
async fn a_minted_token_is_believed_until_it_ends() {
    let jwt = Jwt {
        issuer: Some("us".to_owned()),
        audience: vec!["media".to_owned()],
        claims: toml::from_str("subject = \"user.id\"").unwrap(),
        ..Jwt::default()
    };
    let generated = Secret::new(SECRET);
    let bearer =
        Bearer { subject: "ann".to_owned(), roles: vec!["editor".to_owned()], scopes: vec!["files".to_owned()] };
    let minted = mint(&jwt, &generated, &bearer, at(MADE), Duration::from_hours(1)).unwrap();
    let verifier = Verifier::new(&jwt, &generated, no_fetching()).unwrap();
    assert_eq!(verifier.verify(&minted, at(MADE)).await, Ok(jwt_principal("ann", &["editor"], &["files"])));
    assert_eq!(verifier.verify(&minted, at(MADE + 3631)).await, Err(TokenError::Expired));
}

#[test]
fn tokens_of_somebody_elses_key_cannot_be_minted() {
    let keys = JwtKeys::Public { pem: RSA.to_owned(), algorithm: config::Algorithm::Rs256 };
    let jwt = Jwt { keys, ..Jwt::default() };
    let bearer = Bearer { subject: "ann".to_owned(), ..Bearer::default() };
    let result = mint(&jwt, &Secret::new(SECRET), &bearer, at(MADE), Duration::from_hours(1));
    assert!(matches!(result, Err(MintError::NotOurs)));
    let result = mint(&Jwt::default(), &Secret::new(SECRET), &Bearer::default(), at(MADE), Duration::from_hours(1));
    assert!(matches!(result, Err(MintError::Subject(_))));
}

#[tokio::test]
async fn an_application_cannot_make_its_users_administrators() {
    let verifier = with_secret(|_| ());
    let principal = verifier.verify(&claiming(&json!({"scope": "admin", "roles": ["admin"]})), at(MADE)).await.unwrap();
    assert!(!principal.is_admin());
}
