//! What the store refuses, with S3's own codes, and the XML in which it says so.

use std::error::Error as StdError;
use std::fmt::Write as _;

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use crate::body::Body;
use crate::xml::Xml;

/// Declares the codes once: name on the wire, status, and the sentence S3 uses when nothing better is known.
macro_rules! codes {
    ($($name:ident = $status:literal, $message:literal;)+) => {
        /// The codes of <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html> that the store uses.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Code { $($name),+ }

        impl Code {
            /// The code as it stands in the XML.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),+ }
            }

            /// The status it travels under.
            pub(crate) fn status(self) -> StatusCode {
                let number: u16 = match self { $(Self::$name => $status),+ };
                StatusCode::from_u16(number).expect("the table holds valid status codes")
            }

            /// What S3 says when there is nothing particular to say.
            pub(crate) fn message(self) -> &'static str {
                match self { $(Self::$name => $message),+ }
            }
        }
    };
}

codes! {
    AccessControlListNotSupported = 400, "The bucket does not allow ACLs";
    AccessDenied = 403, "Access Denied";
    AccessForbidden = 403, "CORSResponse: This CORS request is not allowed. No rule of the store matches this origin, method or header.";
    AuthorizationHeaderMalformed = 400, "The authorization header you provided is invalid.";
    AuthorizationQueryParametersError = 400, "The authorization query parameters are invalid.";
    BadDigest = 400, "The Content-MD5 or checksum value you specified did not match what the server received.";
    BadRequest = 400, "The request is not valid.";
    BucketAlreadyOwnedByYou = 409, "The bucket you tried to create already exists, and you own it.";
    BucketNotEmpty = 409, "The bucket you tried to delete is not empty.";
    EntityTooLarge = 400, "Your proposed upload exceeds the maximum allowed size.";
    EntityTooSmall = 400, "Your proposed upload is smaller than the minimum allowed size.";
    IncompleteBody = 400, "You did not provide the number of bytes specified by the Content-Length HTTP header.";
    InsufficientStorage = 507, "The disk of the store is full; nothing stored was touched. Free some space and try again.";
    InternalError = 500, "We encountered an internal error. Please try again.";
    InvalidAccessKeyId = 403, "The AWS access key ID you provided does not exist in our records.";
    InvalidArgument = 400, "Invalid argument.";
    InvalidBucketName = 400, "The specified bucket is not valid.";
    InvalidBucketState = 409, "The request is not valid for the current state of the bucket.";
    InvalidDigest = 400, "The Content-MD5 or checksum value that you specified is not valid.";
    InvalidEncryptionAlgorithmError = 400, "The encryption request that you specified is not valid. The valid value is AES256.";
    InvalidLocationConstraint = 400, "The specified location constraint is not valid.";
    InvalidPart = 400, "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.";
    InvalidPartNumber = 416, "The requested partnumber is not satisfiable.";
    InvalidPartOrder = 400, "The list of parts was not in ascending order. The parts list must be specified in order by part number.";
    InvalidPolicyDocument = 400, "The content of the form does not meet the conditions specified in the policy document.";
    InvalidRange = 416, "The requested range is not satisfiable.";
    InvalidRequest = 400, "The request is not valid.";
    InvalidStorageClass = 400, "The storage class you specified is not valid: the store has only STANDARD.";
    InvalidTag = 400, "The tag provided was not a valid tag.";
    InvalidToken = 400, "The provided token is malformed or otherwise invalid: the store has no temporary credentials.";
    InvalidURI = 400, "Couldn't parse the specified URI.";
    KeyTooLongError = 400, "Your key is too long: at most 1024 bytes.";
    MalformedPOSTRequest = 400, "The body of your POST request is not well-formed multipart/form-data.";
    MalformedXML = 400, "The XML you provided was not well-formed or did not validate against our published schema.";
    MaxPostPreDataLengthExceededError = 400, "Your POST request fields preceding the upload file were too large.";
    MetadataTooLarge = 400, "Your metadata headers exceed the maximum allowed metadata size.";
    MethodNotAllowed = 405, "The specified method is not allowed against this resource.";
    MissingContentLength = 411, "You must provide the Content-Length HTTP header.";
    NoSuchBucket = 404, "The specified bucket does not exist.";
    NoSuchCORSConfiguration = 404, "The CORS configuration does not exist.";
    NoSuchKey = 404, "The specified key does not exist.";
    NoSuchLifecycleConfiguration = 404, "The lifecycle configuration does not exist.";
    NoSuchObjectLockConfiguration = 404, "The specified object does not have a ObjectLock configuration";
    NoSuchUpload = 404, "The specified multipart upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.";
    NoSuchVersion = 404, "The version ID specified in the request does not match an existing version.";
    NotImplemented = 501, "A header or query parameter you provided implies functionality that is not implemented.";
    NotModified = 304, "Not Modified";
    ObjectLockConfigurationNotFoundError = 404, "Object Lock configuration does not exist for this bucket";
    OperationAborted = 409, "A conflicting operation is in progress against this resource. Please try again.";
    PreconditionFailed = 412, "At least one of the pre-conditions you specified did not hold.";
    RequestTimeTooSkewed = 403, "The difference between the request time and the server's time is too large.";
    RequestTimeout = 400, "Your socket connection to the server was not read from or written to within the timeout period.";
    SignatureDoesNotMatch = 403, "The request signature we calculated does not match the signature you provided. Check your key and signing method.";
    SlowDown = 503, "Please reduce your request rate.";
    UserKeyMustBeSpecified = 400, "The bucket POST must contain the specified field name. If it is specified, please check the order of the fields.";
    XAmzContentSHA256Mismatch = 400, "The provided 'x-amz-content-sha256' header does not match what was computed.";
}

