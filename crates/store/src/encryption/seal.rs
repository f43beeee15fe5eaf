//! Sealing contents: each under a key of its own, in chunks that are verified one by one, so that a range costs no more
//! than the chunks it touches.
//!
//! A chunk is 64 KiB of what was sent, encrypted with AES-256-GCM and followed by its tag. Its nonce is its place in
//! the content and whether it is the last (the STREAM construction), so chunks can be neither moved nor left out, and a
//! content cannot be cut short. No key seals two contents, so no nonce is used twice.

use std::sync::Arc;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::{hkdf, hmac};
use zeroize::Zeroizing;

use crate::options::Random;

/// How much of what was sent is in a chunk; the last may have less.
pub(crate) const CHUNK: u64 = 64 << 10;
/// What a chunk is longer on disk.
pub(crate) const TAG: u64 = 16;

/// What a content's own key is wrapped with begins with this many bytes of salt.
const SALT: usize = 16;
/// A content's own key as the index keeps it: the salt, the key encrypted, and the tag of that.
pub(crate) const WRAPPED: usize = SALT + 32 + 16;

/// What tells apart the keys that are derived from one secret.
const WRAPPING: &[u8] = b"strongroom-store wrapping of a content's key, 1";

/// The length on disk of a sealed content that was so long when it was sent.
pub(crate) fn sealed_length(bytes: u64) -> u64 {
    bytes + bytes.div_ceil(CHUNK) * TAG
}

/// 256 bits that open contents: the store's master key, or a customer's. They are wiped from memory when the last who
/// holds them lets go; what `ring` expands out of them lives as long as one transfer.
#[derive(Clone)]
pub(crate) struct Secret(Arc<Zeroizing<[u8; 32]>>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret(..)")
    }
}

impl Secret {
    /// Makes one where it stays, so that no copy of it is left behind on the way.
    pub(crate) fn filled(fill: impl FnOnce(&mut [u8; 32])) -> Self {
        let mut bytes = Arc::new(Zeroizing::new([0; 32]));
        if let Some(bytes) = Arc::get_mut(&mut bytes) {
            fill(bytes);
        }
        Self(bytes)
    }

    /// A new one.
    pub(crate) fn draw(random: &Random) -> Self {
        Self::filled(|bytes| draw(random, bytes))
    }

    /// The bits themselves.
    pub(crate) fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// A value that only who has the secret can compute, and that says nothing about it.
    pub(crate) fn proof(&self, about: &[u8]) -> [u8; 32] {
        let mut proof = [0; 32];
        proof.copy_from_slice(hmac::sign(&self.hmac(), about).as_ref());
        proof
    }

    /// Whether a proof is of this secret, without telling by the time it takes how far it is.
    pub(crate) fn proves(&self, about: &[u8], proof: &[u8]) -> bool {
        hmac::verify(&self.hmac(), about, proof).is_ok()
    }

    fn hmac(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.expose())
    }

    /// The key that wraps one content's key. The salt makes it one of its own, so its one nonce is never used twice.
    fn wrapping(&self, salt: &[u8]) -> LessSafeKey {
        let derived = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(self.expose());
        let key = derived.expand(&[WRAPPING], &AES_256_GCM).expect("32 bytes are less than HKDF can give");
        LessSafeKey::new(UnboundKey::from(key))
    }
}

/// Fills bytes with luck.
pub(crate) fn draw(random: &Random, bytes: &mut [u8]) {
    for piece in bytes.chunks_mut(16) {
        piece.copy_from_slice(&random().to_be_bytes()[..piece.len()]);
    }
}

/// A content on its way to the disk: what is fed to it comes out sealed.
#[derive(Debug)]
pub(crate) struct Sealing {
    key: ContentKey,
    wrapped: [u8; WRAPPED],
    /// The chunk being gathered. A full one is sealed when more follows, since only then it is not the last.
    chunk: Vec<u8>,
    number: u64,
}

impl Sealing {
    /// Draws the key of a new content and wraps it.
    pub(crate) fn begin(secret: &Secret, random: &Random) -> Self {
        let mut own = Zeroizing::new([0; 32]);
        draw(random, own.as_mut());
        let mut wrapped = [0; WRAPPED];
        let (salt, rest) = wrapped.split_at_mut(SALT);
        draw(random, salt);
        let (key, tag) = rest.split_at_mut(32);
        key.copy_from_slice(own.as_ref());
        let sealed = secret.wrapping(salt).seal_in_place_separate_tag(nonce(0, true), Aad::empty(), key);
        tag.copy_from_slice(sealed.expect("AES-GCM takes 32 bytes").as_ref());
        let chunk = Vec::with_capacity(usize::try_from(CHUNK + TAG).unwrap_or_default());
        Self { key: ContentKey::new(&own), wrapped, chunk, number: 0 }
    }

    /// The wrapped key, for the index.
    pub(crate) fn wrapped(&self) -> [u8; WRAPPED] {
        self.wrapped
    }

    /// Takes the next bytes, and hands on every chunk that is full.
    pub(crate) fn feed<E>(&mut self, mut bytes: &[u8], mut out: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        while !bytes.is_empty() {
            let room = usize::try_from(CHUNK).unwrap_or_default() - self.chunk.len();
            if room == 0 {
                self.seal(false);
                out(&self.chunk)?;
                self.chunk.clear();
                continue;
            }
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.chunk.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    /// Hands on the last chunk.
    pub(crate) fn end<E>(mut self, out: impl FnOnce(&[u8]) -> Result<(), E>) -> Result<(), E> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        self.seal(true);
        out(&self.chunk)
    }

    fn seal(&mut self, last: bool) {
        let nonce = nonce(self.number, last);
        let tag = self.key.0.seal_in_place_separate_tag(nonce, Aad::empty(), &mut self.chunk);
        self.chunk.extend_from_slice(tag.expect("AES-GCM takes 64 KiB").as_ref());
        self.number += 1;
    }
}

/// The key of one content.
pub(crate) struct ContentKey(LessSafeKey);

impl std::fmt::Debug for ContentKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ContentKey(..)")
    }
}

