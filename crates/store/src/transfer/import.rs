//! Import: every file of a manifest becomes the object it was, in parts if it was, at the time it was.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use tokio::task::JoinSet;

use super::{BucketEntry, Entry, Line, MANIFEST, TransferError, VERSION};
use crate::body::STRETCH;
use crate::checksum::{Algorithm, Sums, composed_etag};
use crate::content::{Contents, Incoming, Placed, Written};
use crate::encryption::{Asked, Sealing};
use crate::fault::{Code, Fault};
use crate::index::buckets::{Rules, Versioning};
use crate::index::composed::{self, ComposedPart};
use crate::index::objects::{self, Object};
use crate::index::{bodies, buckets, signed, versions};
use crate::inspect::Progress;
use crate::publish::whole;
use crate::space::Room;
use crate::store::{Inner, Store};
use crate::target::{MAX_KEY_BYTES, check_new_bucket};
use crate::time::Moment;

/// How many objects are imported at once, so that they share their syncs.
const AT_ONCE: usize = 32;

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Imported {
    /// Objects that are now there because of it.
    pub objects: u64,
    /// Objects that were there already, the same or newer.
    pub there: u64,
    /// The bytes of those it brought in.
    pub bytes: u64,
    /// Objects that could not be brought in, each with the reason.
    pub failed: Vec<String>,
}

/// What became of one object.
enum Outcome {
    Imported,
    There,
}

impl Store {
    /// Brings in everything that the manifest in `folder` names. An object that is there already and is newer stays. An
    /// import that was interrupted goes on where it stopped, and one that is repeated changes nothing.
    pub async fn import(&self, folder: &Path, mut tell: impl FnMut(Progress)) -> Result<Imported, TransferError> {
        let path = folder.join(MANIFEST);
        let failed = |source| TransferError::File { path: path.clone(), source };
        let manifest = BufReader::new(File::open(&path).map_err(failed)?);
        let mut imported = Imported::default();
        let mut running = JoinSet::new();
        for (number, text) in (1..).zip(manifest.lines()) {
            let text = text.map_err(failed)?;
            let wrong = |reason: String| TransferError::Manifest { path: path.clone(), line: number, reason };
            match (number, serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?) {
                (1, Line::StrongroomExport(VERSION)) => {}
                (1, _) => return Err(wrong(format!("it has to say {{\"strongroom-export\":{VERSION}}}"))),
                (_, Line::StrongroomExport(_)) => return Err(wrong("only the first line says that".to_owned())),
                (_, Line::Bucket(bucket)) => self.import_bucket(bucket).await.map_err(&wrong)?,
                (_, Line::Object(entry)) => {
                    let file =
                        inside(folder, &entry.path).ok_or_else(|| wrong("its path leads elsewhere".to_owned()))?;
                    if running.len() >= AT_ONCE {
                        note(running.join_next().await, &mut imported);
                        tell(Progress { contents: imported.objects + imported.there, bytes: imported.bytes });
                    }
                    let store = Arc::clone(self.inner());
                    running.spawn(async move {
                        let outcome = import(&store, &entry, &file).await;
                        (entry, outcome)
                    });
                }
            }
        }
        while let Some(ended) = running.join_next().await {
            note(Some(ended), &mut imported);
        }
        tell(Progress { contents: imported.objects + imported.there, bytes: imported.bytes });
        Ok(imported)
    }

    /// Makes a bucket that is not there, and configures it as it was. One that is there stays as it is.
    async fn import_bucket(&self, bucket: BucketEntry) -> Result<(), String> {
        let BucketEntry { name, created, versioning, cors, lifecycle, object_lock } = bucket;
        check_new_bucket(&name).map_err(|rule| format!("{name:?} cannot be the name of a bucket: {rule}"))?;
        let versioning = match versioning.as_deref() {
            None => Versioning::Never,
            Some("Enabled") => Versioning::Enabled,
            Some("Suspended") => Versioning::Suspended,
            Some(other) => return Err(format!("versioning is Enabled or Suspended, and not {other:?}")),
        };
        let make = move |connection: &rusqlite::Connection| {
            if buckets::create(connection, &name, Moment(created))? {
                let id = buckets::id(connection, &name)?;
                buckets::set_versioning(connection, id, versioning)?;
                buckets::set_rules(connection, id, Rules::Cors, cors.as_ref())?;
                buckets::set_rules(connection, id, Rules::Lifecycle, lifecycle.as_ref())?;
                buckets::set_rules(connection, id, Rules::ObjectLock, object_lock.as_ref())?;
            }
            Ok(((), Vec::new()))
        };
        self.inner().commit(None, make).await.map_err(|fault| fault.to_string())
    }
}

type Ended = Result<(Box<Entry>, Result<Outcome, Fault>), tokio::task::JoinError>;

fn note(ended: Option<Ended>, imported: &mut Imported) {
    match ended {
        None => {}
        Some(Ok((entry, Ok(Outcome::Imported)))) => {
            imported.objects += 1;
            imported.bytes += entry.bytes;
        }
        Some(Ok((_, Ok(Outcome::There)))) => imported.there += 1,
        Some(Ok((entry, Err(fault)))) => imported.failed.push(format!("{}/{}: {fault}", entry.bucket, entry.key)),
        Some(Err(error)) => imported.failed.push(error.to_string()),
    }
}

