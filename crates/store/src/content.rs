//! Contents on disk: numbered files in a fan-out of folders, placed durably, and removed when nobody can read them.
//!
//! A content is a run of bytes that never changes. It is written to `incoming/NUMBER`, and when its length and digests
//! are right it is renamed to `content/AAAA/BBB/NUMBER`, a name that says nothing about keys, and synced there. The folder
//! follows from the number, so a folder holds 1,024 numbers, neighbours in time share it, and so do their syncs.

mod incoming;
mod sweep;

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::metrics::counter::Counter;
use tokio::sync::Semaphore;

use crate::body::STRETCHES;

pub(crate) use incoming::{Finished, Incoming, Outcome, Placed, Written};
pub use sweep::Swept;

/// How many contents share a folder, as a power of two.
pub(crate) const LEAF_BITS: u32 = 10;
/// How many of those folders share a folder, as a power of two.
const BRANCH_BITS: u32 = 10;

/// The folder of all contents, and who is busy with which of them.
#[derive(Debug)]
pub(crate) struct Contents {
    content: PathBuf,
    incoming: PathBuf,
    state: Mutex<State>,
    /// Held by the one sweep that runs.
    sweeping: Mutex<()>,
    /// Counts the reads that met a damaged content.
    pub(crate) damaged_reads: Counter,
    /// Who may hold a large stretch in memory, among all that are read at once.
    pub(crate) stretches: Arc<Semaphore>,
}

#[derive(Debug, Default)]
struct State {
    /// The next number. It is above every number on disk and in the index, so no name is ever used twice.
    next: u64,
    /// Numbers being written or committed: not yet in the index, and not leavings either.
    pending: HashSet<u64>,
    /// How many transfers still need a content that they have not opened yet.
    pinned: HashMap<u64, u32>,
    /// Contents that went while they were pinned; the last transfer removes them.
    doomed: HashSet<u64>,
    /// The folders known to exist durably.
    folders: HashSet<u64>,
}

impl Contents {
    /// Opens or creates the folders under `root`. `above` is the highest number the index knows.
    pub(crate) fn open(root: &Path, above: u64) -> io::Result<Self> {
        let (content, incoming) = (root.join("content"), root.join("incoming"));
        fs::create_dir_all(&content)?;
        fs::create_dir_all(&incoming)?;
        sync_folder(root)?;
        let highest = highest_on_disk(&content)?.max(highest_number(&incoming, 16)?).unwrap_or(0).max(above);
        let state = State { next: highest + 1, ..State::default() };
        Ok(Self {
            content,
            incoming,
            state: Mutex::new(state),
            sweeping: Mutex::new(()),
            damaged_reads: Counter::default(),
            stretches: Arc::new(Semaphore::new(STRETCHES)),
        })
    }

    /// The contents of a store that is only looked at: nothing is written through this.
    pub(crate) fn look(content: &Path, incoming: &Path) -> Self {
        Self {
            content: content.to_owned(),
            incoming: incoming.to_owned(),
            state: Mutex::default(),
            sweeping: Mutex::new(()),
            damaged_reads: Counter::default(),
            stretches: Arc::new(Semaphore::new(STRETCHES)),
        }
    }

    /// A number nobody has had, for a body that is made of contents already there.
    pub(crate) fn number(&self) -> u64 {
        let mut state = self.lock();
        state.next += 1;
        state.next - 1
    }

    /// Opens a content for reading. It may have been removed since it was looked up: then the caller looks again.
    pub(crate) fn read(&self, number: u64) -> io::Result<File> {
        File::open(self.path(number))
    }

    /// Keeps contents on disk until the pin is dropped, however often they are released meanwhile.
    pub(crate) fn pin(self: &Arc<Self>, numbers: Vec<u64>) -> Pin {
        let mut state = self.lock();
        for number in &numbers {
            *state.pinned.entry(*number).or_default() += 1;
        }
        drop(state);
        Pin { contents: Arc::clone(self), numbers }
    }

