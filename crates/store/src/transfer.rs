//! Out of the store into a plain folder tree, and back: the files as people know them, and beside them a manifest with
//! all that a file system has no place for.

mod export;
mod import;
mod manifest;
mod paths;

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::checksum::Checksums;
use crate::cors::CorsRule;
use crate::fault::Fault;
use crate::index::history::Kept;
use crate::index::objects::{Headers, Object};
use crate::lifecycle::Rule;
use crate::lock::{BucketLock, Lock};
use crate::tags::Tags;
use crate::time::Moment;
pub use export::Exported;
pub use import::Imported;
pub use manifest::Manifest;

/// The manifest: a line that says what it is, a line for each bucket, and a line for each object, each earlier version
/// and each delete marker, each of them JSON. Those of one key follow one another, the latest first.
const MANIFEST: &str = "manifest.jsonl";
/// The folder of the objects' files, in a folder for each bucket.
const OBJECTS: &str = "objects";
/// The folder of the files of earlier versions, in a folder for each bucket and then for each key.
const VERSIONS: &str = "versions";
/// What the first line says.
const VERSION: u32 = 1;

/// Why an export or import ended early. What it did before is done, and the next one goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// A file or folder outside of the store cannot be used.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The store failed.
    #[error("the store failed: {0}")]
    Store(#[from] StoreFailed),
    /// The folder's names do not tell upper from lower case, and keys do.
    #[error("{0} does not tell upper from lower case in names, as keys do: choose a folder on another file system")]
    Case(PathBuf),
    /// The store changed so much meanwhile that no path stayed what it was.
    #[error("objects and folders of the same name came and went all the while: export again when the store is quieter")]
    Restless,
    /// The manifest is not one.
    #[error("line {line} of {path} is no line of a manifest: {reason}")]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
}

/// What the store's index or its contents said.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StoreFailed(Fault);

impl From<Fault> for TransferError {
    fn from(fault: Fault) -> Self {
        Self::Store(StoreFailed(fault))
    }
}

/// A line of the manifest.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
enum Line {
    /// The first.
    StrongroomExport(u32),
    /// A bucket.
    Bucket(BucketEntry),
    /// An object, or an earlier version of one.
    Object(Box<Entry>),
    /// A delete marker.
    DeleteMarker(Marker),
}

/// A bucket in the manifest.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BucketEntry {
    name: String,
    /// When it was made, in milliseconds since 1970.
    created: i64,
    /// What it does with what is replaced, if that was ever configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    versioning: Option<String>,
    /// Its own CORS rules, as the index keeps them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cors: Option<Vec<CorsRule>>,
    /// What goes by itself, as the index keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lifecycle: Option<Vec<Rule>>,
    /// What new versions are locked with, where they can be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    object_lock: Option<BucketLock>,
}

/// The place of a version among those of its key.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Version {
    /// What clients call it.
    id: String,
    /// A later version of the key has a higher one.
    sequence: i64,
    /// When a later version came, in milliseconds since 1970; the latest version of its key has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    superseded: Option<i64>,
}

impl Version {
    fn of(kept: &Kept) -> Self {
        Self {
            id: kept.object.version.clone(),
            sequence: kept.object.sequence,
            superseded: kept.superseded.map(|superseded| superseded.0),
        }
    }

    fn kept(self, object: Object) -> Kept {
        let Self { id, sequence, superseded } = self;
        Kept { object: Object { version: id, sequence, ..object }, superseded: superseded.map(Moment) }
    }
}

/// A delete marker in the manifest.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Marker {
    bucket: String,
    key: String,
    /// When the key was deleted, in milliseconds since 1970.
    modified: i64,
    version: Version,
}

/// An object in the manifest.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    bucket: String,
    key: String,
    /// Its file, below the folder of the manifest, with `/` between the names.
    path: String,
    bytes: u64,
    etag: String,
    /// When it became what it is, in milliseconds since 1970.
    modified: i64,
    headers: Headers,
    checksums: Checksums,
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    tags: Tags,
    #[serde(default, skip_serializing_if = "Lock::is_none")]
    lock: Lock,
    /// Whether the store had it encrypted with its master key, and is to again. The file is not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    encrypted: bool,
    /// The numbers and lengths of the parts it was composed of, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parts: Option<Vec<(u32, u64)>>,
    /// Its place among the versions of its key, in a bucket that keeps them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<Version>,
}
