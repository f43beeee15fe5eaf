//! Reading a manifest: line by line, and once through before anything is done with it.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Component, Path, PathBuf};

use super::{Line, MANIFEST, TransferError, VERSION, Version};
use crate::index::versions::NULL;
use crate::inspect::Progress;
use crate::target::{MAX_KEY_BYTES, check_new_bucket};

/// What an export left: a manifest whose every line was understood, and the files that it names.
#[derive(Debug)]
pub struct Manifest {
    folder: PathBuf,
    /// How much it names: objects, earlier versions and delete markers, and their bytes.
    whole: Progress,
}

impl Manifest {
    /// Reads the manifest in a folder through.
    pub fn read(folder: impl Into<PathBuf>) -> Result<Self, TransferError> {
        let mut manifest = Self { folder: folder.into(), whole: Progress::default() };
        let mut whole = Progress::default();
        for line in manifest.lines()? {
            match line? {
                Line::Object(entry) => {
                    whole.contents += 1;
                    whole.bytes = whole.bytes.saturating_add(entry.bytes);
                }
                Line::DeleteMarker(_) => whole.contents += 1,
                Line::StrongroomExport(_) | Line::Bucket(_) => {}
            }
        }
        manifest.whole = whole;
        Ok(manifest)
    }

    /// How much it names: objects, earlier versions and delete markers, and their bytes.
    pub fn whole(&self) -> Progress {
        self.whole
    }

    /// The file of an entry.
    pub(super) fn file(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// Its lines, each of them checked.
    pub(super) fn lines(&self) -> Result<impl Iterator<Item = Result<Line, TransferError>> + use<>, TransferError> {
        let path = self.folder.join(MANIFEST);
        let failed = |path: &Path, source: io::Error| TransferError::File { path: path.to_owned(), source };
        let file = File::open(&path).map_err(|source| failed(&path, source))?;
        Ok((1..).zip(BufReader::new(file).lines()).map(move |(number, text)| {
            let text = text.map_err(|source| failed(&path, source))?;
            let wrong = |reason| TransferError::Manifest { path: path.clone(), line: number, reason };
            let line = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
            check(number, &line).map_err(wrong)?;
            Ok(line)
        }))
    }
}

/// What is wrong with a line, if anything is.
fn check(number: usize, line: &Line) -> Result<(), String> {
    match (number, line) {
        (1, Line::StrongroomExport(VERSION)) => Ok(()),
        (1, _) => Err(format!("it has to say {{\"strongroom-export\":{VERSION}}}")),
        (_, Line::StrongroomExport(_)) => Err("only the first line says that".to_owned()),
        (_, Line::Bucket(bucket)) => {
            check_new_bucket(&bucket.name)
                .map_err(|rule| format!("{:?} cannot be the name of a bucket: {rule}", bucket.name))?;
            match bucket.versioning.as_deref() {
                None | Some("Enabled" | "Suspended") => Ok(()),
                Some(other) => Err(format!("versioning is Enabled or Suspended, and not {other:?}")),
            }
        }
        (_, Line::Object(entry)) => {
            let mut components = Path::new(&entry.path).components();
            if !components.all(|component| matches!(component, Component::Normal(_))) {
                return Err("its path leads elsewhere".to_owned());
            }
            check_key(&entry.key)?;
            entry.version.as_ref().map_or(Ok(()), check_version)
        }
        (_, Line::DeleteMarker(marker)) => {
            check_key(&marker.key)?;
            check_version(&marker.version)
        }
    }
}

fn check_key(key: &str) -> Result<(), String> {
    if (1..=MAX_KEY_BYTES).contains(&key.len()) {
        return Ok(());
    }
    Err(format!("a key has at least one byte and at most {MAX_KEY_BYTES}"))
}

/// A version's name begins with its place, or does not tell it.
fn check_version(version: &Version) -> Result<(), String> {
    let Version { id, sequence, .. } = version;
    let is_name = id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let tells = is_name && id.starts_with(&format!("{sequence:016x}"));
    if *sequence >= 0 && (id == NULL || tells) {
        return Ok(());
    }
    Err(format!("{id:?} cannot be the name of a version with the place {sequence}"))
}
