//! Step three of Signature Version 4: the signing key of a day, and the HMAC-SHA256 over the string to sign.
//!
//! HMAC (RFC 2104) hashes the key's block first, inside and outside. Both are hashed when the key is made, and so is
//! the part of the string to sign that is the same for every request of a second.

use std::fmt;

use zeroize::Zeroizing;

use crate::encode;
use crate::sha256::{self, BLOCK, Ending, Midstate};
use crate::string_to_sign::TERMINATOR;

/// The key of one secret, day, region and service, as the two states in which HMAC begins. Wiped when dropped.
#[derive(Clone)]
pub(crate) struct SigningKey {
    inner: Midstate,
    /// How many bytes `inner` has absorbed.
    absorbed: usize,
    outer: Midstate,
}

impl SigningKey {
    /// Derives the key through the four HMACs of Signature Version 4. `date` is `20130524`.
    pub(crate) fn derive(secret: &str, date: &str, region: &str, service: &str) -> Self {
        let mut seed = Zeroizing::new(String::with_capacity(4 + secret.len()));
        seed.push_str("AWS4");
        seed.push_str(secret);
        let mut key = Zeroizing::new(Self::new(seed.as_bytes()).sign(date.as_bytes()));
        for step in [region, service, TERMINATOR] {
            key = Zeroizing::new(Self::new(key.as_slice()).sign(step.as_bytes()));
        }
        Self::new(key.as_slice())
    }

    fn new(key: &[u8]) -> Self {
        let mut block = Zeroizing::new([0; BLOCK]);
        if key.len() > BLOCK {
            block[..32].copy_from_slice(&sha256::digest(key));
        } else {
            block[..key.len()].copy_from_slice(key);
        }
        let padded = |pad: u8| {
            let mut state = Midstate::new();
            state.absorb(Zeroizing::new(block.map(|byte| byte ^ pad)).as_slice());
            state
        };
        Self { inner: padded(0x36), absorbed: BLOCK, outer: padded(0x5c) }
    }

    /// The HMAC of a whole message: any string to sign, a chunk's, or a POST policy.
    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 32] {
        self.outer.finish_digest(BLOCK, &self.inner.finish(self.absorbed, message))
    }

    /// The same for messages that all begin with `head`, which is whole blocks; the rest of each is then signed.
    pub(crate) fn having_hashed(&self, head: &[u8]) -> Self {
        let mut inner = self.inner.clone();
        let rest = inner.absorb(head);
        debug_assert!(rest.is_empty(), "a head that is not whole blocks cannot be gone on with");
        Self { inner, absorbed: self.absorbed + head.len(), outer: self.outer.clone() }
    }

    /// Hashes what many strings to sign begin with.
    pub(crate) fn begin(&self, head: &str) -> Begun {
        let mut inner = self.inner.clone();
        let rest = inner.absorb(head.as_bytes());
        Begun { inner, ending: Ending::new(rest, HEX, self.absorbed + head.len() + HEX), outer: self.outer.clone() }
    }
}

/// The hex digits of a digest, with which every string to sign ends.
pub(crate) const HEX: usize = 64;

/// A signature of which all is hashed but the end: the digest of the canonical request.
pub(crate) struct Begun {
    inner: Midstate,
    ending: Ending,
    outer: Midstate,
}

impl Begun {
    /// The hex signature for one canonical request.
    #[inline]
    pub(crate) fn sign(&self, canonical_request: &[u8; 32]) -> [u8; HEX] {
        let inner = self.ending.digest(&self.inner, &encode::hex(canonical_request));
        encode::hex(&self.outer.finish_digest(BLOCK, &inner))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>, the first example.
    #[test]
    fn a_begun_signature_is_the_whole_one() {
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        let key = SigningKey::derive(secret, "20130524", "us-east-1", "s3");
        let head = "AWS4-HMAC-SHA256\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n";
        let digest = "7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972";
        let signature = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41";
        let whole = key.sign(format!("{head}{digest}").as_bytes());
        assert_eq!(encode::hex_string(&whole), signature);
        let begun = key.begin(head).sign(&encode::unhex(digest.as_bytes()).unwrap());
        assert_eq!(begun.as_slice(), signature.as_bytes());
    }

    #[test]
    fn a_message_with_its_head_hashed_before_has_the_same_signature() {
        let key = SigningKey::derive("secret", "20130524", "us-east-1", "s3");
        let message: Vec<u8> = (0..=255).collect();
        for blocks in 0..4 {
            let (head, rest) = message.split_at(blocks * BLOCK);
            assert_eq!(key.having_hashed(head).sign(rest), key.sign(&message), "{blocks} blocks before");
        }
    }

    /// RFC 4231, cases 2, 6 and 7: a short key, and two keys longer than a block.
    #[test]
    fn the_hmac_is_that_of_rfc_4231() {
        let long = [0xaa; 131];
        let cases: [(&[u8], &str, &str); 3] = [
            (
                b"Jefe",
                "what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &long,
                "Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (
                &long,
                "This is a test using a larger than block-size key and a larger than block-size data. The key needs to \
                 be hashed before being used by the HMAC algorithm.",
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
            ),
        ];
        for (key, message, expected) in cases {
            assert_eq!(encode::hex_string(&SigningKey::new(key).sign(message.as_bytes())), expected);
        }
    }
}
