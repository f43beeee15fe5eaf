//! The hashing that no signer of a GET can do without, and nothing else: what the others are held against.
//!
//! Counted are the SHA-256 compressions of one URL when all that is constant was hashed before: every block of the
//! canonical request, whose first block holds the key already; the blocks of the string to sign behind its first one,
//! which ends before the digest; and one for the outer half of the HMAC. Encoding, hex, copying and memory cost nothing
//! here. Each of the three hashes begins when the one before has ended, as its text holds that one's digest.

use std::hint::black_box;
use std::time::Duration;

use anyhow::{Context, Result};
use hmac::{Hmac, Mac as _};
use sha2::digest::core_api::Block;
use sha2::{Sha256, compress256};

use crate::clock::processor_time;
use crate::lane::{Signed, Work};
use crate::task::{ORIGIN, REGION, SECRET_KEY};

type Words = [u32; 8];

const BLOCK: usize = 64;
/// The state before the first block (FIPS 180-4, 5.3.3).
const INITIAL: Words =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];
/// So few that their blocks stay in the nearest cache, where a signer has just written them.
const TEXTS: usize = 16;

/// The hashing for some keys.
pub(crate) struct Floor {
    texts: Vec<Text>,
}

impl Floor {
    pub(crate) fn new(keys: &[String]) -> Result<Self> {
        Ok(Self { texts: keys.iter().take(TEXTS).map(|key| Text::of(key)).collect::<Result<_>>()? })
    }
}

impl Work for Floor {
    fn sign(&mut self, key: &str) -> Result<Signed> {
        let text = Text::of(key)?;
        Ok(Signed::Url(format!("{}&X-Amz-Signature={}", text.url, hex(text.hash()))))
    }

    fn time(&mut self, _: &[String], count: usize) -> Result<Duration> {
        let begin = processor_time();
        for text in self.texts.iter().cycle().take(count) {
            black_box(black_box(text).hash());
        }
        Ok(processor_time() - begin)
    }
}

/// What is hashed for one URL, in blocks.
struct Text {
    /// Without the signature.
    url: String,
    request: Vec<Block<Sha256>>,
    request_digest: Words,
    /// The state after the inner key block and the first block of the string to sign.
    inner: Words,
    string_to_sign: Vec<Block<Sha256>>,
    inner_digest: Words,
    /// The state after the outer key block.
    outer: Words,
    last: Vec<Block<Sha256>>,
}

impl Text {
    /// Takes our own URL apart, so that the bytes are the same; the check of the lanes verifies what is hashed of it.
    fn of(key: &str) -> Result<Self> {
        let url = crate::contenders::unsigned_get(key)?;
        let (path, query) =
            url.strip_prefix(ORIGIN).and_then(|rest| rest.split_once('?')).context("our URL has another origin")?;
        let host = ORIGIN.trim_start_matches("https://");
        let request = padded(&format!("GET\n{path}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD"), 0);
        let request_digest = hashed(INITIAL, &request);

        let date = query.split_once("X-Amz-Date=").and_then(|(_, rest)| rest.get(..16)).context("there is no date")?;
        let day = &date[..8];
        let head = format!("AWS4-HMAC-SHA256\n{date}\n{day}/{REGION}/s3/aws4_request\n");
        let string_to_sign = format!("{head}{}", hex(request_digest));
        let (first, rest) = string_to_sign.split_at(BLOCK);
        let signing_key = signing_key(day)?;
        let inner = hashed(INITIAL, &[key_block(&signing_key, 0x36), *Block::<Sha256>::from_slice(first.as_bytes())]);
        let string_to_sign = padded(rest, 2 * BLOCK);
        let inner_digest = hashed(inner, &string_to_sign);

        let outer = hashed(INITIAL, &[key_block(&signing_key, 0x5c)]);
        let last = padded(bytes(inner_digest), BLOCK);
        Ok(Self { url, request, request_digest, inner, string_to_sign, inner_digest, outer, last })
    }

    /// All that a URL has to have hashed.
    fn hash(&self) -> Words {
        let request = hashed(INITIAL, &self.request);
        let inner = hashed(after(self.inner, request, self.request_digest), &self.string_to_sign);
        hashed(after(self.outer, inner, self.inner_digest), &self.last)
    }
}

/// `state`, but not before `digest` is known, as the processor would otherwise hash both texts at the same time.
fn after(state: Words, digest: Words, expected: Words) -> Words {
    std::array::from_fn(|at| state[at] ^ digest[at] ^ expected[at])
}

fn hashed(mut state: Words, blocks: &[Block<Sha256>]) -> Words {
    compress256(&mut state, blocks);
    state
}

/// The blocks of a text that ends a message, of which `before` bytes were hashed already, with the padding.
fn padded(text: impl AsRef<[u8]>, before: usize) -> Vec<Block<Sha256>> {
    let mut message = text.as_ref().to_vec();
    let bits = 8 * (before + message.len()) as u64;
    message.push(0x80);
    message.resize((message.len() + 8).next_multiple_of(BLOCK) - 8, 0);
    message.extend(bits.to_be_bytes());
    message.chunks_exact(BLOCK).map(|block| *Block::<Sha256>::from_slice(block)).collect()
}

fn key_block(key: &[u8], pad: u8) -> Block<Sha256> {
    let mut block = Block::<Sha256>::default();
    block[..key.len()].copy_from_slice(key);
    for byte in &mut block {
        *byte ^= pad;
    }
    block
}

fn signing_key(day: &str) -> Result<Vec<u8>> {
    let mut key = format!("AWS4{SECRET_KEY}").into_bytes();
    for step in [day, REGION, "s3", "aws4_request"] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&key)?;
        mac.update(step.as_bytes());
        key = mac.finalize().into_bytes().to_vec();
    }
    Ok(key)
}

fn bytes(state: Words) -> Vec<u8> {
    state.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn hex(state: Words) -> String {
    let digits = |word: &u32| (0..8).rev().map(|at| word >> (4 * at) & 15).collect::<Vec<u32>>();
    state.iter().flat_map(digits).filter_map(|nibble| char::from_digit(nibble, 16)).collect()
}
