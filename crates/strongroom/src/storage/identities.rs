//! The identities: each type can do only what its credentials may do.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{Stream, stream};
use jiff::Timestamp;
use serde::Serialize;
use strongroom_presign::{PostPolicy, Request, SignError, Validity, ValidityError, Window};

use super::client::{Client, Error, chunk};
use super::key::ObjectKey;
use super::xml;
use crate::config::Profile;

/// A URL and when it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedUrl {
    /// The URL.
    pub url: String,
    /// From then on it is refused.
    pub expires_at: Timestamp,
}

/// How a link presents what it names.
#[derive(Debug, Clone, Copy)]
pub struct LinkTerms<'a> {
    /// How long it lives.
    pub window: Window,
    /// The `Content-Disposition` that the storage answers with.
    pub disposition: Option<&'a str>,
}

/// What lies under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its length.
    pub bytes: u64,
    /// Its entity tag, quoted as the storage gave it.
    pub etag: String,
    /// Its content type, where it has no other header that came with its bytes: those would come along with every link.
    pub plain_type: Option<String>,
}

/// What lies under a key, with its bytes.
#[derive(Debug)]
pub struct Opened<S> {
    /// Its length.
    pub bytes: u64,
    /// What the storage serves it as.
    pub content_type: Option<String>,
    /// When it was written.
    pub modified: Option<Timestamp>,
    /// Its bytes.
    pub content: S,
}

/// Gets, and signs links.
#[derive(Debug)]
pub struct Reader(Client);

impl Reader {
    pub(super) fn new(client: Client) -> Self {
        Self(client)
    }

    pub(super) fn client(&self) -> &Client {
        &self.0
    }

    /// A stable link: within the window, the same key has the same URL.
    pub fn link(&self, key: &ObjectKey, terms: LinkTerms<'_>) -> Result<SignedUrl, Error> {
        let name = self.0.name(key)?;
        let mut request = Request::get(&name);
        if let Some(disposition) = terms.disposition {
            request = request.query("response-content-disposition", disposition);
        }
        let signers = self.0.signers()?;
        let now = self.0.now();
        // What ends with its credentials ends before the time that was promised: a short life is told, and one that is
        // over is not handed out.
        let validity = match signers.public.stable(terms.window, now) {
            Err(ValidityError::CredentialsEnd { end, .. }) => terms.window.until(now, end),
            other => other,
        };
        let validity = validity.map_err(|error| Error::from_signing(error.into()))?;
        Ok(SignedUrl { url: signers.public.presign(&request, validity)?, expires_at: end(validity) })
    }

    /// The first bytes under a key, at most `bytes` of them.
    pub async fn beginning(&self, key: &ObjectKey, bytes: usize) -> Result<Vec<u8>, Error> {
        let name = self.0.name(key)?;
        let request = Request::get(&name).header("range", format!("bytes=0-{}", bytes.saturating_sub(1)));
        let mut response = match self.0.send(&request, None).await {
            // Nothing can be cut out of an empty object.
            Err(Error::Refused { status: 416, .. }) => return Ok(Vec::new()),
            other => other?,
        };
        let mut head = Vec::with_capacity(bytes);
        while head.len() < bytes {
            let Some(chunk) = chunk(&mut response).await? else { break };
            head.extend_from_slice(&chunk[..chunk.len().min(bytes - head.len())]);
        }
        Ok(head)
    }

    /// Everything under a key: what the storage says of it, and its bytes as they come.
    pub async fn open(
        &self,
        key: &ObjectKey,
    ) -> Result<Opened<impl Stream<Item = Result<Bytes, Error>> + Unpin + use<>>, Error> {
        let name = self.0.name(key)?;
        let response = self.0.send(&Request::get(&name), None).await?;
        let header = |name| response.headers().get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
        let modified = header(http::header::LAST_MODIFIED)
            .and_then(|text| jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok());
        let content_type = header(http::header::CONTENT_TYPE).map(str::to_owned);
        let bytes = stored(&response)?.bytes;
        Ok(Opened { bytes, content_type, modified, content: content(response) })
    }

