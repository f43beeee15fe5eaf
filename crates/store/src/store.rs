//! The store itself: opened on a folder, called with requests, swept of leavings.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::HeaderValue;
use http::request::Parts;
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use prometheus_client::registry::Registry;
use rusqlite::Connection;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::access::{Action, Identity};
use crate::authentication::Authentication;
use crate::body::Body;
use crate::call::Call;
use crate::conditions::Conditions;
use crate::content::{Contents, Outcome, Placed, Swept, sync_folder};
use crate::cors::{self, Cors, CorsRule};
use crate::encryption::{Secret, look_for_master};
use crate::fault::Fault;
use crate::index::buckets::Rules;
use crate::index::uploads::PARTS_AT_ONCE;
use crate::index::{Index, bodies, buckets, uploads};
use crate::keyring::{KeyringError, Watch};
use crate::lifecycle;
use crate::metrics::Metrics;
use crate::operation::{self, Operation};
use crate::options::{Clock, Limits, Options, Random};
use crate::payload::{Inbound, Payload};
use crate::places::{Place, Places};
use crate::space::Space;
use crate::target::{Query, Target, check_new_bucket};
use crate::time::Moment;

/// What stands in the file `format`. A store that finds anything else leaves the folder alone.
const FORMAT: &str = "strongroom-store 1\n";

/// How long a repeated completion of a multipart upload is answered as the first one was.
const COMPLETION_AGE: Duration = Duration::from_hours(24);

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or a file in it cannot be used.
    #[error("the store's folder {path} cannot be used: {source}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process works on the folder.
    #[error("the store's folder {0} is in use by another process: stop that one first, or choose another folder")]
    Busy(PathBuf),
    /// The folder was written by another version of the store.
    #[error(
        "the store's folder {path} has the format {found:?}, and this program knows only {FORMAT:?}: run the newer program"
    )]
    Format {
        /// The folder.
        path: PathBuf,
        /// What its file `format` says.
        found: String,
    },
    /// The index cannot be opened.
    #[error("the store's index cannot be opened: {0}")]
    Index(#[from] strongroom_sqlite::Error),
    /// The index was opened and does not work.
    #[error("the store's index cannot be used: {0}")]
    Unusable(String),
    /// The access keys cannot be read.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// A bucket that was asked for has a name that S3 does not allow.
    #[error("{name:?} cannot be the name of a bucket: {rule}")]
    Bucket {
        /// The name.
        name: String,
        /// The rule it breaks.
        rule: &'static str,
    },
}

/// An open store. Clones share it.
#[derive(Debug, Clone)]
pub struct Store(Arc<Inner>);

