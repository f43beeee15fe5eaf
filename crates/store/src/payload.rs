//! The body of a request: read under a length, a time and the signature's own rule, or else let go politely.

use std::collections::VecDeque;
use std::error::Error as StdError;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use prometheus_client::metrics::counter::Counter;
use strongroom_presign::{ChunkDecoder, ChunkError, Verified};
use tokio::time::{Instant, timeout, timeout_at};

use crate::announced::Announced;
use crate::checksum::Digests;
use crate::fault::{Code, Fault};
use crate::headers;
use crate::options::Limits;

/// Any body an HTTP server may hand over.
pub(crate) type BoxBody = UnsyncBoxBody<Bytes, Box<dyn StdError + Send + Sync>>;

/// How much of a refused body is read and thrown away. Closing a socket that still holds unread bytes resets it, and a
/// browser that is still sending would see the reset in place of the answer.
const LINGER_BYTES: usize = 1 << 20;
/// How long a refused body is given to end.
const LINGER: Duration = Duration::from_secs(2);

/// The raw bytes of a request.
#[derive(Debug)]
pub(crate) struct Inbound {
    body: Option<BoxBody>,
    idle: Duration,
    /// What must come in each `idle` of waiting, in bytes.
    least: u64,
    /// How long the body was waited for, and how much came, since the pace was last looked at.
    waited: Duration,
    came: u64,
    /// The client waits to be asked for the body, so that one that is not wanted is not sent.
    waits: bool,
    counter: Counter,
}

impl Inbound {
    /// Wraps the body of a request.
    pub(crate) fn new(body: BoxBody, headers: &HeaderMap, limits: &Limits, counter: Counter) -> Self {
        let idle = limits.idle;
        let least = u64::try_from(idle.as_millis()).unwrap_or(u64::MAX).saturating_mul(limits.slowest.into()) / 1000;
        let waits = headers::text(headers, "expect").is_some_and(|text| text.eq_ignore_ascii_case("100-continue"));
        Self { body: Some(body), idle, least, waited: Duration::ZERO, came: 0, waits, counter }
    }

    /// The next bytes; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        self.waits = false;
        while let Some(body) = &mut self.body {
            let begun = Instant::now();
            let frame = timeout(self.idle, body.frame()).await;
            // Only the client's time counts, and not what the disk takes in between.
            self.waited += begun.elapsed();
            match frame {
                Err(_) => {
                    // A client that is silent now would be silent while being waited for, too.
                    self.body = None;
                    return Err(Code::RequestTimeout.into());
                }
                Ok(None) => self.body = None,
                Ok(Some(Err(error))) => {
                    tracing::debug!(%error, "a body broke off");
                    self.body = None;
                    return Err(Code::IncompleteBody.into());
                }
                Ok(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) if data.is_empty() => {}
                    Ok(data) => {
                        self.counter.inc_by(data.len() as u64);
                        self.check_pace(data.len())?;
                        return Ok(Some(data));
                    }
                    Err(_trailers) => {}
                },
            }
        }
        Ok(None)
    }

    fn check_pace(&mut self, came: usize) -> Result<(), Fault> {
        self.came += came as u64;
        if self.waited < self.idle {
            return Ok(());
        }
        if self.came < self.least {
            self.body = None;
            return Err(Code::RequestTimeout.into());
        }
        (self.waited, self.came) = (Duration::ZERO, 0);
        Ok(())
    }
}

impl Drop for Inbound {
    fn drop(&mut self) {
        if let Some(body) = self.body.take()
            && !self.waits
            && !body.is_end_stream()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(linger(body));
        }
    }
}

/// Gives a client that is still sending the time to read its answer, at a bounded cost.
async fn linger(mut body: BoxBody) {
    let end = Instant::now() + LINGER;
    let mut left = LINGER_BYTES;
    while left > 0 {
        match timeout_at(end, body.frame()).await {
            Ok(Some(Ok(frame))) => left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len)),
            _ => return,
        }
    }
    tokio::time::sleep_until(end).await;
}