    /// All bytes under a key, as they come.
    pub async fn read(
        &self,
        key: &ObjectKey,
    ) -> Result<impl Stream<Item = Result<Bytes, Error>> + Unpin + use<>, Error> {
        let name = self.0.name(key)?;
        Ok(content(self.0.send(&Request::get(&name), None).await?))
    }
}

/// The bytes of an answer as they come. Boxed, because a stream that is made of futures cannot be moved while it is polled.
fn content(response: reqwest::Response) -> impl Stream<Item = Result<Bytes, Error>> + Unpin + use<> {
    Box::pin(stream::try_unfold(response, |mut response| async move {
        Ok(chunk(&mut response).await?.map(|bytes| (bytes, response)))
    }))
}

/// What a presigned PUT insists on.
#[derive(Debug, Clone, Copy)]
pub struct PutTerms<'a> {
    /// The content type.
    pub content_type: &'a str,
    /// The exact length.
    pub bytes: i64,
    /// The SHA-256 of the content, if it is known.
    pub sha256: Option<[u8; 32]>,
    /// That nothing is there yet, so that the URL writes once and never replaces anything.
    pub only_new: bool,
}

/// A presigned PUT with the headers that must come with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedPut {
    /// Where to send the bytes.
    pub url: String,
    /// Each with exactly this value.
    pub headers: Vec<(String, String)>,
}

/// A form POST: the fields, in order, and then the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// Where to send the form.
    pub url: String,
    /// The fields to send before the file.
    pub fields: Vec<(String, String)>,
}

/// One part of a multipart upload as the storage has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Its number, from 1.
    pub number: u16,
    /// Its length.
    pub bytes: u64,
    /// Its entity tag.
    pub etag: String,
}

/// Writes below the staging prefix, and elsewhere what was not there: its key signs what is handed out for uploads.
#[derive(Debug)]
pub struct Writer {
    client: Client,
    profile: Profile,
}

