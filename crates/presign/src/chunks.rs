//! Decodes `aws-chunked` bodies, piece by piece as they arrive, and verifies the signature of each chunk and the trailer.
//!
//! Source: <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html> and
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html>.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

use crate::encode;
use crate::moment::AmzDate;
use crate::signature::SigningKey;
use crate::verify::{IncomingRequest, VerifyError};

const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// A chunk's own head is at most `ffffffffffffffff;chunk-signature=` and 64 digits.
const MAX_HEAD: usize = 128;
const MAX_TRAILER: usize = 4_096;

/// Which of the three kinds of `aws-chunked` body it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChunkMode {
    Signed,
    SignedTrailer,
    UnsignedTrailer,
}

/// What the request's own signature hands on to the first chunk's.
#[derive(Debug, Clone)]
pub(crate) struct ChunkSeed {
    mode: ChunkMode,
    key: SigningKey,
    /// The date and scope lines of every chunk's string to sign.
    date_and_scope: String,
    signature: String,
    decoded_length: Option<u64>,
    announced: Vec<String>,
}

impl ChunkSeed {
    pub(crate) fn new(
        mode: ChunkMode,
        request: &IncomingRequest<'_>,
        key: SigningKey,
        date: &AmzDate,
        scope: &str,
        signature: &str,
    ) -> Result<Self, VerifyError> {
        const LENGTH: &str = "x-amz-decoded-content-length";
        let decoded_length = match request.header(LENGTH) {
            None => None,
            Some(text) => Some(text.parse().map_err(|_| VerifyError::malformed(LENGTH, "not a number of bytes"))?),
        };
        let announced = request.header("x-amz-trailer").unwrap_or_default();
        let announced =
            announced.split(',').map(|name| name.trim().to_ascii_lowercase()).filter(|name| !name.is_empty());
        Ok(Self {
            mode,
            key,
            date_and_scope: format!("{}\n{scope}\n", date.as_str()),
            signature: signature.to_owned(),
            decoded_length,
            announced: announced.collect(),
        })
    }
}

/// Why a chunked body was refused. After any error the whole body must be thrown away.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChunkError {
    /// Not the form of a chunk (`IncompleteBody`, `InvalidRequest`).
    #[error("the chunked body is malformed: {0}")]
    Malformed(&'static str),
    /// A chunk or the trailer was altered (`SignatureDoesNotMatch`).
    #[error("the signature of chunk {0} does not match")]
    Mismatch(u64),
    /// The body ended in the middle (`IncompleteBody`).
    #[error("the chunked body is incomplete")]
    Incomplete,
    /// The decoded length is not the announced one (`IncompleteBody`).
    #[error("{announced} decoded bytes were announced, {actual} came")]
    Length {
        /// `x-amz-decoded-content-length`.
        announced: u64,
        /// What came, at least.
        actual: u64,
    },
    /// A trailer that `x-amz-trailer` names did not come, or one came that it does not name.
    #[error("the trailer `{0}` was announced and did not come, or came and was not announced")]
    Trailer(String),
}

/// The trailing headers of a body: lower-case names and trimmed values.
pub type Trailers = Vec<(String, String)>;

/// Decodes one body. Bytes are handed on before their chunk's signature is known to hold, so that a chunk of any size
/// costs no memory; nothing may become visible before [`ChunkDecoder::finish`] has said yes.
#[derive(Debug)]
pub struct ChunkDecoder {
    seed: ChunkSeed,
    state: State,
    line: Vec<u8>,
    hasher: Sha256,
    chunk_signature: String,
    chunks: u64,
    decoded: u64,
    trailers: Trailers,
    canonical_trailer: Vec<u8>,
    trailer_signed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Head,
    Data(u64),
    /// The line end after a chunk's data, of which this many bytes came.
    DataEnd(u8),
    Trailer,
    Done,
}

impl ChunkDecoder {
    pub(crate) fn new(seed: &ChunkSeed) -> Self {
        Self {
            seed: seed.clone(),
            state: State::Head,
            line: Vec::new(),
            hasher: Sha256::new(),
            chunk_signature: String::new(),
            chunks: 0,
            decoded: 0,
            trailers: Vec::new(),
            canonical_trailer: Vec::new(),
            trailer_signed: false,
        }
    }

    /// Takes the next bytes of the body and hands each decoded piece of them to `sink`, uncopied.
    pub fn feed<'a>(&mut self, mut input: &'a [u8], mut sink: impl FnMut(&'a [u8])) -> Result<(), ChunkError> {
        while !input.is_empty() {
            match self.state {
                State::Head => {
                    if self.take_line(&mut input, MAX_HEAD)? {
                        self.head()?;
                    }
                }
                State::Data(left) => {
                    let take = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
                    let (data, rest) = input.split_at(take);
                    if self.seed.mode != ChunkMode::UnsignedTrailer {
                        self.hasher.update(data);
                    }
                    sink(data);
                    input = rest;
                    let left = left - take as u64;
                    self.state = if left == 0 { State::DataEnd(0) } else { State::Data(left) };
                }
                State::DataEnd(seen) => {
                    if input[0] != b"\r\n"[usize::from(seen)] {
                        return Err(ChunkError::Malformed("a chunk is longer than it says"));
                    }
                    input = &input[1..];
                    if seen == 0 {
                        self.state = State::DataEnd(1);
                    } else {
                        self.end_of_chunk()?;
                        self.state = State::Head;
                    }
                }
                State::Trailer => {
                    if self.take_line(&mut input, MAX_TRAILER)? {
                        self.trailer_line()?;
                    }
                }
                State::Done => return Err(ChunkError::Malformed("there are bytes after the end")),
            }
        }
        Ok(())
    }

