//! Import: every file of a manifest becomes the version it was, in parts if it was, at the time it was.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use tokio::task::JoinSet;

use super::{BucketEntry, Entry, Line, Manifest, Marker, TransferError};
use crate::body::STRETCH;
use crate::checksum::{Algorithm, Sums, composed_etag};
use crate::content::{Contents, Incoming, Placed, Written};
use crate::encryption::{Asked, Sealing};
use crate::fault::{Code, Fault};
use crate::index::buckets::{Bucket, Rules, Versioning};
use crate::index::composed::{self, ComposedPart};
use crate::index::history::{self, Kept};
use crate::index::objects::{self, Object};
use crate::index::{bodies, buckets, signed, versions};
use crate::inspect::Progress;
use crate::publish::whole;
use crate::space::Room;
use crate::store::{Inner, Store};
use crate::time::Moment;

/// How many keys are imported at once, so that they share their syncs.
const AT_ONCE: usize = 32;

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// Objects that are now there because of it.
    pub objects: u64,
    /// Earlier versions and delete markers that are now there because of it.
    pub versions: u64,
    /// What was there already, the same or newer.
    pub there: u64,
    /// The bytes of what it brought in.
    pub bytes: u64,
    /// What could not be brought in, each with the reason.
    pub failed: Vec<String>,
}

/// A version that is to be brought in.
struct Item {
    bucket: String,
    key: String,
    /// What it becomes; its body comes with its bytes.
    kept: Kept,
    /// Whether its name and its place among the versions of its key are its own, and it can be put back under them.
    named: bool,
    /// Whether the store is to encrypt it with its master key.
    encrypted: bool,
    /// Its file and the parts that make it up, unless it is a delete marker.
    file: Option<(PathBuf, Vec<(u32, u64)>)>,
}

/// How a version is brought in.
#[derive(Clone, Copy)]
enum Way {
    /// Not at all: it is there, or something newer.
    There,
    /// Under its own name.
    Back,
    /// As the latest version of its key, under another name if it needs one.
    Anew,
}

/// The versions of one key, each with what became of it.
type Ended = Vec<(Arc<Item>, Result<Way, Fault>)>;

impl Store {
    /// Brings in everything that a manifest names. An object that is there already and is newer stays. An import that
    /// was interrupted goes on where it stopped, and one that is repeated changes nothing. `tell` hears how much of the
    /// whole is done with.
    pub async fn import(&self, manifest: &Manifest, mut tell: impl FnMut(Progress)) -> Result<Imported, TransferError> {
        let (mut imported, mut progress) = (Imported::default(), Progress::default());
        let mut running = JoinSet::new();
        let mut key: Vec<Item> = Vec::new();
        for line in manifest.lines()? {
            let item = match line? {
                Line::StrongroomExport(_) => continue,
                Line::Bucket(bucket) => {
                    self.import_bucket(bucket).await?;
                    continue;
                }
                Line::Object(entry) => Item::of_object(*entry, manifest),
                Line::DeleteMarker(marker) => Item::of_marker(marker),
            };
            if key.last().is_some_and(|last| (&last.bucket, &last.key) != (&item.bucket, &item.key)) {
                if running.len() >= AT_ONCE {
                    note(running.join_next().await, &mut imported, &mut progress);
                    tell(progress);
                }
                running.spawn(import_key(Arc::clone(self.inner()), std::mem::take(&mut key)));
            }
            key.push(item);
        }
        running.spawn(import_key(Arc::clone(self.inner()), key));
        while let Some(ended) = running.join_next().await {
            note(Some(ended), &mut imported, &mut progress);
            tell(progress);
        }
        Ok(imported)
    }

    /// Makes a bucket that is not there. It is configured as it was, and so is one that still is as it was made; any
    /// other stays as it is.
    async fn import_bucket(&self, bucket: BucketEntry) -> Result<(), Fault> {
        let BucketEntry { name, created, versioning, cors, lifecycle, object_lock } = bucket;
        let versioning = match versioning.as_deref() {
            None => Versioning::Never,
            Some("Enabled") => Versioning::Enabled,
            Some(_) => Versioning::Suspended,
        };
        let make = move |connection: &Connection| {
            let made = buckets::create(connection, &name, Moment(created))?;
            let id = buckets::id(connection, &name)?;
            if made || buckets::is_untouched(connection, id)? {
                buckets::set_versioning(connection, id, versioning)?;
                buckets::set_rules(connection, id, Rules::Cors, cors.as_ref())?;
                buckets::set_rules(connection, id, Rules::Lifecycle, lifecycle.as_ref())?;
                buckets::set_rules(connection, id, Rules::ObjectLock, object_lock.as_ref())?;
            }
            Ok(((), Vec::new()))
        };
        self.inner().commit(None, make).await
    }
}

