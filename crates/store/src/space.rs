//! Room on the disk: what is left, whether a write may begin, and a reserve from which deletes live when there is none.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::fault::{Code, Fault};

/// The most that the reserve holds: as much as the index's log can grow before it is written back.
const MOST_RESERVE: u64 = 32 << 20;

/// The disk that the store lies on.
#[derive(Debug)]
pub(crate) struct Space {
    folder: PathBuf,
    reserve: PathBuf,
    min_free: u64,
    /// What the bodies that are arriving have announced.
    announced: AtomicU64,
}

/// Room for a body that is arriving.
#[derive(Debug)]
pub(crate) struct Room {
    space: Arc<Space>,
    bytes: u64,
}

impl Room {
    /// Gives back the room of bytes that have been written: from then on the disk itself counts them.
    pub(crate) fn written(&mut self, bytes: u64) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.space.announced.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.space.announced.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Space {
    /// Looks after the disk under `folder`, of which `min_free` bytes stay free.
    pub(crate) fn new(folder: &Path, min_free: u64) -> Self {
        let reserve = folder.join("reserve");
        Self { folder: folder.to_owned(), reserve, min_free, announced: AtomicU64::new(0) }
    }

    /// What is left on the disk, in bytes.
    pub(crate) fn free(&self) -> io::Result<u64> {
        let disk = rustix::fs::statvfs(&self.folder)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// Refuses what would make the index grow while the disk is as good as full. SQLite must never be the one to find
    /// that out.
    pub(crate) fn demand(&self) -> Result<(), Fault> {
        if self.free()? < self.min_free { Err(self.full()) } else { Ok(()) }
    }

    /// Room for a body of an announced length, beside the others that are arriving.
    pub(crate) fn reserve(self: &Arc<Self>, bytes: u64) -> Result<Room, Fault> {
        let before = self.announced.fetch_add(bytes, Ordering::Relaxed);
        let room = Room { space: Arc::clone(self), bytes };
        let wanted = self.min_free.saturating_add(before).saturating_add(bytes);
        if self.free()? < wanted { Err(self.full()) } else { Ok(room) }
    }

    fn full(&self) -> Fault {
        Fault::from(Code::InsufficientStorage).with("MinFree", self.min_free.to_string())
    }

    /// Gives the reserve back to the disk if it has come to that: what others filled must still be emptied here. Whoever
    /// removes something calls it first.
    pub(crate) fn release_reserve(&self) {
        let scarce = self.free().is_ok_and(|free| free < self.reserve_bytes());
        if scarce && self.reserve.exists() {
            match fs::remove_file(&self.reserve) {
                Ok(()) => tracing::warn!("the disk is full; its reserve was given up, so that deleting still works"),
                Err(error) => tracing::warn!(%error, "the disk is full, and its reserve could not be given up"),
            }
        }
    }

    /// Puts the reserve aside, if it is not there and there is room for it.
    pub(crate) fn keep_reserve(&self) {
        let bytes = self.reserve_bytes();
        let room = self.free().is_ok_and(|free| free >= self.min_free.saturating_add(bytes));
        // One of another length is what a crash left, or of another configuration.
        let kept = fs::metadata(&self.reserve).is_ok_and(|data| data.len() == bytes);
        if bytes == 0 || !room || kept {
            return;
        }
        let made = File::create(&self.reserve).and_then(|file| {
            rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, bytes)?;
            file.sync_all()
        });
        if let Err(error) = made {
            // Some file systems cannot set room aside; there, deleting on a full disk is up to them.
            tracing::debug!(%error, "no reserve was put aside");
            let _ = fs::remove_file(&self.reserve);
        }
    }

    fn reserve_bytes(&self) -> u64 {
        (self.min_free / 2).min(MOST_RESERVE)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    use super::Space;

    #[test]
    fn what_has_been_written_is_not_counted_as_still_to_come() {
        let space = Arc::new(Space::new(Path::new("/"), 0));
        let mut room = space.reserve(1000).unwrap();
        room.written(400);
        assert_eq!(space.announced.load(Ordering::Relaxed), 600);
        // A form is longer than its file, and a body may be longer than it was announced.
        room.written(700);
        assert_eq!(space.announced.load(Ordering::Relaxed), 0);
        drop(room);
        assert_eq!(space.announced.load(Ordering::Relaxed), 0);
    }
}
