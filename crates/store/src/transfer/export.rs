//! Export: every object and every earlier version becomes a file. What a former export left as it must be is not written
//! again.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize as _;

use super::paths::{beside_a_folder, names};
use super::{BucketEntry, Entry, Line, MANIFEST, Marker, OBJECTS, TransferError, VERSION, VERSIONS, Version};
use crate::body::Reading;
use crate::content::Contents;
use crate::encryption::{Encryption, Secret};
use crate::fault::{Code, Fault};
use crate::index::bodies::{self, Segment};
use crate::index::buckets::{Rules, Versioning};
use crate::index::history::{self, Kept};
use crate::index::objects::Object;
use crate::index::version_listing::{self, Entry as Listed};
use crate::index::{Look, buckets, listing};
use crate::inspect::{Inspector, Progress};
use crate::stored;

/// How many versions are looked up at once.
const PAGE: usize = 512;
/// How often the export begins anew because folders and files of one name changed places.
const ROUNDS: usize = 3;

/// What an export did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exported {
    /// Objects that stand in the manifest.
    pub objects: u64,
    /// Earlier versions and delete markers that stand in it.
    pub versions: u64,
    /// How many of all these have files that a former export had written.
    pub unchanged: u64,
    /// The bytes of all of them.
    pub bytes: u64,
    /// What is damaged and so does not stand in the manifest, each with the reason.
    pub failed: Vec<String>,
}

/// A version that is exported, and what it is made of.
struct Item {
    kept: Kept,
    segments: Vec<Segment>,
}

/// All there is of a key at one moment.
struct History {
    /// Whether its bucket keeps versions.
    versioned: bool,
    /// Its versions, the latest first.
    items: Vec<Item>,
    /// Whether other keys go on after it and a slash.
    parent: bool,
}

impl Inspector {
    /// Writes every version of everything into `folder`, which is made if it is missing; blocks while it does. The store
    /// may run: each key is exported as it is at one moment. Multipart uploads under way are no objects yet and stay out.
    pub fn export(&self, folder: &Path, mut tell: impl FnMut(Progress)) -> Result<Exported, TransferError> {
        let failed = |source| TransferError::File { path: folder.to_owned(), source };
        // What is private in the store stays so outside of it.
        let mut private = fs::DirBuilder::new();
        private.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut private, 0o700);
        private.create(folder.join(OBJECTS)).map_err(failed)?;
        demand_case(folder)?;
        let contents = Arc::new(self.contents());
        for _ in 0..ROUNDS {
            let fresh = folder.join(format!("{MANIFEST}.new"));
            let at_manifest = |source| TransferError::File { path: fresh.clone(), source };
            let manifest = BufWriter::new(File::create(&fresh).map_err(at_manifest)?);
            let mut export = Export {
                index: self.index(),
                master: self.master(),
                contents: Arc::clone(&contents),
                folder,
                manifest,
                moved: false,
                done: Exported::default(),
            };
            export.run(&mut tell)?;
            let Export { manifest, moved, done, .. } = export;
            if moved {
                continue;
            }
            let manifest = manifest.into_inner().map_err(|error| at_manifest(error.into_error()))?;
            // One call makes all the files durable, where a call for each would take as long as they all took to write.
            rustix::fs::syncfs(&manifest).map_err(|error| at_manifest(error.into()))?;
            fs::rename(&fresh, folder.join(MANIFEST)).map_err(at_manifest)?;
            crate::content::sync_folder(folder).map_err(failed)?;
            return Ok(done);
        }
        Err(TransferError::Restless)
    }
}

struct Export<'a> {
    index: &'a Look,
    /// The master key, or why there is none.
    master: Result<Secret, String>,
    contents: Arc<Contents>,
    folder: &'a Path,
    manifest: BufWriter<File>,
    /// A file had to give way to a folder that was not there when it was written.
    moved: bool,
    done: Exported,
}