fn note(ended: Option<Result<Ended, tokio::task::JoinError>>, imported: &mut Imported, progress: &mut Progress) {
    let ended = match ended {
        None => return,
        Some(Err(error)) => return imported.failed.push(error.to_string()),
        Some(Ok(ended)) => ended,
    };
    for (item, outcome) in ended {
        let bytes = item.kept.object.bytes;
        progress.contents += 1;
        progress.bytes = progress.bytes.saturating_add(bytes);
        match outcome {
            Err(fault) => imported.failed.push(format!("{item}: {fault}")),
            Ok(Way::There) => imported.there += 1,
            Ok(Way::Back | Way::Anew) => {
                imported.bytes += bytes;
                if item.is_object() {
                    imported.objects += 1;
                } else {
                    imported.versions += 1;
                }
            }
        }
    }
}

impl Item {
    fn of_object(entry: Entry, manifest: &Manifest) -> Self {
        let Entry {
            bucket,
            key,
            path,
            bytes,
            etag,
            modified,
            headers,
            checksums,
            tags,
            lock,
            encrypted,
            parts,
            version,
        } = entry;
        let count = parts.as_ref().and_then(|parts| u32::try_from(parts.len()).ok());
        let object = Object {
            body: 0,
            bytes,
            etag,
            modified: Moment(modified),
            parts: count,
            headers,
            checksums,
            version: versions::NULL.to_owned(),
            sequence: 0,
            tags,
            lock,
            encryption: None,
        };
        let named = version.is_some();
        let kept = match version {
            Some(version) => version.kept(object),
            None => Kept { object, superseded: None },
        };
        let file = (manifest.file(&path), parts.unwrap_or_else(|| vec![(1, bytes)]));
        Self { bucket, key, kept, named, encrypted, file: Some(file) }
    }

    fn of_marker(marker: Marker) -> Self {
        let Marker { bucket, key, modified, version } = marker;
        let kept = version.kept(versions::marker(versions::NULL, 0, Moment(modified)));
        Self { bucket, key, kept, named: true, encrypted: false, file: None }
    }

    /// Whether it is the object of its key.
    fn is_object(&self) -> bool {
        self.file.is_some() && self.kept.superseded.is_none()
    }

    /// How it is brought in, if it can be.
    fn way(&self, connection: &Connection, bucket: Bucket) -> Result<Way, Fault> {
        let Kept { object, superseded } = &self.kept;
        if self.named
            && let Some(found) = versions::find(connection, bucket.id, &self.key, &object.version)?
            && self.is(&found.object)
        {
            return Ok(Way::There);
        }
        if superseded.is_none() {
            let mut latest = objects::find(connection, bucket.id, &self.key)?;
            if latest.is_none() && self.named {
                latest = versions::hiding_marker(connection, bucket.id, &self.key)?;
            }
            if latest.is_some_and(|latest| self.is(&latest) || latest.modified > object.modified) {
                return Ok(Way::There);
            }
        }
        if self.named && history::fits(connection, bucket, &self.key, &self.kept)? {
            return Ok(Way::Back);
        }
        if self.is_object() {
            return Ok(Way::Anew);
        }
        let why = match bucket.versioning {
            Versioning::Never => "its bucket keeps no versions here",
            Versioning::Enabled | Versioning::Suspended => {
                "another version has its name or its place among those of its key"
            }
        };
        Err(Fault::new(Code::InvalidRequest, format!("{why}: import it into a store where the bucket is empty")))
    }

    /// Whether a version is this one.
    fn is(&self, other: &Object) -> bool {
        let told = |object: &Object| (object.bytes, object.etag.clone(), object.modified.0);
        told(&self.kept.object) == told(other) && other.is_marker() == self.file.is_none()
    }
}

impl std::fmt::Display for Item {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.bucket, self.key)?;
        if self.is_object() { Ok(()) } else { write!(formatter, ", version {}", self.kept.object.version) }
    }
}

/// Brings in versions of a key, one after the other: the latest comes first, and the others are put behind it.
async fn import_key(store: Arc<Inner>, items: Vec<Item>) -> Ended {
    let mut ended = Vec::new();
    for item in items {
        let item = Arc::new(item);
        let outcome = import(&store, &item).await;
        ended.push((item, outcome));
    }
    ended
}

