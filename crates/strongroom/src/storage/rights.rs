//! What each identity does in the bucket: the one table that policies are printed from, and that the embedded store
//! holds its own identities to. So what the service does and what it may do cannot drift apart.

use std::fmt;

use super::key::{Location, ObjectKey};
use crate::config::Rank;

/// One of the four who use the storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// Gets, and signs links.
    Reader,
    /// Puts what is handed in, and signs uploads.
    Writer,
    /// Promotes, deletes and lists.
    Janitor,
    /// Configures the bucket. The running service never needs it.
    Operator,
}

/// Something that S3's policies can allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Read an object or its headers, also as the source of a copy.
    Get,
    /// Write an object by any way, also as the target of a copy.
    Put,
    /// Write an object where none is yet.
    Create,
    /// Delete an object.
    Delete,
    /// Give a multipart upload up.
    Abort,
    /// List the parts of a multipart upload.
    ListParts,
    /// List keys.
    List,
    /// List the multipart uploads of the bucket.
    ListUploads,
    /// Make the bucket, read and change its configuration.
    Configure,
}

/// On which keys somebody has a right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Where uploads land.
    Staging,
    /// Everything of this installation.
    Location,
    /// The bucket itself.
    Bucket,
}

/// Who does what, where. What is not here, none of them does.
const TABLE: [(Identity, Reach, &[Right]); 5] = [
    (Identity::Reader, Reach::Location, &[Right::Get]),
    (Identity::Writer, Reach::Staging, &[Right::Put, Right::Abort]),
    // Only on a storage where nothing can be replaced in this way.
    (Identity::Writer, Reach::Location, &[Right::Create]),
    (
        Identity::Janitor,
        Reach::Location,
        &[Right::Get, Right::Put, Right::Delete, Right::Abort, Right::ListParts, Right::List, Right::ListUploads],
    ),
    (Identity::Operator, Reach::Bucket, &[Right::Configure]),
];

impl Identity {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Reader, Self::Writer, Self::Janitor, Self::Operator];

    /// Those who use this storage: nobody uploads to a mirror.
    pub fn of(rank: Rank) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |identity| rank == Rank::First || *identity != Self::Writer)
    }

    /// Its name, as the configuration has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Writer => "writer",
            Self::Janitor => "janitor",
            Self::Operator => "operator",
        }
    }

    /// Its rights, and on which keys it has them; on a storage where a PUT is final, or on another.
    pub fn rights(self, puts_are_final: bool) -> impl Iterator<Item = (Reach, &'static [Right])> {
        let own = TABLE.into_iter().filter(move |(identity, ..)| *identity == self);
        own.map(|(_, reach, rights)| (reach, rights))
            .filter(move |(_, rights)| puts_are_final || !rights.contains(&Right::Create))
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Reach {
    /// What all of these keys begin with in the bucket.
    pub fn prefix(self, location: &Location) -> String {
        match self {
            Self::Staging => ObjectKey::staging_prefix(location),
            Self::Location => location.as_str().to_owned(),
            Self::Bucket => String::new(),
        }
    }
}
