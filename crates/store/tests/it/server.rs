//! A store on a temporary folder behind a real HTTP listener, with a clock that the test moves.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_smithy_async::time::TimeSource;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use strongroom_presign::{Endpoint, Signer};
use strongroom_store::{Action, Cors, Grant, Identity, OpenError, Options, Store};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// The bucket that is always there.
pub(crate) const BUCKET: &str = "files";

/// A running store.
pub(crate) struct Server {
    /// The store itself.
    pub(crate) store: Store,
    /// Where it listens.
    pub(crate) address: String,
    clock: Arc<AtomicI64>,
    folder: Arc<TempDir>,
    /// Serves for as long as this lives.
    serving: JoinSet<()>,
}

impl Server {
    /// A fresh store.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// A fresh store with other options than usual.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Options)) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("a temporary folder"));
        let clock = Arc::new(AtomicI64::new(wall_clock()));
        let mut options = options(folder.path(), &clock);
        change(&mut options);
        Self::serve(options, folder, clock).await.expect("the store opens")
    }

    /// A store on a folder that is there already.
    pub(crate) async fn start_on(folder: TempDir) -> Self {
        let (folder, clock) = (Arc::new(folder), Arc::new(AtomicI64::new(wall_clock())));
        Self::serve(options(folder.path(), &clock), folder, clock).await.expect("the store opens")
    }

    /// Stops this one and starts another on the same folder.
    pub(crate) async fn restart(self) -> Self {
        self.try_restart().await.expect("the store opens again")
    }

    /// Stops this one and tries to start another on the same folder.
    pub(crate) async fn try_restart(self) -> Result<Self, OpenError> {
        let Self { store, clock, folder, mut serving, .. } = self;
        serving.shutdown().await;
        drop(store);
        Self::serve(options(folder.path(), &clock), folder, clock).await
    }

    /// Opens another store on the same folder while this one runs.
    pub(crate) async fn open_again(&self) -> Result<Store, OpenError> {
        Store::open(options(self.folder.path(), &self.clock)).await
    }

    async fn serve(options: Options, folder: Arc<TempDir>, clock: Arc<AtomicI64>) -> Result<Self, OpenError> {
        let store = Store::open(options).await?;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let mut serving = JoinSet::new();
        serving.spawn(accept(listener, store.clone()));
        Ok(Self { store, address, clock, folder, serving })
    }

    /// Moves the store's clock.
    pub(crate) fn advance(&self, by: Duration) {
        self.clock.fetch_add(i64::try_from(by.as_secs()).expect("a short while"), Ordering::SeqCst);
    }

    /// The store's time in seconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        self.clock.load(Ordering::SeqCst)
    }

    /// The AWS SDK, as one of the identities.
    pub(crate) fn client(&self, identity: &str) -> Client {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(format!("http://{}", self.address))
            .force_path_style(true)
            .credentials_provider(Credentials::new(identity, secret(identity), None, None, "test"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .time_source(StoreTime(Arc::clone(&self.clock)))
            .retry_config(aws_sdk_s3::config::retry::RetryConfig::disabled())
            .build();
        Client::from_conf(config)
    }

    /// The AWS SDK with all rights.
    pub(crate) fn admin(&self) -> Client {
        self.client("admin")
    }

    /// A signer of links and requests, as one of the identities.
    pub(crate) fn signer(&self, identity: &str) -> Signer {
        self.signer_for(identity, &secret(identity), "us-east-1")
    }

    /// A signer with any secret, for any region.
    pub(crate) fn signer_for(&self, identity: &str, secret: &str, region: &str) -> Signer {
        let credentials = strongroom_presign::Credentials::new(identity, secret).expect("credentials");
        let endpoint = Endpoint::custom(&format!("http://{}", self.address), region).expect("an endpoint");
        Signer::new(credentials, endpoint, BUCKET).expect("a signer")
    }

    /// The files under one of the store's own folders.
    pub(crate) fn files(&self, under: &str) -> Vec<PathBuf> {
        files(&self.folder.path().join(under))
    }

    /// The store's folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// Makes the SDK sign with the time of the store, which a test may move.
#[derive(Debug)]
struct StoreTime(Arc<AtomicI64>);

impl TimeSource for StoreTime {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.0.load(Ordering::SeqCst).cast_unsigned())
    }
}

/// The secret of an identity.
pub(crate) fn secret(identity: &str) -> String {
    format!("{identity}-secret")
}

/// The identities a service uses, and an administrator.
fn identities() -> Vec<Identity> {
    use Action::{Abort, Configure, Delete, Get, List, ListParts, ListUploads, Put};
    let grant = |prefix: &str, actions: &[Action]| {
        vec![Grant { bucket: Some(BUCKET.to_owned()), prefix: prefix.to_owned(), actions: actions.to_vec() }]
    };
    let everything = vec![Grant { bucket: None, prefix: String::new(), actions: Action::ALL.to_vec() }];
    [
        ("admin", everything),
        ("reader", grant("", &[Get])),
        ("writer", grant("staging/", &[Put, Abort])),
        ("janitor", grant("", &[Get, Put, Delete, List, ListParts, ListUploads, Abort])),
        ("operator", grant("", &[Configure])),
    ]
    .into_iter()
    .map(|(name, grants)| Identity::new(name, secret(name), grants).expect("an identity"))
    .collect()
}

fn options(folder: &Path, clock: &Arc<AtomicI64>) -> Options {
    let clock = Arc::clone(clock);
    let random = AtomicU64::new(1);
    let mut options = Options::new(
        folder,
        Arc::new(move || UNIX_EPOCH + Duration::from_secs(clock.load(Ordering::SeqCst).cast_unsigned())),
        // Upload ids need only differ here.
        Arc::new(move || u128::from(random.fetch_add(1, Ordering::SeqCst)) << 64),
    );
    options.buckets = vec![BUCKET.to_owned()];
    options.identities = identities();
    options.cors = Cors { allowed_origins: vec!["https://app.example".to_owned()] };
    options
}

#[expect(clippy::disallowed_methods, reason = "the SDK signs with the wall clock, so the store must begin there")]
fn wall_clock() -> i64 {
    let now = std::time::SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    i64::try_from(now.as_secs()).expect("a clock before the end of time")
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
            // The SDK would correct its time by the wall clock's date.
            let server = hyper::server::conn::http1::Builder::new()
                .auto_date_header(false)
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(connection), service);
            // A connection that breaks is part of several tests.
            let _ = server.await;
        });
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder of the store") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}
