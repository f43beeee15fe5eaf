//! Every cause of a failing link that can be told, with its words and what mends it.

use std::fmt;

use super::words::{duration, list, moment, value};

/// How sure an explanation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Certainty {
    /// The evidence shows it.
    Certain,
    /// The usual reason for what the evidence shows.
    Likely,
    /// Worth looking at when nothing better is found.
    Possible,
}

/// One thing that is wrong, or may be. `Display` says it in a sentence; [`Cause::mend`] says what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the words of each cause are its documentation, and its fields are named in them")]
pub enum Cause {
    // What the text of the URL shows.
    NotAUrl,
    NotSigned,
    HtmlEscaped,
    Blanks,
    Incomplete { missing: Vec<String> },
    RepeatedParameter { name: String },
    SignatureCut { length: usize },
    Algorithm { found: String },
    Scope { found: String },
    Date { found: String },
    ScopeDay { scope: String, date: String },
    Service { found: String },
    RegionOfHost { scope: String, host: String },
    Life { found: String },
    OldSignature,
    HostNotSigned,
    TokenMissing { access_key: String },
    // Times.
    Expired { by: u64, at: i64 },
    NotYetValid { by: u64, at: i64 },
    Skewed { by: u64, ahead: bool },
    // The key.
    KeyMissing,
    KeyEncodedTwice { key: String },
    PlusInPath { key: String },
    DotSegment { key: String },
    LeadingSlash { key: String },
    BucketTwice { bucket: String },
    PrefixMissing { prefix: String, key: String },
    PrefixDoubled { prefix: String, key: String },
    // What was sent or arrived differs from what was signed.
    MethodDiffers { signed: String, arrived: String },
    PathDiffers { signed: String, arrived: String, line: Option<usize> },
    SlashesMerged { signed: String, arrived: String },
    PathPrefixed { added: String },
    PathStripped { removed: String },
    QueryDiffers { added: Vec<String>, removed: Vec<String>, line: Option<usize> },
    HostDiffers { signed: String, arrived: String, line: Option<usize> },
    HeaderNotSent { name: String },
    HeaderDiffers { name: String, signed: Option<String>, arrived: String, line: Option<usize> },
    HeadersToSend { names: Vec<String> },
    HeadersNotSigned { names: Vec<String> },
    MultipartForm { signed_type: Option<String> },
    PayloadDiffers { signed: String, arrived: String },
    TimeLineDiffers { line: usize, url: String, server: String },
    ServerSecret { access_key: String },
    OtherAccessKey { url: String, given: String },
    CredentialsUnused,
    AlteredOrOtherSecret,
    ChangedOrOtherSecret { line: Option<usize> },
    MethodOrSecret { arrived: Option<String> },
    // What the answer says.
    Denied,
    UnknownAccessKey { access_key: String },
    TokenExpired,
    TokenInvalid,
    WrongRegion { scope: String, expected: String },
    WrongEndpoint { endpoint: String },
    NoSuchKey { key: String },
    NoSuchBucket { bucket: String },
    NoSuchVersion,
    PolicyFailed { message: String },
    TooLarge { most: Option<String> },
    TooSmall { least: Option<String> },
    LengthMissing,
    DigestDiffers,
    Archived,
    Other { code: String, message: String },
    // Nothing.
    SignatureHolds { until: Option<i64> },
}

