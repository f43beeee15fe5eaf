//! A file of which some pieces are there, and a reader of it that notes which one is missing.

use std::collections::BTreeMap;

/// How long a piece is, and what their beginnings are multiples of.
pub const PIECE: u64 = 64 << 10;

/// How many pieces of one file are asked for at the most.
pub const MOST_PIECES: usize = 24;

/// How often is read in one look at the most; an honest file needs a few hundred.
const MOST_READS: u32 = 20_000;

/// A file of which some pieces are there.
#[derive(Debug, Clone)]
pub struct File {
    length: u64,
    pieces: BTreeMap<u64, Vec<u8>>,
}

impl File {
    /// A file of this length, of which nothing is there yet.
    pub fn of(length: u64) -> Self {
        // No storage holds more, and places a little behind the end are numbers, too.
        Self { length: length.min(i64::MAX.unsigned_abs()), pieces: BTreeMap::new() }
    }

    /// Adds the piece that begins there.
    pub fn add(&mut self, first: u64, bytes: Vec<u8>) {
        self.pieces.insert(first, bytes);
    }

    /// How long the piece is that begins there, if it is to be asked for: it never was, and others were not too often.
    pub(crate) fn wants(&self, first: u64) -> Option<u64> {
        let is_new = !self.pieces.contains_key(&first) && self.pieces.len() < MOST_PIECES;
        is_new.then(|| PIECE.min(self.length - first))
    }

    /// What is there from this place to the end of its piece.
    fn from(&self, position: u64) -> Option<&[u8]> {
        let inside = usize::try_from(position % PIECE).ok()?;
        self.pieces.get(&(position - position % PIECE))?.get(inside..).filter(|rest| !rest.is_empty())
    }
}

/// Reads a file as far as it is there.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    file: &'a File,
    reads: u32,
    missing: Option<u64>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(file: &'a File) -> Self {
        Self { file, reads: 0, missing: None }
    }

    /// How long the file is.
    pub(crate) fn length(&self) -> u64 {
        self.file.length
    }

    /// Where the first piece begins that was read and is not there.
    pub(crate) fn missing(&self) -> Option<u64> {
        self.missing
    }

    /// So many bytes from there on; nothing where the file ends before, or as soon as a piece is missing.
    pub(crate) fn at<const N: usize>(&mut self, position: u64) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        self.fill(position, &mut bytes)?;
        Some(bytes)
    }

    /// What the file has from there on, at most so many bytes.
    pub(crate) fn stretch(&mut self, position: u64, at_most: usize) -> Option<Vec<u8>> {
        let rest = usize::try_from(self.file.length.checked_sub(position)?).unwrap_or(usize::MAX);
        let mut bytes = vec![0; at_most.min(rest)];
        self.fill(position, &mut bytes)?;
        Some(bytes)
    }

    fn fill(&mut self, mut position: u64, mut rest: &mut [u8]) -> Option<()> {
        self.reads += 1;
        let is_inside = position.checked_add(rest.len() as u64).is_some_and(|end| end <= self.file.length);
        // Whoever missed something is told no more, so that it comes to an end.
        if !is_inside || self.missing.is_some() || self.reads > MOST_READS {
            return None;
        }
        while !rest.is_empty() {
            let Some(there) = self.file.from(position) else {
                self.missing = Some(position - position % PIECE);
                return None;
            };
            let count = there.len().min(rest.len());
            rest[..count].copy_from_slice(&there[..count]);
            rest = &mut rest[count..];
            position += count as u64;
        }
        Some(())
    }
}

/// The longest that is told: larger numbers are not the same in every language.
const LONGEST: u64 = 1 << 53;

/// How many milliseconds so many units take, when so many of them are a second; nothing for none, or for what cannot be.
pub(crate) fn milliseconds(units: u64, per_second: u64) -> Option<u64> {
    let rounded = (u128::from(units) * 1000 + u128::from(per_second) / 2).checked_div(per_second.into())?;
    u64::try_from(rounded).ok().filter(|milliseconds| (1..LONGEST).contains(milliseconds))
}

#[cfg(test)]
mod tests {
    use super::{File, MOST_PIECES, PIECE, Reader};

    #[test]
    fn the_first_piece_that_is_not_there_is_missing_and_others_are_read() {
        let mut file = File::of(3 * PIECE + 10);
        file.add(PIECE, vec![7; 65536]);
        let mut reader = Reader::new(&file);
        assert_eq!(reader.at(2 * PIECE - 4), Some([7; 4]));
        assert_eq!(reader.missing(), None);
        assert_eq!(reader.at::<4>(2 * PIECE - 2), None);
        assert_eq!(reader.missing(), Some(2 * PIECE));
        assert_eq!(reader.at::<4>(PIECE), None, "after that nothing is read, not even what is there");
        assert_eq!(file.wants(3 * PIECE), Some(10));
    }

    #[test]
    fn nothing_is_asked_for_twice_or_too_often() {
        let mut file = File::of(u64::MAX);
        file.add(0, Vec::new());
        assert_eq!((file.wants(0), file.wants(PIECE)), (None, Some(PIECE)));
        (1..MOST_PIECES as u64).for_each(|number| file.add(number * PIECE, Vec::new()));
        assert_eq!(file.wants(MOST_PIECES as u64 * PIECE), None);
    }

    #[test]
    fn what_is_behind_the_end_is_not_missing() {
        let file = File::of(10);
        let mut reader = Reader::new(&file);
        assert_eq!((reader.at::<1>(10), reader.at::<2>(9), reader.at::<1>(u64::MAX)), (None, None, None));
        assert_eq!((reader.stretch(11, 5), reader.missing()), (None, None));
    }
}
