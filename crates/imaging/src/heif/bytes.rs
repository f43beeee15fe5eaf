//! Reads numbers and boxes from bytes that may end at any moment.

/// What is left of some bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number of up to eight bytes, the highest first.
    pub(super) fn uint(&mut self, bytes: usize) -> Option<u64> {
        Some(self.take(bytes)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// The version and the flags that many boxes begin with.
    pub(super) fn version(&mut self) -> Option<(u8, u32)> {
        let word = self.uint(4)? as u32;
        Some(((word >> 24) as u8, word & 0xFF_FFFF))
    }

    /// The next box.
    pub(super) fn next_box(&mut self) -> Option<Box<'a>> {
        let (size, kind) = (self.uint(4)?, *self.take(4)?.first_chunk::<4>()?);
        let (head, size) = match size {
            1 => (16, self.uint(8)?),
            0 => (8, self.0.len() as u64 + 8),
            size => (8, size),
        };
        let length = size.checked_sub(head)?;
        let there = usize::try_from(length).unwrap_or(usize::MAX).min(self.0.len());
        let whole = there as u64 == length;
        Some(Box { kind, body: self.take(there)?, whole })
    }
}

/// A box with what there is of its content.
#[derive(Debug, Clone, Copy)]
pub(super) struct Box<'a> {
    pub(super) kind: [u8; 4],
    pub(super) body: &'a [u8],
    /// Whether all of it is there.
    pub(super) whole: bool,
}
