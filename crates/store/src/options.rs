//! What a store is opened with.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::access::Identity;
use crate::cors::Cors;

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// Gives 128 bits nobody can guess; the keys of encryption, upload ids and request ids are made of them.
pub type Random = Arc<dyn Fn() -> u128 + Send + Sync>;

/// What a store is opened with. `Options::new` has a default for all but the first.
#[derive(Clone)]
pub struct Options {
    /// The folder that holds everything. It is made if it is missing, and belongs to one process at a time.
    pub folder: PathBuf,
    /// The region that signatures must name.
    pub region: String,
    /// Buckets that are made at opening if they are missing.
    pub buckets: Vec<String>,
    /// Who may do what.
    pub identities: Vec<Identity>,
    /// Which web pages may call the store from a browser.
    pub cors: Cors,
    /// Host names under which a bucket may stand as the first label: with `s3.localhost` here, requests to
    /// `photos.s3.localhost` are for the bucket `photos`. Path style always works.
    pub domains: Vec<String>,
    /// Whether Signature Version 2 is taken besides Version 4. It signs less of a request, so it is off unless a client
    /// that knows nothing newer needs it.
    pub signature_version_2: bool,
    /// Bounds on what a request may cost.
    pub limits: Limits,
    /// The time.
    pub clock: Clock,
    /// The luck.
    pub random: Random,
}

impl Options {
    /// A store in `folder` with no buckets, no identities and the default limits.
    pub fn new(folder: impl Into<PathBuf>, clock: Clock, random: Random) -> Self {
        Self {
            folder: folder.into(),
            region: "us-east-1".to_owned(),
            buckets: Vec::new(),
            identities: Vec::new(),
            cors: Cors::default(),
            domains: Vec::new(),
            signature_version_2: false,
            limits: Limits::default(),
            clock,
            random,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Options")
            .field("folder", &self.folder)
            .field("region", &self.region)
            .field("buckets", &self.buckets)
            .field("identities", &self.identities)
            .field("cors", &self.cors)
            .field("domains", &self.domains)
            .field("signature_version_2", &self.signature_version_2)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Bounds on what a request may cost.
#[derive(Debug, Clone)]
pub struct Limits {
    /// How many bodies may be arriving at once, documents included; one more is answered `SlowDown` (503). Default 256.
    pub uploads: usize,
    /// How many of them may be of one access key, so that none takes the places of all others. Default 192.
    pub uploads_per_key: usize,
    /// How many bytes of the disk stay free: what would take more is answered `InsufficientStorage` (507), and what
    /// makes room is not. Half of it, and at most 32 MiB, is kept in a file that is given up when others fill the disk.
    /// Default 256 MiB.
    pub min_free: u64,
    /// The largest object in bytes, however it is sent. Default 5 TiB, as S3.
    pub object_bytes: u64,
    /// The largest XML document in bytes. Default 4 MiB, which holds the longest list of parts.
    pub xml_bytes: usize,
    /// The most that may come before the file in a form, in bytes. Default 64 KiB.
    pub form_bytes: usize,
    /// How long a body may stand still. Default 30 seconds.
    pub idle: Duration,
    /// The least a body must bring while it is waited for, in bytes a second, taken over `idle`. Without it whoever has
    /// one link could hold all the places in `uploads` with a byte now and then. Default 1,024.
    pub slowest: u32,
    /// How old a multipart upload may grow before the sweep aborts it. Default 7 days.
    pub upload_age: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            uploads: 256,
            uploads_per_key: 192,
            min_free: 256 << 20,
            object_bytes: 5 << 40,
            xml_bytes: 4 << 20,
            form_bytes: 64 << 10,
            idle: Duration::from_secs(30),
            slowest: 1024,
            upload_age: Duration::from_hours(7 * 24),
        }
    }
}