/// The bytes a request is really about: decoded, counted, and held to what was announced.
#[derive(Debug)]
pub(crate) struct Payload {
    inbound: Inbound,
    decoder: Option<ChunkDecoder>,
    decoded: VecDeque<Bytes>,
    length: Option<u64>,
    seen: u64,
    /// What the body must turn out to be; complete once `next` has answered `None`.
    pub(crate) announced: Announced,
}

impl Payload {
    /// The payload of a request whose signature holds. `checksums` is false where the checksum headers are about
    /// something else than this body.
    pub(crate) fn new(
        inbound: Inbound,
        headers: &HeaderMap,
        verified: &Verified,
        checksums: bool,
    ) -> Result<Self, Fault> {
        let decoder = verified.chunk_decoder();
        let length = if decoder.is_some() {
            let text = headers::text(headers, "x-amz-decoded-content-length");
            text.and_then(|text| text.parse().ok())
        } else {
            headers::content_length(headers)
        };
        let announced = Announced::of(headers, verified.body, checksums)?;
        Ok(Self { inbound, decoder, decoded: VecDeque::new(), length, seen: 0, announced })
    }

    /// The announced length, which a request that stores something must have.
    pub(crate) fn demand_length(&self, most: u64) -> Result<u64, Fault> {
        let length = self.length.ok_or(Code::MissingContentLength)?;
        if length > most {
            return Err(Fault::from(Code::EntityTooLarge)
                .with("ProposedSize", length.to_string())
                .with("MaxSizeAllowed", most.to_string()));
        }
        Ok(length)
    }

    /// The next bytes; `None` when all that was announced has come and every chunk's signature holds.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        loop {
            if let Some(bytes) = self.decoded.pop_front() {
                self.seen += bytes.len() as u64;
                if self.length.is_some_and(|length| self.seen > length) {
                    return Err(Code::IncompleteBody.into());
                }
                return Ok(Some(bytes));
            }
            let Some(bytes) = self.inbound.next().await? else {
                return self.end().map(|()| None);
            };
            match &mut self.decoder {
                None => self.decoded.push_back(bytes),
                Some(decoder) => {
                    let pieces = &mut self.decoded;
                    decoder
                        .feed(&bytes, |piece| pieces.push_back(bytes.slice_ref(piece)))
                        .map_err(|error| chunk_fault(&error))?;
                }
            }
        }
    }

    fn end(&mut self) -> Result<(), Fault> {
        if let Some(decoder) = self.decoder.take() {
            let trailers = decoder.finish().map_err(|error| chunk_fault(&error))?;
            self.announced.take_trailers(&trailers)?;
        }
        if self.length.is_some_and(|length| self.seen != length) {
            return Err(Code::IncompleteBody.into());
        }
        Ok(())
    }

    /// Reads a document of bounded length, and verifies its digests.
    pub(crate) async fn document(&mut self, most: usize) -> Result<Bytes, Fault> {
        let mut document = BytesMut::new();
        while let Some(bytes) = self.next().await? {
            if document.len() + bytes.len() > most {
                return Err(Fault::new(Code::MalformedXML, format!("The XML is longer than {most} bytes.")));
            }
            document.extend_from_slice(&bytes);
        }
        let mut digests = Digests::new(self.announced.algorithms());
        digests.update(&document);
        self.announced.verify(&digests.finish())?;
        Ok(document.freeze())
    }
}

/// S3's answer to a chunked body that is not what was signed.
fn chunk_fault(error: &ChunkError) -> Fault {
    let code = match error {
        ChunkError::Mismatch(_) => Code::SignatureDoesNotMatch,
        ChunkError::Malformed(_) | ChunkError::Trailer(_) => Code::InvalidRequest,
        _ => Code::IncompleteBody,
    };
    Fault::new(code, error.to_string())
}