impl ContentKey {
    fn new(bytes: &[u8; 32]) -> Self {
        Self(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, bytes).expect("AES-256 takes 32 bytes")))
    }

    /// Unwraps a content's key; `None` if another secret wrapped it, or if it is damaged.
    pub(crate) fn unwrap(secret: &Secret, wrapped: &[u8; WRAPPED]) -> Option<Self> {
        let (salt, rest) = wrapped.split_at(SALT);
        let mut rest = Zeroizing::new(rest.to_vec());
        let opened = secret.wrapping(salt).open_in_place(nonce(0, true), Aad::empty(), &mut rest).ok()?;
        Some(Self::new((&*opened).try_into().ok()?))
    }

    /// Opens a run of chunks in place, the first of which has that number in a content that was so long when it was sent.
    /// What was sent moves together at the beginning of the buffer, which is cut to it. False if anything is not what was
    /// written: then the buffer holds nothing.
    pub(crate) fn open(&self, buffer: &mut Vec<u8>, first: u64, bytes: u64) -> bool {
        let whole = usize::try_from(CHUNK + TAG).unwrap_or_default();
        let last = bytes.div_ceil(CHUNK).saturating_sub(1);
        let mut opened = 0;
        let mut at = 0;
        let mut number = first;
        while at < buffer.len() {
            let end = buffer.len().min(at + whole);
            let nonce = nonce(number, number == last);
            let Ok(chunk) = self.0.open_in_place(nonce, Aad::empty(), &mut buffer[at..end]) else {
                buffer.clear();
                return false;
            };
            let length = chunk.len();
            buffer.copy_within(at..at + length, opened);
            opened += length;
            at = end;
            number += 1;
        }
        buffer.truncate(opened);
        true
    }
}

/// The nonce of a chunk: where it stands, and whether it is the last.
fn nonce(number: u64, last: bool) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    nonce[..8].copy_from_slice(&number.to_be_bytes());
    nonce[NONCE_LEN - 1] = u8::from(last);
    Nonce::assume_unique_for_key(nonce)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::{CHUNK, ContentKey, Random, Sealing, Secret, TAG, WRAPPED, sealed_length};

    fn random() -> Random {
        let next = AtomicU64::new(1);
        Arc::new(move || u128::from(next.fetch_add(1, Ordering::Relaxed)) << 64)
    }

    /// Seals what comes in pieces of `step`.
    fn seal(secret: &Secret, random: &Random, sent: &[u8], step: usize) -> ([u8; WRAPPED], Vec<u8>) {
        let mut sealing = Sealing::begin(secret, random);
        let (wrapped, mut sealed) = (sealing.wrapped(), Vec::new());
        let mut take = |chunk: &[u8]| {
            sealed.extend_from_slice(chunk);
            Ok::<_, Infallible>(())
        };
        for piece in sent.chunks(step) {
            sealing.feed(piece, &mut take).unwrap();
        }
        sealing.end(&mut take).unwrap();
        (wrapped, sealed)
    }

    #[test]
    fn what_is_sealed_opens_with_its_secret_and_no_other() {
        let random = random();
        let (secret, other) = (Secret::draw(&random), Secret::draw(&random));
        let chunk = usize::try_from(CHUNK).unwrap();
        for length in [0, 1, chunk - 1, chunk, chunk + 1, 3 * chunk, 3 * chunk + 5] {
            let sent: Vec<u8> = (0..length).map(|at| at.to_le_bytes()[0]).collect();
            for step in [7001, chunk, 5 * chunk] {
                let (wrapped, mut sealed) = seal(&secret, &random, &sent, step);
                assert_eq!(sealed.len() as u64, sealed_length(length as u64));
                assert!(ContentKey::unwrap(&other, &wrapped).is_none());
                let key = ContentKey::unwrap(&secret, &wrapped).unwrap();
                assert!(key.open(&mut sealed, 0, length as u64));
                assert!(sealed == sent);
            }
        }
    }

    #[test]
    fn chunks_can_be_neither_changed_nor_moved_nor_left_out() {
        let random = random();
        let secret = Secret::draw(&random);
        let length = 3 * CHUNK;
        let sent = vec![7; usize::try_from(length).unwrap()];
        let (wrapped, sealed) = seal(&secret, &random, &sent, 9999);
        let key = ContentKey::unwrap(&secret, &wrapped).unwrap();
        let whole = usize::try_from(CHUNK + TAG).unwrap();
        let chunk = |number: usize| sealed[number * whole..(number + 1) * whole].to_vec();
        let opens = |mut buffer: Vec<u8>, first, bytes| key.open(&mut buffer, first, bytes);
        assert!(opens(chunk(1), 1, length));
        assert!(!opens(chunk(1), 0, length), "moved");
        assert!(!opens(chunk(1), 1, 2 * CHUNK), "the content cut short to it");
        assert!(!opens([chunk(0), chunk(2)].concat(), 0, length), "one left out");
        for at in [0, whole - 1] {
            let mut changed = chunk(1);
            changed[at] ^= 1;
            assert!(!opens(changed, 1, length), "changed at {at}");
        }
        let (_, other) = seal(&secret, &random, &sent, 9999);
        assert!(!opens(other, 0, length), "of another content");
    }
}