/// What the operations share.
pub(crate) struct Inner {
    /// The index.
    pub(crate) index: Index,
    /// The contents on disk.
    pub(crate) contents: Arc<Contents>,
    /// Whose signatures are known.
    pub(crate) authentication: Authentication,
    /// The bounds.
    pub(crate) limits: Limits,
    domains: Vec<String>,
    cors: Cors,
    /// The places for bodies that are arriving.
    pub(crate) places: Places,
    /// Room on the disk.
    pub(crate) space: Arc<Space>,
    /// What is counted.
    pub(crate) metrics: Metrics,
    /// What encrypts for those who asked the store to, once it was needed.
    pub(crate) master_key: OnceCell<Secret>,
    folder: PathBuf,
    clock: Clock,
    random: Random,
    /// Held for as long as the store is open.
    _lock: File,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Inner").field("contents", &self.contents).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens or creates a store and ensures its buckets. That takes the same time however much is stored; what an
    /// earlier crash left lies there until the next `sweep`.
    pub async fn open(options: Options) -> Result<Self, OpenError> {
        for name in &options.buckets {
            check_new_bucket(name).map_err(|rule| OpenError::Bucket { name: name.clone(), rule })?;
        }
        let unusable = |fault: Fault| OpenError::Unusable(fault.to_string());
        let folder = options.folder.clone();
        let space = Arc::new(Space::new(&folder, options.limits.min_free));
        let disk = Arc::clone(&space);
        let opening = tokio::task::spawn_blocking(move || {
            let lock = claim(&folder)?;
            // The index needs a little room even to be opened.
            disk.release_reserve();
            let keyring = Watch::open(&folder)?;
            let index = Index::open(&folder.join("index.sqlite"))?;
            let highest = index.read(bodies::highest).map_err(unusable)?;
            let contents = Contents::open(&folder, highest)
                .map_err(|source| OpenError::Folder { path: folder.clone(), source })?;
            disk.keep_reserve();
            // Everything else can be read and written without it.
            if let Err(fault) = index.read(|connection| look_for_master(&folder, connection)) {
                tracing::error!("{fault}");
            }
            Ok::<_, OpenError>((lock, keyring, index, Arc::new(contents)))
        });
        let (lock, keyring, index, contents) =
            opening.await.map_err(|error| OpenError::Unusable(error.to_string()))??;
        let store = Self(Arc::new(Inner {
            index,
            contents,
            authentication: Authentication::new(
                &options.region,
                options.identities,
                options.signature_version_2.then_some(&options.domains),
                keyring,
            ),
            places: Places::new(options.limits.uploads, options.limits.uploads_per_key),
            space,
            metrics: Metrics::new(),
            master_key: OnceCell::new(),
            folder: options.folder,
            limits: options.limits,
            domains: options.domains,
            cors: options.cors,
            clock: options.clock,
            random: options.random,
            _lock: lock,
        }));
        let now = store.0.now();
        for name in options.buckets {
            // Nothing is written where everything is there already, so that a store on a full disk opens.
            let there = store.0.index.read(|connection| buckets::exists(connection, &name)).map_err(unusable)?;
            if !there {
                let make = move |connection: &Connection| buckets::create(connection, &name, now);
                store.0.index.write(make).await.map_err(unusable)?;
            }
        }
        Ok(store)
    }

    /// Answers one request. It may come from any HTTP server; bounding connections and heads is that server's part.
    pub async fn call<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (mut parts, body) = request.into_parts();
        let request_id = format!("{:016X}", self.0.random() >> 64);
        let begun = Instant::now();
        let received = self.0.metrics.received.clone();
        let inbound = Inbound::new(body.map_err(Into::into).boxed_unsync(), &parts.headers, &self.0.limits, received);
        let rules = self.0.cors_rules(&parts);
        let mut operation = String::from("none");
        let answer = if parts.method == Method::OPTIONS {
            cors::preflight(&rules, &parts.headers)
        } else {
            self.0.answer(&mut parts, inbound, &mut operation).await
        };
        let mut response =
            answer.unwrap_or_else(|fault| fault.respond(parts.uri.path(), &request_id, parts.method != Method::HEAD));
        if let Ok(value) = HeaderValue::from_str(&request_id) {
            response.headers_mut().insert("x-amz-request-id", value);
        }
        cors::mark(&rules, &parts.method, &parts.headers, response.headers_mut());
        self.0.metrics.answered(operation, response.status().as_u16(), begun.elapsed());
        response.body_mut().count(self.0.metrics.sent.clone());
        response
    }

    /// Registers what the store counts, under names without a prefix of their own.
    pub fn register(&self, registry: &mut Registry) {
        self.0.metrics.register(registry, &self.0);
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.0
    }

    /// Removes what crashes and clients left: temporary files, contents nothing refers to, and multipart uploads that
    /// are too old. It may run at any time beside requests; once an hour is plenty.
    pub async fn sweep(&self) -> Result<Swept, SweepError> {
        self.0.sweep().await.map_err(SweepError)
    }

    /// Removes only temporary files and contents that nothing refers to: neither what has grown old nor what a
    /// bucket's rules end.
    pub async fn sweep_leavings(&self) -> Result<Swept, SweepError> {
        self.0.sweep_leavings().await.map_err(SweepError)
    }
}

