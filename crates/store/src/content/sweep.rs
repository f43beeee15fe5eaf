//! Removing what crashes and failures left: temporary files, and contents that the index does not know.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::ops::RangeInclusive;
use std::sync::PoisonError;

use super::{Contents, LEAF_BITS, folders_in, numbers_in};

/// What a sweep removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Temporary files of uploads that never ended.
    pub incoming: u64,
    /// Contents that no object and no part refers to.
    pub contents: u64,
    /// Multipart uploads that were older than the limit or than their bucket's rules allow, with their parts.
    pub uploads: u64,
    /// Objects, earlier versions and delete markers whose time was over by their bucket's rules.
    pub expired: u64,
}

impl Contents {
    /// Removes leavings. `known` answers which numbers of a range the index knows; it is asked after the folder was
    /// read, so that a content committed meanwhile is known, and one still being committed is pending.
    pub(crate) fn sweep<E: From<io::Error>>(
        &self,
        mut known: impl FnMut(RangeInclusive<u64>) -> Result<HashSet<u64>, E>,
    ) -> Result<Swept, E> {
        // Two sweeps beside each other would trip over the folders that the other removes.
        let _alone = self.sweeping.lock().unwrap_or_else(PoisonError::into_inner);
        let mut swept = Swept::default();
        for number in self.not_pending(numbers_in(&self.incoming, 16)?) {
            match fs::remove_file(self.incoming.join(format!("{number:016x}"))) {
                Ok(()) => swept.incoming += 1,
                // It was an upload's that ended, one way or the other, after the folder was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        for (folder, path) in folders_in(&self.content)? {
            let found = numbers_in(&path, 16)?;
            if found.is_empty() {
                self.remove_if_past(folder)?;
                continue;
            }
            let candidates = self.not_pending(found);
            let first = folder << LEAF_BITS;
            let known = known(first..=first + (1 << LEAF_BITS) - 1)?;
            let leavings: Vec<u64> = candidates.into_iter().filter(|number| !known.contains(number)).collect();
            swept.contents += leavings.len() as u64;
            self.release(&leavings);
        }
        Ok(swept)
    }

    fn not_pending(&self, mut numbers: Vec<u64>) -> Vec<u64> {
        let state = self.lock();
        numbers.retain(|number| !state.pending.contains(number));
        numbers
    }

    /// Removes an empty folder that no number still to be placed belongs in.
    fn remove_if_past(&self, folder: u64) -> io::Result<()> {
        let mut state = self.lock();
        let wanted =
            state.next >> LEAF_BITS == folder || state.pending.iter().any(|number| number >> LEAF_BITS == folder);
        if !wanted {
            state.folders.remove(&folder);
            // Somebody else's file in it is a reason to keep it, not to fail.
            if let Err(error) = fs::remove_dir(self.folder(folder))
                && error.kind() != io::ErrorKind::DirectoryNotEmpty
            {
                return Err(error);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::super::Incoming;
    use super::{Contents, HashSet};

    #[test]
    fn a_sweep_is_not_stopped_by_a_file_that_goes_by_itself_meanwhile() {
        let root = tempfile::tempdir().unwrap();
        let contents = Arc::new(Contents::open(root.path(), 0).unwrap());
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        drop(Incoming::begin(&contents, &[], None).unwrap());
                    }
                });
            }
            let swept: Result<Vec<_>, io::Error> =
                (0..5_000).map(|_| contents.sweep(|_| Ok::<_, io::Error>(HashSet::new()))).collect();
            done.store(true, Ordering::Relaxed);
            assert!(swept.unwrap().iter().all(|swept| swept.incoming == 0));
        });
    }
}
