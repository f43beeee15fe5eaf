//! Messages of Amazon SNS. SNS cannot run here, so this is a mock: it signs as the documents of Amazon describe it, with
//! a certificate that was made for these tests.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::{Pkcs1v15Sign, RsaPrivateKey};
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};
use sha2::Sha256;

use super::{abandoned, end_of, events, landed};
use crate::app::App;
use crate::caller::{Answer, send, text};
use crate::files;
use crate::ways::{Way, handed};

const KEYS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/keys");
const TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:uploads";

/// What was asked for: certificates and confirmations.
type Asked = Arc<Mutex<Vec<String>>>;

struct Sns {
    origin: String,
    asked: Asked,
    key: RsaPrivateKey,
}

impl Sns {
    async fn start() -> Self {
        let asked = Asked::default();
        let router =
            Router::new().route("/", get(confirm)).route("/{name}", get(certificate)).with_state(Arc::clone(&asked));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let pem = std::fs::read_to_string(format!("{KEYS}/rsa.pem")).unwrap();
        Self { origin, asked, key: RsaPrivateKey::from_pkcs8_pem(&pem).unwrap() }
    }

    fn service(&self) -> App {
        let section = format!("[arrivals]\nsns_topic = \"{TOPIC}\"\nsns_endpoint = \"{}\"\n", self.origin);
        App::start(&format!("{section}{}", super::FILES))
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    fn message(&self, kind: &str, text: &str) -> Value {
        let mut message = json!({
            "Type": kind, "MessageId": "165545c9-2a5c-472c-8df2-7ff2be2b3b1b", "TopicArn": TOPIC, "Message": text,
            "Timestamp": "2030-04-26T20:45:04.751Z", "SignatureVersion": "1",
            "SigningCertURL": format!("{}/SimpleNotificationService-0123abcd.pem", self.origin),
        });
        if kind == "Notification" {
            message["Subject"] = "Amazon S3 Notification".into();
            message["UnsubscribeURL"] = format!("{}/?Action=Unsubscribe", self.origin).into();
        } else {
            message["Token"] = "2336412f37".into();
            message["SubscribeURL"] =
                format!("{}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37", self.origin).into();
        }
        message
    }

    /// Signs whatever the message says, with the version that it names.
    fn signed(&self, mut message: Value) -> Value {
        let names: &[&str] = match text(&message["Type"]) {
            "Notification" => &["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"],
            _ => &["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"],
        };
        let lines = names.iter().filter_map(|name| Some(format!("{name}\n{}\n", message[name].as_str()?)));
        let signed: String = lines.collect();
        let signature = match message["SignatureVersion"].as_str() {
            Some("2") => self.key.sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(&signed)),
            _ => self.key.sign(Pkcs1v15Sign::new::<Sha1>(), &Sha1::digest(&signed)),
        };
        message["Signature"] = STANDARD.encode(signature.unwrap()).into();
        message
    }
}

async fn certificate(State(asked): State<Asked>, Path(name): Path<String>) -> (StatusCode, Vec<u8>) {
    asked.lock().unwrap().push(name.clone());
    match name.as_str() {
        "SimpleNotificationService-0123abcd.pem" => (StatusCode::OK, std::fs::read(format!("{KEYS}/sns.pem")).unwrap()),
        "SimpleNotificationService-past.pem" => {
            (StatusCode::OK, std::fs::read(format!("{KEYS}/sns-past.pem")).unwrap())
        }
        "SimpleNotificationService-odd.pem" => (StatusCode::OK, b"no certificate".to_vec()),
        _ => (StatusCode::NOT_FOUND, Vec::new()),
    }
}

async fn confirm(State(asked): State<Asked>, RawQuery(query): RawQuery) -> StatusCode {
    asked.lock().unwrap().push(query.unwrap_or_default());
    StatusCode::OK
}

async fn tell(app: &App, message: &Value) -> Answer {
    let request = app.anonymous().request(Method::POST, "/v1/arrivals/sns");
    let kind = text(&message["Type"]);
    // SNS calls its JSON plain text.
    let request = request.header("content-type", "text/plain; charset=UTF-8").header("x-amz-sns-message-type", kind);
    send(request.body(message.to_string())).await
}

#[tokio::test]
async fn a_topic_is_confirmed_and_its_messages_complete_uploads() {
    let sns = Sns::start().await;
    let app = sns.service();
    tell(&app, &sns.signed(sns.message("SubscriptionConfirmation", "You have chosen to subscribe"))).await.ok(200);
    let confirmed = format!("Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f37");
    assert_eq!(sns.asked(), ["SimpleNotificationService-0123abcd.pem", &confirmed]);

    let alice = app.user("alice");
    for version in ["1", "2"] {
        let picture = files::png(1);
        let upload = abandoned(&alice, Way::Put, &handed("files", "a.png", "image/png", &picture)).await;
        let mut message = sns.message("Notification", &events(&app, &[landed(&app, &upload)]).to_string());
        message["SignatureVersion"] = version.into();
        if version == "2" {
            message.as_object_mut().unwrap().remove("Subject");
        }
        let message = sns.signed(message);
        assert_eq!(tell(&app, &message).await.ok(200), json!({ "taken": 1, "ignored": 0 }));
        assert_eq!(end_of(&alice, &upload).await["state"], "ready");
        assert_eq!(tell(&app, &message).await.ok(200), json!({ "taken": 0, "ignored": 1 }));
    }
    tell(&app, &sns.signed(sns.message("UnsubscribeConfirmation", "You have chosen to leave"))).await.ok(200);
    assert_eq!(sns.asked().len(), 2, "the certificate is fetched once, and leaving is not confirmed");
}

