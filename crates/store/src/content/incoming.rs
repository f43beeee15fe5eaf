//! A content on its way in: a temporary file, its digests, and the steps that make it durable under its number.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;

use super::{Contents, LEAF_BITS, sync_folder};
use crate::checksum::{Algorithm, Digests, Sums};
use crate::encryption::{Sealing, WRAPPED};

/// A content as the index is to know it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    /// Its number.
    pub(crate) number: u64,
    /// The length of what was sent.
    pub(crate) bytes: u64,
    /// The CRC-64/NVME of what lies in its file.
    pub(crate) crc64: u64,
    /// Its wrapped key, if its file is sealed.
    pub(crate) sealed: Option<[u8; WRAPPED]>,
}

/// A content being written. Dropped before it is placed, it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Incoming {
    file: File,
    path: PathBuf,
    digests: Digests,
    sealed: Option<Seal>,
    reserved: Reserved,
}

/// What turns the bytes of a content into those of its file, and the checksum of the latter.
#[derive(Debug)]
struct Seal {
    sealing: Sealing,
    digest: crc_fast::Digest,
}

impl Incoming {
    /// Begins a content, sealed or as it comes. Blocks on the disk, like every function here.
    pub(crate) fn begin(contents: &Arc<Contents>, asked: &[Algorithm], sealing: Option<Sealing>) -> io::Result<Self> {
        let reserved = Reserved::take(contents);
        let path = contents.incoming.join(format!("{:016x}", reserved.number));
        let file = File::options().write(true).create_new(true).open(&path)?;
        let digest = || crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc64Nvme);
        let sealed = sealing.map(|sealing| Seal { sealing, digest: digest() });
        Ok(Self { file, path, digests: Digests::new(asked.iter().copied()), sealed, reserved })
    }

    /// Writes the next bytes and takes them into the digests.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.digests.update(bytes);
        let Some(Seal { sealing, digest }) = &mut self.sealed else { return self.file.write_all(bytes) };
        sealing.feed(bytes, |chunk| {
            digest.update(chunk);
            self.file.write_all(chunk)
        })
    }

    /// Ends the writing, with the sums of what was sent, for the caller to compare before it places the content.
    pub(crate) fn finish(mut self) -> io::Result<(Finished, Sums)> {
        let sums = std::mem::replace(&mut self.digests, Digests::new([])).finish();
        let number = self.reserved.number;
        let mut written = Written { number, bytes: sums.bytes, crc64: sums.crc64(), sealed: None };
        if let Some(Seal { sealing, mut digest }) = self.sealed.take() {
            written.sealed = Some(sealing.wrapped());
            sealing.end(|chunk| {
                digest.update(chunk);
                self.file.write_all(chunk)
            })?;
            written.crc64 = digest.finalize();
        }
        Ok((Finished { incoming: self, written }, sums))
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
pub(crate) struct Finished {
    incoming: Incoming,
    written: Written,
}

impl Finished {
    /// Makes the content durable under its number. Nothing refers to it before that is done, so it gets its name first:
    /// file systems with a journal then write the name with the content, and find nothing left to do for the folder.
    pub(crate) fn place(mut self) -> io::Result<Placed> {
        let incoming = &mut self.incoming;
        let contents = Arc::clone(&incoming.reserved.contents);
        let number = incoming.reserved.number;
        let folder = contents.ensure_folder(number >> LEAF_BITS)?;
        fs::rename(&incoming.path, contents.path(number))?;
        let placed = Placed { reserved: incoming.reserved.hand_over(), written: self.written, unlink: true };
        incoming.file.sync_data()?;
        sync_folder(&folder)?;
        Ok(placed)
    }
}

/// A durable content that no transaction refers to yet. Dropped before one is tried, its file goes.
#[derive(Debug)]
pub(crate) struct Placed {
    reserved: Reserved,
    written: Written,
    unlink: bool,
}

impl Placed {
    /// What the index is to know of it.
    pub(crate) fn written(&self) -> Written {
        self.written
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
