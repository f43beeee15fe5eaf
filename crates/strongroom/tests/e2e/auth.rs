//! Who is asking: tokens of every kind that is taken, and the many that are not.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::app::App;
use crate::caller::{send, text};
use crate::tokens::{SECRET, forge, mint, now, sign, sign_with};

const LIST: &str = "/v1/spaces/files/objects";
const FILES: &str = "[spaces.files]\n";
const KEYS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/keys");

fn key(name: &str) -> Vec<u8> {
    std::fs::read(format!("{KEYS}/{name}.pem")).expect("the keys lie beside the tests")
}

fn claims() -> Value {
    json!({ "sub": "alice", "iat": now(), "exp": now() + 600 })
}

#[tokio::test]
async fn a_token_of_the_application_lets_its_subject_in() {
    let app = App::start(FILES);
    app.user("alice").get(LIST).await.ok(200);
    app.bearer(&sign(&json!({ "sub": "alice", "exp": now() + 600 }))).get(LIST).await.ok(200);
    // Within the leeway a clock may go wrong.
    app.bearer(&sign(&json!({ "sub": "alice", "exp": now() - 5 }))).get(LIST).await.ok(200);
}

#[tokio::test]
async fn forged_and_broken_tokens_let_nobody_in() {
    let app = App::start(FILES);
    let good = mint("alice", &[]);
    let (head, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = head.split_once('.').unwrap();
    let hs256 = json!({ "alg": "HS256", "typ": "JWT" });
    let other_secret = EncodingKey::from_secret(b"another secret, which is not the one of these tests");
    let admin = URL_SAFE_NO_PAD.encode(json!({ "sub": "root", "exp": now() + 600 }).to_string());
    let refused = [
        forge(&json!({ "alg": "none" }), &claims(), ""),
        forge(&json!({ "alg": "None" }), &claims(), ""),
        forge(&json!({ "alg": "nOnE" }), &claims(), signature),
        forge(&json!({}), &claims(), signature),
        forge(&hs256, &claims(), ""),
        format!("{header}.{admin}.{signature}"),
        format!("{header}.{payload}."),
        format!("{header}.{payload}"),
        format!("{good}."),
        format!("{good}.x"),
        format!("{header}.{payload}.{}A", &signature[..signature.len() - 2]),
        sign_with(&Header::new(Algorithm::HS256), &claims(), &other_secret),
        sign_with(&Header::new(Algorithm::HS384), &claims(), &EncodingKey::from_secret(SECRET.as_bytes())),
        sign(&json!({ "sub": "alice" })),
        sign(&json!({ "exp": now() + 600 })),
        sign(&json!({ "sub": "", "exp": now() + 600 })),
        sign(&json!({ "sub": true, "exp": now() + 600 })),
        sign(&json!({ "sub": { "id": "alice" }, "exp": now() + 600 })),
        sign(&json!({ "sub": ["alice"], "exp": now() + 600 })),
        sign(&json!({ "sub": "alice", "exp": "tomorrow" })),
        sign(&json!({ "sub": "a\nb", "exp": now() + 600 })),
        sign(&json!({ "sub": "alice", "exp": now() + 600, "nbf": now() + 300 })),
        sign(&json!({ "sub": "a".repeat(9000), "exp": now() + 600 })),
        "not a token".to_owned(),
        "a.b.c".to_owned(),
        "..".to_owned(),
    ];
    for token in refused {
        let answer = app.bearer(&token).get(LIST).await;
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{token}");
        answer.refused(401, "unauthorized");
    }
    app.bearer(&sign(&json!({ "sub": "alice", "exp": now() - 60 }))).get(LIST).await.refused(401, "token-expired");
}

#[tokio::test]
async fn other_schemes_and_doubled_headers_are_refused() {
    let app = App::start(FILES);
    let (nobody, good) = (app.anonymous(), mint("alice", &[]));
    for value in ["Basic YTpi", "Bearer", "Bearer ", good.as_str()] {
        let request = nobody.request(reqwest::Method::GET, LIST).header("authorization", value);
        send(request).await.refused(401, "unauthorized");
    }
    let value = format!("Bearer {good}");
    let twice =
        nobody.request(reqwest::Method::GET, LIST).header("authorization", &value).header("authorization", &value);
    send(twice).await.refused(400, "bad-request");
    let lower = nobody.request(reqwest::Method::GET, LIST).header("authorization", format!("bearer {good}"));
    send(lower).await.ok(200);
}

#[tokio::test]
async fn issuer_audience_and_claim_names_are_those_of_the_configuration() {
    let configuration = format!(
        "[auth.jwt]\nsecret = \"{SECRET}\"\nissuer = \"https://login.example\"\naudience = [\"media\"]\nleeway = \"0s\"\nclaims = {{ subject = \"user.id\", roles = \"realm.roles\" }}\n[spaces.files]\nlist = [\"role:clerk\"]\n"
    );
    let app = App::start_bare(&configuration, &[]);
    let token = |issuer: &str, audience: Value, roles: Value| {
        sign(
            &json!({ "user": { "id": "alice" }, "realm": { "roles": roles }, "iss": issuer, "aud": audience, "exp": now() + 60 }),
        )
    };
    let issuer = "https://login.example";
    app.bearer(&token(issuer, json!("media"), json!(["clerk"]))).get(LIST).await.ok(200);
    app.bearer(&token(issuer, json!(["other", "media"]), json!(["clerk"]))).get(LIST).await.ok(200);
    app.bearer(&token(issuer, json!("media"), json!([]))).get(LIST).await.refused(403, "forbidden");
    for wrong in [
        token("https://login.evil", json!("media"), json!(["clerk"])),
        token(issuer, json!("other"), json!(["clerk"])),
        token(issuer, json!([]), json!(["clerk"])),
        sign(&json!({ "user": { "id": "alice" }, "exp": now() + 60 })),
        sign(&json!({ "sub": "alice", "iss": issuer, "aud": "media", "exp": now() + 60 })),
    ] {
        app.bearer(&wrong).get(LIST).await.refused(401, "unauthorized");
    }
}

#[tokio::test]
async fn public_keys_verify_and_are_no_secrets() {
    for (name, algorithm, private) in [
        ("rsa", Algorithm::RS256, EncodingKey::from_rsa_pem(&key("rsa")).unwrap()),
        ("p256", Algorithm::ES256, EncodingKey::from_ec_pem(&key("p256")).unwrap()),
        ("ed25519", Algorithm::EdDSA, EncodingKey::from_ed_pem(&key("ed25519")).unwrap()),
    ] {
        let app = App::start_bare(&format!("[auth.jwt]\npublic_key_file = \"{KEYS}/{name}.pub.pem\"\n{FILES}"), &[]);
        app.bearer(&sign_with(&Header::new(algorithm), &claims(), &private)).get(LIST).await.ok(200);

        // The public key is public: whoever signs with it as if it were a secret is nobody.
        let confused = EncodingKey::from_secret(&key(&format!("{name}.pub")));
        app.bearer(&sign_with(&Header::new(Algorithm::HS256), &claims(), &confused))
            .get(LIST)
            .await
            .refused(401, "unauthorized");
        app.bearer(&forge(&json!({ "alg": "none" }), &claims(), "")).get(LIST).await.refused(401, "unauthorized");
        app.bearer(&mint("alice", &[])).get(LIST).await.refused(401, "unauthorized");
    }
}

#[tokio::test]
async fn published_keys_are_fetched_kept_and_rotated() {
    let published = Arc::new(Mutex::new((json!({ "keys": [] }), 0_u32)));
    let shared = Arc::clone(&published);
    let router = Router::new().route(
        "/jwks.json",
        get(move || {
            let mut published = shared.lock().unwrap();
            published.1 += 1;
            std::future::ready(axum::Json(published.0.clone()))
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let issuer = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });

    let der = ed25519_point();
    let jwk = |kid: &str| json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "alg": "EdDSA", "use": "sig", "x": der });
    published.lock().unwrap().0 = json!({ "keys": [jwk("first")] });
    let app = App::start_bare(
        &format!("[auth.jwt]\njwks_url = \"http://{address}/jwks.json\"\naudience = [\"media\"]\n{FILES}"),
        &[],
    );
    let private = EncodingKey::from_ed_pem(&key("ed25519")).unwrap();
    let token = |kid: &str| {
        let header = Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::EdDSA) };
        sign_with(&header, &json!({ "sub": "alice", "aud": "media", "exp": now() + 60 }), &private)
    };
    for _ in 0..5 {
        app.bearer(&token("first")).get(LIST).await.ok(200);
    }
    assert_eq!(published.lock().unwrap().1, 1, "the keys were fetched again for each token");
    app.bearer(&token("never")).get(LIST).await.refused(401, "unauthorized");
    issuer.abort();
    // While the issuer is away, what it published before still counts.
    app.bearer(&token("first")).get(LIST).await.ok(200);
}

