//! What is to be signed: an S3 operation on one key, with the extra query parameters and headers that belong to it.

use std::borrow::Cow;

use crate::object_key::{check_bucket, check_key};
use crate::query::Pair;
use crate::signer::SignError;

/// The HTTP methods of the S3 operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Method {
    /// Reads an object or a listing.
    Get,
    /// Reads an object's headers.
    Head,
    /// Writes an object or a part.
    Put,
    /// Begins or completes a multipart upload.
    Post,
    /// Deletes an object or aborts a multipart upload.
    Delete,
}

impl Method {
    /// The method as it stands in a request line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

/// One operation on one key (or on the bucket itself), ready to be signed. Building one allocates nothing
/// until a query parameter or header is added.
///
/// ```
/// use strongroom_presign::Request;
/// let download = Request::get("reports/2026.pdf")
///     .query("response-content-disposition", "attachment; filename=\"2026.pdf\"");
/// let upload = Request::put("inbox/4711").header("content-type", "image/jpeg").header("content-length", "52311");
/// # let _ = (download, upload);
/// ```
#[derive(Debug, Clone)]
pub struct Request<'a> {
    pub(crate) method: Method,
    /// `None` for the bucket itself.
    pub(crate) key: Option<&'a str>,
    pub(crate) query: Vec<Pair<'a>>,
    pub(crate) headers: Vec<Pair<'a>>,
}

impl<'a> Request<'a> {
    /// Any method on a key; for operations without a constructor of their own.
    pub fn on_key(method: Method, key: &'a str) -> Self {
        Self { method, key: Some(key), query: Vec::new(), headers: Vec::new() }
    }

    /// Any method on the bucket itself: listing, and the sub-resources such as `cors` or `lifecycle`.
    pub fn on_bucket(method: Method) -> Self {
        Self { method, key: None, query: Vec::new(), headers: Vec::new() }
    }

    /// `GetObject`.
    pub fn get(key: &'a str) -> Self {
        Self::on_key(Method::Get, key)
    }

    /// `HeadObject`.
    pub fn head(key: &'a str) -> Self {
        Self::on_key(Method::Head, key)
    }

    /// `PutObject`.
    pub fn put(key: &'a str) -> Self {
        Self::on_key(Method::Put, key)
    }

    /// `DeleteObject`.
    pub fn delete(key: &'a str) -> Self {
        Self::on_key(Method::Delete, key)
    }

    /// `CopyObject` onto `key`. The source is signed as the header `x-amz-copy-source`, which the client must send;
    /// its `version` may be named. The source has to keep the rules for buckets and keys.
    pub fn copy(key: &'a str, source_bucket: &str, source_key: &str, version: Option<&str>) -> Result<Self, SignError> {
        check_bucket(source_bucket)?;
        check_key(source_key)?;
        let mut source = String::with_capacity(source_bucket.len() + source_key.len() + 16);
        source.push_str(source_bucket);
        source.push('/');
        crate::encode::path(&mut source, source_key.as_bytes());
        if let Some(version) = version {
            source.push_str("?versionId=");
            crate::encode::query(&mut source, version.as_bytes());
        }
        Ok(Self::put(key).header("x-amz-copy-source", source))
    }

    /// `CreateMultipartUpload`.
    pub fn create_multipart(key: &'a str) -> Self {
        Self::on_key(Method::Post, key).query("uploads", "")
    }

    /// `UploadPart`; S3 numbers parts from 1 to 10,000, and signing refuses others.
    pub fn upload_part(key: &'a str, upload_id: &'a str, part_number: u16) -> Self {
        Self::put(key).query("partNumber", part_number.to_string()).query("uploadId", upload_id)
    }

    /// `CompleteMultipartUpload`.
    pub fn complete_multipart(key: &'a str, upload_id: &'a str) -> Self {
        Self::on_key(Method::Post, key).query("uploadId", upload_id)
    }

    /// `AbortMultipartUpload`.
    pub fn abort_multipart(key: &'a str, upload_id: &'a str) -> Self {
        Self::delete(key).query("uploadId", upload_id)
    }

    /// `ListParts`.
    pub fn list_parts(key: &'a str, upload_id: &'a str) -> Self {
        Self::get(key).query("uploadId", upload_id)
    }

    /// `ListObjectsV2`; `prefix`, `delimiter`, `continuation-token` and the rest are added with [`Request::query`].
    pub fn list_objects() -> Self {
        Self::on_bucket(Method::Get).query("list-type", "2")
    }

    /// Adds a query parameter, unencoded: `response-content-disposition`, `versionId`, ….
    #[must_use]
    pub fn query(mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    /// Adds a header that is signed, so that the client must send it with exactly this value.
    #[must_use]
    pub fn header(mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The method.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The key; `None` for the bucket itself.
    pub fn key(&self) -> Option<&str> {
        self.key
    }

    /// The query parameters, unencoded, in the order they were added.
    pub fn query_pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.query.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))
    }

    /// The headers that a client must send with a URL made from this request.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_ref(), value.as_ref()))
    }
}
