//! Numbers of bytes as people write them: `10 MiB`, `2GB`, `4096`.

use std::fmt;

use bytesize::ByteSize;
use serde::Deserializer;
use serde::de::{Error, Visitor};

/// Reads a number of bytes. `kB`, `MB`, … are powers of 1,000; `KiB`, `MiB`, … are powers of 1,024.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    text.trim()
        .parse::<ByteSize>()
        .map(|size| size.as_u64())
        .map_err(|_| "is not a size; write a number and a unit, such as \"10 MiB\", \"2 GB\" or \"4096\"".to_owned())
}

/// Writes a number of bytes for people.
pub(crate) fn show(bytes: u64) -> String {
    ByteSize(bytes).to_string()
}

/// For `#[serde(deserialize_with)]` on a limit that may be absent.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    struct Reader;

    impl Visitor<'_> for Reader {
        type Value = u64;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a size such as \"10 MiB\" or a number of bytes")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<u64, E> {
            parse(text).map_err(E::custom)
        }

        fn visit_i64<E: Error>(self, number: i64) -> Result<u64, E> {
            u64::try_from(number).map_err(|_| E::custom("is below zero; write how many bytes are allowed"))
        }
    }

    deserializer.deserialize_any(Reader).map(Some)
}
