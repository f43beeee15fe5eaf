//! Access keys that an operator makes and takes back while the store runs: one file, read again whenever it changes.

mod watch;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::access::{Grant, Identity};
use crate::content::sync_folder;
use crate::target::check_new_bucket;
pub(crate) use watch::Watch;

/// The file in the store's folder, for its owner's eyes only: it holds the secrets that signatures are checked with.
const FILE: &str = "keys.json";

/// An access key with its rights.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessKey {
    /// The public half.
    pub access_key_id: String,
    /// The secret half.
    pub secret_access_key: String,
    /// What people call it.
    pub name: String,
    /// What it may do.
    pub grants: Vec<Grant>,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is no longer known, if it ends by itself.
    pub expires: Option<Timestamp>,
}

impl std::fmt::Debug for AccessKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("AccessKey")
            .field("access_key_id", &self.access_key_id)
            .field("name", &self.name)
            .field("grants", &self.grants)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// Why the keys cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The file cannot be read or written.
    #[error("the store's access keys in {path} cannot be used: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not what this program wrote.
    #[error("{path} is damaged, and until it is put right none of its keys is known: restore it from a backup")]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// There is no such key.
    #[error("there is no access key {0}")]
    Unknown(String),
    /// There is such a key already.
    #[error("there is an access key {0} already")]
    Taken(String),
    /// The key cannot be one.
    #[error("the access key cannot be made: {0}")]
    Unusable(String),
}

/// The file as it is written.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    keys: Vec<AccessKey>,
}

/// The access keys of a store's folder. Whether a store runs on the folder makes no difference: it looks at the file
/// with every request that is signed by a key it was not opened with, so a change counts from the next request on.
#[derive(Debug, Clone)]
pub struct Keyring {
    folder: PathBuf,
}

impl Keyring {
    /// The keys of the store in `folder`.
    pub fn of(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// All keys, in the order in which they were made. Those that have expired are among them.
    pub fn list(&self) -> Result<Vec<AccessKey>, KeyringError> {
        Ok(read(&self.path())?.keys)
    }

    /// Adds a key.
    pub fn add(&self, key: AccessKey) -> Result<(), KeyringError> {
        check(&key)?;
        self.change(|keys| {
            if keys.iter().any(|other| other.access_key_id == key.access_key_id) {
                return Err(KeyringError::Taken(key.access_key_id));
            }
            keys.push(key);
            Ok(())
        })
    }

    /// Gives the rights and the name of `old` to a new key pair. The old pair ends at `ends`, or at once without it.
    /// `made` becomes the new key, its name and rights aside.
    pub fn rotate(&self, old: &str, made: AccessKey, ends: Option<Timestamp>) -> Result<AccessKey, KeyringError> {
        self.change(|keys| {
            let at = position(keys, old)?;
            let AccessKey { name, grants, expires, .. } = keys[at].clone();
            let new = AccessKey { name, grants, expires, ..made };
            check(&new)?;
            match ends {
                // A key that was to end earlier anyway does.
                Some(ends) => keys[at].expires = Some(expires.map_or(ends, |expires| expires.min(ends))),
                None => drop(keys.remove(at)),
            }
            keys.push(new.clone());
            Ok(new)
        })
    }

    /// Takes a key back. What it signed is worth nothing from the next request on.
    pub fn revoke(&self, access_key_id: &str) -> Result<AccessKey, KeyringError> {
        self.change(|keys| Ok(keys.remove(position(keys, access_key_id)?)))
    }

    fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// Changes the file whole or not at all, one change after the other.
    fn change<T>(
        &self,
        change: impl FnOnce(&mut Vec<AccessKey>) -> Result<T, KeyringError>,
    ) -> Result<T, KeyringError> {
        let path = self.path();
        let failed = |source| KeyringError::File { path: path.clone(), source };
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.folder.join("keys.lock"))
            .map_err(failed)?;
        lock.lock().map_err(failed)?;
        let mut written = read(&path)?;
        let answer = change(&mut written.keys)?;
        write(&self.folder, &path, &written).map_err(failed)?;
        Ok(answer)
    }
}

fn position(keys: &[AccessKey], access_key_id: &str) -> Result<usize, KeyringError> {
    let at = keys.iter().position(|key| key.access_key_id == access_key_id);
    at.ok_or_else(|| KeyringError::Unknown(access_key_id.to_owned()))
}

/// Refuses a key that could never be used, or that says less than it seems to.
fn check(key: &AccessKey) -> Result<(), KeyringError> {
    let unusable = |why: String| Err(KeyringError::Unusable(why));
    if let Err(error) = Identity::new(&key.access_key_id, &key.secret_access_key, Vec::new()) {
        return unusable(error.to_string());
    }
    if key.grants.is_empty() || key.grants.iter().any(|grant| grant.actions.is_empty()) {
        return unusable("it may do nothing".to_owned());
    }
    for bucket in key.grants.iter().filter_map(|grant| grant.bucket.as_deref()) {
        if let Err(rule) = check_new_bucket(bucket) {
            return unusable(format!("{bucket:?} cannot be the name of a bucket: {rule}"));
        }
    }
    Ok(())
}

/// Reads the file; none is as good as an empty one.
fn read(path: &Path) -> Result<Written, KeyringError> {
    match fs::read(path) {
        // The parser's message could show a secret.
        Ok(text) => serde_json::from_slice(&text).map_err(|_| KeyringError::Damaged { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Written::default()),
        Err(source) => Err(KeyringError::File { path: path.to_owned(), source }),
    }
}

fn write(folder: &Path, path: &Path, written: &Written) -> io::Result<()> {
    let fresh = folder.join(format!("{FILE}.new"));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&fresh)?;
    file.write_all(&serde_json::to_vec_pretty(written)?)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    sync_folder(folder)
}
