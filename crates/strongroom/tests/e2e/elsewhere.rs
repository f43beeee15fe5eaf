//! The S3 store of another maker that the whole suite is told to use: a bucket in it for each service.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use strongroom_presign::{Credentials, Endpoint, Method, Payload, Request, Signer};

use crate::app::App;
use crate::caller::{client, text};

const REGION: &str = "us-east-1";

const ADMIN: &str = "admin";

const IDENTITIES: [&str; 4] = ["reader", "writer", "janitor", "operator"];

/// A bucket in another store than that of the service which is told of it.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    endpoint: String,
    provider: String,
    name: String,
    /// Where the service itself reaches the store, if that is not where browsers do.
    inside: Option<String>,
    /// Of each identity: the public half of its key, and the secret.
    keys: BTreeMap<&'static str, (String, String)>,
}

impl Bucket {
    /// In the store that the environment names, if it names one. The bucket goes when the store goes, which is thrown
    /// away after the tests.
    #[expect(clippy::disallowed_methods, reason = "the suite is told by the environment on which store it runs")]
    pub(crate) fn of_its_own(name: &str) -> Option<Self> {
        let endpoint = std::env::var("STRONGROOM_TEST_STORAGE").ok()?;
        let provider =
            std::env::var("STRONGROOM_TEST_PROVIDER").expect("STRONGROOM_TEST_PROVIDER says whose store it is");
        // The two users of every store that `cargo xtask serve` starts: one may do everything, and one may write alone.
        let user = |identity| if identity == "writer" { "writer" } else { ADMIN };
        let keys =
            IDENTITIES.into_iter().map(|identity| (identity, (user(identity).to_owned(), secret(user(identity)))));
        let bucket = Self { endpoint, provider, name: format!("e2e-{name}"), inside: None, keys: keys.collect() };
        // Services are started from within a runtime, which must not be blocked by another.
        std::thread::scope(|scope| scope.spawn(|| bucket.make()).join()).expect("the store makes buckets");
        Some(bucket)
    }

    /// That of another service, which runs its embedded store for it.
    pub(crate) fn of_store(app: &App) -> Self {
        let told = app.keys();
        let half = |identity: &str, half: &str| text(&told[identity][half]).to_owned();
        let key = |identity| (identity, (half(identity, "access_key_id"), half(identity, "secret_access_key")));
        Self {
            endpoint: app.store().to_owned(),
            // It can do what that one can.
            provider: "seaweedfs".to_owned(),
            name: app.bucket().to_owned(),
            inside: None,
            keys: IDENTITIES.into_iter().map(key).collect(),
        }
    }

    /// The same for a service that reaches the store by another way than browsers do.
    pub(crate) fn through(&self, inside: &str) -> Self {
        Self { inside: Some(inside.to_owned()), ..self.clone() }
    }

    /// Where it is reached.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    #[tokio::main(flavor = "current_thread")]
    async fn make(&self) {
        let credentials = Credentials::new(ADMIN, secret(ADMIN)).expect("these are keys");
        let endpoint = Endpoint::custom(&self.endpoint, REGION).expect("the test runner names a URL");
        let signer = Signer::new(credentials, endpoint, &self.name).expect("this is the name of a bucket");
        let now = Timestamp::from_second(crate::tokens::now()).expect("the clock is right");
        let call = signer.sign(&Request::on_bucket(Method::Put), Payload::Empty, now.as_second());
        let call = call.expect("what is signed is plain");
        let request =
            call.headers.iter().fold(client().put(&call.url), |request, (name, value)| request.header(name, value));
        let answer = request.send().await.expect("the store answers");
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap_or_default());
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What the service is told of it.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        let mut variables = vec![
            ("ENDPOINT".to_owned(), self.inside.as_ref().unwrap_or(&self.endpoint).clone()),
            ("PUBLIC_ENDPOINT".to_owned(), self.endpoint.clone()),
            ("REGION".to_owned(), REGION.to_owned()),
            ("BUCKET".to_owned(), self.name.clone()),
            ("PROVIDER".to_owned(), self.provider.clone()),
        ];
        for (identity, (id, secret)) in &self.keys {
            let name = identity.to_uppercase();
            variables.push((format!("{name}__ACCESS_KEY_ID"), id.clone()));
            variables.push((format!("{name}__SECRET_ACCESS_KEY"), secret.clone()));
        }
        variables.into_iter().map(|(name, value)| (format!("STRONGROOM__STORAGE__{name}"), value)).collect()
    }

    /// The keys of the four identities and where they are used.
    pub(crate) fn keys(&self) -> Value {
        let mut keys = json!({ "endpoint": self.endpoint, "region": REGION, "bucket": self.name });
        for (identity, (id, secret)) in &self.keys {
            keys[identity] = json!({ "access_key_id": id, "secret_access_key": secret });
        }
        keys
    }
}

fn secret(user: &str) -> String {
    format!("{user}-secret")
}