impl Export<'_> {
    fn run(&mut self, tell: &mut dyn FnMut(Progress)) -> Result<(), TransferError> {
        self.line(&Line::StrongroomExport(VERSION))?;
        for bucket in self.index.read(buckets::all)? {
            let Some(described) = self.bucket(&bucket)? else { continue };
            self.line(&Line::Bucket(described))?;
            let mut query = version_listing::Query { limit: PAGE, ..Default::default() };
            loop {
                let page = self.index.read(|connection| {
                    let id = buckets::id(connection, &bucket.name)?;
                    version_listing::page(connection, id, &query)
                });
                let page = match page {
                    // It was removed meanwhile, and it was empty then.
                    Err(fault) if fault.code == Code::NoSuchBucket => break,
                    page => page?,
                };
                for entry in page.entries {
                    if let Listed::Version(version) = entry
                        && query.key_marker.as_ref() != Some(&version.key)
                    {
                        self.key(&bucket.name, &version.key)?;
                        // All its versions are exported, so the next page comes after all of them.
                        query.key_marker = Some(version.key);
                    }
                }
                tell(Progress { contents: self.done.objects + self.done.versions, bytes: self.done.bytes });
                if !page.truncated {
                    break;
                }
            }
        }
        Ok(())
    }

    /// What there is to say of a bucket, unless it was removed meanwhile.
    fn bucket(&self, listed: &buckets::Listed) -> Result<Option<BucketEntry>, Fault> {
        let (name, created) = (listed.name.clone(), listed.created.0);
        let described = self.index.read(|connection| {
            let bucket = buckets::find(connection, &name)?;
            Ok(BucketEntry {
                name: name.clone(),
                created,
                versioning: bucket.versioning.word().map(str::to_owned),
                cors: buckets::rules(connection, bucket.id, Rules::Cors)?,
                lifecycle: buckets::rules(connection, bucket.id, Rules::Lifecycle)?,
                object_lock: buckets::rules(connection, bucket.id, Rules::ObjectLock)?,
            })
        });
        match described {
            Err(fault) if fault.code == Code::NoSuchBucket => Ok(None),
            described => described.map(Some),
        }
    }

    /// Exports all versions of a key. If one goes while it is read, they are all looked up once more.
    fn key(&mut self, bucket: &str, key: &str) -> Result<(), TransferError> {
        let mut missed = None;
        'again: loop {
            let history = self.look(bucket, key)?;
            let mut done = Exported::default();
            let mut lines = Vec::new();
            for item in &history.items {
                let Item { kept, segments } = item;
                let object = &kept.object;
                if object.is_marker() {
                    let (bucket, key) = (bucket.to_owned(), key.to_owned());
                    let version = Version::of(kept);
                    lines.push(Line::DeleteMarker(Marker { bucket, key, modified: object.modified.0, version }));
                    done.versions += 1;
                    continue;
                }
                let name = || match kept.superseded {
                    None => format!("{bucket}/{key}"),
                    Some(_) => format!("{bucket}/{key}, version {}", object.version),
                };
                if segments.iter().map(|segment| segment.slice.bytes).sum::<u64>() != object.bytes {
                    let reason = "the index knows less of its content than of its length";
                    done.failed.push(format!("{}: {reason}", name()));
                    continue;
                }
                let secret = match self.secret_of(object) {
                    Ok(secret) => secret,
                    Err(reason) => {
                        done.failed.push(format!("{}: {reason}", name()));
                        continue;
                    }
                };
                let path = match kept.superseded {
                    None => self.path(bucket, key, history.parent)?,
                    Some(_) => self.version_path(bucket, key, &object.version)?,
                };
                match self.file(item, secret, &self.folder.join(&path)) {
                    Ok(unchanged) => done.unchanged += u64::from(unchanged),
                    // It was replaced or deleted meanwhile.
                    Err(Failed::Read(error))
                        if error.kind() == io::ErrorKind::NotFound && missed != Some(object.body) =>
                    {
                        missed = Some(object.body);
                        continue 'again;
                    }
                    // One that is damaged stands in nobody's way: the others are exported.
                    Err(Failed::Read(error)) => {
                        done.failed.push(format!("{}: {error}", name()));
                        continue;
                    }
                    Err(Failed::Write(source)) => {
                        return Err(TransferError::File { path: self.folder.join(path), source });
                    }
                }
                match kept.superseded {
                    None => done.objects += 1,
                    Some(_) => done.versions += 1,
                }
                done.bytes += object.bytes;
                lines.push(Line::Object(Box::new(Entry {
                    bucket: bucket.to_owned(),
                    key: key.to_owned(),
                    path,
                    bytes: object.bytes,
                    etag: object.etag.clone(),
                    modified: object.modified.0,
                    headers: object.headers.clone(),
                    checksums: object.checksums.clone(),
                    tags: object.tags.clone(),
                    lock: object.lock,
                    encrypted: object.encryption.is_some(),
                    parts: object.parts.map(|count| parts(segments, count)),
                    version: history.versioned.then(|| Version::of(kept)),
                })));
            }
            self.done.objects += done.objects;
            self.done.versions += done.versions;
            self.done.unchanged += done.unchanged;
            self.done.bytes += done.bytes;
            self.done.failed.extend(done.failed);
            return lines.iter().try_for_each(|line| self.line(line));
        }
    }

    /// Writes the file of a version, unless a former export did; answers whether it did.
    fn file(&self, item: &Item, secret: Option<Secret>, path: &Path) -> Result<bool, Failed> {
        let Object { bytes, modified, .. } = item.kept.object;
        let modified = SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(modified.0).unwrap_or(0));
        let unchanged =
            fs::metadata(path).is_ok_and(|data| data.len() == bytes && data.modified().is_ok_and(|at| at == modified));
        if !unchanged {
            write(&self.contents, &item.segments, secret, path, modified)?;
        }
        Ok(unchanged)
    }

    /// What opens an object, or the reason why nothing does.
    fn secret_of(&self, object: &Object) -> Result<Option<Secret>, String> {
        match &object.encryption {
            None => Ok(None),
            Some(Encryption::Store) => self.master.clone().map(Some),
            Some(Encryption::Customer { .. }) => {
                Err("it is encrypted with a key that only its owner has, so it has to be fetched with that key"
                    .to_owned())
            }
        }
    }

    fn look(&self, bucket: &str, key: &str) -> Result<History, Fault> {
        self.index.read(|connection| {
            let bucket = buckets::find(connection, bucket)?;
            let mut items = Vec::new();
            for kept in history::of(connection, bucket.id, key)? {
                items.push(Item { segments: bodies::segments(connection, kept.object.body)?, kept });
            }
            let below = listing::Query { prefix: format!("{key}/"), limit: 1, ..Default::default() };
            let parent = !listing::page(connection, bucket.id, &below)?.entries.is_empty();
            Ok(History { versioned: bucket.versioning != Versioning::Never, items, parent })
        })
    }

    /// The file of a key, its folders made. A file that stands where a folder has to be is of a former export or of an
    /// object that had nothing below it a moment ago; it goes, and everything is looked over once more.
    fn path(&mut self, bucket: &str, key: &str, parent: bool) -> Result<String, TransferError> {
        let mut names = names(key);
        let last = names.pop().unwrap_or_default();
        let path = self.folders(OBJECTS, bucket, &names)?;
        let plain = format!("{path}/{last}");
        if parent || self.folder.join(&plain).is_dir() {
            return Ok(format!("{path}/{}", beside_a_folder(&last)));
        }
        Ok(plain)
    }

    /// The file of an earlier version, its folders made: all those of a key lie in a folder that no other key has.
    fn version_path(&mut self, bucket: &str, key: &str, version: &str) -> Result<String, TransferError> {
        let mut names = names(key);
        if let Some(last) = names.last_mut() {
            *last = beside_a_folder(last);
        }
        Ok(format!("{}/{version}", self.folders(VERSIONS, bucket, &names)?))
    }

    /// Makes a folder below that of a bucket.
    fn folders(&mut self, root: &str, bucket: &str, names: &[String]) -> Result<String, TransferError> {
        let mut path = format!("{root}/{bucket}");
        for name in std::iter::once("").chain(names.iter().map(String::as_str)) {
            if !name.is_empty() {
                path = format!("{path}/{name}");
            }
            let folder = self.folder.join(&path);
            let failed = |source| TransferError::File { path: folder.clone(), source };
            if !folder.is_dir() {
                if folder.exists() {
                    fs::remove_file(&folder).map_err(failed)?;
                    self.moved = true;
                }
                fs::create_dir_all(&folder).map_err(failed)?;
            }
        }
        Ok(path)
    }

    fn line(&mut self, line: &Line) -> Result<(), TransferError> {
        let written = line
            .serialize(&mut serde_json::Serializer::new(&mut self.manifest))
            .map_err(io::Error::from)
            .and_then(|()| self.manifest.write_all(b"\n"));
        written.map_err(|source| TransferError::File { path: self.folder.join(MANIFEST), source })
    }
}

