//! Keys that a real server publishes over HTTP: fetched once, found after a change, and kept through its failures.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::{MADE, at, jwt_principal, vectors};
use crate::config::{Algorithm, Jwt, JwtKeys, Secret};
use crate::fetch::fetch_over_http;
use crate::jwt::{TokenError, Verifier};

const HOUR: i64 = 3600;
/// How many requests the server can answer at once. Who takes all of them makes everybody else wait.
const DOORS: u32 = 100;

/// An issuer's web server. What it answers can be changed while it runs.
#[derive(Debug, Clone)]
struct Issuer {
    address: SocketAddr,
    answer: Arc<Mutex<Answer>>,
    asked: Arc<AtomicUsize>,
    poured: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
}

#[derive(Debug, Clone)]
enum Answer {
    Text(&'static str, String),
    Endless,
}

impl Issuer {
    async fn start(keys: &[Value]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let issuer = Self {
            address: listener.local_addr().unwrap(),
            answer: Arc::new(Mutex::new(Answer::Text("500 Internal Server Error", String::new()))),
            asked: Arc::default(),
            poured: Arc::default(),
            gate: Arc::new(Semaphore::new(DOORS as usize)),
        };
        issuer.publish(keys);
        let server = issuer.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(server.clone().answer(stream));
            }
        });
        issuer
    }

    fn publish(&self, keys: &[Value]) {
        self.set(Answer::Text("200 OK", json!({"keys": keys}).to_string()));
    }

    fn fail(&self) {
        self.set(Answer::Text("503 Service Unavailable", String::new()));
    }

    fn set(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    async fn answer(self, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        while stream.read_line(&mut line).await.is_ok_and(|read| read > 2) {
            line.clear();
        }
        self.asked.fetch_add(1, Ordering::SeqCst);
        let _open = self.gate.acquire().await.unwrap();
        let answer = self.answer.lock().unwrap().clone();
        match answer {
            Answer::Text(status, text) => {
                let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", text.len());
                // The caller may have gone away, which is no concern of the server.
                let _ = stream.write_all(format!("{head}{text}").as_bytes()).await;
            }
            Answer::Endless => {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n").await;
                while stream.write_all(&[b' '; 4096]).await.is_ok() {
                    self.poured.fetch_add(4096, Ordering::SeqCst);
                }
            }
        }
    }

    fn verifier(&self) -> Verifier {
        self.verifier_for(&[Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa])
    }

    fn verifier_for(&self, algorithms: &[Algorithm]) -> Verifier {
        self.verifier_with(algorithms, Jwt::default().jwks_max_age)
    }

    fn verifier_with(&self, algorithms: &[Algorithm], jwks_max_age: Duration) -> Verifier {
        // The process may have a provider already, from another test.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = format!("http://{}/keys", self.address);
        let jwt =
            Jwt { keys: JwtKeys::Published { url, algorithms: algorithms.to_vec() }, jwks_max_age, ..Jwt::default() };
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Verifier::new(&jwt, &Secret::new("unused"), fetch_over_http(client)).unwrap()
    }
}

async fn verify(verifier: &Verifier, token: &str, seconds: i64) -> Result<(), TokenError> {
    // The leeway is not what these tests are about, so all moments lie within the life of the tokens.
    verifier.verify(&vectors().tokens[token], at(MADE + seconds)).await.map(|principal| {
        assert_eq!(principal, jwt_principal("ann", &[], &[]));
    })
}