/// One refusal on its way to the client. Its `cause`, if any, goes to the log alone.
#[derive(Debug)]
pub(crate) struct Fault {
    /// S3's code.
    pub(crate) code: Code,
    more: Box<More>,
}

/// What makes a refusal too large to be handed from function to function.
#[derive(Debug)]
struct More {
    message: String,
    details: Vec<(&'static str, String)>,
    headers: HeaderMap,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl Fault {
    /// A refusal with a sentence of its own.
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        let more = More { message: message.into(), details: Vec::new(), headers: HeaderMap::new(), cause: None };
        Self { code, more: Box::new(more) }
    }

    /// Adds an element that S3 puts beside the message, such as `StringToSign`.
    pub(crate) fn with(mut self, element: &'static str, text: impl Into<String>) -> Self {
        self.more.details.push((element, text.into()));
        self
    }

    /// Adds a header that belongs to the refusal, such as `Content-Range` of a 416.
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.more.headers.insert(name, value);
        self
    }

    /// Keeps what went wrong inside, for the log.
    pub(crate) fn because(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.more.cause = Some(cause.into());
        self
    }

    /// Whether a change that answered this is certainly undone. After a failure of the disk it may not be.
    pub(crate) fn is_undone(&self) -> bool {
        self.code != Code::InternalError
    }

    /// The refusal as a response. `resource` is the path that was asked for; `with_body` is false for HEAD.
    pub(crate) fn respond(self, resource: &str, request_id: &str, with_body: bool) -> Response<Body> {
        let More { message, details, headers, cause } = *self.more;
        if let Some(cause) = &cause {
            tracing::error!(code = self.code.name(), resource, request_id, cause = %chain(cause.as_ref()), "request failed");
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.code.status();
        *response.headers_mut() = headers;
        if with_body && self.code != Code::NotModified {
            let mut xml = Xml::document();
            xml.open("Error").text("Code", self.code.name()).text("Message", &message);
            for (element, text) in &details {
                xml.text(element, text);
            }
            xml.text("Resource", resource).text("RequestId", request_id).close("Error");
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
            *response.body_mut() = Body::full(xml.finish());
        }
        if self.code == Code::SlowDown {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.more.cause {
            Some(cause) => formatter.write_str(&chain(cause.as_ref())),
            None => write!(formatter, "{}: {}", self.code.name(), self.more.message),
        }
    }
}

impl StdError for Fault {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.more.cause.as_deref().map(|cause| cause as &(dyn StdError + 'static))
    }
}

impl From<Code> for Fault {
    fn from(code: Code) -> Self {
        Self::new(code, code.message())
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        strongroom_sqlite::Error::from(error).into()
    }
}

impl From<strongroom_sqlite::Error> for Fault {
    fn from(error: strongroom_sqlite::Error) -> Self {
        let full = match &error {
            strongroom_sqlite::Error::Sqlite(inner) => is_disk_full(inner),
            strongroom_sqlite::Error::Commit(inner) => is_disk_full(inner),
            _ => false,
        };
        Self::from(if full { Code::InsufficientStorage } else { Code::InternalError }).because(error)
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        let full = matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded);
        Self::from(if full { Code::InsufficientStorage } else { Code::InternalError }).because(error)
    }
}

impl From<tokio::task::JoinError> for Fault {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::from(Code::InternalError).because(error)
    }
}

fn is_disk_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
}

/// An error and all that caused it, on one line.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let _ = write!(line, ": {inner}");
        cause = inner.source();
    }
    line
}
