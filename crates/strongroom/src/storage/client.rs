//! One identity's way to the bucket: signs a request, sends it over the line that all share, and reads the error.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use reqwest::Response;
use sha2::{Digest as _, Sha256};
use strongroom_presign::{Credentials, Endpoint, Payload, Request, SignError, Signer, UrlError, ValidityError};

use super::credentials::Held;
use super::key::{KeyError, Location, ObjectKey};
use super::line::Line;
use super::xml;

/// No bytes of an answer come later than this after those before them.
const LONGEST_SILENCE: Duration = Duration::from_secs(20);

/// The longest answer that is read whole: a page of a list.
const LONGEST_ANSWER: usize = 8 * 1024 * 1024;

/// Why the storage did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is nothing under this key, or no such upload.
    #[error("the storage has nothing there")]
    NotFound,
    /// No space has this bucket any longer.
    #[error(
        "the bucket {name} is in no space's configuration any longer; put it back until what lies in it is cleared away"
    )]
    NoSuchBucket {
        /// Its name.
        name: String,
    },
    /// What lies there is not what the condition named.
    #[error("what lies in storage changed meanwhile")]
    Precondition,
    /// The storage refuses; the cause is in our configuration, not in the request.
    #[error("the storage refused with {status} {code}: {message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// S3's code.
        code: String,
        /// S3's words.
        message: String,
    },
    /// The storage cannot be reached, or fails.
    #[error("the storage cannot be reached: {0}")]
    Unavailable(String),
    /// It did not answer within this time.
    #[error("the storage did not answer within {} seconds", .0.as_secs())]
    TimedOut(Duration),
    /// It is not to be asked again before this time is over.
    #[error("the storage is to be left alone for {retry_after:?}: {reason}")]
    Busy {
        /// Why.
        reason: String,
        /// How long.
        retry_after: Duration,
    },
    /// The storage answered something that is not the protocol.
    #[error("the storage gave an answer that cannot be read: {0}")]
    BadAnswer(String),
    /// The request could not be signed. Nothing was handed out or sent.
    #[error("signing failed: {0}")]
    Sign(#[from] SignError),
    /// The key cannot be built.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl Error {
    /// Whether the storage is away for now, rather than at odds with what was asked.
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::TimedOut(_) | Self::Busy { .. })
    }
}

/// Where the bucket is.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) endpoint: Endpoint,
    pub(super) public_endpoint: Endpoint,
    pub(super) bucket: String,
    pub(super) location: Location,
}

/// One identity's way to the bucket.
#[derive(Debug)]
pub(super) struct Client {
    line: Line,
    place: Place,
    held: Held,
    signers: ArcSwap<Signers>,
}

/// What signs with one set of credentials.
#[derive(Debug)]
pub(super) struct Signers {
    of: Arc<Credentials>,
    inside: Signer,
    /// Signs URLs for browsers.
    pub(super) public: Signer,
}

impl Signers {
    fn new(place: &Place, of: Arc<Credentials>) -> Result<Self, UrlError> {
        let signer = |endpoint: &Endpoint| Signer::new((*of).clone(), endpoint.clone(), &place.bucket);
        Ok(Self { inside: signer(&place.endpoint)?, public: signer(&place.public_endpoint)?, of })
    }

    /// When what signs ends, in Unix seconds, if it does.
    pub(super) fn end(&self) -> Option<i64> {
        self.of.expires_at()
    }
}

impl Client {
    pub(super) fn new(place: Place, held: Held, line: Line) -> Result<Self, UrlError> {
        let signers = ArcSwap::from_pointee(Signers::new(&place, Arc::clone(&held.now()))?);
        Ok(Self { line, place, held, signers })
    }

    /// What signs with the credentials as they are now. The next signature may be made with others.
    pub(super) fn signers(&self) -> Result<Guard<Arc<Signers>>, Error> {
        let (signers, held) = (self.signers.load(), self.held.now());
        if Arc::ptr_eq(&signers.of, &held) {
            return Ok(signers);
        }
        // Where they sign for was found to be right at the start.
        let fresh = Signers::new(&self.place, Arc::clone(&held));
        self.signers.store(Arc::new(fresh.map_err(|error| Error::Unavailable(error.to_string()))?));
        Ok(self.signers.load())
    }

    pub(super) fn location(&self) -> &Location {
        &self.place.location
    }

    pub(super) fn bucket(&self) -> &str {
        &self.place.bucket
    }

    /// The key's full name in the bucket.
    pub(super) fn name(&self, key: &ObjectKey) -> Result<String, Error> {
        Ok(key.in_bucket(self.location())?)
    }

    /// The time in seconds, as signing wants it.
    pub(super) fn now(&self) -> i64 {
        self.line.clock().now().as_second()
    }

    /// Sends a request, again if the storage was busy or the line broke. Every request may be repeated: keys are written
    /// with one content only, deleting twice is deleting once, what a repeated beginning of a multipart upload leaves is
    /// swept, and who joins parts knows that they may be joined already.
    pub(super) async fn send(&self, request: &Request<'_>, body: Option<Bytes>) -> Result<Response, Error> {
        self.ready()?;
        let payload = payload(body.as_ref());
        let bytes = body.as_ref().map_or(0, Bytes::len);
        self.line.ask(request, bytes, || self.send_once(request, payload, body.clone())).await
    }

