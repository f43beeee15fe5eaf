//! A content on its way in: a temporary file, its digests, and the steps that make it durable under its number.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use super::{Contents, LEAF_BITS, sync_folder};
use crate::checksum::{Algorithm, Digests, Sums};

/// A content being written. Dropped before it is placed, it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Incoming {
    file: File,
    path: PathBuf,
    digests: Digests,
    reserved: Reserved,
}

impl Incoming {
    /// Begins a content. Blocks on the disk, like every function here.
    pub(crate) fn begin(contents: &Arc<Contents>, asked: &[Algorithm]) -> io::Result<Self> {
        let reserved = Reserved::take(contents);
        let path = contents.incoming.join(format!("{:016x}", reserved.number));
        let file = File::options().write(true).create_new(true).open(&path)?;
        Ok(Self { file, path, digests: Digests::new(asked.iter().copied()), reserved })
    }

    /// Writes the next bytes and takes them into the digests.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digests.update(bytes);
        self.file.write_all(bytes)
    }

    /// Ends the writing, with the sums of what was written, for the caller to compare before it places the content.
    pub(crate) fn finish(mut self) -> (Finished, Sums) {
        let digests = std::mem::replace(&mut self.digests, Digests::new([]));
        (Finished(self), digests.finish())
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // After the rename there is nothing under this name; before it, this is the undoing of a failed upload.
        let _ = fs::remove_file(&self.path);
    }
}

/// A content that is all there and awaits the verdict on its digests.
#[derive(Debug)]
pub(crate) struct Finished(Incoming);

impl Finished {
    /// Makes the content durable under its number. Nothing refers to it before that is done, so it gets its name first:
    /// file systems with a journal then write the name with the content, and find nothing left to do for the folder.
    pub(crate) fn place(mut self) -> io::Result<Placed> {
        let contents = Arc::clone(&self.0.reserved.contents);
        let number = self.0.reserved.number;
        let folder = contents.ensure_folder(number >> LEAF_BITS)?;
        fs::rename(&self.0.path, contents.path(number))?;
        let placed = Placed { reserved: self.0.reserved.hand_over(), unlink: true };
        self.0.file.sync_data()?;
        sync_folder(&folder)?;
        Ok(placed)
    }
}

/// A durable content that no transaction refers to yet. Dropped before one is tried, its file goes.
#[derive(Debug)]
pub(crate) struct Placed {
    reserved: Reserved,
    unlink: bool,
}

impl Placed {
    /// Its number.
    pub(crate) fn number(&self) -> u64 {
        self.reserved.number
    }

    /// Says that a transaction may from now on refer to it: until `settle`, only the next start may judge.
    pub(crate) fn committing(&mut self) {
        self.unlink = false;
        self.reserved.held = false;
    }

    /// Says how the transaction ended. After a failure that leaves its fate open, the file stays for the next start.
    pub(crate) fn settle(mut self, outcome: Outcome) {
        match outcome {
            Outcome::Referred => self.reserved.held = true,
            Outcome::Refused => {
                self.reserved.held = true;
                self.unlink = true;
            }
            Outcome::Unknown => {}
        }
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        if self.unlink {
            self.reserved.contents.unlink(&[self.reserved.number]);
        }
    }
}

/// How the transaction that was to make a content visible ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is committed.
    Referred,
    /// It said no, and certainly nothing refers to the content.
    Refused,
    /// The database failed in a way that leaves open what is on disk.
    Unknown,
}

/// A number that is in use; while it is held, no sweep takes its file for a leaving.
#[derive(Debug)]
struct Reserved {
    contents: Arc<Contents>,
    number: u64,
    held: bool,
}

impl Reserved {
    fn take(contents: &Arc<Contents>) -> Self {
        let mut state = contents.lock();
        let number = state.next;
        state.next += 1;
        state.pending.insert(number);
        drop(state);
        Self { contents: Arc::clone(contents), number, held: true }
    }

    /// Moves the reservation to a new owner.
    fn hand_over(&mut self) -> Self {
        self.held = false;
        Self { contents: Arc::clone(&self.contents), number: self.number, held: true }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if self.held {
            self.contents.lock().pending.remove(&self.number);
        }
    }
}
