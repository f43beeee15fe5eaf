//! The S3 store of another maker that the whole suite is told to use: a bucket in it for each service, and four users
//! with what `strongroom policy` prints for that service's configuration.

mod users;

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use strongroom_presign::{Credentials, Endpoint, Method, Payload, Request, SignedRequest, Signer};

use self::users::{Keys, Users};
use crate::app::{App, program};
use crate::caller::{client, text};

const REGION: &str = "us-east-1";

const IDENTITIES: [&str; 4] = ["reader", "writer", "janitor", "operator"];

/// A bucket in another store than that of the service which is told of it.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    endpoint: String,
    provider: String,
    name: String,
    /// Where the service itself reaches the store, if that is not where browsers do.
    inside: Option<String>,
    keys: Keys,
    /// Access key and secret of one who may do everything.
    overseer: (String, String),
    /// Whose the keys are, where the store is not that of another service.
    users: Option<Arc<Users>>,
}

impl Bucket {
    /// In the store that the environment names, if it names one. The bucket goes when the store goes, which is thrown
    /// away after the tests. Nobody may do anything in it before `entitle`.
    #[expect(clippy::disallowed_methods, reason = "the suite is told by the environment on which store it runs")]
    pub(crate) fn of_its_own(name: &str) -> Option<Self> {
        let endpoint = std::env::var("STRONGROOM_TEST_STORAGE").ok()?;
        let provider =
            std::env::var("STRONGROOM_TEST_PROVIDER").expect("STRONGROOM_TEST_PROVIDER says whose store it is");
        let name = format!("e2e-{name}");
        let users = Users::make(&endpoint, &provider, &name);
        Some(Self {
            keys: users.keys.clone(),
            overseer: administrator(&provider),
            users: Some(Arc::new(users)),
            inside: None,
            endpoint,
            provider,
            name,
        })
    }

    /// Makes the buckets that this configuration names, and gives the four users exactly what `strongroom policy`
    /// prints for it.
    pub(crate) fn entitle(&self, configuration: &Path, data: &Path) {
        // The store of another service holds its identities to their rights by itself.
        let Some(users) = &self.users else { return };
        let output = program(&["policy", "--users", users.name()], configuration, data)
            .envs(self.variables())
            .output()
            .expect("the built program starts");
        let printed: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("no policies: {}", String::from_utf8_lossy(&output.stderr)));
        let whole = printed["operator"]["Statement"][0]["Resource"].as_array().expect("the operator's are buckets");
        for bucket in whole.iter().filter_map(|arn| text(arn).strip_prefix("arn:aws:s3:::")) {
            let (status, said) =
                as_admin((&self.endpoint, &self.provider), bucket, &Request::on_bucket(Method::Put), "");
            // It may be there already, when the rights in it change.
            assert!(matches!(status, 200 | 409), "{said}");
        }
        users.entitle(&printed);
    }

    /// That of another service, which runs its embedded store for it.
    pub(crate) fn of_store(app: &App) -> Self {
        let told = app.keys();
        let pair = |key: &Value| {
            let half = |half: &str| text(&key[half]).to_owned();
            (half("access_key_id"), half("secret_access_key"))
        };
        Self {
            endpoint: app.store().to_owned(),
            // It can do what that one can.
            provider: "seaweedfs".to_owned(),
            name: app.bucket().to_owned(),
            inside: None,
            keys: IDENTITIES.into_iter().map(|identity| (identity, pair(&told[identity]))).collect(),
            overseer: if app.is_embedded() { pair(&app.new_overseer()) } else { pair(&told["overseer"]) },
            users: None,
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

    /// Whose store it is in, as the configuration names it.
    pub(crate) fn provider(&self) -> &str {
        &self.provider
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

    /// The keys of the four identities and where they are used, and that of one who may do everything.
    pub(crate) fn keys(&self) -> Value {
        let (id, secret) = &self.overseer;
        let overseer = json!({ "access_key_id": id, "secret_access_key": secret });
        let mut keys =
            json!({ "endpoint": self.endpoint, "region": REGION, "bucket": self.name, "overseer": overseer });
        for (identity, (id, secret)) in &self.keys {
            keys[identity] = json!({ "access_key_id": id, "secret_access_key": secret });
        }
        keys
    }
}

/// Signs a request as the administrator of the store, and sends it; the status and the answer.
fn as_admin((endpoint, provider): (&str, &str), bucket: &str, request: &Request<'_>, body: &str) -> (u16, String) {
    let (id, secret) = administrator(provider);
    let credentials = Credentials::new(id, secret).expect("these are keys");
    let endpoint = Endpoint::custom(endpoint, REGION).expect("the test runner names a URL");
    let signer = Signer::new(credentials, endpoint, bucket).expect("this is the name of a bucket");
    let now = Timestamp::from_second(crate::tokens::now()).expect("the clock is right");
    let payload = Payload::Sha256(Sha256::digest(body).into());
    let call = signer.sign(request, payload, now.as_second()).expect("what is signed is plain");
    // Services are started from within a runtime, which must not be blocked by another.
    std::thread::scope(|scope| scope.spawn(|| sent(&call, body)).join()).expect("the store answers")
}

#[tokio::main(flavor = "current_thread")]
async fn sent(call: &SignedRequest, body: &str) -> (u16, String) {
    let method = call.method.as_str().parse().expect("it is a method");
    let request = client().request(method, &call.url).body(body.to_owned());
    let request = call.headers.iter().fold(request, |request, (name, value)| request.header(&**name, &**value));
    let answer = request.send().await.expect("the store answers");
    (answer.status().as_u16(), answer.text().await.expect("the answer is whole"))
}

/// Access key and secret of who may do everything in a store that `cargo xtask` started.
fn administrator(provider: &str) -> (String, String) {
    let (id, secret) = match provider {
        "garage" => ("GK31c2f218a2e44f485b94239e", "b892c0665f0ada8a4755dae98baa3b133590e11dae3bcc1f9d769d67f16c3835"),
        _ => ("admin", "admin-secret"),
    };
    (id.to_owned(), secret.to_owned())
}
