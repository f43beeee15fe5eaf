//! SHA-256 that can be stopped and resumed between blocks, so that what many messages begin with is hashed once.
//!
//! `sha2` does the work of each block. Its own hashers cannot be wiped from memory, and a state that has absorbed a
//! secret key is as good as the key; a [`Midstate`] is wiped.

use sha2::compress256;
use sha2::digest::block_buffer::EagerBuffer;
use sha2::digest::consts::U64;
use zeroize::Zeroize as _;

/// Bytes that are hashed in one step.
pub(crate) const BLOCK: usize = 64;
/// The bytes of padding: one bit, and the message's length in eight bytes.
const PADDING: usize = 9;

type Words = [u32; 8];

/// The state before the first block (FIPS 180-4, 5.3.3).
const INITIAL: Words =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The state after some whole blocks.
#[derive(Clone)]
pub(crate) struct Midstate(Words);

impl Midstate {
    /// Before the first block.
    pub(crate) const fn new() -> Self {
        Self(INITIAL)
    }

    /// Hashes the whole blocks of `message` and returns the rest, which is shorter than a block.
    pub(crate) fn absorb<'m>(&mut self, message: &'m [u8]) -> &'m [u8] {
        absorb(&mut self.0, message)
    }

    /// The digest of a message that began with what this state has absorbed, `before` bytes, and ends with `message`.
    #[inline]
    pub(crate) fn finish(&self, before: usize, message: &[u8]) -> [u8; 32] {
        let mut state = self.0;
        let rest = absorb(&mut state, message);
        let mut end = [0; 2 * BLOCK];
        end[..rest.len()].copy_from_slice(rest);
        let used = pad(&mut end, rest.len(), before + message.len());
        last(state, &end[..used])
    }

    /// The same for a message that is itself a digest, which together with its padding makes one block: the outer
    /// half of every HMAC.
    #[inline]
    pub(crate) fn finish_digest(&self, before: usize, message: &[u8; 32]) -> [u8; 32] {
        let mut block = [0; BLOCK];
        block[..32].copy_from_slice(message);
        pad(&mut block, 32, before + 32);
        last(self.0, &block)
    }
}

impl Drop for Midstate {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// The last blocks of many messages that differ only in a gap: what comes before it and the padding stand ready.
#[derive(Clone)]
pub(crate) struct Ending {
    blocks: [u8; 3 * BLOCK],
    used: usize,
    gap: usize,
}

impl Ending {
    /// `rest`, shorter than a block, comes first and `gap` bytes, at most a block, follow; with the padding they fill
    /// up to three blocks. The whole message has `length` bytes.
    pub(crate) fn new(rest: &[u8], gap: usize, length: usize) -> Self {
        let mut blocks = [0; 3 * BLOCK];
        blocks[..rest.len()].copy_from_slice(rest);
        let used = pad(&mut blocks, rest.len() + gap, length);
        Self { blocks, used, gap: rest.len() }
    }

    /// The digest of a message whose earlier blocks gave `state` and whose gap is filled with `with`.
    #[inline]
    pub(crate) fn digest<const GAP: usize>(&self, state: &Midstate, with: &[u8; GAP]) -> [u8; 32] {
        let mut blocks = self.blocks;
        blocks[self.gap..self.gap + GAP].copy_from_slice(with);
        last(state.0, &blocks[..self.used])
    }
}

#[inline]
fn absorb<'m>(state: &mut Words, message: &'m [u8]) -> &'m [u8] {
    let (blocks, rest) = message.split_at(message.len() - message.len() % BLOCK);
    compress(state, blocks);
    rest
}