#[tokio::test]
async fn every_kind_of_key_is_found_by_its_id_and_fetched_once() {
    let issuer = Issuer::start(&vectors().keys).await;
    let verifier = issuer.verifier();
    for token in vectors().tokens.keys() {
        assert_eq!(verify(&verifier, token, 0).await, Ok(()), "{token}");
    }
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn callers_who_come_together_share_one_fetch() {
    let issuer = Issuer::start(&vectors().keys).await;
    let verifier = issuer.verifier();
    let calls = (0..50).map(|_| verify(&verifier, "RS256_KID", 0));
    assert!(futures_util::future::join_all(calls).await.iter().all(Result::is_ok));
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn a_new_key_is_fetched_when_a_token_names_it() {
    let keys = vectors().keys;
    let issuer = Issuer::start(&keys[..1]).await;
    let verifier = issuer.verifier();
    assert_eq!(verify(&verifier, "RS256_KID", 0).await, Ok(()));
    issuer.publish(&keys[1..]);
    assert_eq!(verify(&verifier, "ES256_KID", 10).await, Ok(()));
    assert_eq!(verify(&verifier, "RS256_KID", 10).await, Err(TokenError::UnknownKey));
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test]
async fn a_key_verifies_under_its_own_id_alone() {
    let mut keys = vectors().keys;
    keys[0]["kid"] = json!("rsa-2");
    let issuer = Issuer::start(&keys).await;
    let verifier = issuer.verifier();
    assert_eq!(verify(&verifier, "RS256_KID", 0).await, Err(TokenError::UnknownKey));
    assert_eq!(verify(&verifier, "RS256", 0).await, Ok(()), "a token that names no key");
}

#[tokio::test]
async fn made_up_key_ids_do_not_make_the_issuer_busy() {
    let issuer = Issuer::start(&vectors().keys[..1]).await;
    let verifier = issuer.verifier();
    for second in 0..10 {
        assert_eq!(verify(&verifier, "ES256_KID", second).await, Err(TokenError::UnknownKey));
    }
    assert_eq!(issuer.asked(), 1);
    assert_eq!(verify(&verifier, "ES256_KID", 10).await, Err(TokenError::UnknownKey));
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test]
async fn keys_that_were_withdrawn_are_forgotten() {
    let keys = vectors().keys;
    let issuer = Issuer::start(&keys).await;
    let verifier = issuer.verifier();
    assert_eq!(verify(&verifier, "RS256_KID", 0).await, Ok(()));
    issuer.publish(&keys[1..]);
    assert_eq!(verify(&verifier, "RS256_KID", 599).await, Ok(()));
    assert_eq!(verify(&verifier, "RS256_KID", 1200).await, Err(TokenError::UnknownKey));
}

#[tokio::test]
async fn keys_are_kept_while_the_issuer_is_down_but_not_for_ever() {
    let issuer = Issuer::start(&vectors().keys).await;
    let verifier = issuer.verifier();
    let long_lived = vectors().tokens["RS256_KID"].clone();
    assert!(verifier.verify(&long_lived, at(MADE)).await.is_ok());
    issuer.fail();
    assert_eq!(verify(&verifier, "RS256_KID", HOUR - 1).await, Ok(()));
    let asked = issuer.asked();
    assert_eq!(verify(&verifier, "RS256_KID", HOUR).await, Ok(()));
    assert_eq!(issuer.asked(), asked, "a pause lies between two attempts");
    // The token itself has ended by then; that the keys are judged first shows in the error.
    let later = verifier.verify(&long_lived, at(MADE + 24 * HOUR)).await;
    assert_eq!(later, Err(TokenError::KeysUnavailable));
    issuer.publish(&vectors().keys);
    let back = verifier.verify(&long_lived, at(MADE + 24 * HOUR + 10)).await;
    assert_eq!(back, Err(TokenError::Expired));
}

#[tokio::test]
async fn a_withdrawn_key_is_believed_no_longer_than_was_configured() {
    let issuer = Issuer::start(&vectors().keys).await;
    let verifier = issuer.verifier_with(&[Algorithm::Rs256], Duration::from_mins(3));
    assert_eq!(verify(&verifier, "RS256_KID", 0).await, Ok(()));
    issuer.fail();
    assert_eq!(verify(&verifier, "RS256_KID", 179).await, Ok(()), "the issuer is away for a moment");
    assert_eq!(verify(&verifier, "RS256_KID", 189).await, Err(TokenError::KeysUnavailable));
    issuer.publish(&[]);
    assert_eq!(verify(&verifier, "RS256_KID", 199).await, Err(TokenError::KeysUnavailable));
}

#[tokio::test]
async fn nobody_waits_for_a_refresh_while_the_keys_are_young() {
    let issuer = Issuer::start(&vectors().keys).await;
    let verifier = issuer.verifier();
    assert_eq!(verify(&verifier, "RS256_KID", 0).await, Ok(()));
    let held = issuer.gate.acquire_many(DOORS).await;
    let answer = tokio::time::timeout(Duration::from_secs(3), verify(&verifier, "RS256_KID", 600)).await;
    assert_eq!(answer, Ok(Ok(())), "the answer waited for the issuer");
    drop(held);
}

#[tokio::test]
async fn an_issuer_that_never_answered_makes_no_token_invalid_or_valid() {
    let issuer = Issuer::start(&[]).await;
    let verifier = issuer.verifier();
    assert_eq!(verify(&verifier, "RS256_KID", 0).await, Err(TokenError::KeysUnavailable), "an empty set");
    issuer.set(Answer::Text("200 OK", "<html>".to_owned()));
    assert_eq!(verify(&verifier, "RS256_KID", 10).await, Err(TokenError::KeysUnavailable), "no set at all");
    issuer.set(Answer::Endless);
    assert_eq!(verify(&verifier, "RS256_KID", 20).await, Err(TokenError::KeysUnavailable), "an endless answer");
    // What the buffers of the two sockets hold is written, but never read.
    assert!(issuer.poured.load(Ordering::SeqCst) < 32 * 1024 * 1024, "the endless answer was read on and on");
    issuer.publish(&vectors().keys);
    assert_eq!(verify(&verifier, "RS256_KID", 25).await, Err(TokenError::KeysUnavailable), "too soon to ask again");
    assert_eq!(verify(&verifier, "RS256_KID", 30).await, Ok(()));
}

#[tokio::test]
async fn a_caller_who_gives_up_does_not_stop_the_fetch_for_others() {
    let issuer = Issuer::start(&vectors().keys).await;
    let verifier = issuer.verifier();
    let held = issuer.gate.acquire_many(DOORS).await;
    let impatient = {
        let verifier = verifier.clone();
        tokio::spawn(async move { verify(&verifier, "RS256_KID", 0).await })
    };
    while issuer.asked() == 0 {
        tokio::task::yield_now().await;
    }
    impatient.abort();
    drop(held);
    assert_eq!(verify(&verifier, "RS256_KID", 0).await, Ok(()));
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn keys_that_must_not_verify_are_passed_over() {
    let changed = |changes: Value| {
        let mut key = vectors().keys[0].clone();
        for (name, value) in changes.as_object().unwrap() {
            key[name] = value.clone();
        }
        key
    };
    let weak = "sJmAVhGPBFOA4Tbbh6YKgV3pPjyTsZ0TfpoE5J5JPieHiqjC9vSW6zgzx-RpJ3v-05ZDe7JTMtJ9Gk9y46UoGQ";
    for key in [
        changed(json!({"use": "enc"})),
        changed(json!({"key_ops": ["encrypt"]})),
        changed(json!({"alg": "PS256"})),
        changed(json!({"alg": "HS256"})),
        changed(json!({"kty": "oct", "k": "AAAA"})),
        changed(json!({"n": weak})),
        changed(json!({"n": 5})),
        json!("nonsense"),
    ] {
        // Another key is published beside it, or the set would count as a failure.
        let issuer = Issuer::start(&[key.clone(), vectors().keys[1].clone()]).await;
        let verifier = issuer.verifier();
        assert_eq!(verify(&verifier, "RS256_KID", 0).await, Err(TokenError::UnknownKey), "{key}");
        assert_eq!(verify(&verifier, "ES256_KID", 0).await, Ok(()), "{key}");
    }
}

#[tokio::test]
async fn algorithms_that_were_not_allowed_are_unknown() {
    let issuer = Issuer::start(&vectors().keys).await;
    let verifier = issuer.verifier_for(&[Algorithm::Es256]);
    assert_eq!(verify(&verifier, "ES256_KID", 0).await, Ok(()));
    assert_eq!(verify(&verifier, "RS256_KID", 0).await, Err(TokenError::UnknownKey));
}
