//! A server with a fresh bucket on it, and what is known to be different there.

use std::convert::Infallible;
use std::sync::Arc;

use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use strongroom_presign::{Addressing, Credentials, Endpoint, Method, Payload, Request, Signer, Validity};
use strongroom_store::{Action, Grant, Identity, Options, Store};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::wire::{Answer, send};

/// A server and a bucket that nobody else uses.
pub(crate) struct Place {
    /// `http://127.0.0.1:40123`.
    endpoint: String,
    pub(crate) bucket: String,
    pub(crate) differences: Differences,
    /// The embedded store lives as long as this.
    _embedded: Option<(TempDir, JoinSet<()>)>,
}

/// In what the servers are not alike. Each is a fact about a server, and the tests hold the server to it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Differences {
    pub(crate) version_2: Version2,
    /// Takes any key for what it is, where another takes it for a path: without empty segments, and with `\\` for `/`.
    pub(crate) any_key: bool,
    /// Holds a body to `x-amz-checksum-sha256`.
    pub(crate) checksums: bool,
}

/// How much of Signature Version 2 a server takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version2 {
    /// Nothing.
    Refused,
    /// Only what needs no encoding; the rest it reads otherwise than AWS wrote it down.
    Plain,
    /// All of it.
    Whole,
}

/// The store of this crate, in this process.
pub(crate) async fn embedded() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(options(&folder)).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let mut serving = JoinSet::new();
    serving.spawn(accept(listener, store));
    let differences = Differences { version_2: Version2::Refused, any_key: true, checksums: true };
    Place::with_bucket(endpoint, differences, Some((folder, serving))).await
}

/// `SeaweedFS`, which keeps keys as paths of a file system.
pub(crate) async fn seaweedfs() -> Place {
    let differences = Differences { version_2: Version2::Plain, any_key: false, checksums: true };
    Place::with_bucket(started("STRONGROOM_TEST_SEAWEEDFS"), differences, None).await
}

/// Ceph's gateway, of a version from before the checksums.
pub(crate) async fn ceph() -> Place {
    let differences = Differences { version_2: Version2::Whole, any_key: true, checksums: false };
    Place::with_bucket(started("STRONGROOM_TEST_CEPH"), differences, None).await
}

impl Place {
    async fn with_bucket(endpoint: String, differences: Differences, embedded: Option<(TempDir, JoinSet<()>)>) -> Self {
        let bucket = format!("links-{}", random_hex());
        let place = Self { endpoint, bucket, differences, _embedded: embedded };
        let call = place.admin().sign(&Request::on_bucket(Method::Put), Payload::Empty, now()).unwrap();
        let headers: Vec<(&str, &str)> = call.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        send("PUT", &call.url, &headers, "").await.expect(200);
        place
    }

    /// A signer with all rights.
    pub(crate) fn admin(&self) -> Signer {
        self.signer("admin", "admin-secret")
    }

    /// A signer that may write, and nothing else.
    pub(crate) fn writer(&self) -> Signer {
        self.signer("writer", "writer-secret")
    }

    pub(crate) fn signer(&self, access_key: &str, secret: &str) -> Signer {
        let endpoint = Endpoint::custom(&self.endpoint, "us-east-1").unwrap();
        Signer::new(Credentials::new(access_key, secret).unwrap(), endpoint, &self.bucket).unwrap()
    }

    /// A signer of links that name the bucket in the host.
    pub(crate) fn admin_by_host(&self) -> Signer {
        let url = self.endpoint.replace("127.0.0.1", "s3.localhost");
        let endpoint = Endpoint::custom(&url, "us-east-1").unwrap().with_addressing(Addressing::VirtualHost);
        Signer::new(Credentials::new("admin", "admin-secret").unwrap(), endpoint, &self.bucket).unwrap()
    }

    /// A link with all rights for the next five minutes.
    pub(crate) fn link(&self, request: &Request<'_>) -> String {
        self.admin().presign(request, minutes(5)).unwrap()
    }

    /// Uses a link with all rights as it wants to be used.
    pub(crate) async fn follow(&self, request: &Request<'_>, body: &str) -> Answer {
        let headers: Vec<(&str, &str)> = request.headers().collect();
        send(request.method().as_str(), &self.link(request), &headers, body.to_owned()).await
    }
}

/// From now on for so many minutes.
pub(crate) fn minutes(count: u32) -> Validity {
    Validity::new(now(), 60 * count).unwrap()
}

/// The time in seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "other servers have no clock but the real one")]
pub(crate) fn now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "a server that is kept running has the buckets of earlier runs")]
fn random_hex() -> String {
    format!("{:016x}", rand::random::<u64>())
}

#[expect(clippy::disallowed_methods, reason = "the test is told by the environment where the servers are")]
fn started(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| {
        panic!(
            "{variable} must name the endpoint of a running server: `cargo xtask test --only servers` starts one, or \
             run `cargo xtask serve seaweedfs` or `cargo xtask serve ceph` and set it to what that prints"
        )
    })
}

#[expect(clippy::disallowed_methods, reason = "this is where the store is given its clock and its luck")]
fn options(folder: &TempDir) -> Options {
    let mut options = Options::new(folder.path(), Arc::new(std::time::SystemTime::now), Arc::new(rand::random));
    let everywhere =
        |actions: &[Action]| vec![Grant { bucket: None, prefix: String::new(), actions: actions.to_vec() }];
    options.identities = vec![
        Identity::new("admin", "admin-secret", everywhere(&Action::ALL)).unwrap(),
        Identity::new("writer", "writer-secret", everywhere(&[Action::Put, Action::Abort])).unwrap(),
    ];
    options.domains = vec!["s3.localhost".to_owned()];
    options
}

async fn accept(listener: TcpListener, store: Store) {
    let mut connections = JoinSet::new();
    while let Ok((connection, _)) = listener.accept().await {
        let store = store.clone();
        connections.spawn(async move {
            let service = service_fn(move |request| {
                let store = store.clone();
                async move { Ok::<_, Infallible>(store.call(request).await) }
            });
            let server = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(connection), service);
            // A client that goes away is no failure of the store.
            let _ = server.await;
        });
    }
}
