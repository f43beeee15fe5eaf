//! How keys stand in listings: as they are, or percent-encoded for clients that cannot read every character in XML.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::fault::{Code, Fault};
use crate::target::Query;
use crate::xml::Xml;

/// Everything but what RFC 3986 calls unreserved, and the slash, which S3 leaves as it is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// The same with the slash.
const IN_QUERY: &AsciiSet = &ENCODED.add(b'/');

/// What `encoding-type` asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// Nothing.
    Plain,
    /// `url`.
    Url,
}

impl Encoding {
    /// Reads `encoding-type`.
    pub(crate) fn of(query: &Query) -> Result<Self, Fault> {
        match query.text("encoding-type") {
            None => Ok(Self::Plain),
            Some("url") => Ok(Self::Url),
            Some(other) => Err(Fault::new(Code::InvalidArgument, "Invalid Encoding Method specified in Request")
                .with("ArgumentName", "encoding-type")
                .with("ArgumentValue", other)),
        }
    }

    /// Encodes a key, a prefix or a delimiter.
    pub(crate) fn apply(self, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Url => url(text),
        }
    }

    /// Says in an answer that it is encoded.
    pub(crate) fn declare(self, document: &mut Xml) {
        if self == Self::Url {
            document.text("EncodingType", "url");
        }
    }
}

/// Percent-encodes a key, leaving its slashes.
pub(crate) fn url(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// Percent-encodes a value of a query.
pub(crate) fn query(text: &str) -> String {
    utf8_percent_encode(text, IN_QUERY).to_string()
}
