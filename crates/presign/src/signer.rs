//! The public entry of signing: one `Signer` a bucket and identity, cheap to clone, with all that is constant made ready.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use arc_swap::{ArcSwapOption, Guard};

use crate::canonical_request::{self, CanonicalRequest, Rest, UNSIGNED_PAYLOAD};
use crate::credentials::Credentials;
use crate::encode;
use crate::endpoint::{Endpoint, Place, UrlError};
use crate::object_key::{BucketError, KeyError, check_bucket, examine};
use crate::presigned_query::PresignedQuery;
use crate::query;
use crate::request::{Method, Request};
use crate::second::{Plain, Second};
use crate::signature::HEX;
use crate::signed_headers::{HeaderError, SignedHeaders};
use crate::string_to_sign::ALGORITHM;
use crate::validity::{Validity, ValidityError, Window};

/// Signs requests and URLs for one bucket with one identity's credentials. Clones share one cache.
///
/// ```
/// use strongroom_presign::{Credentials, Endpoint, Request, Signer, Validity};
/// let credentials = Credentials::new("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")?;
/// let signer = Signer::new(credentials, Endpoint::custom("http://127.0.0.1:9000", "us-east-1")?, "photos")?;
/// let url = signer.presign(&Request::get("cat.jpg"), Validity::new(1_369_353_600, 300)?)?;
/// assert!(url.starts_with("http://127.0.0.1:9000/photos/cat.jpg?X-Amz-Algorithm=AWS4-HMAC-SHA256&"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Signer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    credentials: Credentials,
    endpoint: Endpoint,
    bucket: String,
    place: Place,
    /// The common case, in which nothing but `host` is signed.
    host_only: SignedHeaders,
    /// The latest seconds signed for. A stable window keeps its second for as long as the window, and spaces with
    /// windows of different length share a signer, so there is room for several.
    latest: [ArcSwapOption<Second>; SLOTS],
}

const SLOTS: usize = 8;

/// What stands before the signature in a URL.
const SIGNATURE: &str = "&X-Amz-Signature=";

impl Signer {
    /// A signer for one bucket, which the endpoint's addressing must be able to name.
    pub fn new(credentials: Credentials, endpoint: Endpoint, bucket: &str) -> Result<Self, UrlError> {
        check_bucket(bucket)?;
        let place = endpoint.place(bucket)?;
        let host_only = SignedHeaders::of_pairs(vec![("host".into(), place.host.as_str().into())]);
        let (bucket, latest) = (bucket.to_owned(), [const { ArcSwapOption::const_empty() }; SLOTS]);
        Ok(Self(Arc::new(Inner { credentials, endpoint, bucket, place, host_only, latest })))
    }

    /// A presigned URL. The client must send the request's headers with exactly the values given.
    pub fn presign(&self, request: &Request<'_>, validity: Validity) -> Result<String, SignError> {
        self.outlives(validity)?;
        let seconds = validity.seconds();
        let second = self.second(validity.signed_at())?;
        if request.query.is_empty() && request.headers.is_empty() {
            let plain = second.plain.get_or_init(|| self.plain(&second, seconds));
            if plain.seconds == seconds {
                return self.presign_plain(request, &second, plain);
            }
        }
        self.presign_any(request, &second, seconds)
    }

    /// The common case: between the path and the signature all is known.
    #[inline]
    fn presign_plain(&self, request: &Request<'_>, second: &Second, plain: &Plain) -> Result<String, SignError> {
        let mut url = self.url_of(request, plain.query.len())?;
        let path = &url[self.0.place.path_start..];
        let rest = Rest::Ready(&plain.rest);
        let digest = CanonicalRequest { method: request.method.as_str(), path, rest }.digest();
        url.push_str(&plain.query);
        push_hex(&mut url, &second.begun.sign(&digest));
        Ok(url)
    }

    /// Any other: the query and the headers are put in order first.
    fn presign_any(&self, request: &Request<'_>, second: &Second, seconds: u32) -> Result<String, SignError> {
        let Inner { credentials, place, host_only, .. } = &*self.0;
        let headers = if request.headers.is_empty() {
            Cow::Borrowed(host_only)
        } else {
            Cow::Owned(SignedHeaders::of_request(&place.host, &[], &request.headers)?)
        };
        let query = PresignedQuery { second, credentials, seconds, names: &headers.names };
        let mut url = self.url_of(request, query.room(&request.query) + SIGNATURE.len())?;
        let path_end = url.len();
        query.write(&mut url, &request.query)?;
        let path = &url[place.path_start..path_end];
        // The question mark belongs to neither.
        let rest = Rest::Parts { query: &url[path_end + 1..], headers: &headers, payload: UNSIGNED_PAYLOAD };
        let digest = CanonicalRequest { method: request.method.as_str(), path, rest }.digest();
        url.push_str(SIGNATURE);
        push_hex(&mut url, &second.begun.sign(&digest));
        Ok(url)
    }

