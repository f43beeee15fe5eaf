//! Puts a service together from its configuration, for `serve` and for the commands that work without it.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use strongroom_postgres::Address;
use strongroom_presign::{Addressing, Endpoint};
use strongroom_store::{OpenError, Pace, Store};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::ambient::{Clock, Random};
use crate::arrivals::Arrivals;
use crate::audit::AuditLog;
use crate::authenticate::Authenticator;
use crate::config::{self, Config, External, Identities, Secret};
use crate::db::Db;
use crate::embedded::{self, Addresses};
use crate::fetch::fetch_over_http;
use crate::http::listen::{self, Listening};
use crate::http::{self, Place};
use crate::jwt::Verifier;
use crate::links::Recent;
use crate::metrics::Metrics;
use crate::mirror;
use crate::pictures::{self, Demands};
use crate::places::Places;
use crate::secrets::{self, Secrets};
use crate::service::{Parts, Service};
use crate::sns::Topic;
use crate::storage::{Counts, Keyring, Line, Location, Settings, Storage};
use crate::transforms::Transforms;

mod second;

/// The file of SQLite in the data folder.
const DATABASE: &str = "strongroom.sqlite";

/// How many connections the embedded store takes besides those of the service itself.
const STORE_CONNECTIONS: usize = 12_000;

/// How often the audit log's entries are filed: what is not filed yet is searched entry by entry.
const FILING: Duration = Duration::from_secs(5);

/// A service that runs.
#[derive(Debug)]
pub struct Running {
    /// The service.
    pub service: Service,
    /// Where the API is reached.
    pub api: String,
    /// Where browsers reach the storage.
    pub store: String,
    /// The administrator's token, and whether it was generated.
    pub admin_token: Secret,
    /// The HTTP client, for whoever speaks to the service from inside.
    pub http: reqwest::Client,
    leaving: CancellationToken,
    api_task: JoinHandle<()>,
    pictures_task: JoinHandle<()>,
    stop_api: CancellationToken,
    embedded: Option<EmbeddedTask>,
}

/// The embedded store's listener.
#[derive(Debug)]
struct EmbeddedTask {
    task: JoinHandle<()>,
    stop: CancellationToken,
}

/// A storage that was set up, with the embedded store behind it if there is one.
struct Reached {
    storage: Storage,
    place: Place,
    counts: Counts,
    embedded: Option<(EmbeddedTask, Store)>,
}

/// Starts everything and returns once it listens.
pub async fn start(config: Config) -> anyhow::Result<Running> {
    let (clock, random, http) = (Clock::system(), Random::system(), http_client()?);
    secrets::create_folder(&config.data)?;
    let secrets = Secrets::open(&config.data, &random)?;
    let listener = bind(config.server.listen, "server.listen")?;
    let address = listener.local_addr().context("the service's own address is not known")?;
    let api = config.server.public_url(address);

    let reached = reach(&config, &secrets, pages(&api, address), Uses::Service, &http, &clock, &random).await?;
    let mirror = second::second(&config, &http, &clock, &random).await?;
    let db = database(&config).await?;
    if reached.embedded.is_some() {
        embedded::claim(&db, &secrets, clock.now()).await?;
    }
    let admin_token = config.auth.admin_token.clone().unwrap_or_else(|| Secret::new(&secrets.admin_token));
    let signing_secret = Secret::new(&secrets.signing_secret);
    let verifier = Verifier::new(&config.auth.jwt, &signing_secret, fetch_over_http(http.clone()))
        .context("the keys for tokens cannot be used")?;
    let store = reached.place.endpoint.clone();
    let max_connections = config.server.max_connections as usize;
    let data = config.data.clone();
    let pace = match &config.storage.place {
        config::Place::Embedded(embedded) => Some(embedded.care.pace()),
        config::Place::External(_) => None,
    };
    let mut metrics = Metrics::new();
    metrics.include_storage(&reached.counts);
    let mirror = mirror.map(|(mirror, counts)| {
        metrics.include_mirror(&counts);
        mirror
    });
    if let Some((_, store)) = &reached.embedded {
        metrics.include(store);
    }
    let demands = Demands::of(config.server.max_concurrent_requests);
    let transforms = Transforms::of(&config, &signing_secret, api.clone());
    let service = Service::new(Parts {
        config,
        audit: AuditLog::new(db.clone()),
        db,
        storage: reached.storage,
        mirror,
        transforms,
        demands,
        recent: Recent::default(),
        places: Places::default(),
        clock,
        random,
        metrics,
    });
    mirror::begin(&service).await?;
    Addresses { api: api.clone(), store: store.clone() }
        .leave(&data)
        .with_context(|| format!("no file can be written in {}", data.display()))?;

    let topic = service.config.arrivals.sns.clone().map(|place| Topic::new(place, fetch_over_http(http.clone())));
    let leaving = CancellationToken::new();
    let authenticator = Authenticator::new(admin_token.clone(), verifier);
    let arrivals = Arrivals::new(topic);
    let router = http::router(service.clone(), authenticator, arrivals, reached.place, leaving.clone());
    let stop_api = CancellationToken::new();
    let listening = Listening { listener, max_connections, stop: stop_api.clone(), counted_by: Some(service.clone()) };
    let api_task = tokio::spawn(listen::serve(listening, move |request, address| {
        let mut request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(axum::extract::ConnectInfo::<SocketAddr>(address));
        let router = router.clone();
        async move {
            match tower::ServiceExt::oneshot(router, request).await {
                Ok(response) => response,
                Err(impossible) => match impossible {},
            }
        }
    }));
    let embedded = reached.embedded.map(|(task, store)| {
        if let Some(pace) = pace {
            keep_store_sound(store.clone(), pace, task.stop.clone());
        }
        keep_store_tidy(store, task.stop.clone());
        task
    });
    keep_up(service.clone(), stop_api.clone());
    second::keep(&service, &stop_api);
    keep_audit_filed(service.clone(), stop_api.clone());
    let pictures_task = keep_pictures_made(&service, &stop_api);
    Ok(Running { service, api, store, admin_token, http, leaving, api_task, pictures_task, stop_api, embedded })
}