    /// Removes contents that the index no longer knows, at once or when the last pin goes. The index's commit comes first.
    pub(crate) fn release(&self, numbers: &[u64]) {
        let mut state = self.lock();
        let (later, now): (Vec<u64>, Vec<u64>) = numbers.iter().partition(|number| state.pinned.contains_key(number));
        state.doomed.extend(later);
        drop(state);
        self.unlink(&now);
    }

    fn unlink(&self, numbers: &[u64]) {
        for number in numbers {
            if let Err(error) = fs::remove_file(self.path(*number))
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::warn!(number, %error, "a content that nothing refers to could not be removed; the next sweep tries again");
            }
        }
    }

    fn path(&self, number: u64) -> PathBuf {
        path_of(&self.content, number)
    }

    fn folder(&self, folder: u64) -> PathBuf {
        folder_of(&self.content, folder)
    }

    /// Makes the folder of a content, durably, if it is not known to be there.
    fn ensure_folder(&self, folder: u64) -> io::Result<PathBuf> {
        let path = self.folder(folder);
        if !self.lock().folders.contains(&folder) {
            fs::create_dir_all(&path)?;
            if let Some(branch) = path.parent() {
                sync_folder(branch)?;
            }
            sync_folder(&self.content)?;
            self.lock().folders.insert(folder);
        }
        Ok(path)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics while it holds the lock, and every change under it is a single insert or remove.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Holds contents on disk for a transfer that opens them one after the other.
#[derive(Debug)]
pub(crate) struct Pin {
    contents: Arc<Contents>,
    numbers: Vec<u64>,
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut free = Vec::new();
        let mut state = self.contents.lock();
        for number in &self.numbers {
            if let Some(count) = state.pinned.get_mut(number) {
                *count -= 1;
                if *count == 0 {
                    state.pinned.remove(number);
                    if state.doomed.remove(number) {
                        free.push(*number);
                    }
                }
            }
        }
        drop(state);
        if free.is_empty() {
            return;
        }
        // A transfer ends on a thread that serves others, and thousands of files take their time to go.
        let contents = Arc::clone(&self.contents);
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(move || contents.unlink(&free))),
            Err(_) => contents.unlink(&free),
        }
    }
}

/// Where a content lies under the folder of all of them.
pub(crate) fn path_of(content: &Path, number: u64) -> PathBuf {
    folder_of(content, number >> LEAF_BITS).join(format!("{number:016x}"))
}

fn folder_of(content: &Path, folder: u64) -> PathBuf {
    let (branch, leaf) = (folder >> BRANCH_BITS, folder & ((1 << BRANCH_BITS) - 1));
    content.join(format!("{branch:04x}")).join(format!("{leaf:03x}"))
}

/// The folders that contents lie in, by what their numbers begin with, ascending.
pub(crate) fn folders_in(content: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut folders = Vec::new();
    for branch in numbers_in(content, 4)? {
        for leaf in numbers_in(&content.join(format!("{branch:04x}")), 3)? {
            let folder = branch << BRANCH_BITS | leaf;
            folders.push((folder, folder_of(content, folder)));
        }
    }
    Ok(folders)
}

/// Makes renames and creations in a folder durable.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// The highest number that has a file, found along the highest folders alone.
fn highest_on_disk(content: &Path) -> io::Result<Option<u64>> {
    for branch in numbers_in(content, 4)?.into_iter().rev() {
        let branch_path = content.join(format!("{branch:04x}"));
        for leaf in numbers_in(&branch_path, 3)?.into_iter().rev() {
            if let Some(number) = highest_number(&branch_path.join(format!("{leaf:03x}")), 16)? {
                return Ok(Some(number));
            }
        }
    }
    Ok(None)
}

fn highest_number(folder: &Path, width: usize) -> io::Result<Option<u64>> {
    Ok(numbers_in(folder, width)?.pop())
}

/// The hexadecimal names of one width in a folder, ascending. Whatever else lies there is not ours and is left alone.
pub(crate) fn numbers_in(folder: &Path, width: usize) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder)? {
        if let Some(name) = entry?.file_name().to_str()
            && let Ok(number) = u64::from_str_radix(name, 16)
            && name == format!("{number:0width$x}")
        {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}