/// Why a sweep did not come to its end. What it removed before is removed.
#[derive(Debug, thiserror::Error)]
#[error("the sweep failed: {0}")]
pub struct SweepError(Fault);

impl Inner {
    /// The time.
    pub(crate) fn now(&self) -> Moment {
        Moment::of((self.clock)())
    }

    /// 128 bits nobody can guess.
    pub(crate) fn random(&self) -> u128 {
        (self.random)()
    }

    /// Where all that nobody can guess comes from.
    pub(crate) fn luck_source(&self) -> &Random {
        &self.random
    }

    /// The folder that holds everything.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// 64 bits nobody can guess.
    pub(crate) fn luck(&self) -> u64 {
        u64::try_from(self.random() >> 64).unwrap_or_default()
    }

    /// A place among the bodies that may arrive at once.
    pub(crate) fn admit_upload(&self, identity: &Identity) -> Result<Place, Fault> {
        self.places.take(identity.access_key_id())
    }

    /// Runs a change of the index that may make contents visible and may free others, and removes the freed ones after
    /// the commit. Once begun it runs to its end, even if the client goes away.
    pub(crate) async fn commit<T: Send + 'static>(
        self: &Arc<Self>,
        placed: impl IntoIterator<Item = Placed>,
        change: impl FnOnce(&Connection) -> Result<(T, Vec<u64>), Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let store = Arc::clone(self);
        let mut placed: Vec<Placed> = placed.into_iter().collect();
        let task = tokio::spawn(async move {
            placed.iter_mut().for_each(Placed::committing);
            let result = store.index.write(change).await;
            let outcome = match &result {
                Ok(_) => Outcome::Referred,
                Err(fault) if fault.is_undone() => Outcome::Refused,
                Err(_) => Outcome::Unknown,
            };
            let settle = move || placed.into_iter().for_each(|placed| placed.settle(outcome));
            if outcome == Outcome::Refused {
                // Their files go, and a large one takes its time to go.
                tokio::task::spawn_blocking(settle).await?;
            } else {
                settle();
            }
            result.map(|(answer, freed)| {
                if !freed.is_empty() {
                    tokio::task::spawn_blocking(move || store.contents.release(&freed));
                }
                answer
            })
        });
        task.await?
    }

    /// Which pages may make this request: the rules of its bucket, or else those of the store. Only a browser says where
    /// a request comes from, so nobody else waits for the look.
    fn cors_rules(&self, parts: &Parts) -> Vec<CorsRule> {
        if !parts.headers.contains_key(http::header::ORIGIN) {
            return Vec::new();
        }
        let own = Target::of(parts, &self.domains).and_then(|target| {
            self.index.read(|connection| {
                let bucket = buckets::find(connection, &target.bucket)?;
                buckets::rules(connection, bucket.id, Rules::Cors)
            })
        });
        own.ok().flatten().unwrap_or_else(|| self.cors.rules())
    }

    /// `operation` learns what was asked for.
    async fn answer(
        self: &Arc<Self>,
        parts: &mut Parts,
        inbound: Inbound,
        operation: &mut String,
    ) -> Result<Response<Body>, Fault> {
        let now = self.now();
        let target = Target::of(parts, &self.domains)?;
        let query = Query::of(parts)?;
        let is_form = parts.method == Method::POST && target.key.is_empty() && !query.has("delete");
        if is_form && !parts.headers.contains_key(http::header::AUTHORIZATION) {
            "PostObject".clone_into(operation);
            return operation::post_form(self, parts, &target, inbound, now).await;
        }
        let (identity, verified) = self.authentication.request(parts, now)?;
        query.hoist(&mut parts.headers);
        let name = operation;
        let operation = Operation::of(&parts.method, &target, &query, &parts.headers)?;
        *name = format!("{operation:?}");
        let creates = operation == Operation::PutObject
            && Conditions::of(&parts.headers).replace_nothing()
            && identity.may(Action::Create, &target.bucket, &target.key);
        if let Some(action) = operation.action().filter(|_| !creates) {
            identity.demand(action, &target.bucket, &target.key)?;
        }
        if parts.method == Method::PUT || operation == Operation::CreateMultipartUpload {
            self.space.demand()?;
        } else if matches!(parts.method, Method::DELETE | Method::POST) {
            self.space.release_reserve();
        }
        // On a completion the checksum headers are about the object that comes of it.
        let about_body = operation != Operation::CompleteMultipartUpload;
        let payload = Payload::new(inbound, &parts.headers, &verified, about_body)?;
        let call = Call { store: self, parts, target: &target, query: &query, identity: &identity, now };
        operation.run(call, payload).await
    }

    async fn sweep(self: &Arc<Self>) -> Result<Swept, Fault> {
        let now = self.now();
        let oldest = now.before(self.limits.upload_age);
        let mut aborted = 0;
        loop {
            let (ended, more) = self
                .commit(None, move |connection| {
                    let old = uploads::begun_before(connection, oldest, PARTS_AT_ONCE)?;
                    let (ended, freed) = uploads::abort(connection, &old, PARTS_AT_ONCE)?;
                    uploads::forget_completions(connection, now.before(COMPLETION_AGE))?;
                    Ok(((ended, ended < old.len() || old.len() == PARTS_AT_ONCE), freed))
                })
                .await?;
            aborted += ended as u64;
            if !more {
                break;
            }
        }
        let expired = lifecycle::expire(self, now).await?;
        let left = self.sweep_leavings().await?;
        let swept = Swept { uploads: aborted + expired.uploads, expired: expired.versions, ..left };
        self.metrics.swept(swept);
        Ok(swept)
    }

    async fn sweep_leavings(self: &Arc<Self>) -> Result<Swept, Fault> {
        let store = Arc::clone(self);
        let sweeping = tokio::task::spawn_blocking(move || {
            store.space.keep_reserve();
            store.contents.sweep(|range| store.index.read(|connection| bodies::known(connection, &range)))
        });
        sweeping.await?
    }
}

