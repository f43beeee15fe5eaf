//! Carrying a content from one storage to another, piece by piece, together with the headers that it is served with.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use strongroom_presign::Request;

use super::client::Error;
use super::identities::{Janitor, Reader, stored};
use super::key::ObjectKey;
use super::xml;

/// The headers that come along with a content, besides those that its writer made up.
const KEPT: [&str; 6] =
    ["cache-control", "content-disposition", "content-encoding", "content-language", "content-type", "expires"];

/// What the names of headers begin with that a writer made up.
const MADE_UP: &str = "x-amz-meta-";

/// What a content is served as: its type, and whatever else its writer said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedAs(Vec<(String, String)>);

/// A piece of a content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Its bytes; fewer than were asked for where the content ends.
    pub bytes: Bytes,
    /// What the content is served as.
    pub served_as: ServedAs,
}

impl ServedAs {
    fn of(headers: &HeaderMap) -> Self {
        let is_kept = |name: &str| KEPT.contains(&name) || name.starts_with(MADE_UP);
        let kept = headers.iter().filter(|(name, _)| is_kept(name.as_str()));
        // Some stores give back how the bytes came, which says nothing about how they are.
        let told = kept.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let told = told.filter(|(name, value)| (*name, *value) != ("content-encoding", "aws-chunked"));
        let mut all: Vec<_> = told.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        all.sort();
        Self(all)
    }

    fn on<'r>(&'r self, request: Request<'r>) -> Request<'r> {
        self.0.iter().fold(request, |request, (name, value)| request.header(name.as_str(), value.as_str()))
    }
}

impl Reader {
    /// A short content whole, or so many bytes of one that is longer. It is asked for again where the line breaks.
    pub async fn whole(&self, key: &ObjectKey, at_most: u64) -> Result<Piece, Error> {
        let name = self.client().name(key)?;
        let (_, headers, bytes) = self.client().beginning(&Request::get(&name), as_usize(at_most)).await?;
        Ok(Piece { bytes, served_as: ServedAs::of(&headers) })
    }

    /// So many bytes of a content, from this one on. They are asked for again where the line breaks.
    pub async fn piece(&self, key: &ObjectKey, first: u64, bytes: u64) -> Result<Piece, Error> {
        let name = self.client().name(key)?;
        let range = format!("bytes={first}-{}", first + bytes.saturating_sub(1));
        let request = Request::get(&name).header("range", range);
        match self.client().beginning(&request, as_usize(bytes)).await {
            Ok((StatusCode::PARTIAL_CONTENT, headers, bytes)) => Ok(Piece { bytes, served_as: ServedAs::of(&headers) }),
            Ok(_) => Err(Error::BadAnswer("it was asked for a range, and gave everything".to_owned())),
            Err(error) => Err(error),
        }
    }

    /// Whether the storage answers at all, whatever it says. What is asked for is never there.
    pub async fn listen(&self) -> Result<(), Error> {
        let name = self.client().name(&ObjectKey::trial(uuid::Uuid::nil()))?;
        match self.client().send(&Request::head(&name), None).await {
            Err(error) if error.is_away() => Err(error),
            _ => Ok(()),
        }
    }
}

impl Janitor {
    /// The length of what lies under a key, and what it is served as.
    pub async fn served_as(&self, key: &ObjectKey) -> Result<(u64, ServedAs), Error> {
        let response = self.look_up(key).await?;
        Ok((stored(&response)?.bytes, ServedAs::of(response.headers())))
    }

    /// Puts a small object that is served like this.
    pub async fn put_as(&self, key: &ObjectKey, served_as: &ServedAs, content: Bytes) -> Result<(), Error> {
        let name = self.client.name(key)?;
        self.client.send(&served_as.on(Request::put(&name)), Some(content)).await?;
        Ok(())
    }

    /// Begins a multipart upload of an object that is served like this, and returns the storage's id of it.
    pub async fn begin_multipart_as(&self, key: &ObjectKey, served_as: &ServedAs) -> Result<String, Error> {
        let name = self.client.name(key)?;
        let request = served_as.on(Request::create_multipart(&name));
        let initiated: xml::Initiated = self.client.xml(&request, None).await?;
        Ok(initiated.upload_id)
    }
}

fn as_usize(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