/// The public key of the Ed25519 pair: the last 32 bytes of its DER form.
fn ed25519_point() -> String {
    let pem = String::from_utf8(key("ed25519.pub")).unwrap();
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    let der = base64::engine::general_purpose::STANDARD.decode(body).unwrap();
    URL_SAFE_NO_PAD.encode(&der[der.len() - 32..])
}

#[tokio::test]
async fn an_api_key_works_until_it_is_revoked() {
    let app = App::start("[spaces.files]\nlist = [\"key:reports\", \"role:clerk\"]\n");
    let words = ["token", "create", "--name", "reports", "--subject", "robot", "--scope", "reports", "--json"];
    let key = app.command_json(&words);
    let token = text(&key["token"]);
    assert!(token.starts_with("sr_"), "{token}");
    app.bearer(token).get(LIST).await.ok(200);
    app.bearer(token).get("/v1/usage").await.refused(403, "forbidden");

    let id = text(&key["id"]);
    // The secret may have the sign in it that parts it from what stands before.
    let (head, secret) = token.split_at(token.match_indices('_').nth(1).unwrap().0);
    let secret = &secret[1..];
    let changed = if secret.starts_with('a') { "b" } else { "a" };
    for wrong in [
        format!("{head}_{changed}{}", &secret[1..]),
        format!("{head}_"),
        head.to_owned(),
        format!("{token}a"),
        token.to_uppercase(),
        "sr_".to_owned(),
        "sr__".to_owned(),
        "sr_admin_".to_owned(),
    ] {
        app.bearer(&wrong).get(LIST).await.refused(401, "unauthorized");
    }
    let listed = app.command_json(&["token", "list", "--json"]);
    assert!(listed.to_string().contains(id) && !listed.to_string().contains(secret), "{listed}");

    assert!(app.command(&["token", "revoke", id]).status.success());
    app.bearer(token).get(LIST).await.refused(401, "unauthorized");
    assert!(!app.command(&["token", "revoke", id]).status.success());
}

#[tokio::test]
async fn the_scope_of_the_administrator_counts_on_keys_alone() {
    let app = App::start(FILES);
    for claims in [
        json!({ "sub": "alice", "scope": "admin", "exp": now() + 60 }),
        json!({ "sub": "alice", "scope": ["admin"], "exp": now() + 60 }),
        json!({ "sub": "alice", "roles": ["admin"], "exp": now() + 60 }),
    ] {
        app.bearer(&sign(&claims)).get("/v1/usage").await.refused(403, "forbidden");
    }
    app.admin().get("/v1/usage").await.ok(200);
}