#[tokio::test]
async fn a_message_that_sns_did_not_sign_is_not_believed() {
    let sns = Sns::start().await;
    let app = sns.service();
    let alice = app.user("alice");
    let picture = files::png(1);
    let upload = abandoned(&alice, Way::Put, &handed("files", "a.png", "image/png", &picture)).await;
    let good = sns.signed(sns.message("Notification", &events(&app, &[landed(&app, &upload)]).to_string()));
    let with = |name: &str, value: &str| {
        let mut message = good.clone();
        message[name] = value.into();
        message
    };
    let flipped = text(&good["Signature"]).replacen('A', "B", 1);
    for wrong in [
        with("Message", "{\"Records\":[]}"),
        with("MessageId", "165545c9-2a5c-472c-8df2-7ff2be2b3b1c"),
        with("Timestamp", "2031-04-26T20:45:04.751Z"),
        with("Subject", "another"),
        with("Signature", &flipped),
        with("Signature", ""),
        with("Signature", "not base64!"),
        with("SignatureVersion", "2"),
        with("SignatureVersion", "3"),
        with("Type", "UnsubscribeConfirmation"),
    ] {
        tell(&app, &wrong).await.refused(403, "forbidden");
    }
    let mut other = good.clone();
    other["TopicArn"] = "arn:aws:sns:eu-central-1:123456789012:other".into();
    tell(&app, &sns.signed(other)).await.refused(403, "forbidden");
    assert_eq!(alice.get(&format!("/v1/uploads/{}", text(&upload["id"]))).await.ok(200)["state"], "open");
    for odd in ["", "{}", "[]", "null", "{\"Type\":\"Notification\"}", "{\"Type\":\"Other\"}"] {
        let request = app.anonymous().request(Method::POST, "/v1/arrivals/sns").body(odd);
        send(request).await.refused(400, "bad-request");
    }
    tell(&app, &good).await.ok(200);
    assert_eq!(end_of(&alice, &upload).await["state"], "ready");
}

#[tokio::test]
async fn nothing_is_fetched_from_elsewhere_and_no_subscription_of_others_is_confirmed() {
    let sns = Sns::start().await;
    let stranger = Sns::start().await;
    let app = sns.service();
    let good = sns.message("Notification", "{}");
    let with = |url: String| {
        let mut message = good.clone();
        message["SigningCertURL"] = url.into();
        sns.signed(message)
    };
    let name = "SimpleNotificationService-0123abcd.pem";
    for url in [
        format!("{}/{name}", stranger.origin),
        format!("{}@{}/{name}", sns.origin, &stranger.origin["http://".len()..]),
        format!("{}.evil.example/{name}", sns.origin),
        format!("{}/SimpleNotificationService-../x.pem", sns.origin),
        format!("{}/SimpleNotificationService-a.pem?x=.pem", sns.origin),
        format!("{}/other.pem", sns.origin),
        "file:///etc/passwd".to_owned(),
    ] {
        tell(&app, &with(url)).await.refused(403, "forbidden");
    }
    assert!(sns.asked().is_empty() && stranger.asked().is_empty());

    // The mock signs them as SNS never would.
    for url in [
        format!("{}/?Action=ConfirmSubscription&Token=1", stranger.origin),
        format!("{}/?Action=Unsubscribe&Token=1", sns.origin),
        format!("{}/other?Action=ConfirmSubscription", sns.origin),
    ] {
        let mut message = sns.message("SubscriptionConfirmation", "hello");
        message["SubscribeURL"] = url.into();
        tell(&app, &sns.signed(message)).await.refused(403, "forbidden");
    }
    assert_eq!(sns.asked(), [name]);
    assert!(stranger.asked().is_empty());
}

#[tokio::test]
async fn certificates_that_do_not_count_vouch_for_nothing_and_are_not_asked_for_in_floods() {
    let sns = Sns::start().await;
    let app = sns.service();
    let named = |name: &str| {
        let mut message = sns.message("Notification", "{}");
        message["SigningCertURL"] = format!("{}/SimpleNotificationService-{name}.pem", sns.origin).into();
        sns.signed(message)
    };
    for name in ["past", "odd", "missing"] {
        let message = named(name);
        let answer = loop {
            let answer = tell(&app, &message).await;
            // At most one is fetched a second, and who comes too early is told so.
            if !answer.text().contains("once a second") {
                break answer;
            }
        };
        let wanted = if name == "missing" { (503, "keys-unavailable") } else { (403, "forbidden") };
        answer.refused(wanted.0, wanted.1);
    }
    assert_eq!(sns.asked().len(), 3, "{:?}", sns.asked());
    let made_up: Vec<Value> = (0..20).map(|number| named(&format!("made-up-{number}"))).collect();
    let answers = futures_util::future::join_all(made_up.iter().map(|message| tell(&app, message))).await;
    let refused = answers.iter().filter(|answer| answer.text().contains("once a second")).count();
    assert!(refused > 0 && sns.asked().len() + refused == 23, "{refused} of {:?}", sns.asked());
}