    fn plain(&self, second: &Second, seconds: u32) -> Plain {
        let Inner { credentials, host_only, .. } = &*self.0;
        let mut query = String::new();
        PresignedQuery { second, credentials, seconds, names: &host_only.names }.write_own(&mut query);
        let rest = canonical_request::ready(&query[1..], host_only, UNSIGNED_PAYLOAD);
        query.push_str(SIGNATURE);
        Plain { seconds, query, rest }
    }

    /// The life of a URL handed out at `now` in a stable window, never beyond the credentials' own end.
    pub fn stable(&self, window: Window, now: i64) -> Result<Validity, ValidityError> {
        window.at(now, self.0.credentials.expires_at())
    }

    /// Signs a request by headers: the URL to call, and the request's own headers with those that signing adds.
    /// `Host` is left to the HTTP client, which must send the URL's own.
    pub fn sign(&self, request: &Request<'_>, payload: Payload, now: i64) -> Result<SignedRequest, SignError> {
        let Inner { credentials, place, .. } = &*self.0;
        if let Some(end) = credentials.expires_at().filter(|end| *end <= now) {
            return Err(ValidityError::CredentialsEnd { end, needed: now }.into());
        }
        let payload = payload.line();
        let second = self.second(now)?;
        let mut added = vec![("x-amz-content-sha256", payload.as_ref()), ("x-amz-date", second.date.as_str())];
        added.extend(credentials.session_token().map(|token| ("x-amz-security-token", token)));
        let signed = SignedHeaders::of_request(&place.host, &added, &request.headers)?;
        let mut url = self.url_of(request, 256)?;
        let path_end = url.len();
        if !request.query.is_empty() {
            query::check(&request.query)?;
            url.push('?');
            query::append(&mut url, &request.query, false);
        }
        let (path, query) = url[place.path_start..].split_at(path_end - place.path_start);
        let query = query.strip_prefix('?').unwrap_or(query);
        let rest = Rest::Parts { query, headers: &signed, payload: &payload };
        let digest = CanonicalRequest { method: request.method.as_str(), path, rest }.digest();
        let signature = second.begun.sign(&digest);
        let mut authorization = format!(
            "{ALGORITHM} Credential={}/{}, SignedHeaders={}, Signature=",
            credentials.access_key(),
            second.scope,
            signed.names
        );
        push_hex(&mut authorization, &signature);
        let own = request.headers().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut headers: Vec<(String, String)> = own.collect();
        headers.extend(added.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        headers.push(("authorization".to_owned(), authorization));
        Ok(SignedRequest { method: request.method, url, headers })
    }

    /// The bucket.
    pub fn bucket(&self) -> &str {
        &self.0.bucket
    }

    /// The endpoint.
    pub fn endpoint(&self) -> &Endpoint {
        &self.0.endpoint
    }

    /// The credentials' access key.
    pub fn access_key(&self) -> &str {
        self.0.credentials.access_key()
    }

    /// When the credentials end, if they do, in Unix seconds.
    pub fn credentials_end(&self) -> Option<i64> {
        self.0.credentials.expires_at()
    }

    pub(crate) fn credentials(&self) -> &Credentials {
        &self.0.credentials
    }

    pub(crate) fn place(&self) -> &Place {
        &self.0.place
    }

    pub(crate) fn outlives(&self, validity: Validity) -> Result<(), ValidityError> {
        match self.0.credentials.expires_at() {
            Some(end) if end < validity.expires_at() => {
                Err(ValidityError::CredentialsEnd { end, needed: validity.expires_at() })
            }
            _ => Ok(()),
        }
    }

    /// The constants of one second: the cached ones if they fit, else new ones, kept when they are later than those
    /// in their slot.
    #[inline]
    pub(crate) fn second(&self, at: i64) -> Result<Lent, ValidityError> {
        let cached = self.0.latest[slot(at)].load();
        match cached.as_deref() {
            Some(second) if second.at == at => Ok(Lent::Cached(cached)),
            _ => self.new_second(at, cached.as_deref()).map(Lent::New),
        }
    }

    #[cold]
    fn new_second(&self, at: i64, before: Option<&Second>) -> Result<Arc<Second>, ValidityError> {
        let Inner { credentials, endpoint, latest, .. } = &*self.0;
        let second = Arc::new(Second::new(credentials, endpoint.region(), at, before)?);
        if before.is_none_or(|before| before.at < at) {
            latest[slot(at)].store(Some(Arc::clone(&second)));
        }
        Ok(second)
    }

    /// The URL without a query, for signatures that are not Version 4's.
    pub(crate) fn bare_url(&self, request: &Request<'_>) -> Result<String, KeyError> {
        self.url_of(request, 256)
    }

    /// The URL without a query, with room for `query` more bytes and the signature.
    #[inline]
    fn url_of(&self, request: &Request<'_>, query: usize) -> Result<String, KeyError> {
        let Place { url_head, path_start, bucket_path, .. } = &self.0.place;
        let Some(key) = request.key else {
            return Ok(format!("{}{bucket_path}", &url_head[..*path_start]));
        };
        let plain = examine(key)?;
        let longest = if plain { key.len() } else { 3 * key.len() };
        let mut url = String::with_capacity(url_head.len() + longest + query + HEX);
        url.push_str(url_head);
        if plain {
            url.push_str(key);
        } else {
            encode::path(&mut url, key.as_bytes());
        }
        Ok(url)
    }
}

/// The constants of a second, cached or new.
pub(crate) enum Lent {
    Cached(Guard<Option<Arc<Second>>>),
    New(Arc<Second>),
}

impl Deref for Lent {
    type Target = Second;

