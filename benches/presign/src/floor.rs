//! The hashing that no signer of a GET can do without, and nothing else: what the others are held against.
//!
//! It is measured in two ways, both with all that is constant hashed before. `Hashers` gives the bytes to the hashers of
//! sha2, as a program does that uses the library. `Compressions` counts even less: the bare compressions of blocks that
//! lie ready, namely every block of the canonical request, whose first block holds the key already; the blocks of the
//! string to sign behind its first one, which ends before the digest; and one for the outer half of the HMAC. Encoding,
//! hex and memory cost nothing in either. Each of the three hashes begins when the one before has ended, as its text
//! holds that one's digest.

use std::hint::black_box;
use std::time::Duration;

use anyhow::{Context, Result};
use hmac::{Hmac, Mac as _};
use sha2::digest::core_api::Block;
use sha2::{Digest as _, Sha256, compress256};

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

/// The texts of some keys, hashed in one of the two ways.
pub(crate) struct Floor {
    texts: Vec<Text>,
    how: How,
}

/// A way to hash.
#[derive(Clone, Copy)]
pub(crate) enum How {
    /// With the hashers of sha2.
    Hashers,
    /// With its compressions alone.
    Compressions,
}

impl Floor {
    pub(crate) fn new(keys: &[String], how: How) -> Result<Self> {
        Ok(Self { texts: keys.iter().take(TEXTS).map(|key| Text::of(key)).collect::<Result<_>>()?, how })
    }
}

impl Work for Floor {
    fn sign(&mut self, key: &str) -> Result<Signed> {
        let text = Text::of(key)?;
        let signature = match self.how {
            How::Hashers => text.give_to_hashers(digits),
            How::Compressions => bytes(text.compress()),
        };
        Ok(Signed::Url(format!("{}&X-Amz-Signature={}", text.url, hex(&signature))))
    }

    fn time(&mut self, _: &[String], count: usize) -> Result<Duration> {
        let begin = processor_time();
        for text in self.texts.iter().cycle().take(count) {
            match self.how {
                How::Hashers => drop(black_box(black_box(text).give_to_hashers(twice))),
                How::Compressions => drop(black_box(black_box(text).compress())),
            }
        }
        Ok(processor_time() - begin)
    }
}

/// What is hashed for one URL.
struct Text {
    /// Without the signature.
    url: String,
    canonical_request: String,
    /// Has the string to sign up to the digest.
    mac: Hmac<Sha256>,
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
        let canonical_request = format!("GET\n{path}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD");
        let request = padded(&canonical_request, 0);
        let request_digest = hashed(INITIAL, &request);

        let date = query.split_once("X-Amz-Date=").and_then(|(_, rest)| rest.get(..16)).context("there is no date")?;
        let day = &date[..8];
        let head = format!("AWS4-HMAC-SHA256\n{date}\n{day}/{REGION}/s3/aws4_request\n");
        let string_to_sign = format!("{head}{}", hex(&bytes(request_digest)));
        let (first, rest) = string_to_sign.split_at(BLOCK);
        let signing_key = signing_key(day)?;
        let mac = Hmac::<Sha256>::new_from_slice(&signing_key)?.chain_update(&head);
        let inner = hashed(INITIAL, &[key_block(&signing_key, 0x36), *Block::<Sha256>::from_slice(first.as_bytes())]);
        let string_to_sign = padded(rest, 2 * BLOCK);
        let inner_digest = hashed(inner, &string_to_sign);

        let outer = hashed(INITIAL, &[key_block(&signing_key, 0x5c)]);
        let last = padded(bytes(inner_digest), BLOCK);
        Ok(Self {
            url,
            canonical_request,
            mac,
            request,
            request_digest,
            inner,
            string_to_sign,
            inner_digest,
            outer,
            last,
        })
    }

    /// All that a URL has to have hashed, given to hashers. `written` is how the first digest stands in the second text.
    #[inline]
    fn give_to_hashers(&self, written: impl Fn(&[u8; 32]) -> [u8; 64]) -> [u8; 32] {
        let digest = Sha256::digest(&self.canonical_request).into();
        self.mac.clone().chain_update(written(&digest)).finalize().into_bytes().into()
    }

    /// The same in blocks that lie ready.
    fn compress(&self) -> Words {
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

fn bytes(state: Words) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (to, word) in bytes.chunks_exact_mut(4).zip(state) {
        to.copy_from_slice(&word.to_be_bytes());
    }
    bytes
}

/// The digest two times, which is as long as its hex digits and takes no time to write.
fn twice(digest: &[u8; 32]) -> [u8; 64] {
    let mut both = [0; 64];
    both[..32].copy_from_slice(digest);
    both[32..].copy_from_slice(digest);
    both
}

/// The digest in hex digits.
fn digits(digest: &[u8; 32]) -> [u8; 64] {
    let mut digits = [0; 64];
    digits.copy_from_slice(hex(digest).as_bytes());
    digits
}

fn hex(digest: &[u8; 32]) -> String {
    digest
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|nibble| char::from_digit(nibble.into(), 16))
        .collect()
}
