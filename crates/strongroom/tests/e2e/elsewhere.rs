//! The S3 store of another maker that the whole suite is told to use: a bucket in it for each service.

use jiff::Timestamp;
use serde_json::{Value, json};
use strongroom_presign::{Credentials, Endpoint, Method, Payload, Request, Signer};

use crate::caller::client;

const REGION: &str = "us-east-1";

const ADMIN: (&str, &str) = ("admin", "admin-secret");

/// A bucket that no other service uses. It goes when the store goes, which is thrown away after the tests.
#[derive(Debug)]
pub(crate) struct Bucket {
    endpoint: String,
    name: String,
}

impl Bucket {
    /// In the store that the environment names, if it names one.
    #[expect(clippy::disallowed_methods, reason = "the suite is told by the environment on which store it runs")]
    pub(crate) fn of_its_own(name: &str) -> Option<Self> {
        let endpoint = std::env::var("STRONGROOM_TEST_STORAGE").ok()?;
        let bucket = Self { endpoint, name: format!("e2e-{name}") };
        // Services are started from within a runtime, which must not be blocked by another.
        std::thread::scope(|scope| scope.spawn(|| bucket.make()).join()).expect("the store makes buckets");
        Some(bucket)
    }

    #[tokio::main(flavor = "current_thread")]
    async fn make(&self) {
        let credentials = Credentials::new(ADMIN.0, ADMIN.1).expect("these are keys");
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
            ("ENDPOINT".to_owned(), self.endpoint.clone()),
            ("REGION".to_owned(), REGION.to_owned()),
            ("BUCKET".to_owned(), self.name.clone()),
            ("ADDRESSING".to_owned(), "path".to_owned()),
        ];
        for identity in IDENTITIES {
            let (name, (id, secret)) = (identity.to_uppercase(), key(identity));
            variables.push((format!("{name}__ACCESS_KEY_ID"), id.to_owned()));
            variables.push((format!("{name}__SECRET_ACCESS_KEY"), secret.to_owned()));
        }
        variables.into_iter().map(|(name, value)| (format!("STRONGROOM__STORAGE__{name}"), value)).collect()
    }

    /// The keys of the four identities and where they are used.
    pub(crate) fn keys(&self) -> Value {
        let mut keys = json!({ "endpoint": self.endpoint, "region": REGION, "bucket": self.name });
        for identity in IDENTITIES {
            let (id, secret) = key(identity);
            keys[identity] = json!({ "access_key_id": id, "secret_access_key": secret });
        }
        keys
    }
}

const IDENTITIES: [&str; 4] = ["reader", "writer", "janitor", "operator"];

/// The two users of every store that `cargo xtask serve` starts: one may do everything, and one may write alone.
fn key(identity: &str) -> (&'static str, &'static str) {
    if identity == "writer" { ("writer", "writer-secret") } else { ADMIN }
}