impl Cause {
    /// A stable name in kebab-case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotAUrl => "not-a-url",
            Self::NotSigned => "not-signed",
            Self::HtmlEscaped => "html-escaped",
            Self::Blanks => "blanks-in-url",
            Self::Incomplete { .. } => "parameters-missing",
            Self::RepeatedParameter { .. } => "parameter-repeated",
            Self::SignatureCut { .. } => "signature-cut",
            Self::Algorithm { .. } => "unknown-algorithm",
            Self::Scope { .. } => "scope-malformed",
            Self::Date { .. } => "date-malformed",
            Self::ScopeDay { .. } => "scope-day-differs",
            Self::Service { .. } => "wrong-service",
            Self::RegionOfHost { .. } => "region-differs-from-host",
            Self::Life { .. } => "life-out-of-range",
            Self::OldSignature => "signature-version-2",
            Self::HostNotSigned => "host-not-signed",
            Self::TokenMissing { .. } => "session-token-missing",
            Self::Expired { .. } => "expired",
            Self::NotYetValid { .. } => "not-yet-valid",
            Self::Skewed { .. } => "clock-skewed",
            Self::KeyMissing => "key-missing",
            Self::KeyEncodedTwice { .. } => "key-encoded-twice",
            Self::PlusInPath { .. } => "plus-in-path",
            Self::DotSegment { .. } => "dot-segment",
            Self::LeadingSlash { .. } => "leading-slash",
            Self::BucketTwice { .. } => "bucket-twice",
            Self::PrefixMissing { .. } => "prefix-missing",
            Self::PrefixDoubled { .. } => "prefix-doubled",
            Self::MethodDiffers { .. } => "method-differs",
            Self::PathDiffers { .. } => "path-differs",
            Self::SlashesMerged { .. } => "slashes-merged",
            Self::PathPrefixed { .. } => "path-prefixed-by-proxy",
            Self::PathStripped { .. } => "path-stripped-by-proxy",
            Self::QueryDiffers { .. } => "query-differs",
            Self::HostDiffers { .. } => "host-rewritten",
            Self::HeaderNotSent { .. } => "signed-header-not-sent",
            Self::HeaderDiffers { .. } => "signed-header-differs",
            Self::HeadersToSend { .. } => "headers-to-send",
            Self::HeadersNotSigned { .. } => "headers-not-signed",
            Self::MultipartForm { .. } => "form-sent-to-put-url",
            Self::PayloadDiffers { .. } => "payload-hash-differs",
            Self::TimeLineDiffers { .. } => "string-to-sign-differs",
            Self::ServerSecret { .. } => "server-has-other-secret",
            Self::CredentialsUnused => "credentials-unused",
            Self::OtherAccessKey { .. } => "other-access-key",
            Self::ChangedOrOtherSecret { .. } => "changed-or-other-secret",
            Self::AlteredOrOtherSecret => "altered-or-other-secret",
            Self::MethodOrSecret { .. } => "method-or-secret",
            Self::Denied => "access-denied",
            Self::UnknownAccessKey { .. } => "unknown-access-key",
            Self::TokenExpired => "session-token-expired",
            Self::TokenInvalid => "session-token-invalid",
            Self::WrongRegion { .. } => "wrong-region",
            Self::WrongEndpoint { .. } => "wrong-endpoint",
            Self::NoSuchKey { .. } => "no-such-key",
            Self::NoSuchBucket { .. } => "no-such-bucket",
            Self::NoSuchVersion => "no-such-version",
            Self::PolicyFailed { .. } => "policy-failed",
            Self::TooLarge { .. } => "too-large",
            Self::TooSmall { .. } => "too-small",
            Self::LengthMissing => "content-length-missing",
            Self::DigestDiffers => "digest-differs",
            Self::Archived => "archived",
            Self::Other { .. } => "other-error",
            Self::SignatureHolds { .. } => "signature-holds",
        }
    }
}

