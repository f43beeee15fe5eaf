//! SHA-256 that can be stopped and resumed between blocks, so that what many messages begin with is hashed once.
//!
//! `sha2` does the work of each block. Its own hashers cannot be wiped from memory, and a state that has absorbed a
//! secret key is as good as the key; a [`Midstate`] is wiped.

use sha2::compress256;
use sha2::digest::core_api::Block as Sha2Block;
use zeroize::Zeroize as _;

/// Bytes that are hashed in one step.
pub(crate) const BLOCK: usize = 64;
/// As many blocks are handed to the processor at once, which saves loading and storing the state between them.
const AT_ONCE: usize = 4;
/// The bytes of padding: one bit, and the message's length in eight bytes.
const PADDING: usize = 9;

type Block = Sha2Block<sha2::Sha256>;
type Words = [u32; 8];

/// The state after some whole blocks.
#[derive(Clone)]
pub(crate) struct Midstate(Words);

impl Midstate {
    /// Before the first block (FIPS 180-4, 5.3.3).
    pub(crate) const fn new() -> Self {
        Self([0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19])
    }

    /// Hashes the whole blocks of `message` and returns the rest, which is shorter than a block.
    pub(crate) fn absorb<'m>(&mut self, message: &'m [u8]) -> &'m [u8] {
        let (blocks, rest) = message.as_chunks::<BLOCK>();
        let mut buffer = [Block::default(); AT_ONCE];
        for run in blocks.chunks(AT_ONCE) {
            for (to, from) in buffer.iter_mut().zip(run) {
                to.copy_from_slice(from);
            }
            compress256(&mut self.0, &buffer[..run.len()]);
        }
        rest
    }

    /// The digest of a message that began with what this state has absorbed, `before` bytes, and ends with `message`.
    pub(crate) fn finish(&self, before: usize, message: &[u8]) -> [u8; 32] {
        let mut state = self.clone();
        let rest = state.absorb(message);
        Ending::new(rest, 0, before + message.len()).digest(&state, &[])
    }

    /// The same for a message that is itself a digest, which together with its padding makes one block: the outer
    /// half of every HMAC.
    #[inline]
    pub(crate) fn finish_digest(&self, before: usize, message: &[u8; 32]) -> [u8; 32] {
        let mut block = Block::default();
        block[..32].copy_from_slice(message);
        block[32] = 0x80;
        block[BLOCK - 8..].copy_from_slice(&bits(before + 32));
        self.last(&[block])
    }

    /// Only a copy changes. Once it has absorbed the last blocks it gives no secret away, and need not be wiped.
    #[inline]
    fn last(&self, blocks: &[Block]) -> [u8; 32] {
        let mut state = self.0;
        compress256(&mut state, blocks);
        let mut digest = [0; 32];
        for (to, word) in digest.chunks_exact_mut(4).zip(state) {
            to.copy_from_slice(&word.to_be_bytes());
        }
        digest
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
    blocks: [Block; 3],
    used: usize,
    gap: usize,
}

impl Ending {
    /// `rest`, shorter than a block, comes first and `gap` bytes, at most a block, follow; with the padding they fill
    /// up to three blocks. The whole message has `length` bytes.
    pub(crate) fn new(rest: &[u8], gap: usize, length: usize) -> Self {
        let end = rest.len() + gap;
        let used = (end + PADDING).div_ceil(BLOCK);
        let mut blocks = [Block::default(); 3];
        blocks[0][..rest.len()].copy_from_slice(rest);
        blocks[end / BLOCK][end % BLOCK] = 0x80;
        blocks[used - 1][BLOCK - 8..].copy_from_slice(&bits(length));
        Self { blocks, used, gap: rest.len() }
    }

    /// The digest of a message whose earlier blocks gave `state` and whose gap is filled with `with`.
    #[inline]
    pub(crate) fn digest(&self, state: &Midstate, with: &[u8]) -> [u8; 32] {
        let mut blocks = self.blocks;
        let (first, second) = with.split_at(with.len().min(BLOCK - self.gap));
        blocks[0][self.gap..self.gap + first.len()].copy_from_slice(first);
        blocks[1][..second.len()].copy_from_slice(second);
        state.last(&blocks[..self.used])
    }
}

/// The length of a message as its padding tells it.
fn bits(bytes: usize) -> [u8; 8] {
    (bytes as u64 * 8).to_be_bytes()
}

/// The digest of a message.
pub(crate) fn digest(message: &[u8]) -> [u8; 32] {
    Midstate::new().finish(0, message)
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
    fn every_gap_after_every_beginning_gives_the_digest_of_sha2() {
        let message: Vec<u8> = (0..200_u32).map(|at| at.to_le_bytes()[0]).collect();
        for before in 0..136 {
            let mut state = Midstate::new();
            let rest = state.absorb(&message[..before]);
            let ending = Ending::new(rest, 64, before + 64);
            let expected: [u8; 32] = Sha256::digest(&message[..before + 64]).into();
            assert_eq!(ending.digest(&state, &message[before..before + 64]), expected, "after {before} bytes");
        }
    }
}