async fn import(store: &Arc<Inner>, item: &Arc<Item>) -> Result<Way, Fault> {
    let way = store.index.read(|connection| item.way(connection, buckets::find(connection, &item.bucket)?))?;
    if matches!(way, Way::There) {
        return Ok(way);
    }
    let room = store.space.reserve(item.kept.object.bytes)?;
    let mut object = item.kept.object.clone();
    let mut placed = Vec::new();
    let mut composed: Vec<ComposedPart> = Vec::new();
    if let Some((file, parts)) = &item.file {
        let protection = store.protect(if item.encrypted { &Asked::Store } else { &Asked::Nothing }).await?;
        let (sealing, sealed) = (Arc::clone(store), protection.clone());
        let (contents, file, parts) = (Arc::clone(&store.contents), file.clone(), parts.clone());
        let asked: Vec<Algorithm> = object.checksums.values.keys().copied().collect();
        let placing = tokio::task::spawn_blocking(move || {
            place(&contents, &file, &parts, &asked, || sealing.seal(&sealed), room)
        });
        placed = placing.await??;
        check(&object, &placed.iter().map(|(_, _, sums)| sums).collect::<Vec<_>>())?;
        object.body = signed(store.contents.number());
        object.encryption = protection.encryption;
        if object.parts.is_some() {
            let algorithm = object.checksums.values.keys().next().copied().unwrap_or(Algorithm::Crc64nvme);
            let noted = |(part, _, sums): &(u32, _, Sums)| {
                ComposedPart::new(*part, sums.bytes, &sums.kept(Some(algorithm)), algorithm)
            };
            composed = placed.iter().map(noted).collect();
        }
    }
    let notes: Vec<(u32, Written)> =
        placed.iter().filter_map(|(part, placed, _)| Some((*part, placed.as_ref()?.written()))).collect();
    let placed: Vec<Placed> = placed.into_iter().filter_map(|(_, placed, _)| placed).collect();
    let (item, now, luck) = (Arc::clone(item), store.now(), store.luck());
    store
        .commit(placed, move |connection| {
            let bucket = buckets::find(connection, &item.bucket)?;
            let mut segments = Vec::new();
            for (part, written) in notes {
                bodies::add_content(connection, &written)?;
                segments.push(bodies::Segment { part, ..whole(&written) });
            }
            bodies::compose(connection, object.body, &segments)?;
            composed::note(connection, object.body, &composed)?;
            let way = item.way(connection, bucket)?;
            let freed = match way {
                Way::There => return Err(Fault::new(Code::OperationAborted, "it came from elsewhere meanwhile")),
                Way::Anew => {
                    let object = Object { version: versions::NULL.to_owned(), sequence: 0, ..object };
                    versions::put(connection, bucket, &item.key, &object, (now, luck))?.freed
                }
                Way::Back => {
                    let kept = Kept { object, superseded: item.kept.superseded };
                    history::put_back(connection, bucket, &item.key, &kept, now)?;
                    Vec::new()
                }
            };
            Ok((way, freed))
        })
        .await
}

/// Takes a file in, part by part. An empty part has no content.
fn place(
    contents: &Arc<Contents>,
    path: &Path,
    parts: &[(u32, u64)],
    asked: &[Algorithm],
    seal: impl Fn() -> Option<Sealing>,
    mut room: Room,
) -> Result<Vec<(u32, Option<Placed>, Sums)>, Fault> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; STRETCH];
    let mut placed = Vec::new();
    for (part, bytes) in parts {
        let mut incoming = Incoming::begin(contents, asked, seal())?;
        let mut left = *bytes;
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(STRETCH).min(STRETCH);
            let length = file.read(&mut buffer[..wanted])?;
            if length == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "its file is too short").into());
            }
            incoming.write(&buffer[..length])?;
            room.written(length as u64);
            left -= length as u64;
        }
        let (finished, sums) = incoming.finish()?;
        let content = if *bytes > 0 { Some(finished.place()?) } else { None };
        placed.push((*part, content, sums));
    }
    if file.read(&mut buffer)? > 0 {
        return Err(Fault::new(Code::BadDigest, "its file is too long"));
    }
    Ok(placed)
}

/// Holds what came to the tag and the checksums of what was exported.
fn check(object: &Object, sums: &[&Sums]) -> Result<(), Fault> {
    let etag = match (object.parts, sums) {
        (None, [only]) => only.etag(),
        _ => composed_etag(sums.iter().map(|sums| sums.md5.as_slice()).collect::<Vec<_>>().into_iter()),
    };
    let mut right = etag == object.etag;
    if let (None, [only]) = (object.parts, sums) {
        for algorithm in object.checksums.values.keys() {
            right &= only.kept(Some(*algorithm)).values.get(algorithm) == object.checksums.values.get(algorithm);
        }
    }
    if right { Ok(()) } else { Err(Fault::new(Code::BadDigest, "its file is not what was exported")) }
}