/// Which side failed.
enum Failed {
    Read(io::Error),
    Write(io::Error),
}

/// Writes a file whole or not at all. What is read is verified.
fn write(
    contents: &Arc<Contents>,
    segments: &[Segment],
    secret: Option<Secret>,
    path: &Path,
    modified: SystemTime,
) -> Result<(), Failed> {
    let slices = segments.iter().map(|segment| segment.slice.clone()).collect();
    let mut reading = Reading::new(Arc::clone(contents), slices, secret, None);
    // No key becomes this name: there, the sign is followed by digits, by `+`, or by nothing.
    let fresh = path.with_file_name("%new");
    let mut file = File::create(&fresh).map_err(Failed::Write)?;
    while reading.left() > 0 {
        let bytes = reading.next(reading.room()).map_err(Failed::Read)?;
        file.write_all(&bytes).map_err(Failed::Write)?;
    }
    file.set_modified(modified).and_then(|()| fs::rename(&fresh, path)).map_err(Failed::Write)
}

/// The numbers and lengths of so many parts. An empty one has no segment, and none but the last can be empty.
fn parts(segments: &[Segment], count: u32) -> Vec<(u32, u64)> {
    let mut parts: Vec<_> =
        stored::parts(segments).into_iter().map(|(number, stretch)| (number, stretch.bytes)).collect();
    while parts.len() < count as usize {
        parts.push((parts.last().map_or(1, |(last, _)| last + 1), 0));
    }
    parts
}

/// Refuses a folder in which `A` and `a` are the same.
fn demand_case(folder: &Path) -> Result<(), TransferError> {
    let probe = folder.join("case%a");
    let failed = |source| TransferError::File { path: probe.clone(), source };
    File::create(&probe).map_err(failed)?;
    let same = folder.join("case%A").exists();
    fs::remove_file(&probe).map_err(failed)?;
    if same { Err(TransferError::Case(folder.to_owned())) } else { Ok(()) }
}
