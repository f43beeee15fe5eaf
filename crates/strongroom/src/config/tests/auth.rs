//! Whose tokens are believed.

use super::Setting;
use crate::config::{Algorithm, JwtKeys};

// Made for these tests with openssl; the private halves were thrown away.
const RSA: &str = include_str!("../../jwt/tests/rsa-public.pem");
const EC: &str = include_str!("../../jwt/tests/ec-public.pem");
const ED: &str = include_str!("../../jwt/tests/ed-public.pem");

const LONG: &str = "0123456789abcdef0123456789abcdef";

fn keys(setting: &Setting) -> JwtKeys {
    setting.load().auth.jwt.keys
}

#[test]
fn without_keys_the_generated_secret_is_used() {
    assert_eq!(keys(&Setting::new("")), JwtKeys::Generated);
}

#[test]
fn a_secret_comes_from_the_configuration_or_from_a_file() {
    let given = keys(&Setting::new(&format!("auth.jwt.secret = \"{LONG}\"")));
    assert!(matches!(given, JwtKeys::Secret(secret) if secret.matches(LONG)));
    let given = keys(&Setting::new("auth.jwt.secret_file = \"jwt\"").file("jwt", &format!("{LONG}\n")));
    assert!(matches!(given, JwtKeys::Secret(secret) if secret.matches(LONG)));
    Setting::new("auth.jwt.secret = \"short\"").assert_problem("strongroom.toml:1:10: auth.jwt.secret: ", "32 bytes");
}

#[test]
fn the_algorithm_comes_from_the_public_key() {
    for (pem, expected) in [(RSA, Algorithm::Rs256), (EC, Algorithm::Es256), (ED, Algorithm::EdDsa)] {
        let setting = Setting::new("auth.jwt.public_key_file = \"key.pem\"").file("key.pem", pem);
        assert!(matches!(keys(&setting), JwtKeys::Public { algorithm, .. } if algorithm == expected));
    }
}

#[test]
fn a_file_that_holds_no_public_key_is_refused() {
    let place = "strongroom.toml:1:10: auth.jwt.public_key_file = \"key.pem\": ";
    let named = || Setting::new("auth.jwt.public_key_file = \"key.pem\"");
    named().assert_problem(place, "cannot be read");
    named().file("key.pem", "hello").assert_problem(place, "names no public key");
    let private = "-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----";
    named().file("key.pem", private).assert_problem(place, "names a private key");
    let certificate = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----";
    named().file("key.pem", certificate).assert_problem(place, "names a certificate");
}

#[test]
fn algorithms_can_only_narrow_what_the_key_allows() {
    let setting = Setting::new("[auth.jwt]\njwks_url = \"https://a.example/keys\"\naudience = [\"x\"]");
    assert!(matches!(keys(&setting), JwtKeys::Published { algorithms, .. } if algorithms.len() == 3));
    assert!(setting.warnings().is_empty());
    let narrowed = "[auth.jwt]\njwks_url = \"https://a.example/keys\"\nalgorithms = [\"ES256\"]";
    let narrowed = keys(&Setting::new(narrowed));
    assert!(matches!(narrowed, JwtKeys::Published { algorithms, .. } if algorithms == [Algorithm::Es256]));
    let place = "strongroom.toml:3:1: auth.jwt.algorithms = ";
    let secret = format!("[auth.jwt]\nsecret = \"{LONG}\"\nalgorithms = [\"RS256\"]");
    Setting::new(&secret).assert_problem(place, "write [\"HS256\"]");
    let published = "[auth.jwt]\njwks_url = \"https://a.example/keys\"\nalgorithms = [\"HS256\"]";
    Setting::new(published).assert_problem(place, "write [\"RS256\", \"ES256\", \"EdDSA\"]");
    Setting::new(&published.replace("HS256", "none")).assert_problem(place, "must be one of");
}

#[test]
fn two_sources_of_keys_are_one_too_many() {
    let both = format!("[auth.jwt]\nsecret = \"{LONG}\"\njwks_url = \"https://a.example/keys\"");
    Setting::new(&both).assert_problem("strongroom.toml:3:1: auth.jwt.jwks_url = ", "remove the others");
}

#[test]
fn a_url_of_keys_that_invites_trouble_is_refused_or_warned_about() {
    for bad in ["issuer.example", "ftp://a.example", "https://", "https://a.example/#x", "file:///etc/passwd"] {
        Setting::new(&format!("auth.jwt.jwks_url = \"{bad}\""))
            .assert_problem("strongroom.toml:1:10: auth.jwt.jwks_url", "is not a web address");
    }
    let plain = |host: &str| format!("[auth.jwt]\naudience = [\"x\"]\njwks_url = \"http://{host}/keys\"");
    assert!(Setting::new(&plain("issuer")).warnings()[0].contains("without encryption"));
    assert!(Setting::new(&plain("127.0.0.1:80")).warnings().is_empty());
    let open = Setting::new("auth.jwt.jwks_url = \"https://a.example/keys\"");
    assert!(open.warnings()[0].contains("without auth.jwt.audience"));
}

#[test]
fn claims_may_be_nested_and_have_dots_in_their_names() {
    let setting = Setting::new("[auth.jwt.claims]\nsubject = \"user.id\"\nroles = \"https://example.com/roles\"");
    let claims = setting.load().auth.jwt.claims;
    let token = serde_json::json!({"user": {"id": "ann"}, "https://example.com/roles": ["a"]});
    let token = token.as_object().unwrap();
    assert_eq!(claims.subject.find(token).unwrap(), "ann");
    assert_eq!(claims.roles.find(token).unwrap()[0], "a");
    assert!(claims.scopes.find(token).is_none());
    Setting::new("auth.jwt.claims.subject = \"a..b\"")
        .assert_problem("strongroom.toml:1:17: ", "is not the name of a claim");
}

#[test]
fn a_weak_token_for_the_administrator_is_refused() {
    let place = "strongroom.toml:1:6: auth.admin_token: ";
    for weak in ["secret".to_owned(), "x".repeat(513), format!("{LONG} {LONG}"), format!("{LONG}\u{e9}")] {
        Setting::new(&format!("auth.admin_token = \"{weak}\"")).assert_problem(place, "32 to 512 visible ASCII");
    }
}

#[test]
fn other_values_that_cannot_be_right_are_refused() {
    Setting::new("auth.jwt.leeway = \"1h\"").assert_problem("strongroom.toml:1:10: auth.jwt.leeway", "10m");
    Setting::new("auth.jwt.issuer = \"\"").assert_problem("strongroom.toml:1:10: auth.jwt.issuer", "empty");
    Setting::new("auth.jwt.audience = [\"\"]").assert_problem("strongroom.toml:1:10: auth.jwt.audience", "empty");
}
