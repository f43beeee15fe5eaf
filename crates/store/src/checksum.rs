//! The checksums of the protocol: computed while bytes arrive, compared with what was announced, kept with the object.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crc_fast::CrcAlgorithm;
use md5::Digest as _;
use serde::{Deserialize, Serialize};

use crate::fault::{Code, Fault};

/// The algorithms of <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Algorithm {
    /// CRC-32 as in zip.
    Crc32,
    /// CRC-32C (Castagnoli).
    Crc32c,
    /// CRC-64/NVME: what the store computes for everything it keeps.
    Crc64nvme,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
}

impl Algorithm {
    /// Every algorithm.
    pub(crate) const ALL: [Self; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64nvme, Self::Sha1, Self::Sha256];

    /// The name in headers such as `x-amz-checksum-algorithm`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// The header (or trailer) that carries a value.
    pub(crate) fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    /// The XML element that carries a value.
    pub(crate) fn element(self) -> &'static str {
        match self {
            Self::Crc32 => "ChecksumCRC32",
            Self::Crc32c => "ChecksumCRC32C",
            Self::Crc64nvme => "ChecksumCRC64NVME",
            Self::Sha1 => "ChecksumSHA1",
            Self::Sha256 => "ChecksumSHA256",
        }
    }

    /// Reads a name as it stands in a header.
    pub(crate) fn parse(name: &str) -> Result<Self, Fault> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name().eq_ignore_ascii_case(name)).ok_or_else(|| {
            Fault::new(
                Code::InvalidRequest,
                format!("Checksum algorithm {name:?} is not one of CRC32, CRC32C, CRC64NVME, SHA1, SHA256."),
            )
        })
    }

    /// The algorithm whose value this header carries.
    pub(crate) fn of_header(header: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.header().eq_ignore_ascii_case(header))
    }

    /// The length of a value in bytes.
    pub(crate) fn width(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    fn crc(self) -> Option<CrcAlgorithm> {
        match self {
            Self::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Self::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
            Self::Crc64nvme => Some(CrcAlgorithm::Crc64Nvme),
            Self::Sha1 | Self::Sha256 => None,
        }
    }

    /// Reads a value in base64, refusing what cannot be one.
    pub(crate) fn decode(self, value: &str) -> Result<Vec<u8>, Fault> {
        STANDARD
            .decode(value)
            .ok()
            .filter(|bytes| bytes.len() == self.width())
            .ok_or_else(|| Fault::new(Code::InvalidRequest, format!("Value for {} header is invalid.", self.header())))
    }
}

/// One algorithm at work.
#[derive(Debug)]
enum Hasher {
    Crc(Algorithm, crc_fast::Digest),
    Sha1(sha1::Sha1),
    Sha256(sha2::Sha256),
}

impl Hasher {
    fn new(algorithm: Algorithm) -> Self {
        match (algorithm, algorithm.crc()) {
            (_, Some(crc)) => Self::Crc(algorithm, crc_fast::Digest::new(crc)),
            (Algorithm::Sha1, None) => Self::Sha1(sha1::Sha1::default()),
            (_, None) => Self::Sha256(sha2::Sha256::default()),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc(_, digest) => digest.update(bytes),
            Self::Sha1(digest) => digest.update(bytes),
            Self::Sha256(digest) => digest.update(bytes),
        }
    }

    fn finish(self) -> (Algorithm, Vec<u8>) {
        match self {
            Self::Crc(algorithm, digest) => (algorithm, crc_bytes(algorithm, digest.finalize())),
            Self::Sha1(digest) => (Algorithm::Sha1, digest.finalize().to_vec()),
            Self::Sha256(digest) => (Algorithm::Sha256, digest.finalize().to_vec()),
        }
    }
}

/// All digests of one content, computed in one pass: MD5 (the `ETag`), CRC-64/NVME, and whatever was asked for.
#[derive(Debug)]
pub(crate) struct Digests {
    bytes: u64,
    md5: md5::Md5,
    others: Vec<Hasher>,
}

impl Digests {
    /// Begins with the algorithms a request asked for.
    pub(crate) fn new(asked: impl IntoIterator<Item = Algorithm>) -> Self {
        let mut algorithms: Vec<Algorithm> = asked.into_iter().chain([Algorithm::Crc64nvme]).collect();
        algorithms.sort_unstable();
        algorithms.dedup();
        Self { bytes: 0, md5: md5::Md5::default(), others: algorithms.into_iter().map(Hasher::new).collect() }
    }

    /// Takes the next bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.md5.update(bytes);
        for hasher in &mut self.others {
            hasher.update(bytes);
        }
    }

    /// The sums of everything taken.
    pub(crate) fn finish(self) -> Sums {
        Sums {
            bytes: self.bytes,
            md5: self.md5.finalize().into(),
            values: self.others.into_iter().map(Hasher::finish).collect(),
        }
    }
}

