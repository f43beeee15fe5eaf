//! Comparing the index with itself and with the disk, without reading the contents.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::PathBuf;

use super::{Damage, InspectError, Inspector, Progress, Wrong};
use crate::content::{LEAF_BITS, folders_in, numbers_in, path_of};
use crate::encryption::look_for_master;
use crate::fault::Fault;
use crate::index::{bodies, contents};

/// How many contents are looked up at once.
const BATCH: usize = 1024;
/// How many sentences each rule about the index may give.
const COMPLAINTS: usize = 20;

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// How much was looked at.
    pub progress: Progress,
    /// What is wrong with the index or with the master key, in sentences.
    pub index: Vec<String>,
    /// Contents that are missing or of another length.
    pub damaged: Vec<Damage>,
    /// Files that no object needs. Those of a running store may be uploads under way; a sweep removes the others.
    pub leavings: Vec<PathBuf>,
}

impl Checked {
    /// Whether everything that was acknowledged is there, as far as can be seen without reading it.
    pub fn is_sound(&self) -> bool {
        self.index.is_empty() && self.damaged.is_empty()
    }
}

impl Inspector {
    /// Compares the index with itself and with the disk; blocks while it does. `tell` hears how far it has come.
    pub fn check(&self, mut tell: impl FnMut(Progress)) -> Result<Checked, InspectError> {
        let mut checked = Checked {
            index: self.index.read(|connection| contents::complaints(connection, COMPLAINTS))?,
            ..Checked::default()
        };
        if let Err(fault) = self.index.read(|connection| look_for_master(&self.folder, connection)) {
            checked.index.push(fault.to_string());
        }
        let mut after = 0;
        loop {
            let batch = self.index.read(|connection| contents::after(connection, after, BATCH))?;
            let Some(last) = batch.last() else { break };
            after = last.number;
            for content in &batch {
                let wrong = match fs::metadata(path_of(&self.content, content.number)) {
                    Ok(data) if data.len() == content.bytes => None,
                    Ok(data) => Some(Wrong::Length { written: content.bytes, found: data.len() }),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Some(Wrong::Missing),
                    Err(error) => Some(Wrong::Unreadable(error.to_string())),
                };
                if let Some(wrong) = wrong {
                    checked.damaged.extend(self.damage(content.number, wrong)?);
                }
                checked.progress.contents += 1;
                checked.progress.bytes += content.bytes;
            }
            tell(checked.progress);
        }
        checked.leavings = self.leavings()?;
        Ok(checked)
    }

    /// The files that the index does not know. Each folder is read before the index is asked, so that what was placed
    /// and committed in between is known.
    fn leavings(&self) -> Result<Vec<PathBuf>, Fault> {
        let mut leavings: Vec<PathBuf> =
            numbers_in(&self.incoming, 16)?.iter().map(|number| self.incoming.join(format!("{number:016x}"))).collect();
        for folder in folders_in(&self.content)? {
            let (number, path) = folder;
            let found = match numbers_in(&path, 16) {
                Ok(found) => found,
                // A running store's sweep removes folders that have become empty.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error.into()),
            };
            let range = number << LEAF_BITS..=(number << LEAF_BITS) + (1 << LEAF_BITS) - 1;
            let known: HashSet<u64> = self.index.read(|connection| bodies::known(connection, &range))?;
            leavings.extend(
                found.iter().filter(|number| !known.contains(number)).map(|number| path_of(&self.content, *number)),
            );
        }
        // A file that went by itself meanwhile was no leaving.
        leavings.retain(|path| path.exists());
        Ok(leavings)
    }
}
