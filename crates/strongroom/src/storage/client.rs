//! One identity's way to the bucket: signs a request, sends it, tries again where that is safe, and reads the error.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use reqwest::Response;
use sha2::{Digest as _, Sha256};
use strongroom_presign::{Credentials, Endpoint, Payload, Request, SignError, Signer, UrlError};

use super::key::{KeyError, Location, ObjectKey};
use super::xml;
use crate::ambient::Clock;

/// How often a request is sent at the most.
const TRIES: u32 = 3;

/// The pause before the second try; it doubles for the third.
const PAUSE: Duration = Duration::from_millis(80);

/// The longest answer that is read whole: a page of a list.
const LONGEST_ANSWER: usize = 8 * 1024 * 1024;

/// Why the storage did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is nothing under this key, or no such upload.
    #[error("the storage has nothing there")]
    NotFound,
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
    /// The storage cannot be reached, or is overloaded.
    #[error("the storage cannot be reached: {0}")]
    Unavailable(String),
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

/// Where the bucket is.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) endpoint: Endpoint,
    pub(super) public_endpoint: Endpoint,
    pub(super) bucket: String,
    pub(super) location: Location,
}

/// One identity's way to the bucket.
#[derive(Debug, Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    signer: Signer,
    public_signer: Signer,
    location: Location,
    clock: Clock,
}

impl Client {
    pub(super) fn new(
        place: Place,
        credentials: Credentials,
        http: reqwest::Client,
        clock: Clock,
    ) -> Result<Self, UrlError> {
        Ok(Self {
            signer: Signer::new(credentials.clone(), place.endpoint, &place.bucket)?,
            public_signer: Signer::new(credentials, place.public_endpoint, &place.bucket)?,
            location: place.location,
            http,
            clock,
        })
    }

    /// Signs URLs for browsers.
    pub(super) fn public_signer(&self) -> &Signer {
        &self.public_signer
    }

    pub(super) fn location(&self) -> &Location {
        &self.location
    }

    pub(super) fn bucket(&self) -> &str {
        self.signer.bucket()
    }

    /// The key's full name in the bucket.
    pub(super) fn name(&self, key: &ObjectKey) -> Result<String, Error> {
        Ok(key.in_bucket(&self.location)?)
    }

    /// The time in seconds, as signing wants it.
    pub(super) fn now(&self) -> i64 {
        self.clock.now().as_second()
    }

    /// Sends a request, again if the storage was busy or the connection broke. Every request may be repeated:
    /// keys are written with one content only, deleting twice is deleting once, what a repeated beginning of a
    /// multipart upload leaves is swept, and who joins parts knows that they may be joined already.
    pub(super) async fn send(&self, request: &Request<'_>, body: Option<Bytes>) -> Result<Response, Error> {
        let payload = body.as_ref().map_or(Payload::Empty, |body| Payload::Sha256(Sha256::digest(body).into()));
        let mut pause = PAUSE;
        for _ in 1..TRIES {
            match self.send_once(request, payload, body.clone()).await {
                Err(Error::Unavailable(reason)) => {
                    tracing::warn!(reason, "the storage did not answer; trying again");
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                other => return other,
            }
        }
        self.send_once(request, payload, body).await
    }

    async fn send_once(&self, request: &Request<'_>, payload: Payload, body: Option<Bytes>) -> Result<Response, Error> {
        let response = self.exchange(request, payload, body).await?;
        if response.status().is_success() { Ok(response) } else { Err(refusal(response).await) }
    }

    /// Sends a request once, and gives back whatever comes.
    pub(super) async fn ask(&self, request: &Request<'_>, body: Option<Bytes>) -> Result<Response, Error> {
        let payload = body.as_ref().map_or(Payload::Empty, |body| Payload::Sha256(Sha256::digest(body).into()));
        self.exchange(request, payload, body).await
    }

    async fn exchange(&self, request: &Request<'_>, payload: Payload, body: Option<Bytes>) -> Result<Response, Error> {
        let signed = self.signer.sign(request, payload, self.now())?;
        let method = http::Method::from_bytes(signed.method.as_str().as_bytes())
            .map_err(|_| Error::BadAnswer("method".to_owned()))?;
        let mut builder = self.http.request(method, &signed.url);
        for (name, value) in &signed.headers {
            builder = builder.header(name, value);
        }
        if let Some(body) = body {
            builder = builder.body(body);
        }
        builder.send().await.map_err(|error| Error::Unavailable(chain(&error)))
    }
}

/// Reads an answer whole, as the XML of type `T`.
pub(super) async fn read_xml<T: serde::de::DeserializeOwned>(response: Response) -> Result<T, Error> {
    let body = read(response).await?;
    xml::parse(&body)
}

/// Reads an answer whole.
pub(super) async fn read(mut response: Response) -> Result<Vec<u8>, Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| Error::Unavailable(chain(&error)))? {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            return Err(Error::BadAnswer("it is longer than any list".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

async fn refusal(response: Response) -> Error {
    let status = response.status();
    let body = read(response).await.unwrap_or_default();
    let fault = xml::parse::<xml::Fault>(&body).unwrap_or_default();
    match (status, fault.code.as_str()) {
        (StatusCode::NOT_FOUND, "NoSuchBucket") | (StatusCode::FORBIDDEN, _) => fault.refused(status),
        (StatusCode::NOT_FOUND, _) => Error::NotFound,
        (StatusCode::PRECONDITION_FAILED, _) => Error::Precondition,
        (StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT, _) | (_, "SlowDown" | "RequestTimeout") => {
            Error::Unavailable(format!("{status} {}", fault.code))
        }
        (status, _) if status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED => {
            Error::Unavailable(format!("{status} {}: {}", fault.code, fault.message))
        }
        _ => fault.refused(status),
    }
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
