//! What a content is: its first bytes, its length and its SHA-256, found while it passes by once.

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use sha2::{Digest as _, Sha256};

use crate::content_type::HEAD_BYTES;

/// What was seen of a content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its first bytes, as many as its type shows in.
    pub head: Vec<u8>,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: [u8; 32],
}

impl Seen {
    /// The SHA-256 in lowercase hex.
    pub fn sha256_hex(&self) -> String {
        base16ct::lower::encode_string(&self.sha256)
    }
}

/// Sixteen hexadecimal digits that tell one text from another.
pub fn short(text: &[u8]) -> String {
    base16ct::lower::encode_string(&Sha256::digest(text)[..8])
}

/// The SHA-256 of something that is held whole, in lowercase hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    base16ct::lower::encode_string(&Sha256::digest(bytes))
}

/// Looks at everything that comes.
pub async fn look_at<E>(mut stream: impl Stream<Item = Result<Bytes, E>> + Unpin) -> Result<Seen, E> {
    let mut looking = Looking::default();
    while let Some(chunk) = stream.next().await {
        looking.see(&chunk?);
    }
    Ok(looking.seen())
}

/// A look that is not over yet.
#[derive(Debug, Clone, Default)]
pub struct Looking {
    head: Vec<u8>,
    bytes: u64,
    digest: Sha256,
}

impl Looking {
    /// Looks at what comes next.
    pub fn see(&mut self, chunk: &[u8]) {
        self.head.extend_from_slice(&chunk[..chunk.len().min(HEAD_BYTES - self.head.len())]);
        self.bytes += chunk.len() as u64;
        self.digest.update(chunk);
    }

    /// What was seen.
    pub fn seen(self) -> Seen {
        Seen { head: self.head, bytes: self.bytes, sha256: self.digest.finalize().into() }
    }
}
