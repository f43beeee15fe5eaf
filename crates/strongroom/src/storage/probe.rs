//! Tries for real what an identity may do and what not: the doctor's instrument, and nobody else's.

use bytes::Bytes;
use http::HeaderMap;
use strongroom_presign::{Method, Request};

use super::client::{Client, Error, read};
use super::key::ObjectKey;
use super::rights::Identity;
use super::{Bucket, Storage, xml};

/// Something that is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Read what lies under the key.
    Get,
    /// Write under the key.
    Put,
    /// Delete what lies under the key.
    Delete,
    /// List what lies below the location.
    List,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The status.
    pub status: u16,
    /// S3's code, if it was refused.
    pub code: String,
    /// S3's words.
    pub message: String,
    /// The headers.
    pub headers: HeaderMap,
}

impl Seen {
    /// Reads an answer.
    pub async fn of(response: reqwest::Response) -> Result<Self, Error> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = read(response).await?;
        let fault =
            if status >= 300 { xml::parse::<xml::Fault>(&body).unwrap_or_default() } else { xml::Fault::default() };
        Ok(Self { status, code: fault.code, message: fault.message, headers })
    }

    /// Whether it was done.
    pub fn is_done(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Status and code for people.
    pub fn words(&self) -> String {
        format!("{} {} {}", self.status, self.code, self.message).split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

impl Bucket {
    /// Tries it once, as this identity; the operator has its own ways.
    pub async fn attempt(&self, who: Identity, act: Act, key: &ObjectKey) -> Result<Seen, Error> {
        let client = match who {
            Identity::Reader => self.reader.client(),
            Identity::Writer => self.writer.client(),
            Identity::Janitor | Identity::Operator => self.janitor.client(),
        };
        ask(client, act, key).await
    }
}

impl Storage {
    /// Where browsers find a key of a bucket, without any signature.
    pub fn bare_url(&self, bucket: &Bucket, key: &ObjectKey) -> Result<String, Error> {
        let name = bucket.janitor.client().name(key)?;
        self.endpoints[0].url(&bucket.name, &name).map_err(|error| Error::BadAnswer(error.to_string()))
    }
}

async fn ask(client: &Client, act: Act, key: &ObjectKey) -> Result<Seen, Error> {
    let name = client.name(key)?;
    let request = match act {
        Act::Get => Request::get(&name),
        Act::Put => Request::put(&name).header("content-type", "text/plain"),
        Act::Delete => Request::on_key(Method::Delete, &name),
        Act::List => Request::list_objects().query("prefix", client.location().as_str()).query("max-keys", "1"),
    };
    let body = (act == Act::Put).then(|| Bytes::from_static(b"tried by the doctor"));
    Seen::of(client.try_once(&request, body).await?).await
}