/// A path of the manifest, which must stay in its folder.
fn inside(folder: &Path, path: &str) -> Option<PathBuf> {
    let path = Path::new(path);
    path.components().all(|component| matches!(component, Component::Normal(_))).then(|| folder.join(path))
}

async fn import(store: &Arc<Inner>, entry: &Entry, file: &Path) -> Result<Outcome, Fault> {
    if entry.key.is_empty() || entry.key.len() > MAX_KEY_BYTES {
        return Err(Code::KeyTooLongError.into());
    }
    let existing = store.index.read(|connection| {
        let bucket = buckets::id(connection, &entry.bucket)?;
        objects::find(connection, bucket, &entry.key)
    })?;
    if existing.is_some_and(|object| entry.is(&object) || object.modified.0 > entry.modified) {
        return Ok(Outcome::There);
    }
    let room = store.space.reserve(entry.bytes)?;
    let lengths: Vec<(u32, u64)> = entry.parts.clone().unwrap_or_else(|| vec![(1, entry.bytes)]);
    let (contents, file) = (Arc::clone(&store.contents), file.to_owned());
    let asked: Vec<Algorithm> = entry.checksums.values.keys().copied().collect();
    let parts = lengths.clone();
    let protection = store.protect(if entry.encrypted { &Asked::Store } else { &Asked::Nothing }).await?;
    let (sealing, sealed) = (Arc::clone(store), protection.clone());
    let placing =
        tokio::task::spawn_blocking(move || place(&contents, &file, &parts, &asked, || sealing.seal(&sealed), room));
    let placed = placing.await??;
    check(entry, &placed.iter().map(|(_, sums)| sums).collect::<Vec<_>>())?;

    let object = Object {
        body: signed(store.contents.number()),
        bytes: entry.bytes,
        etag: entry.etag.clone(),
        modified: Moment(entry.modified),
        parts: entry.parts.as_ref().and_then(|parts| u32::try_from(parts.len()).ok()),
        headers: entry.headers.clone(),
        checksums: entry.checksums.clone(),
        version: versions::NULL.to_owned(),
        sequence: 0,
        tags: entry.tags.clone(),
        lock: entry.lock,
        encryption: protection.encryption,
    };
    let notes: Vec<(u32, Written)> = lengths
        .iter()
        .zip(&placed)
        .filter_map(|((part, _), (placed, _))| Some((*part, placed.as_ref()?.written())))
        .collect();
    let algorithm = entry.checksums.values.keys().next().copied().unwrap_or(Algorithm::Crc64nvme);
    let mut composed: Vec<ComposedPart> = Vec::new();
    if entry.parts.is_some() {
        let known = |sums: &Sums| sums.kept(Some(algorithm));
        let parts = lengths.iter().zip(&placed);
        composed
            .extend(parts.map(|((part, bytes), (_, sums))| ComposedPart::new(*part, *bytes, &known(sums), algorithm)));
    }
    let placed: Vec<Placed> = placed.into_iter().filter_map(|(placed, _)| placed).collect();
    let (bucket, key, now, luck) = (entry.bucket.clone(), entry.key.clone(), store.now(), store.luck());
    store
        .commit(placed, move |connection| {
            let bucket = buckets::find(connection, &bucket)?;
            let mut segments = Vec::new();
            for (part, written) in notes {
                bodies::add_content(connection, &written)?;
                segments.push(bodies::Segment { part, ..whole(&written) });
            }
            bodies::compose(connection, object.body, &segments)?;
            composed::note(connection, object.body, &composed)?;
            Ok(((), versions::put(connection, bucket, &key, &object, (now, luck))?.freed))
        })
        .await?;
    Ok(Outcome::Imported)
}

/// Takes a file in, part by part. An empty part has no content.
fn place(
    contents: &Arc<Contents>,
    path: &Path,
    parts: &[(u32, u64)],
    asked: &[Algorithm],
    seal: impl Fn() -> Option<Sealing>,
    mut room: Room,
) -> Result<Vec<(Option<Placed>, Sums)>, Fault> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; STRETCH];
    let mut placed = Vec::new();
    for (_, bytes) in parts {
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
        placed.push((content, sums));
    }
    if file.read(&mut buffer)? > 0 {
        return Err(Fault::new(Code::BadDigest, "its file is too long"));
    }
    Ok(placed)
}

/// Holds what came to the tag and the checksums of what was exported.
fn check(entry: &Entry, sums: &[&Sums]) -> Result<(), Fault> {
    let etag = match (&entry.parts, sums) {
        (None, [only]) => only.etag(),
        _ => composed_etag(sums.iter().map(|sums| sums.md5.as_slice()).collect::<Vec<_>>().into_iter()),
    };
    let mut right = etag == entry.etag;
    if let (None, [only]) = (&entry.parts, sums) {
        for algorithm in entry.checksums.values.keys() {
            right &= only.kept(Some(*algorithm)).values.get(algorithm) == entry.checksums.values.get(algorithm);
        }
    }
    if right { Ok(()) } else { Err(Fault::new(Code::BadDigest, "its file is not what was exported")) }
}
