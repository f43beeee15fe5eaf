//! Verifying contents one stretch at a time, so that whoever drives it sets the pace.

use std::collections::VecDeque;
use std::fs::File;
use std::io;

use crc_fast::{CrcAlgorithm, Digest};

use super::{Damage, InspectError, Inspector, Progress, Wrong};
use crate::content::path_of;
use crate::fault::Fault;
use crate::index::contents::{self, Content};

/// How much is read at once.
const STRETCH: usize = 1 << 20;
/// How many contents are looked up at once.
const BATCH: usize = 512;

/// A scrub under way.
#[derive(Debug)]
pub struct Scrub {
    inspector: Inspector,
    /// The last content that is done with.
    after: u64,
    batch: VecDeque<Content>,
    open: Option<Open>,
    progress: Progress,
    damaged: Vec<Damage>,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Open {
    content: Content,
    file: File,
    digest: Digest,
    read: u64,
}

impl Scrub {
    pub(super) fn new(inspector: Inspector, after: u64) -> Self {
        Self {
            inspector,
            after,
            batch: VecDeque::new(),
            open: None,
            progress: Progress::default(),
            damaged: Vec::new(),
            buffer: Vec::new(),
        }
    }

    /// Verifies the next stretch, at most 1 MiB, and blocks on the disk while it does; answers false when everything has
    /// been verified.
    pub fn step(&mut self) -> Result<bool, InspectError> {
        let Some(mut open) = self.open.take() else {
            return self.next().map_err(InspectError::from);
        };
        self.buffer.resize(STRETCH, 0);
        let length = match read_some(&mut open.file, &mut self.buffer) {
            Ok(length) => length,
            Err(error) => return Ok(self.end(open.content, Some(Wrong::Unreadable(error.to_string())))?),
        };
        open.digest.update(&self.buffer[..length]);
        open.read += length as u64;
        self.progress.bytes += length as u64;
        let Content { bytes, crc64, .. } = open.content;
        if length > 0 && open.read <= bytes {
            self.open = Some(open);
            return Ok(true);
        }
        let wrong = if open.read != bytes {
            // What is too long is not read to its end only to say by how much.
            let found = open.file.metadata().map_or(open.read, |data| data.len());
            Some(Wrong::Length { written: bytes, found })
        } else if open.digest.finalize() != crc64 {
            Some(Wrong::Changed)
        } else {
            None
        };
        Ok(self.end(open.content, wrong)?)
    }

    /// How far it has come, since it began.
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// The number of the last content that is done with: a later scrub may go on from there.
    pub fn after(&self) -> u64 {
        self.after
    }

    /// The damage found since this was last asked.
    pub fn take_damaged(&mut self) -> Vec<Damage> {
        std::mem::take(&mut self.damaged)
    }

    fn next(&mut self) -> Result<bool, Fault> {
        if self.batch.is_empty() {
            let after = self.after;
            self.batch = self.inspector.index.read(|connection| contents::after(connection, after, BATCH))?.into();
        }
        let Some(content) = self.batch.pop_front() else { return Ok(false) };
        match File::open(path_of(&self.inspector.content, content.number)) {
            Ok(file) => {
                self.open = Some(Open { content, file, digest: Digest::new(CrcAlgorithm::Crc64Nvme), read: 0 });
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.end(content, Some(Wrong::Missing)),
            Err(error) => self.end(content, Some(Wrong::Unreadable(error.to_string()))),
        }
    }

    fn end(&mut self, content: Content, wrong: Option<Wrong>) -> Result<bool, Fault> {
        self.after = content.number;
        self.progress.contents += 1;
        if let Some(wrong) = wrong
            && let Some(damage) = self.inspector.damage(content.number, wrong)?
        {
            self.damaged.push(damage);
        }
        Ok(true)
    }
}

/// Reads some bytes. Being interrupted by a signal is no fault of the disk.
fn read_some(file: &mut impl io::Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match file.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read};

    use super::read_some;

    /// A file whose every second read is interrupted.
    struct Interrupted(&'static [u8], bool);

    impl Read for Interrupted {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 { Err(io::ErrorKind::Interrupted.into()) } else { self.0.read(buffer) }
        }
    }

    #[test]
    fn a_read_that_is_interrupted_goes_on() {
        let mut file = Interrupted(b"abcdef", false);
        let mut buffer = [0; 4];
        assert_eq!(read_some(&mut file, &mut buffer).unwrap(), 4);
        assert_eq!((read_some(&mut file, &mut buffer).unwrap(), &buffer[..2]), (2, &b"ef"[..]));
        assert_eq!(read_some(&mut file, &mut buffer).unwrap(), 0);
    }
}
