//! Hands a file to a decoder piece by piece and asks in between whether anybody still waits, because a decoder can work for
//! long and has no question of its own.

use std::io::{self, BufRead, Cursor, Read, Seek, SeekFrom};

use crate::limits::Limits;

/// Bytes between two questions: so few that what they unpack to is done in a moment, and enough that asking costs nothing.
const BETWEEN: usize = 4096;

/// A file as a stream. When nobody waits any longer, reading fails.
pub(crate) struct Reading<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Up to here it was asked for.
    end: usize,
    limits: &'a Limits<'a>,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(bytes: &'a [u8], limits: &'a Limits<'a>) -> Self {
        Self { bytes, at: 0, end: 0, limits }
    }

    fn ask(&mut self) -> io::Result<()> {
        self.limits.check_time().map_err(io::Error::other)?;
        self.end = self.bytes.len().min(self.at + BETWEEN);
        Ok(())
    }
}

impl BufRead for Reading<'_> {
    #[inline]
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.at == self.end && self.at < self.bytes.len() {
            self.ask()?;
        }
        Ok(&self.bytes[self.at..self.end])
    }

    #[inline]
    fn consume(&mut self, amount: usize) {
        self.at = self.end.min(self.at + amount);
    }
}

impl Read for Reading<'_> {
    #[inline]
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(out)?;
        self.consume(length);
        Ok(length)
    }
}

impl Seek for Reading<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let mut cursor = Cursor::new(self.bytes);
        cursor.set_position(self.at as u64);
        let at = cursor.seek(to)?;
        // What is asked for anew begins there, and behind the end there is nothing.
        self.at = usize::try_from(at).unwrap_or(usize::MAX).min(self.bytes.len());
        self.end = self.at;
        Ok(at)
    }
}