/// Makes the folder if need be, takes its lock, and checks or writes its format.
fn claim(folder: &Path) -> Result<File, OpenError> {
    let failed = |source| OpenError::Folder { path: folder.to_owned(), source };
    create_folder(folder).map_err(failed)?;
    let lock = File::options().create(true).truncate(false).write(true).open(folder.join("lock")).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(OpenError::Busy(folder.to_owned())),
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    let path = folder.join("format");
    match check_format(folder) {
        Ok(()) => {}
        Err(OpenError::Folder { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            let fresh = folder.join("format.new");
            let write = || {
                let mut file = File::create(&fresh)?;
                file.write_all(FORMAT.as_bytes())?;
                file.sync_all()?;
                fs::rename(&fresh, &path)
            };
            write().map_err(failed)?;
        }
        Err(error) => return Err(error),
    }
    Ok(lock)
}

/// Refuses a folder that another version of the store has written.
pub(crate) fn check_format(folder: &Path) -> Result<(), OpenError> {
    match fs::read_to_string(folder.join("format")) {
        Ok(found) if found == FORMAT => Ok(()),
        Ok(found) => Err(OpenError::Format { path: folder.to_owned(), found }),
        Err(source) => Err(OpenError::Folder { path: folder.to_owned(), source }),
    }
}

/// Makes the folder and whatever is missing above it, durably: what is in a folder that a power cut takes is gone.
fn create_folder(folder: &Path) -> io::Result<()> {
    let folder = std::path::absolute(folder)?;
    let missing: Vec<&Path> = folder.ancestors().take_while(|path| !path.exists()).collect();
    fs::create_dir_all(&folder)?;
    missing.into_iter().filter_map(Path::parent).try_for_each(sync_folder)
}
