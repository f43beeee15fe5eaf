//! A server with a fresh bucket on it, and requests to it that are signed and sent as they stand.

use std::process::{Command, Stdio};

use reqwest::Client;
use sha2::{Digest as _, Sha256};
use strongroom_presign::{Credentials, Endpoint, Method, Payload, PostPolicy, Request, Signer, Validity};

/// Which server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    SeaweedFs,
    Ceph,
}

/// A server and a bucket that nobody else uses.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) kind: Kind,
    /// `http://127.0.0.1:40123`.
    pub(crate) endpoint: String,
    pub(crate) bucket: String,
    http: Client,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// `SeaweedFS`, with users and policies as AWS has them.
pub(crate) async fn seaweedfs() -> Place {
    Place::with_bucket(Kind::SeaweedFs, environment("STRONGROOM_TEST_SEAWEEDFS")).await
}

/// Ceph's gateway.
pub(crate) async fn ceph() -> Place {
    Place::with_bucket(Kind::Ceph, environment("STRONGROOM_TEST_CEPH")).await
}

impl Place {
    async fn with_bucket(kind: Kind, endpoint: String) -> Self {
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let bucket = format!("rooms-{}", random_hex());
        let place = Self { kind, endpoint, bucket, http: Client::builder().no_proxy().build().unwrap() };
        let made = place.send(&place.admin(), &Request::on_bucket(Method::Put), "").await;
        assert_eq!(made.status, 200, "{}", made.body);
        place
    }

    /// A signer with all rights.
    pub(crate) fn admin(&self) -> Signer {
        self.signer("admin", "admin-secret")
    }

    pub(crate) fn signer(&self, access_key: &str, secret: &str) -> Signer {
        self.signer_of(access_key, secret, &self.bucket)
    }

    pub(crate) fn signer_of(&self, access_key: &str, secret: &str, bucket: &str) -> Signer {
        let endpoint = Endpoint::custom(&self.endpoint, "us-east-1").unwrap();
        Signer::new(Credentials::new(access_key, secret).unwrap(), endpoint, bucket).unwrap()
    }

    /// Signs a request and sends it.
    pub(crate) async fn send(&self, signer: &Signer, request: &Request<'_>, body: &str) -> Answer {
        let signed = signer.sign(request, Payload::Sha256(Sha256::digest(body).into()), now()).unwrap();
        let method = reqwest::Method::from_bytes(signed.method.as_str().as_bytes()).unwrap();
        let sent = self.http.request(method, &signed.url).body(body.to_owned());
        let sent = signed.headers.iter().fold(sent, |sent, (name, value)| sent.header(&**name, &**value));
        let response = sent.send().await.unwrap();
        Answer { status: response.status().as_u16(), body: response.text().await.unwrap() }
    }

    /// Signs a form for a key, and sends it with a file.
    pub(crate) async fn send_form(&self, signer: &Signer, key: &str) -> Answer {
        const BOUNDARY: &str = "the-end-of-a-field";
        let policy = PostPolicy::for_key(key).unwrap().exact("Content-Type", "text/plain").content_length(1, 100);
        let form = signer.post(&policy, Validity::new(now(), 600).unwrap()).unwrap();
        let mut body = String::new();
        for (name, value) in &form.fields {
            body += &format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        }
        body += &format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\nContent-Type: text/plain\
             \r\n\r\ncontent\r\n--{BOUNDARY}--\r\n"
        );
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        let response = self.http.post(form.url).header("content-type", kind).body(body).send().await.unwrap();
        Answer { status: response.status().as_u16(), body: response.text().await.unwrap() }
    }

    /// Something that runs as the administrator of the server, with AWS's command line in its path.
    pub(crate) fn as_admin(&self, program: &str) -> Command {
        let python = environment("STRONGROOM_TEST_PYTHON");
        let tools = python.rsplit_once('/').map_or(".", |(folder, _)| folder);
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", format!("{tools}:/usr/local/bin:/usr/bin:/bin"))
            .env("AWS_ENDPOINT_URL", &self.endpoint)
            .env("AWS_DEFAULT_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "admin")
            .env("AWS_SECRET_ACCESS_KEY", "admin-secret")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .stdin(Stdio::null());
        command
    }
}

/// Runs something that has to succeed; what it printed.
#[track_caller]
pub(crate) fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let (said, complained) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{said}\n{complained}");
    said
}

/// The built program.
pub(crate) fn strongroom(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    command.args(words).env_clear().stdin(Stdio::null());
    command
}

/// The time in seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "other servers have no clock but the real one")]
fn now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "a server that is kept running has the buckets of earlier runs")]
pub(crate) fn random_hex() -> String {
    format!("{:016x}", rand::random::<u64>())
}

#[expect(clippy::disallowed_methods, reason = "the test is told by the environment where the servers are")]
fn environment(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!(
            "{variable} is not set: `cargo xtask test --only servers` starts what is needed, or run `cargo xtask serve \
             seaweedfs` and `cargo xtask serve ceph` and set it to what they print; STRONGROOM_TEST_PYTHON is a Python \
             with boto3 and awscli beside it"
        )
    })
}