impl Running {
    /// Tells whoever watches that it is about to end, and goes on serving for as long as they were said to need.
    pub async fn drain(&self) {
        self.leaving.cancel();
        tokio::time::sleep(self.service.config.server.drain).await;
    }

    /// Accepts nothing more, and returns when what is in flight is finished.
    pub async fn stop(self) {
        self.stop_api.cancel();
        let _ = self.api_task.await;
        let _ = self.pictures_task.await;
        // The requests above may have needed the store until the end.
        if let Some(EmbeddedTask { task, stop }) = self.embedded {
            stop.cancel();
            let _ = task.await;
        }
    }
}

/// A service for a command: it uses the store of a running one, or opens it for as long as the command lasts.
pub async fn for_command(config: Config) -> anyhow::Result<Service> {
    let storage = storage_for(&config, Uses::Service).await?;
    let mirror = second::second(&config, &http_client()?, &Clock::system(), &Random::system()).await?;
    let db = database(&config).await?;
    let demands = Demands::of(config.server.max_concurrent_requests);
    let transforms = transforms(&config)?;
    Ok(Service::new(Parts {
        config,
        audit: AuditLog::new(db.clone()),
        db,
        storage,
        mirror: mirror.map(|(mirror, _)| mirror),
        transforms,
        demands,
        recent: Recent::default(),
        places: Places::default(),
        clock: Clock::system(),
        random: Random::system(),
        metrics: Metrics::new(),
    }))
}

/// What signs transforms, for a command: URLs lead to the service that runs, or ran last, over this data folder.
pub fn transforms(config: &Config) -> anyhow::Result<Transforms> {
    let signing_secret = Secret::new(secrets(config)?.signing_secret);
    let api = match Addresses::find(&config.data) {
        Some(running) => running.api,
        None => config.server.public_url(config.server.listen),
    };
    Ok(Transforms::of(config, &signing_secret, api))
}

/// The storage with its operator, if there is one: that of a running service, or opened for as long as a command lasts.
pub async fn storage_for_operator(config: &Config) -> anyhow::Result<Storage> {
    storage_for(config, Uses::Operator).await
}

async fn storage_for(config: &Config, uses: Uses) -> anyhow::Result<Storage> {
    let (clock, random, http) = (Clock::system(), Random::system(), http_client()?);
    secrets::create_folder(&config.data)?;
    let secrets = Secrets::open(&config.data, &random)?;
    let mut config = config.clone();
    if let config::Place::Embedded(embedded) = &mut config.storage.place {
        // The service may run, and then it has the configured port.
        embedded.listen.set_port(0);
    }
    match reach(&config, &secrets, Vec::new(), uses, &http, &clock, &random).await {
        Ok(Reached { storage, embedded, .. }) => {
            if let Some((_, store)) = embedded {
                // No service runs that would do it.
                store.sweep().await.context("the store could not be swept")?;
            }
            Ok(storage)
        }
        Err(error) if is_taken(&error) => {
            let running = Addresses::find(&config.data)
                .context("the store is in use by another process, and nothing says where it can be reached")?;
            let config::Place::Embedded(embedded) = &config.storage.place else { return Err(error) };
            let counts = Counts::default();
            let keyring = Keyring::fixed(&uses.identities(embedded::identities(embedded, &secrets)), &clock, &counts)?;
            let line = Line::new(http, clock.clone(), random.clone(), counts);
            let endpoint = Endpoint::custom(&running.store, embedded::REGION)?;
            storage(endpoint.clone(), endpoint, embedded::BUCKET, &config, keyring, &line)
        }
        Err(error) => Err(error),
    }
}