/// What a content turned out to be.
#[derive(Debug, Clone)]
pub(crate) struct Sums {
    /// Its length.
    pub(crate) bytes: u64,
    /// Its MD5.
    pub(crate) md5: [u8; 16],
    values: BTreeMap<Algorithm, Vec<u8>>,
}

impl Sums {
    /// The raw value of one algorithm, if it was computed.
    pub(crate) fn value(&self, algorithm: Algorithm) -> Option<&[u8]> {
        self.values.get(&algorithm).map(Vec::as_slice)
    }

    /// The CRC-64/NVME, which is always there.
    pub(crate) fn crc64(&self) -> u64 {
        self.value(Algorithm::Crc64nvme).map_or(0, crc_number)
    }

    /// The MD5 in hexadecimal, which is the tag of a content sent in one piece.
    pub(crate) fn etag(&self) -> String {
        hex(&self.md5)
    }

    /// What is kept of them with the object: the algorithm the client chose, or else CRC-64/NVME.
    pub(crate) fn kept(&self, chosen: Option<Algorithm>) -> Checksums {
        let algorithm = chosen.unwrap_or(Algorithm::Crc64nvme);
        let value = self.value(algorithm).map(|value| (algorithm, STANDARD.encode(value)));
        Checksums { composite: false, values: value.into_iter().collect() }
    }
}

/// The checksums kept with an object or a part, in base64.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checksums {
    /// Whether they are sums over the sums of the parts, and not over the bytes.
    #[serde(default)]
    pub(crate) composite: bool,
    /// The values.
    pub(crate) values: BTreeMap<Algorithm, String>,
}

impl Checksums {
    /// The name of their kind, as in `x-amz-checksum-type`.
    pub(crate) fn kind(&self) -> &'static str {
        if self.composite { "COMPOSITE" } else { "FULL_OBJECT" }
    }
}

/// The checksum of a composed object, from the raw values and lengths of its parts in order.
pub(crate) fn compose(algorithm: Algorithm, composite: bool, parts: &[(Vec<u8>, u64)]) -> Checksums {
    let value = if let (false, Some(crc)) = (composite, algorithm.crc()) {
        let mut parts = parts.iter();
        let first = parts.next().map_or(0, |(value, _)| crc_number(value));
        let whole =
            parts.fold(first, |sum, (value, bytes)| crc_fast::checksum_combine(crc, sum, crc_number(value), *bytes));
        STANDARD.encode(crc_bytes(algorithm, whole))
    } else {
        let mut hasher = Hasher::new(algorithm);
        for (value, _) in parts {
            hasher.update(value);
        }
        format!("{}-{}", STANDARD.encode(hasher.finish().1), parts.len())
    };
    Checksums { composite, values: BTreeMap::from([(algorithm, value)]) }
}

/// The tag of a composed object: the MD5 of its parts' MD5s, and how many there were.
pub(crate) fn composed_etag<'a>(parts: impl ExactSizeIterator<Item = &'a [u8]>) -> String {
    let count = parts.len();
    let mut digest = md5::Md5::default();
    for part in parts {
        digest.update(part);
    }
    format!("{}-{count}", hex(&digest.finalize()))
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn crc_bytes(algorithm: Algorithm, value: u64) -> Vec<u8> {
    value.to_be_bytes()[8 - algorithm.width()..].to_vec()
}

fn crc_number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::{Algorithm, Digests, compose};

    #[test]
    fn the_check_values_of_the_crc_catalogue_come_out() {
        let mut digests = Digests::new(Algorithm::ALL);
        digests.update(b"1234");
        digests.update(b"56789");
        let sums = digests.finish();
        assert_eq!(sums.value(Algorithm::Crc32), Some(&0xcbf4_3926_u32.to_be_bytes()[..]));
        assert_eq!(sums.value(Algorithm::Crc32c), Some(&0xe306_9283_u32.to_be_bytes()[..]));
        assert_eq!(sums.crc64(), 0xae8b_1486_0a79_9888);
        assert_eq!(sums.etag(), "25f9e794323b453885f5181f1b624d0b");
    }

    #[test]
    fn a_full_object_crc_of_parts_is_the_crc_of_the_whole() {
        for algorithm in [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64nvme] {
            let parts: Vec<(Vec<u8>, u64)> = [&b"12345"[..], b"6789"]
                .iter()
                .map(|part| {
                    let mut digests = Digests::new([algorithm]);
                    digests.update(part);
                    let sums = digests.finish();
                    (sums.value(algorithm).unwrap().to_vec(), sums.bytes)
                })
                .collect();
            let mut whole = Digests::new([algorithm]);
            whole.update(b"123456789");
            assert_eq!(compose(algorithm, false, &parts).values, whole.finish().kept(Some(algorithm)).values);
        }
    }
}
