//! Looking a store over from outside, whether or not it runs: every byte against its checksum, the index against the
//! disk. Nothing is changed.

mod check;
mod scrub;

use std::fs;
use std::path::{Path, PathBuf};

use crate::content::{Contents, path_of};
use crate::encryption::{Secret, look_for_master};
use crate::fault::Fault;
use crate::index::Look;
use crate::index::contents::{self, Tally};
use crate::store::{OpenError, check_format};
pub use check::Checked;
pub use scrub::Scrub;

/// How many objects a damage names.
const NAMED: usize = 10;

/// A store that is looked at. A running one is left undisturbed: its lock is not taken.
#[derive(Debug, Clone)]
pub struct Inspector {
    folder: PathBuf,
    content: PathBuf,
    incoming: PathBuf,
    index: Look,
}

/// A content that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Its number.
    pub content: u64,
    /// Where it lies.
    pub path: PathBuf,
    /// What is wrong with it.
    pub what: Wrong,
    /// Some of the objects it is a part of, as bucket and key.
    pub objects: Vec<(String, String)>,
}

/// What can be wrong with a content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// Its file is not there.
    #[error("it is missing")]
    Missing,
    /// Its file has another length.
    #[error("it is {found} bytes long, and was written with {written}")]
    Length {
        /// The length that was written.
        written: u64,
        /// The length that was found.
        found: u64,
    },
    /// Its bytes are others.
    #[error("its checksum is not that of what was written")]
    Changed,
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
}

impl std::fmt::Display for Damage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.path.display(), self.what)?;
        for (position, (bucket, key)) in self.objects.iter().enumerate() {
            let before = if position == 0 { "; part of" } else { "," };
            write!(formatter, "{before} {bucket}/{key}")?;
        }
        Ok(())
    }
}

/// How far a look has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Contents looked at.
    pub contents: u64,
    /// Bytes looked at.
    pub bytes: u64,
}

/// Why a look ended early.
#[derive(Debug, thiserror::Error)]
#[error("the store cannot be looked at: {0}")]
pub struct InspectError(Fault);

impl From<Fault> for InspectError {
    fn from(fault: Fault) -> Self {
        Self(fault)
    }
}

impl Inspector {
    /// Looks at the store in `folder`.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, OpenError> {
        let folder = folder.as_ref();
        fs::metadata(folder).map_err(|source| OpenError::Folder { path: folder.to_owned(), source })?;
        check_format(folder)?;
        let index = Look::open(&folder.join("index.sqlite"))?;
        let (content, incoming) = (folder.join("content"), folder.join("incoming"));
        Ok(Self { folder: folder.to_owned(), content, incoming, index })
    }

    /// How much there is.
    pub fn tally(&self) -> Result<Tally, InspectError> {
        Ok(self.index.read(contents::tally)?)
    }

    /// Begins to verify every content after a number, 0 for all of them.
    pub fn scrub(&self, after: u64) -> Scrub {
        Scrub::new(self.clone(), after)
    }

    /// The index.
    pub(crate) fn index(&self) -> &Look {
        &self.index
    }

    /// The master key, or why there is none.
    pub(crate) fn master(&self) -> Result<Secret, String> {
        let found = self.index.read(|connection| look_for_master(&self.folder, connection));
        found.map_err(|fault| fault.to_string())?.ok_or_else(|| "no master key was ever made".to_owned())
    }

    /// The contents, to be read.
    pub(crate) fn contents(&self) -> Contents {
        Contents::look(&self.content, &self.incoming)
    }

    /// The damage of a content, unless it was deleted meanwhile, which is no damage.
    fn damage(&self, content: u64, what: Wrong) -> Result<Option<Damage>, Fault> {
        let path = path_of(&self.content, content);
        self.index.read(|connection| {
            if !contents::is_known(connection, content)? {
                return Ok(None);
            }
            Ok(Some(Damage { content, path, what, objects: contents::users(connection, content, NAMED)? }))
        })
    }
}