/// Who uses the storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Uses {
    /// The service, or a command that does what it does; never the operator.
    Service,
    /// A command that looks at the bucket itself.
    Operator,
}

impl Uses {
    fn identities<C>(self, mut identities: Identities<C>) -> Identities<C> {
        if self == Self::Service {
            identities.operator = None;
        }
        identities
    }
}

fn is_taken(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref::<embedded::Error>(), Some(embedded::Error::Open(OpenError::Busy(_))))
}

/// The database alone, for commands that need no storage.
pub async fn database(config: &Config) -> anyhow::Result<Db> {
    secrets::create_folder(&config.data)?;
    match &config.database {
        config::Database::Sqlite => Db::open(&sqlite_file(&config.data)).context("the database cannot be opened"),
        config::Database::Postgres { address, max_connections } => {
            Ok(Db::connect(Address::clone(address), *max_connections as usize).await?)
        }
    }
}

/// Where the database lies that needs no server.
pub fn sqlite_file(data: &std::path::Path) -> std::path::PathBuf {
    data.join(DATABASE)
}

/// The generated secrets alone.
pub fn secrets(config: &Config) -> anyhow::Result<Secrets> {
    secrets::create_folder(&config.data)?;
    Ok(Secrets::open(&config.data, &Random::system())?)
}

/// Sets the storage up: the embedded store with its listener, or a bucket elsewhere.
async fn reach(
    config: &Config,
    secrets: &Secrets,
    pages: Vec<String>,
    uses: Uses,
    http: &reqwest::Client,
    clock: &Clock,
    random: &Random,
) -> anyhow::Result<Reached> {
    let embedded = match &config.storage.place {
        config::Place::Embedded(embedded) => embedded,
        config::Place::External(external) => return elsewhere(config, external, uses, http, clock, random).await,
    };
    let identities = embedded::identities(embedded, secrets);
    let store = embedded::open(config, &identities, pages, clock, random).await?;
    let listener = bind(embedded.listen, "storage.listen")?;
    let address = listener.local_addr().context("the store's own address is not known")?;
    let endpoint = embedded.public_endpoint(address);
    let inside = Endpoint::custom(&format!("http://{}", reachable(address)), embedded::REGION)?;
    let outside = Endpoint::custom(&endpoint, embedded::REGION)?;
    let counts = Counts::default();
    let keyring = Keyring::fixed(&uses.identities(identities), clock, &counts)?;
    let line = Line::new(http.clone(), clock.clone(), random.clone(), counts.clone());
    let storage = storage(inside, outside, embedded::BUCKET, config, keyring, &line)?;
    let stop = CancellationToken::new();
    let listening = Listening { listener, max_connections: STORE_CONNECTIONS, stop: stop.clone(), counted_by: None };
    let served = store.clone();
    let task = tokio::spawn(listen::serve(listening, move |request, _| {
        let store = served.clone();
        async move { store.call(request).await }
    }));
    let place = Place { kind: "embedded", region: embedded::REGION.to_owned(), endpoint };
    Ok(Reached { storage, place, counts, embedded: Some((EmbeddedTask { task, stop }, store)) })
}

/// A bucket of another store.
async fn elsewhere(
    config: &Config,
    external: &External,
    uses: Uses,
    http: &reqwest::Client,
    clock: &Clock,
    random: &Random,
) -> anyhow::Result<Reached> {
    let public = external.public_endpoint.as_ref().unwrap_or(&external.endpoint);
    let addressing = match external.addressing {
        config::Addressing::Path => Addressing::Path,
        config::Addressing::VirtualHost => Addressing::VirtualHost,
    };
    let endpoint = |url: &str| anyhow::Ok(Endpoint::custom(url, &external.region)?.with_addressing(addressing));
    let (inside, outside) = (endpoint(external.endpoint.as_str())?, endpoint(public.as_str())?);
    // Pages load from the host that links name, which has the bucket in front of it in one style.
    let origin = match addressing {
        Addressing::VirtualHost => public.as_str().replacen("://", &format!("://{}.", external.bucket), 1),
        _ => public.as_str().to_owned(),
    };
    let counts = Counts::default();
    let identities = uses.identities(external.identities.clone());
    let keyring = Keyring::open(&identities, &external.region, http, clock, &counts).await?;
    let line = Line::new(http.clone(), clock.clone(), random.clone(), counts.clone());
    let storage = storage(inside, outside, &external.bucket, config, keyring, &line)?;
    let place = Place { kind: "s3", region: external.region.clone(), endpoint: origin };
    Ok(Reached { storage, place, counts, embedded: None })
}

