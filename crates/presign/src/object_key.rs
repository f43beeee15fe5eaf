//! The rules a bucket name and an object's key must meet before anything is signed for them.

use crate::encode;

/// The longest key S3 takes, in bytes of UTF-8.
pub const MAX_KEY_BYTES: usize = 1_024;

/// Why a key was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// An object's key cannot be empty.
    #[error("the key is empty")]
    Empty,
    /// S3 takes at most 1,024 bytes.
    #[error("the key is {0} bytes long; S3 takes at most 1024")]
    TooLong(usize),
    /// `.` and `..` segments are resolved away by browsers and proxies, so the URL would name another object.
    #[error("the key has a `.` or `..` segment, which browsers and proxies resolve away")]
    DotSegment,
    /// Control characters do not survive XML listings and logs.
    #[error("the key has the control character U+{0:04X}")]
    ControlCharacter(u32),
}

/// Checks a key against the rules that every constructor and signer of this crate applies.
pub fn check_key(key: &str) -> Result<(), KeyError> {
    examine(key).map(drop)
}

/// Checks a key, and tells whether it is its own encoding, as most keys are.
pub(crate) fn examine(key: &str) -> Result<bool, KeyError> {
    if key.is_empty() {
        return Err(KeyError::Empty);
    }
    if key.len() > MAX_KEY_BYTES {
        return Err(KeyError::TooLong(key.len()));
    }
    // Plain keys have no control character, and two bytes of every dot segment are looked for before any is split.
    let plain = encode::is_plain_path(key);
    if !plain && let Some(control) = key.chars().find(|character| character.is_control()) {
        return Err(KeyError::ControlCharacter(u32::from(control)));
    }
    if may_have_dot_segment(key.as_bytes()) && key.split('/').any(|segment| segment == "." || segment == "..") {
        return Err(KeyError::DotSegment);
    }
    Ok(plain)
}

/// Whether a segment begins with a dot.
#[expect(clippy::needless_bitwise_bool, reason = "without branches the compiler takes many bytes at once")]
fn may_have_dot_segment(key: &[u8]) -> bool {
    let Some((first, rest)) = key.split_first() else { return false };
    *first == b'.' || key.iter().zip(rest).fold(false, |any, (byte, next)| any | ((*byte == b'/') & (*next == b'.')))
}

/// Why a bucket's name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no bucket name: 3 to 63 (old ones 255) letters, digits, `.`, `-` and `_`, beginning and ending with a letter or digit"
)]
pub struct BucketError(pub String);

/// Checks a bucket's name as loosely as the oldest buckets need.
pub fn check_bucket(bucket: &str) -> Result<(), BucketError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
    if (3..=255).contains(&bucket.len())
        && bucket.bytes().all(fits)
        && edge(bucket.bytes().next())
        && edge(bucket.bytes().next_back())
        && !bucket.contains("..")
    {
        Ok(())
    } else {
        Err(BucketError(bucket.to_owned()))
    }
}