    #[inline]
    fn deref(&self) -> &Second {
        match self {
            Self::Cached(guard) => guard.as_ref().expect("only a guard that holds a second is lent"),
            Self::New(second) => second,
        }
    }
}

/// What a header-signed request says of its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Payload {
    /// No body.
    Empty,
    /// The SHA-256 of the body.
    Sha256([u8; 32]),
    /// The body is not covered by the signature.
    Unsigned,
}

impl Payload {
    fn line(self) -> Cow<'static, str> {
        match self {
            Self::Empty => Cow::Borrowed("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            Self::Sha256(digest) => Cow::Owned(encode::hex_string(&digest)),
            Self::Unsigned => Cow::Borrowed(UNSIGNED_PAYLOAD),
        }
    }
}

/// A request signed by headers, ready for any HTTP client.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedRequest {
    /// The method.
    pub method: Method,
    /// The URL, with its query.
    pub url: String,
    /// All headers to send but `Host`.
    pub headers: Vec<(String, String)>,
}

impl fmt::Debug for SignedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |(name, value)| (name, if name == "x-amz-security-token" { "[redacted]" } else { value });
        let headers: Vec<(&str, &str)> =
            self.headers.iter().map(|(name, value)| shown((name.as_str(), value.as_str()))).collect();
        let Self { method, url, .. } = self;
        f.debug_struct("SignedRequest").field("method", method).field("url", url).field("headers", &headers).finish()
    }
}

/// Why a request was not signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The key breaks a rule.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The name of the bucket that is copied from breaks a rule.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// A header breaks a rule.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The URL would live too long, or the time is out of range.
    #[error(transparent)]
    Validity(#[from] ValidityError),
    /// The parameter is one that signing itself sets, or has an empty name.
    #[error("the query parameter `{0}` is one that signing itself sets, or has no name")]
    Query(String),
    /// S3 numbers parts from 1 to 10,000.
    #[error("`{0}` is no part number; S3 numbers parts from 1 to 10000")]
    PartNumber(String),
    /// Without its value, `uploadId` would mean another operation.
    #[error("the upload's id is empty")]
    NoUploadId,
    /// A field of a form breaks a rule.
    #[error("the form's field `{field}` {why}")]
    Field {
        /// Its name.
        field: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// No file has a length that the policy allows.
    #[error("no file has {least} bytes or more and {most} or fewer")]
    NoLength {
        /// The least bytes it was to have.
        least: u64,
        /// The most bytes it was to have.
        most: u64,
    },
    /// Signature Version 2 covers neither this header nor, therefore, what it says.
    #[error("Signature Version 2 cannot sign the header `{0}`, only content-type, content-md5 and x-amz-*")]
    NotInVersion2(String),
}

/// Spreads seconds over the slots (Fibonacci hashing), as windows begin at multiples of their own length.
fn slot(at: i64) -> usize {
    (at.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 61) as usize
}

fn push_hex(out: &mut String, hex: &[u8; HEX]) {
    out.push_str(std::str::from_utf8(hex).expect("hex digits are ASCII"));
}
