//! The plain forms of answers: an XML document, or a status alone.

use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};

use crate::body::Body;
use crate::checksum::Checksums;
use crate::xml::Xml;

/// 200 with a document.
pub(crate) fn xml(document: Xml) -> Response<Body> {
    let mut response = Response::new(Body::full(document.finish()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    response
}

/// A status and nothing else.
pub(crate) fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// The checksums, as elements.
pub(crate) fn checksums(document: &mut Xml, checksums: &Checksums) {
    for (algorithm, value) in &checksums.values {
        document.text(algorithm.element(), value);
    }
    if !checksums.values.is_empty() {
        document.text("ChecksumType", checksums.kind());
    }
}