impl fmt::Display for Cause {
    #[expect(clippy::too_many_lines, reason = "one sentence a cause, which reads best in one place")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let on_line = |line: &Option<usize>| {
            line.map(|line| format!(" (line {line} of the canonical request)")).unwrap_or_default()
        };
        match self {
            Self::NotAUrl => write!(f, "This is not an http or https URL."),
            Self::NotSigned => write!(f, "The URL is not signed, so a private bucket answers AccessDenied."),
            Self::HtmlEscaped => write!(f, "The URL was escaped for HTML: `&amp;` stands where `&` belongs."),
            Self::Blanks => write!(f, "The URL has blanks or line ends in it, as if it was wrapped or badly pasted."),
            Self::Incomplete { missing } => {
                write!(f, "The URL is incomplete: {} is missing, as if it was cut off.", list(missing))
            }
            Self::RepeatedParameter { name } => write!(f, "The parameter `{name}` stands in the URL twice."),
            Self::SignatureCut { length } => {
                write!(f, "The signature is {length} characters long and not 64 hex digits; it was cut or altered.")
            }
            Self::Algorithm { found } => write!(f, "The algorithm is `{found}`; S3 takes AWS4-HMAC-SHA256."),
            Self::Scope { found } => {
                write!(f, "The credential `{found}` is not of the form key/date/region/s3/aws4_request.")
            }
            Self::Date { found } => write!(f, "The date `{found}` is not of the form 20130524T000000Z."),
            Self::ScopeDay { scope, date } => {
                write!(f, "The credential is of the day {scope}, but X-Amz-Date says {date}.")
            }
            Self::Service { found } => write!(f, "It was signed for the service `{found}`, not for s3."),
            Self::RegionOfHost { scope, host } => {
                write!(f, "It was signed for the region `{scope}`, but the host is in `{host}`.")
            }
            Self::Life { found } => {
                write!(f, "X-Amz-Expires is `{found}`; S3 takes 1 to 604800 seconds, which is 7 days.")
            }
            Self::OldSignature => {
                write!(f, "It is signed with Signature Version 2, which AWS and most stores no longer take.")
            }
            Self::HostNotSigned => write!(f, "The signed headers leave out `host`, which S3 demands."),
            Self::TokenMissing { access_key } => {
                write!(f, "`{access_key}` is a temporary access key, but the URL has no X-Amz-Security-Token.")
            }
            Self::Expired { by, at } => write!(f, "The link ended {} ago, at {}.", duration(*by), moment(*at)),
            Self::NotYetValid { by, at } => write!(
                f,
                "The link is only valid from {}, in {}: the signer's clock is ahead, or this one is behind.",
                moment(*at),
                duration(*by)
            ),
            Self::Skewed { by, ahead } => write!(
                f,
                "The client's clock is {} {} of the store's; S3 allows 15 minutes.",
                duration(*by),
                if *ahead { "ahead" } else { "behind" }
            ),
            Self::KeyMissing => write!(f, "The URL names a bucket but no object."),
            Self::KeyEncodedTwice { key } => {
                write!(f, "The key seems to be percent-encoded twice: the store looks for an object named `{key}`.")
            }
            Self::PlusInPath { key } => {
                write!(
                    f,
                    "The path has a `+`: AWS takes it for a blank, other stores for a plus. This one looks for `{key}`."
                )
            }
            Self::DotSegment { key } => write!(
                f,
                "The key `{key}` has a `.` or `..` segment, which browsers and proxies resolve away before they send it."
            ),
            Self::LeadingSlash { key } => write!(
                f,
                "The key begins with a slash: the store looks for `{key}`, which is another object than without it."
            ),
            Self::BucketTwice { bucket } => write!(
                f,
                "The bucket `{bucket}` is named twice, once to find the bucket and once as the beginning of the key."
            ),
            Self::PrefixMissing { prefix, key } => write!(f, "The key `{key}` lacks the location prefix `{prefix}`."),
            Self::PrefixDoubled { prefix, key } => {
                write!(f, "The key `{key}` begins with the prefix `{prefix}` twice.")
            }
            Self::MethodDiffers { signed, arrived } => write!(f, "It was signed for {signed}, but {arrived} was sent."),
            Self::PathDiffers { signed, arrived, line } => {
                write!(f, "The path was signed as `{signed}`, but the store got `{arrived}`{}.", on_line(line))
            }
            Self::SlashesMerged { signed, arrived } => {
                write!(f, "Double slashes were merged on the way: `{signed}` was signed, `{arrived}` arrived.")
            }
            Self::PathPrefixed { added } => write!(f, "A proxy put `{added}` before the path."),
            Self::PathStripped { removed } => write!(f, "A proxy took `{removed}` from the beginning of the path."),
            Self::QueryDiffers { added, removed, line } => {
                write!(f, "The query was changed after signing")?;
                if !added.is_empty() {
                    write!(f, "; {} came in", list(added))?;
                }
                if !removed.is_empty() {
                    write!(f, "; {} got lost", list(removed))?;
                }
                write!(f, "{}.", on_line(line))
            }
            Self::HostDiffers { signed, arrived, line } => write!(
                f,
                "It was signed for the host `{signed}`, but the store got `{arrived}`{}: a proxy or the client rewrote Host.",
                on_line(line)
            ),
            Self::HeaderNotSent { name } => write!(f, "The header `{name}` is signed, but the client did not send it."),
            Self::HeaderDiffers { name, signed, arrived, line } => match signed {
                Some(signed) => write!(
                    f,
                    "The header `{name}` was signed as {}, but {} arrived{}.",
                    value(signed),
                    value(arrived),
                    on_line(line)
                ),
                None => write!(
                    f,
                    "The header `{name}` is signed, and the store got {} for it{}, perhaps not what was signed.",
                    value(arrived),
                    on_line(line)
                ),
            },
            Self::HeadersToSend { names } => {
                write!(f, "The client must send {} with exactly the values that were signed.", list(names))
            }
            Self::HeadersNotSigned { names } => write!(
                f,
                "The client sent {}, which the URL does not sign; S3 refuses unsigned x-amz-* headers.",
                list(names)
            ),
            Self::MultipartForm { signed_type } => {
                write!(
                    f,
                    "The client sent a multipart/form-data body to a PUT URL: the form's boundaries would be stored as a part of the file"
                )?;
                match signed_type {
                    Some(signed) if !signed.is_empty() => write!(f, ", and the signed content type is `{signed}`."),
                    _ => write!(f, "."),
                }
            }
            Self::PayloadDiffers { signed, arrived } => write!(
                f,
                "The body's hash was signed as `{signed}`, but the client's x-amz-content-sha256 says `{arrived}`."
            ),
            Self::TimeLineDiffers { line, url, server } => {
                write!(f, "Line {line} of the string to sign differs: the URL says `{url}`, the store `{server}`.")
            }
            Self::ServerSecret { access_key } => write!(
                f,
                "The URL is rightly signed with these credentials, so the store knows another secret for `{access_key}`."
            ),
            Self::OtherAccessKey { url, given } => {
                write!(f, "The URL was signed by `{url}`; the credentials at hand are those of `{given}`.")
            }
            Self::CredentialsUnused => write!(
                f,
                "The signature was not checked with these credentials: CloudFront's is made with the private key of a key pair."
            ),
            Self::AlteredOrOtherSecret => write!(
                f,
                "These credentials do not give this signature for any method: the URL was altered after signing, or signed with another secret."
            ),
            Self::ChangedOrOtherSecret { line } => write!(
                f,
                "The URL is rightly signed with these credentials, but the store computes another signature{}: the method, host, path or headers were changed on the way, as by a proxy, or the store has another secret.",
                line.map(|line| format!(" (line {line} of the string to sign differs, the request's digest)"))
                    .unwrap_or_default()
            ),
            Self::MethodOrSecret { arrived } => match arrived {
                Some(method) => write!(
                    f,
                    "All that arrived is what the URL says. So it was signed for another method than {method}, with other values of signed headers, or with another secret."
                ),
                None => write!(
                    f,
                    "The store computes another signature: another method, header or host arrived than was signed, or the secret is another one."
                ),
            },
            Self::Denied => write!(
                f,
                "The signature is good, but its identity may not do this; or the object does not exist, which S3 only tells those who may list the bucket."
            ),
            Self::UnknownAccessKey { access_key } => write!(
                f,
                "The store does not know the access key `{access_key}`: it was deleted, is misspelt, or belongs to another store."
            ),
            Self::TokenExpired => write!(
                f,
                "The temporary credentials that signed the URL have ended, and the URL ended with them, whatever X-Amz-Expires says."
            ),
            Self::TokenInvalid => {
                write!(f, "The session token is not the one that belongs to the access key, or was altered.")
            }
            Self::WrongRegion { scope, expected } => {
                write!(f, "It was signed for the region {}; the bucket is in `{expected}`.", value(scope))
            }
            Self::WrongEndpoint { endpoint } => write!(
                f,
                "The bucket must be addressed through another endpoint{}.",
                if endpoint.is_empty() { String::new() } else { format!(", `{endpoint}`") }
            ),
            Self::NoSuchKey { key } => write!(f, "The link is good, but there is no object {}.", value(key)),
            Self::NoSuchBucket { bucket } => write!(f, "There is no bucket {} at this endpoint.", value(bucket)),
            Self::NoSuchVersion => write!(f, "The object has no version with this id."),
            Self::PolicyFailed { message } => write!(f, "The form does not satisfy the signed policy: {message}"),
            Self::TooLarge { most } => write!(
                f,
                "The file is larger than allowed{}.",
                most.as_ref().map(|most| format!(", {most} bytes")).unwrap_or_default()
            ),
            Self::TooSmall { least } => write!(
                f,
                "The file is smaller than allowed{}.",
                least.as_ref().map(|least| format!(", {least} bytes")).unwrap_or_default()
            ),
            Self::LengthMissing => write!(
                f,
                "The client sent no Content-Length, as with chunked transfer encoding, which S3 does not take for a PUT."
            ),
            Self::DigestDiffers => {
                write!(f, "The body is not the one that was announced: its digest differs from the signed or sent one.")
            }
            Self::Archived => write!(f, "The object is archived and must be restored before it can be read."),
            Self::Other { code, message } => write!(f, "The store answered {code}: {message}"),
            Self::SignatureHolds { until } => {
                write!(f, "The signature holds: with these credentials the store accepts this URL until ")?;
                match until {
                    Some(end) => write!(f, "{}, when the credentials end, before the URL does.", moment(*end)),
                    None => write!(f, "it ends."),
                }
            }
        }
    }
}
