//! Cross-origin requests: which pages may call the store, and what they may see of its answers.

use http::header::{self, HeaderMap, HeaderValue};
use http::request::Parts;
use http::{Method, Response, StatusCode};

use crate::body::Body;
use crate::fault::{Code, Fault};
use crate::headers;

/// Which web pages may call the store from a browser. The same for every bucket, and independent of rights: a request
/// from an allowed page still needs its signature.
#[derive(Debug, Clone, Default)]
pub struct Cors {
    /// Origins such as `https://app.example.com`. `*` stands for any run of characters, so `*` alone allows every page.
    pub allowed_origins: Vec<String>,
}

/// What a page may do.
const METHODS: &str = "GET, HEAD, PUT, POST, DELETE";

/// What a page may read of an answer besides the headers that are always readable.
const EXPOSED: &str = "ETag, Location, Content-Length, Content-Range, Content-Disposition, Accept-Ranges, Date, \
     x-amz-request-id, x-amz-version-id, x-amz-checksum-crc32, x-amz-checksum-crc32c, x-amz-checksum-crc64nvme, \
     x-amz-checksum-sha1, x-amz-checksum-sha256, x-amz-checksum-type";

/// How long a browser may remember the answer to a preflight, in seconds.
const MAX_AGE: &str = "3600";

impl Cors {
    /// Answers a preflight (RFC: <https://fetch.spec.whatwg.org/#cors-preflight-request>); `None` if it is none.
    pub(crate) fn preflight(&self, parts: &Parts) -> Option<Result<Response<Body>, Fault>> {
        if parts.method != Method::OPTIONS {
            return None;
        }
        Some(self.answer(&parts.headers))
    }

    fn answer(&self, headers: &HeaderMap) -> Result<Response<Body>, Fault> {
        let Some(method) = headers::text(headers, "access-control-request-method") else {
            return Err(Fault::new(
                Code::InvalidRequest,
                "Insufficient information. Origin request header and Access-Control-Request-Method needed.",
            ));
        };
        if self.allows(headers).is_none() || !METHODS.split(", ").any(|allowed| allowed == method) {
            return Err(Code::AccessForbidden.into());
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::OK;
        let answer = response.headers_mut();
        answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
        answer.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE));
        if let Some(asked) = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
            answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
        }
        Ok(response)
    }

    /// Adds to any answer, refusals included, what lets an allowed page read it.
    pub(crate) fn mark(&self, request: &HeaderMap, response: &mut HeaderMap) {
        if self.allowed_origins.is_empty() {
            return;
        }
        response.append(
            header::VARY,
            HeaderValue::from_static("Origin, Access-Control-Request-Headers, Access-Control-Request-Method"),
        );
        if let Some(origin) = self.allows(request) {
            response.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            response.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        }
    }

    /// What to answer as allowed origin, if the request comes from one.
    fn allows(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(header::ORIGIN)?;
        let text = origin.to_str().ok()?;
        let pattern = self.allowed_origins.iter().find(|pattern| matches(pattern, text))?;
        Some(if pattern == "*" { HeaderValue::from_static("*") } else { origin.clone() })
    }
}

/// Whether a text fits a pattern in which `*` stands for any run of characters.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern.eq_ignore_ascii_case(text),
        Some((head, tail)) => {
            text.get(..head.len()).is_some_and(|start| start.eq_ignore_ascii_case(head))
                && text.get(head.len()..).is_some_and(|rest| {
                    rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| matches(tail, &rest[at..]))
                })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_any_run_and_nothing_else_is_special() {
        assert!(matches("*", "https://anything"));
        assert!(matches("https://*.example.com", "https://app.example.com"));
        assert!(!matches("https://*.example.com", "https://example.com"));
        assert!(!matches("https://*.example.com", "https://app.example.com.evil.net"));
        assert!(!matches("https://app.example.com", "https://app-example.com"));
    }
}