impl Writer {
    pub(super) fn new(client: Client, profile: Profile) -> Self {
        Self { client, profile }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// A URL that takes exactly this content by PUT.
    pub fn put_url(&self, key: &ObjectKey, terms: PutTerms<'_>, life: Duration) -> Result<SignedPut, Error> {
        let name = self.client.name(key)?;
        let mut request = Request::put(&name)
            .header("content-type", terms.content_type)
            .header("content-length", terms.bytes.to_string());
        if terms.only_new {
            request = request.header("if-none-match", "*");
        }
        if let Some(acl) = self.profile.upload_acl.header() {
            request = request.header("x-amz-acl", acl);
        }
        if let Some(sha256) = terms.sha256.filter(|_| self.profile.checksums) {
            request = request.header("x-amz-checksum-sha256", STANDARD.encode(sha256));
        }
        let url = self.presign(&request, life)?;
        // A browser sets the length by itself, and forbids that anybody else does.
        let headers = request.headers().filter(|(name, _)| *name != "content-length");
        Ok(SignedPut { url, headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect() })
    }

    /// A form that takes a file of this type and of a length in this range.
    pub fn post_form(
        &self,
        key: &ObjectKey,
        content_type: &str,
        bytes: std::ops::RangeInclusive<u64>,
        life: Duration,
    ) -> Result<Form, Error> {
        let name = self.client.name(key)?;
        let policy = PostPolicy::for_key(&name)
            .map_err(SignError::from)?
            .exact("Content-Type", content_type)
            .content_length(*bytes.start(), *bytes.end())
            .success_status(201);
        let form = self.client.signers()?.public.post(&policy, self.validity(life)?).map_err(Error::from_signing)?;
        Ok(Form { url: form.url, fields: form.fields })
    }

    /// A URL that takes one part of exactly this length by PUT.
    pub fn part_url(
        &self,
        key: &ObjectKey,
        multipart: &str,
        (number, bytes): (u16, u64),
        life: Duration,
    ) -> Result<String, Error> {
        let name = self.client.name(key)?;
        let request = Request::upload_part(&name, multipart, number).header("content-length", bytes.to_string());
        self.presign(&request, life)
    }

    /// How long what is signed now can live: as long as this, or until the credentials end.
    pub fn at_most(&self, life: Duration) -> Result<Duration, Error> {
        let Some(end) = self.client.signers()?.end() else { return Ok(life) };
        match u64::try_from(end.saturating_sub(self.client.now())) {
            Ok(left @ 1..) => Ok(life.min(Duration::from_secs(left))),
            _ => Err(Error::credentials_ended()),
        }
    }

    /// Begins a multipart upload and returns the storage's id of it.
    pub async fn begin_multipart(&self, key: &ObjectKey, content_type: &str) -> Result<String, Error> {
        begin_multipart(&self.client, key, content_type).await
    }

    /// Makes one object of the parts.
    pub async fn complete_multipart(&self, key: &ObjectKey, multipart: &str, parts: &[Part]) -> Result<(), Error> {
        complete_multipart(&self.client, key, multipart, parts).await
    }

    fn presign(&self, request: &Request<'_>, life: Duration) -> Result<String, Error> {
        self.client.signers()?.public.presign(request, self.validity(life)?).map_err(Error::from_signing)
    }

    fn validity(&self, life: Duration) -> Result<Validity, Error> {
        let seconds = u32::try_from(life.as_secs()).unwrap_or(u32::MAX);
        Ok(Validity::new(self.client.now(), seconds).map_err(SignError::from)?)
    }
}

/// Writes final keys, promotes, deletes and lists. Nothing that it signs is ever handed out.
#[derive(Debug)]
pub struct Janitor {
    pub(super) client: Client,
    pub(super) profile: Profile,
}

impl Janitor {
    pub(super) fn new(client: Client, profile: Profile) -> Self {
        Self { client, profile }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// What lies under a key, without its bytes. The janitor asks, because S3 tells only who may list that nothing is
    /// there, and refuses everybody else.
    pub async fn head(&self, key: &ObjectKey) -> Result<Stored, Error> {
        stored(&self.look_up(key).await?)
    }

    pub(super) async fn look_up(&self, key: &ObjectKey) -> Result<reqwest::Response, Error> {
        let name = self.client.name(key)?;
        match self.client.send(&Request::head(&name), None).await {
            // A right to list that is held to a prefix does not count here: only the list itself tells.
            Err(Error::Refused { status: 403, .. }) if !self.is_listed(&name).await? => Err(Error::NotFound),
            other => other,
        }
    }

    async fn is_listed(&self, name: &str) -> Result<bool, Error> {
        let request = Request::list_objects().query("prefix", name).query("max-keys", "1");
        let page: xml::Objects = self.client.xml(&request, None).await?;
        Ok(page.contents.iter().any(|row| row.key == name))
    }

    /// Puts a small object.
    pub async fn put(&self, key: &ObjectKey, content_type: &str, content: Bytes) -> Result<(), Error> {
        let name = self.client.name(key)?;
        self.client.send(&Request::put(&name).header("content-type", content_type), Some(content)).await?;
        Ok(())
    }

    /// Begins a multipart upload and returns the storage's id of it.
    pub async fn begin_multipart(&self, key: &ObjectKey, content_type: &str) -> Result<String, Error> {
        begin_multipart(&self.client, key, content_type).await
    }

    /// Puts one part.
    pub async fn put_part(&self, key: &ObjectKey, multipart: &str, number: u16, content: Bytes) -> Result<Part, Error> {
        let name = self.client.name(key)?;
        let bytes = content.len() as u64;
        let response = self.client.send(&Request::upload_part(&name, multipart, number), Some(content)).await?;
        Ok(Part { number, bytes, etag: etag(&response)? })
    }

    /// Makes one object of the parts.
    pub async fn complete_multipart(&self, key: &ObjectKey, multipart: &str, parts: &[Part]) -> Result<(), Error> {
        complete_multipart(&self.client, key, multipart, parts).await
    }

    /// Deletes; it is no error when nothing is there.
    pub async fn delete(&self, key: &ObjectKey) -> Result<(), Error> {
        let name = self.client.name(key)?;
        gone(self.client.send(&Request::delete(&name), None).await)
    }

    /// The parts that have arrived, each once: `SeaweedFS` lists one as often as it was sent, and the last one counts.
    pub async fn parts(&self, key: &ObjectKey, multipart: &str) -> Result<Vec<Part>, Error> {
        let name = self.client.name(key)?;
        let mut parts: BTreeMap<u16, xml::PartRow> = BTreeMap::new();
        let mut marker: Option<String> = None;
        loop {
            let mut request = Request::list_parts(&name, multipart);
            if let Some(marker) = marker.take() {
                request = request.query("part-number-marker", marker);
            }
            let page: xml::Parts = self.client.xml(&request, None).await?;
            for part in page.rows {
                // The times of one store are written alike, so that their order is that of their letters.
                if parts.get(&part.part_number).is_none_or(|other| other.last_modified <= part.last_modified) {
                    parts.insert(part.part_number, part);
                }
            }
            match page.next_part_number_marker {
                Some(next) if page.is_truncated && !next.is_empty() => marker = Some(next),
                _ => break,
            }
        }
        let parts = parts.into_values();
        Ok(parts.map(|part| Part { number: part.part_number, bytes: part.size, etag: part.etag }).collect())
    }

    /// Whether the bucket answers.
    pub async fn probe(&self) -> Result<(), Error> {
        let request = Request::list_objects().query("prefix", self.client.location().as_str()).query("max-keys", "1");
        self.client.send(&request, None).await.map(drop)
    }

    /// Gives a multipart upload up; it is no error when it is gone already.
    pub async fn abort_multipart(&self, key: &ObjectKey, multipart: &str) -> Result<(), Error> {
        let name = self.client.name(key)?;
        gone(self.client.send(&Request::abort_multipart(&name, multipart), None).await)
    }
}

async fn begin_multipart(client: &Client, key: &ObjectKey, content_type: &str) -> Result<String, Error> {
    let name = client.name(key)?;
    let request = Request::create_multipart(&name).header("content-type", content_type);
    let initiated: xml::Initiated = client.xml(&request, None).await?;
    Ok(initiated.upload_id)
}

async fn complete_multipart(client: &Client, key: &ObjectKey, multipart: &str, parts: &[Part]) -> Result<(), Error> {
    let name = client.name(key)?;
    let request = Request::complete_multipart(&name, multipart);
    made(client, &request, Some(xml::complete(parts).into())).await.map(drop)
}

fn end(validity: Validity) -> Timestamp {
    Timestamp::from_second(validity.expires_at()).unwrap_or(Timestamp::MAX)
}

pub(super) fn stored(response: &reqwest::Response) -> Result<Stored, Error> {
    let text = |name: &http::HeaderName| response.headers().get(name).and_then(|value| value.to_str().ok());
    let length = text(&http::header::CONTENT_LENGTH);
    let bytes = length.and_then(|text| text.parse().ok()).ok_or_else(|| Error::BadAnswer("no length".to_owned()))?;
    let is_plain = !response.headers().keys().any(|name| came_along(name.as_str()));
    let plain_type = text(&http::header::CONTENT_TYPE).filter(|_| is_plain).map(str::to_owned);
    Ok(Stored { bytes, etag: etag(response)?, plain_type })
}

/// Whether a header of an answer is one that whoever wrote the object chose, beside its type.
fn came_along(name: &str) -> bool {
    const KEPT: [&str; 7] = [
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "expires",
        "x-amz-storage-class",
        "x-amz-website-redirect-location",
    ];
    KEPT.contains(&name) || name.starts_with("x-amz-meta-")
}

fn etag(response: &reqwest::Response) -> Result<String, Error> {
    let value = response.headers().get(http::header::ETAG).and_then(|value| value.to_str().ok());
    value.map(str::to_owned).ok_or_else(|| Error::BadAnswer("no ETag".to_owned()))
}

/// The entity tag of what was made. The storage may find out that it fails after it has sent status 200.
pub(super) async fn made(client: &Client, request: &Request<'_>, body: Option<Bytes>) -> Result<String, Error> {
    match client.xml::<xml::Made>(request, body).await? {
        xml::Made { etag: Some(etag), .. } => Ok(etag),
        xml::Made { code, message, .. } => {
            Err(Error::Unavailable(format!("{}: {}", code.unwrap_or_default(), message.unwrap_or_default())))
        }
    }
}

fn gone(result: Result<reqwest::Response, Error>) -> Result<(), Error> {
    match result {
        Ok(_) | Err(Error::NotFound) => Ok(()),
        Err(error) => Err(error),
    }
}