fn storage(
    endpoint: Endpoint,
    public_endpoint: Endpoint,
    bucket: &str,
    config: &Config,
    keyring: Keyring,
    line: &Line,
) -> anyhow::Result<Storage> {
    let settings = Settings {
        endpoint,
        public_endpoint,
        bucket: bucket.to_owned(),
        buckets_of_spaces: config.buckets_of_spaces().into_iter().map(str::to_owned).collect(),
        location: Location::new(&config.storage.location)?,
        profile: config.storage.profile,
        keyring,
    };
    Ok(Storage::new(settings, line)?)
}

/// Must be called within a runtime.
fn bind(address: SocketAddr, key: &str) -> anyhow::Result<TcpListener> {
    listen::bind(address).with_context(|| {
        format!("nothing can listen on {address}: another program may have it; set {key} to another port, or to port 0 for a free one")
    })
}

/// An address that this machine reaches the listener under: one cannot connect to 0.0.0.0 everywhere.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        let loopback = if address.is_ipv4() { [127, 0, 0, 1].into() } else { std::net::Ipv6Addr::LOCALHOST.into() };
        address.set_ip(loopback);
    }
    address
}

/// The origins that the service's own pages may have.
fn pages(api: &str, address: SocketAddr) -> Vec<String> {
    let mut pages = vec![api.to_owned()];
    if address.ip().is_loopback() {
        pages.push(format!("http://localhost:{}", address.port()));
        pages.push(format!("http://{address}"));
    }
    pages
}

/// The client that everything is sent with.
pub fn http_client() -> anyhow::Result<reqwest::Client> {
    // It fails only when a provider is there already, and then there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(5))
        .read_timeout(Duration::from_mins(1))
        .redirect(reqwest::redirect::Policy::none())
        .tcp_nodelay(true)
        .user_agent(concat!("strongroom/", env!("CARGO_PKG_VERSION")))
        .build()
        .context("no HTTP client can be made")
}

/// Waits for so long; false if the service stops meanwhile.
async fn rest(time: Duration, stop: &CancellationToken) -> bool {
    stop.run_until_cancelled(tokio::time::sleep(time)).await.is_some()
}

/// Runs the clean-up again and again until the service stops.
fn keep_up(service: Service, stop: CancellationToken) {
    let interval = service.config.cleanup.interval;
    let cleanup = &service.config.cleanup;
    let terms = crate::upkeep::Terms { grace: cleanup.grace, unclaimed: cleanup.unclaimed, dry_run: false };
    tokio::spawn(async move {
        while rest(interval, &stop).await {
            match crate::upkeep::run(&service, terms).await {
                Ok(report) => {
                    tracing::debug!(?report, "cleaned up");
                    if report.failed > 0 {
                        service.metrics.cleanup_failed();
                    }
                }
                Err(error) => {
                    service.metrics.cleanup_failed();
                    tracing::warn!(%error, "the clean-up stopped; it will try again");
                }
            }
        }
    });
}

/// Files the audit log's entries under their objects, a few seconds after they were written.
fn keep_audit_filed(service: Service, stop: CancellationToken) {
    tokio::spawn(async move {
        while rest(FILING, &stop).await {
            if let Err(error) = service.audit.file(service.now()).await {
                tracing::warn!(%error, "the audit log could not be filed; it will be tried again");
            }
        }
    });
}

/// Has pictures made into their variants, those that are there already too. The task ends when whatever was in the
/// making is left to others.
fn keep_pictures_made(service: &Service, stop: &CancellationToken) -> JoinHandle<()> {
    let (watched, ended) = (service.clone(), stop.clone());
    tokio::spawn(async move { pictures::watch(&watched, &ended).await });
    let (working, ended) = (service.clone(), stop.clone());
    let task = tokio::spawn(async move { pictures::keep(&working, &ended).await });
    let (service, stop) = (service.clone(), stop.clone());
    tokio::spawn(async move { pictures::catch_up(&service, &stop).await });
    task
}

/// Lets the embedded store clear its own leavings: those of a crash at once, and others now and then.
fn keep_store_tidy(store: Store, stop: CancellationToken) {
    tokio::spawn(async move {
        loop {
            match store.sweep().await {
                Ok(swept) => tracing::debug!(?swept, "the store was swept"),
                Err(error) => tracing::warn!(%error, "the store's sweep stopped; it will try again"),
            }
            if !rest(Duration::from_hours(1), &stop).await {
                return;
            }
        }
    });
}

/// Lets the embedded store find out by itself whether its disk still holds what was written.
fn keep_store_sound(store: Store, pace: Pace, stop: CancellationToken) {
    tokio::spawn(async move {
        stop.run_until_cancelled(store.keep_scrubbing(pace)).await;
    });
}
