//! The keys' file as a running store sees it: read at first need, and again when it has changed.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use jiff::Timestamp;

use super::{FILE, KeyringError, read};
use crate::access::Identity;

/// What tells one state of the file from the next. It is only ever replaced, so its number alone would nearly do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    bytes: u64,
    number: u64,
}

/// A key that is known, and until when.
#[derive(Debug)]
struct Known {
    identity: Arc<Identity>,
    expires: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct State {
    /// The file that `known` was read from; `None` when there was none.
    stamp: Option<Stamp>,
    known: HashMap<String, Known>,
}

/// The keys of the file, as of the last look.
#[derive(Debug)]
pub(crate) struct Watch {
    path: PathBuf,
    state: Mutex<State>,
}

impl Watch {
    /// Reads the file of a store's folder for the first time; one that cannot be read is an error now.
    pub(crate) fn open(folder: &Path) -> Result<Self, KeyringError> {
        let path = folder.join(FILE);
        let stamp = stamp(&path).map_err(|source| KeyringError::File { path: path.clone(), source })?;
        let state = Mutex::new(State { stamp, known: load(&path)? });
        Ok(Self { path, state })
    }

    /// The identity that has this access key now. A look at a file's data costs a microsecond; nothing is opened
    /// unless it changed.
    pub(crate) fn find(&self, access_key: &str, now: i64) -> Option<Arc<Identity>> {
        let stamp = stamp(&self.path);
        // No code panics while it holds the lock.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let current = match stamp {
            Ok(stamp) => stamp,
            Err(error) => {
                tracing::error!(%error, path = %self.path.display(), "the store's access keys cannot be looked at");
                return None;
            }
        };
        if current != state.stamp {
            // Who cannot be looked up may have been revoked, so a file that cannot be read lets nobody in. One that is
            // damaged stays so until it changes; any other failure may be over by the next request, which looks again.
            let loaded = load(&self.path).inspect_err(|error| {
                tracing::error!(%error, "none of the store's own access keys is known for now");
            });
            let known = match loaded {
                Ok(known) => known,
                Err(KeyringError::Damaged { .. }) => HashMap::new(),
                Err(_) => return None,
            };
            *state = State { stamp: current, known };
        }
        let known = state.known.get(access_key)?;
        let valid = known.expires.is_none_or(|expires| now < expires.as_second());
        valid.then(|| Arc::clone(&known.identity))
    }
}

fn stamp(path: &Path) -> io::Result<Option<Stamp>> {
    match fs::metadata(path) {
        Ok(data) => {
            #[cfg(unix)]
            let number = std::os::unix::fs::MetadataExt::ino(&data);
            #[cfg(not(unix))]
            let number = 0;
            Ok(Some(Stamp { modified: data.modified().ok(), bytes: data.len(), number }))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn load(path: &Path) -> Result<HashMap<String, Known>, KeyringError> {
    let mut known = HashMap::new();
    for key in read(path)?.keys {
        let identity = Identity::new(&key.access_key_id, &key.secret_access_key, key.grants)
            .map_err(|_| KeyringError::Damaged { path: path.to_owned() })?;
        known.insert(key.access_key_id, Known { identity: Arc::new(identity), expires: key.expires });
    }
    Ok(known)
}