/// The digest, once the last blocks are hashed. A state that has absorbed a message behind a key gives the key not
/// away, so this copy need not be wiped.
#[inline]
fn last(mut state: Words, blocks: &[u8]) -> [u8; 32] {
    compress(&mut state, blocks);
    let mut digest = [0; 32];
    for (to, word) in digest.chunks_exact_mut(4).zip(state) {
        to.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

/// Hashes whole blocks. They are handed on as they lie: a buffer copies only what does not fill a block.
#[inline]
fn compress(state: &mut Words, blocks: &[u8]) {
    EagerBuffer::<U64>::default().digest_blocks(blocks, |blocks| compress256(state, blocks));
}

/// Ends a message of `length` bytes, the last of which stands before `end` in zeroed blocks, with its padding.
/// Returns up to where the blocks are used.
#[inline]
fn pad(blocks: &mut [u8], end: usize, length: usize) -> usize {
    let used = (end + PADDING).next_multiple_of(BLOCK);
    blocks[end] = 0x80;
    blocks[used - 8..used].copy_from_slice(&(length as u64 * 8).to_be_bytes());
    used
}

/// The digest of a message.
pub(crate) fn digest(message: &[u8]) -> [u8; 32] {
    Midstate::new().finish(0, message)
}

/// The digest of a message that stands in pieces. They are put together with the padding and hashed in one go, on the
/// stack unless they are very long.
#[inline]
pub(crate) fn digest_of(pieces: &[&str]) -> [u8; 32] {
    let length: usize = pieces.iter().map(|piece| piece.len()).sum();
    match (length + PADDING).next_multiple_of(BLOCK) {
        used @ ..=FEW => digest_in(&mut [0; FEW][..used], pieces, length),
        used => digest_of_many(used, pieces, length),
    }
}

/// Most messages fit in here.
const FEW: usize = 8 * BLOCK;
/// And those with a session token in here.
const MANY: usize = 128 * BLOCK;

#[cold]
fn digest_of_many(used: usize, pieces: &[&str], length: usize) -> [u8; 32] {
    if used <= MANY {
        digest_in(&mut [0; MANY][..used], pieces, length)
    } else {
        digest_in(&mut vec![0; used], pieces, length)
    }
}

/// `blocks` are zeroed and as many as the message fills with its padding.
#[inline]
fn digest_in(blocks: &mut [u8], pieces: &[&str], length: usize) -> [u8; 32] {
    let mut end = 0;
    for piece in pieces {
        blocks[end..end + piece.len()].copy_from_slice(piece.as_bytes());
        end += piece.len();
    }
    pad(blocks, end, length);
    last(INITIAL, blocks)
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    #[test]
    fn every_length_gives_the_digest_of_sha2() {
        let message: Vec<u8> = (0..700_u32).map(|at| at.to_le_bytes()[0]).collect();
        for length in 0..message.len() {
            let expected: [u8; 32] = Sha256::digest(&message[..length]).into();
            assert_eq!(digest(&message[..length]), expected, "{length} bytes");
        }
    }

    #[test]
    fn pieces_give_the_digest_of_their_whole() {
        let message = "Forty-two bolts of indigo twill, received. ".repeat(400);
        for length in (0..1_000).chain([FEW - PADDING, FEW, MANY - PADDING, MANY - PADDING + 1, message.len()]) {
            let message = &message[..length];
            let (first, second) = message.split_at(length / 3);
            assert_eq!(digest_of(&[first, "", second]), digest(message.as_bytes()), "{length} bytes");
        }
    }

    #[test]
    fn every_gap_after_every_beginning_gives_the_digest_of_sha2() {
        let message: Vec<u8> = (0..200_u32).map(|at| at.to_le_bytes()[0]).collect();
        for before in 0..136 {
            let mut state = Midstate::new();
            let rest = state.absorb(&message[..before]);
            let ending = Ending::new(rest, 64, before + 64);
            let expected: [u8; 32] = Sha256::digest(&message[..before + 64]).into();
            assert_eq!(
                ending.digest::<64>(&state, message[before..before + 64].try_into().unwrap()),
                expected,
                "after {before} bytes"
            );
        }
    }
}