    /// Says whether the body was whole, and gives its trailing headers.
    pub fn finish(self) -> Result<Trailers, ChunkError> {
        if self.state != State::Done {
            return Err(ChunkError::Incomplete);
        }
        let actual = self.decoded;
        if let Some(announced) = self.seed.decoded_length.filter(|announced| *announced != actual) {
            return Err(ChunkError::Length { announced, actual });
        }
        match self.seed.announced.iter().find(|name| !self.trailers.iter().any(|(own, _)| own == *name)) {
            Some(name) => Err(ChunkError::Trailer(name.clone())),
            None => Ok(self.trailers),
        }
    }

    /// Moves bytes up to a line end from `input` into `line`; true when the line is whole.
    fn take_line(&mut self, input: &mut &[u8], most: usize) -> Result<bool, ChunkError> {
        let end = input.iter().position(|byte| *byte == b'\n');
        let (part, rest) = input.split_at(end.map_or(input.len(), |end| end + 1));
        self.line.extend_from_slice(part);
        *input = rest;
        if self.line.len() > most {
            return Err(ChunkError::Malformed("a line is too long"));
        }
        Ok(end.is_some())
    }

    /// Reads `10000;chunk-signature=…`.
    fn head(&mut self) -> Result<(), ChunkError> {
        let line = std::mem::take(&mut self.line);
        let line = line.strip_suffix(b"\r\n").and_then(|line| std::str::from_utf8(line).ok());
        let line = line.ok_or(ChunkError::Malformed("a chunk's first line does not end in CR LF"))?;
        let (size, signature) = match line.split_once(";chunk-signature=") {
            Some((size, signature)) if self.seed.mode != ChunkMode::UnsignedTrailer => (size, signature),
            None if self.seed.mode == ChunkMode::UnsignedTrailer => (line, ""),
            _ => return Err(ChunkError::Malformed("a chunk's signature is missing or unexpected")),
        };
        if size.is_empty() || size.len() > 16 || !size.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(ChunkError::Malformed("a chunk's size is not hexadecimal"));
        }
        let size = u64::from_str_radix(size, 16).map_err(|_| ChunkError::Malformed("a chunk's size is too large"))?;
        self.decoded = self.decoded.checked_add(size).ok_or(ChunkError::Malformed("a chunk's size is too large"))?;
        if let Some(announced) = self.seed.decoded_length.filter(|announced| *announced < self.decoded) {
            return Err(ChunkError::Length { announced, actual: self.decoded });
        }
        signature.clone_into(&mut self.chunk_signature);
        if size > 0 {
            self.state = State::Data(size);
        } else {
            self.end_of_chunk()?;
            self.state = State::Trailer;
        }
        Ok(())
    }

    fn end_of_chunk(&mut self) -> Result<(), ChunkError> {
        self.chunks += 1;
        if self.seed.mode == ChunkMode::UnsignedTrailer {
            return Ok(());
        }
        let digest: [u8; 32] = self.hasher.finalize_reset().into();
        let rest = format!("{EMPTY_SHA256}\n{}", encode::hex_string(&digest));
        let signature = std::mem::take(&mut self.chunk_signature);
        self.link("AWS4-HMAC-SHA256-PAYLOAD", &rest, signature)
    }

    fn trailer_line(&mut self) -> Result<(), ChunkError> {
        let line = std::mem::take(&mut self.line);
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            // The documentation's own example has an empty line before the trailer's signature.
            if self.seed.mode != ChunkMode::SignedTrailer || self.trailer_signed {
                self.state = State::Done;
            }
            return Ok(());
        }
        let text = std::str::from_utf8(line).map_err(|_| ChunkError::Malformed("a trailer is not text"))?;
        let (name, value) = text.split_once(':').ok_or(ChunkError::Malformed("a trailer has no colon"))?;
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        if name == "x-amz-trailer-signature" && self.seed.mode == ChunkMode::SignedTrailer {
            let digest = Sha256::digest(&self.canonical_trailer).into();
            self.trailer_signed = true;
            return self.link("AWS4-HMAC-SHA256-TRAILER", &encode::hex_string(&digest), value.to_owned());
        }
        if self.seed.mode == ChunkMode::Signed || self.trailer_signed || !self.seed.announced.contains(&name) {
            return Err(ChunkError::Trailer(name));
        }
        if self.canonical_trailer.len() + line.len() > MAX_TRAILER {
            return Err(ChunkError::Malformed("the trailers are too long"));
        }
        self.canonical_trailer.extend_from_slice(format!("{name}:{value}\n").as_bytes());
        self.trailers.push((name, value.to_owned()));
        Ok(())
    }

    /// Verifies the next signature of the chain, each of which covers the one before it.
    fn link(&mut self, algorithm: &str, rest: &str, provided: String) -> Result<(), ChunkError> {
        let ChunkSeed { key, date_and_scope, signature, .. } = &self.seed;
        let string_to_sign = format!("{algorithm}\n{date_and_scope}{signature}\n{rest}");
        let ours = encode::hex(&key.sign(string_to_sign.as_bytes()));
        if !bool::from(ours.ct_eq(provided.as_bytes())) {
            return Err(ChunkError::Mismatch(self.chunks));
        }
        self.seed.signature = provided;
        Ok(())
    }
}
