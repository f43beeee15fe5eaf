//! Cross-origin requests: which pages may call the store, and what they may see of its answers.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode};
use serde::{Deserialize, Serialize};

use crate::body::Body;
use crate::fault::{Code, Fault};
use crate::headers;
use crate::xml::Xml;

/// Which web pages may call the store from a browser. It holds for every bucket that is not configured by itself, and is
/// independent of rights: a request from an allowed page still needs its signature.
#[derive(Debug, Clone, Default)]
pub struct Cors {
    /// Origins such as `https://app.example.com`. `*` stands for any run of characters, so `*` alone allows every page.
    pub allowed_origins: Vec<String>,
}

/// What a page may do.
const METHODS: &[&str] = &["GET", "HEAD", "PUT", "POST", "DELETE"];

/// What a page may read of an answer besides the headers that are always readable.
const EXPOSED: &[&str] = &[
    "ETag",
    "Location",
    "Content-Length",
    "Content-Range",
    "Content-Disposition",
    "Accept-Ranges",
    "Date",
    "x-amz-request-id",
    "x-amz-version-id",
    "x-amz-checksum-crc32",
    "x-amz-checksum-crc32c",
    "x-amz-checksum-crc64nvme",
    "x-amz-checksum-sha1",
    "x-amz-checksum-sha256",
    "x-amz-checksum-type",
];

/// How long a browser may remember the answer to a preflight, in seconds.
const MAX_AGE: u32 = 3600;

/// How many rules a bucket may have; S3's own figure.
const MAX_RULES: usize = 100;

impl Cors {
    /// The rules of a bucket that has none of its own.
    pub(crate) fn rules(&self) -> Vec<CorsRule> {
        if self.allowed_origins.is_empty() {
            return Vec::new();
        }
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        vec![CorsRule {
            id: None,
            allowed_origins: self.allowed_origins.clone(),
            allowed_methods: owned(METHODS),
            allowed_headers: owned(&["*"]),
            expose_headers: owned(EXPOSED),
            max_age: Some(MAX_AGE),
        }]
    }
}

/// The body of `PutBucketCors`.
#[derive(Debug, Deserialize)]
pub(crate) struct CorsConfiguration {
    #[serde(rename = "CORSRule", default)]
    rules: Vec<CorsRule>,
}

impl CorsConfiguration {
    /// The rules, held to what S3 allows.
    pub(crate) fn checked(self) -> Result<Vec<CorsRule>, Fault> {
        if self.rules.is_empty() || self.rules.len() > MAX_RULES {
            let message = format!("Name between 1 and {MAX_RULES} rules; these are {}.", self.rules.len());
            return Err(Fault::new(Code::MalformedXML, message));
        }
        for rule in &self.rules {
            if rule.allowed_origins.is_empty() || rule.allowed_methods.is_empty() {
                return Err(Fault::new(Code::MalformedXML, "Every rule names an AllowedOrigin and an AllowedMethod."));
            }
            if let Some(method) = rule.allowed_methods.iter().find(|method| !METHODS.contains(&method.as_str())) {
                let message = format!("Found unsupported HTTP method in CORS config. Unsupported method is {method}");
                return Err(Fault::new(Code::InvalidRequest, message));
            }
            let patterns = rule.allowed_origins.iter().chain(&rule.allowed_headers);
            if let Some(pattern) = patterns.into_iter().find(|pattern| pattern.matches('*').count() > 1) {
                let message = format!("{pattern:?} can not have more than one wildcard.");
                return Err(Fault::new(Code::InvalidRequest, message));
            }
            if rule.expose_headers.iter().any(|name| HeaderName::from_bytes(name.as_bytes()).is_err()) {
                return Err(Fault::new(Code::InvalidRequest, "An ExposeHeader is not the name of a header."));
            }
        }
        Ok(self.rules)
    }
}