    /// Sends a request and reads its answer whole, as the XML of type `T`; both again if either failed.
    pub(super) async fn xml<T>(&self, request: &Request<'_>, body: Option<Bytes>) -> Result<T, Error>
    where
        T: serde::de::DeserializeOwned,
    {
        self.ready()?;
        let payload = payload(body.as_ref());
        let once = |body| async move { xml::parse(&read(self.send_once(request, payload, body).await?).await?) };
        let bytes = body.as_ref().map_or(0, Bytes::len);
        self.line.ask(request, bytes, || once(body.clone())).await
    }

    /// Sends a request and reads the beginning of its answer, at most so many bytes; both again if either failed.
    pub(super) async fn beginning(
        &self,
        request: &Request<'_>,
        at_most: usize,
    ) -> Result<(StatusCode, HeaderMap, Bytes), Error> {
        self.ready()?;
        let once = || async {
            let mut response = self.send_once(request, Payload::Empty, None).await?;
            let (status, headers) = (response.status(), response.headers().clone());
            let mut bytes = BytesMut::new();
            while bytes.len() < at_most
                && let Some(chunk) = chunk(&mut response).await?
            {
                bytes.extend_from_slice(&chunk[..chunk.len().min(at_most - bytes.len())]);
            }
            Ok((status, headers, bytes.freeze()))
        };
        // Bytes that come take as long as bytes that go.
        self.line.ask(request, at_most, once).await
    }

    /// Nothing is sent with credentials that have ended; that says nothing about the storage.
    fn ready(&self) -> Result<(), Error> {
        match self.signers()?.end() {
            Some(end) if end <= self.now() => Err(Error::credentials_ended()),
            _ => Ok(()),
        }
    }

    /// Sends a request once, and gives back whatever comes.
    pub(super) async fn try_once(&self, request: &Request<'_>, body: Option<Bytes>) -> Result<Response, Error> {
        self.exchange(request, payload(body.as_ref()), body).await
    }

    async fn exchange(&self, request: &Request<'_>, payload: Payload, body: Option<Bytes>) -> Result<Response, Error> {
        let signed = self.signers()?.inside.sign(request, payload, self.now()).map_err(Error::from_signing)?;
        let method = http::Method::from_bytes(signed.method.as_str().as_bytes())
            .map_err(|_| Error::BadAnswer("method".to_owned()))?;
        let mut builder = self.line.http().request(method, &signed.url);
        for (name, value) in &signed.headers {
            builder = builder.header(name, value);
        }
        if let Some(body) = body {
            builder = builder.body(body);
        }
        builder.send().await.map_err(|error| Error::Unavailable(chain(&error)))
    }

    async fn send_once(&self, request: &Request<'_>, payload: Payload, body: Option<Bytes>) -> Result<Response, Error> {
        let response = self.exchange(request, payload, body).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        let error = refusal(response).await;
        if let Error::Refused { code, .. } = &error
            && matches!(code.as_str(), "ExpiredToken" | "InvalidAccessKeyId" | "InvalidToken" | "TokenRefreshRequired")
        {
            self.held.doubt();
        }
        Err(error)
    }
}

fn payload(body: Option<&Bytes>) -> Payload {
    body.map_or(Payload::Empty, |body| Payload::Sha256(Sha256::digest(body).into()))
}

impl Error {
    /// Credentials that have ended are replaced sooner or later; anything else that stops a signature stays as it is.
    pub(super) fn from_signing(error: SignError) -> Self {
        match error {
            SignError::Validity(ValidityError::CredentialsEnd { .. }) => Self::credentials_ended(),
            other => Self::Sign(other),
        }
    }

    pub(super) fn credentials_ended() -> Self {
        let reason = "the credentials have ended, and no others could be fetched yet".to_owned();
        Self::Busy { reason, retry_after: Duration::from_secs(5) }
    }
}

/// The next bytes of an answer. A line that says nothing for too long is dead.
pub(super) async fn chunk(response: &mut Response) -> Result<Option<Bytes>, Error> {
    match tokio::time::timeout(LONGEST_SILENCE, response.chunk()).await {
        Ok(chunk) => chunk.map_err(|error| Error::Unavailable(chain(&error))),
        Err(_) => Err(Error::TimedOut(LONGEST_SILENCE)),
    }
}

/// Reads an answer whole.
pub(super) async fn read(mut response: Response) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    while let Some(chunk) = chunk(&mut response).await? {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            return Err(Error::BadAnswer("it is longer than any list".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

async fn refusal(response: Response) -> Error {
    let status = response.status();
    let retry_after = retry_after(&response);
    let body = read(response).await.unwrap_or_default();
    let fault = xml::parse::<xml::Fault>(&body).unwrap_or_default();
    let words = || format!("{status} {}: {}", fault.code, fault.message);
    match (status, fault.code.as_str()) {
        (StatusCode::NOT_FOUND, "NoSuchBucket") | (StatusCode::FORBIDDEN, _) => fault.refused(status),
        (StatusCode::NOT_FOUND, _) => Error::NotFound,
        (StatusCode::PRECONDITION_FAILED, _) => Error::Precondition,
        (StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT, _)
        | (_, "SlowDown" | "RequestTimeout" | "TooManyRequests" | "RequestLimitExceeded") => {
            Error::Busy { reason: words(), retry_after: retry_after.unwrap_or_default() }
        }
        (status, _) if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED => match retry_after {
            Some(retry_after) => Error::Busy { reason: words(), retry_after },
            None => Error::Unavailable(words()),
        },
        _ => fault.refused(status),
    }
}

/// The time that the storage asks for, where it is given in seconds; S3 stores give no dates there.
fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(http::header::RETRY_AFTER)?.to_str().ok()?;
    value.trim().parse().ok().map(Duration::from_secs)
}

impl xml::Fault {
    fn refused(self, status: StatusCode) -> Error {
        Error::Refused { status: status.as_u16(), code: self.code, message: self.message }
    }
}

/// An error with its causes; reqwest says only the outermost. URLs are left out, because they carry signatures.
pub(super) fn chain(error: &reqwest::Error) -> String {
    let mut text = String::from(if error.is_timeout() { "timed out" } else { "connection failed" });
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