/// Which requests of which pages are allowed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CorsRule {
    #[serde(rename = "ID")]
    id: Option<String>,
    #[serde(rename = "AllowedOrigin", default)]
    allowed_origins: Vec<String>,
    #[serde(rename = "AllowedMethod", default)]
    allowed_methods: Vec<String>,
    #[serde(rename = "AllowedHeader", default)]
    allowed_headers: Vec<String>,
    #[serde(rename = "ExposeHeader", default)]
    expose_headers: Vec<String>,
    #[serde(rename = "MaxAgeSeconds")]
    max_age: Option<u32>,
}

impl CorsRule {
    /// Writes the rule as documents have it.
    pub(crate) fn write(&self, document: &mut Xml) {
        document.open("CORSRule");
        if let Some(id) = &self.id {
            document.text("ID", id);
        }
        let lists = [
            ("AllowedOrigin", &self.allowed_origins),
            ("AllowedMethod", &self.allowed_methods),
            ("AllowedHeader", &self.allowed_headers),
            ("ExposeHeader", &self.expose_headers),
        ];
        for (element, values) in lists {
            for value in values {
                document.text(element, value);
            }
        }
        if let Some(seconds) = self.max_age {
            document.value("MaxAgeSeconds", seconds);
        }
        document.close("CORSRule");
    }

    /// What to answer as allowed origin, if requests from there with this method are allowed.
    fn allows(&self, origin: &HeaderValue, method: &str) -> Option<HeaderValue> {
        let text = origin.to_str().ok()?;
        let pattern = self.allowed_origins.iter().find(|pattern| matches(pattern, text))?;
        if !self.allowed_methods.iter().any(|allowed| allowed == method) {
            return None;
        }
        Some(if pattern == "*" { HeaderValue::from_static("*") } else { origin.clone() })
    }

    /// Whether every header in a list may be sent.
    fn allows_headers(&self, asked: &str) -> bool {
        let mut asked = asked.split(',').map(str::trim).filter(|name| !name.is_empty());
        asked.all(|name| self.allowed_headers.iter().any(|pattern| matches(pattern, name)))
    }
}

/// Answers a preflight (<https://fetch.spec.whatwg.org/#cors-preflight-request>), which comes without a signature.
pub(crate) fn preflight(rules: &[CorsRule], request: &HeaderMap) -> Result<Response<Body>, Fault> {
    let (Some(origin), Some(method)) =
        (request.get(header::ORIGIN), headers::text(request, "access-control-request-method"))
    else {
        return Err(Fault::new(
            Code::InvalidRequest,
            "Insufficient information. Origin request header and Access-Control-Request-Method needed.",
        ));
    };
    let asked = headers::text(request, "access-control-request-headers").unwrap_or_default();
    let found = rules
        .iter()
        .filter(|rule| rule.allows_headers(asked))
        .find_map(|rule| rule.allows(origin, method).map(|origin| (rule, origin)));
    let Some((rule, origin)) = found else { return Err(Code::AccessForbidden.into()) };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::OK;
    let answer = response.headers_mut();
    expose(rule, origin, answer);
    answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, headers::value(&rule.allowed_methods.join(", "))?);
    if let Some(seconds) = rule.max_age {
        answer.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from(seconds));
    }
    if let Some(asked) = request.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
    }
    Ok(response)
}

/// Adds to any answer, refusals included, what lets an allowed page read it.
pub(crate) fn mark(rules: &[CorsRule], method: &Method, request: &HeaderMap, response: &mut HeaderMap) {
    // A bucket may be given rules at any time, so an answer that a cache keeps is for one origin alone.
    response.append(
        header::VARY,
        HeaderValue::from_static("Origin, Access-Control-Request-Headers, Access-Control-Request-Method"),
    );
    // A refused preflight stays refused, and a granted one is marked already.
    if let Some(origin) = request.get(header::ORIGIN).filter(|_| *method != Method::OPTIONS)
        && let Some((rule, origin)) =
            rules.iter().find_map(|rule| rule.allows(origin, method.as_str()).map(|origin| (rule, origin)))
    {
        expose(rule, origin, response);
    }
}

fn expose(rule: &CorsRule, origin: HeaderValue, response: &mut HeaderMap) {
    response.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    if let Ok(names) = HeaderValue::from_str(&rule.expose_headers.join(", "))
        && !names.is_empty()
    {
        response.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, names);
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
