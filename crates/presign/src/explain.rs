//! Says in plain words why a link fails: from the URL, and from the store's answer, the client's request and the
//! credentials, as far as they are known.

mod cause;
mod error_document;
mod findings;
mod link;
mod mend;
mod of_answer;
mod of_signature;
mod of_url;
mod of_version2;
mod seen;
mod words;

use std::fmt;

use crate::credentials::Credentials;
use crate::endpoint::Endpoint;
use error_document::ErrorDocument;
use findings::Findings;

pub use cause::{Cause, Certainty};
pub use findings::Finding;
pub use link::{Link, LinkSignature, Version4};

/// What is known of a link that fails. Only the URL is needed; each further piece makes the answer surer.
#[derive(Clone, Copy)]
pub struct Evidence<'a> {
    pub(crate) url: &'a str,
    pub(crate) method: Option<&'a str>,
    pub(crate) headers: Option<&'a [(&'a str, &'a str)]>,
    pub(crate) answer: Option<&'a str>,
    pub(crate) credentials: Option<&'a Credentials>,
    pub(crate) prefix: Option<&'a str>,
    pub(crate) endpoints: &'a [Endpoint],
}

impl<'a> Evidence<'a> {
    /// The URL that was used.
    pub fn of(url: &'a str) -> Self {
        Self { url, method: None, headers: None, answer: None, credentials: None, prefix: None, endpoints: &[] }
    }

    /// The method that the client used.
    #[must_use]
    pub fn method(mut self, method: &'a str) -> Self {
        self.method = Some(method);
        self
    }

    /// All headers that the client sent, names in any case.
    #[must_use]
    pub fn headers(mut self, headers: &'a [(&'a str, &'a str)]) -> Self {
        self.headers = Some(headers);
        self
    }

    /// The body of the store's answer, an XML error document.
    #[must_use]
    pub fn answer(mut self, body: &'a str) -> Self {
        self.answer = Some(body);
        self
    }

    /// The credentials that should have signed the URL.
    #[must_use]
    pub fn credentials(mut self, credentials: &'a Credentials) -> Self {
        self.credentials = Some(credentials);
        self
    }

    /// The prefix below which all keys lie.
    #[must_use]
    pub fn prefix(mut self, prefix: &'a str) -> Self {
        self.prefix = Some(prefix);
        self
    }

    /// The stores that are known besides AWS.
    #[must_use]
    pub fn endpoints(mut self, endpoints: &'a [Endpoint]) -> Self {
        self.endpoints = endpoints;
        self
    }

    pub(crate) fn header(&self, name: &str) -> Option<&'a str> {
        self.headers?.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }
}

/// Shows what the URL says, without its session token, and which other pieces there are.
impl fmt::Debug for Evidence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Evidence")
            .field("link", &Link::read(self.url, self.endpoints))
            .field("method", &self.method)
            .field("headers", &self.headers.map(<[_]>::len))
            .field("answer", &self.answer.map(str::len))
            .field("credentials", &self.credentials)
            .field("prefix", &self.prefix)
            .field("endpoints", &self.endpoints)
            .finish()
    }
}

/// Why a link fails, as far as the evidence shows. `Display` writes it for people.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation {
    /// What the URL says of itself; `None` if it is no URL.
    pub link: Option<Link>,
    /// What is wrong, the surest first; empty if nothing is found.
    pub findings: Vec<Finding>,
}

/// Explains a link at `now`, in Unix seconds.
///
/// ```
/// use strongroom_presign::{Evidence, explain};
/// let url = "https://photos.s3.eu-central-1.amazonaws.com/cat.jpg?X-Amz-Algorithm=AWS4-HMAC-SHA256\
///            &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z\
///            &X-Amz-Expires=300&X-Amz-SignedHeaders=host\
///            &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
/// let explanation = explain(&Evidence::of(url), 1_369_354_000);
/// let codes: Vec<&str> = explanation.findings.iter().map(|finding| finding.cause.code()).collect();
/// assert_eq!(codes, ["region-differs-from-host", "expired"]);
/// assert!(explanation.to_string().contains("The link ended 1 minute 40 seconds ago"));
/// ```
pub fn explain(evidence: &Evidence<'_>, now: i64) -> Explanation {
    let mut findings = Findings::default();
    let repaired = repair(evidence.url.trim(), &mut findings);
    let evidence = &Evidence { url: &repaired, ..*evidence };
    let link = Link::read(evidence.url, evidence.endpoints);
    match &link {
        Some(link) => of_url::look(&mut findings, evidence, link, now),
        None => findings.certain(Cause::NotAUrl),
    }
    let document = evidence.answer.and_then(ErrorDocument::read);
    if let Some(document) = &document {
        of_answer::look(&mut findings, document, link.as_ref());
    }
    match link.as_ref().map(|link| (link, &link.signature)) {
        Some((link, LinkSignature::Version4(signed))) => {
            of_signature::look(&mut findings, evidence, link, signed, document.as_ref(), now);
        }
        Some((link, LinkSignature::Version2 { access_key, expires_at })) => {
            of_version2::look(&mut findings, evidence, link, access_key, *expires_at, document.as_ref());
        }
        Some((_, LinkSignature::CloudFront { .. })) if evidence.credentials.is_some() => {
            findings.add(Certainty::Possible, Cause::CredentialsUnused);
        }
        _ => {}
    }
    Explanation { link, findings: findings.sorted() }
}

/// Undoes what befalls URLs between being copied and being pasted, so that the rest can be read.
fn repair(url: &str, findings: &mut Findings) -> String {
    let mut url = url.to_owned();
    if url.contains("&amp;") {
        findings.certain(Cause::HtmlEscaped);
        url = url.replace("&amp;", "&");
    }
    if url.contains(char::is_whitespace) {
        findings.certain(Cause::Blanks);
        url.retain(|character| !character.is_whitespace());
    }
    url
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.findings.is_empty() {
            return write!(f, "Nothing is wrong with the URL as far as can be seen.");
        }
        for (at, Finding { certainty, cause }) in self.findings.iter().enumerate() {
            let lead = match certainty {
                Certainty::Certain => "",
                Certainty::Likely => "Probably: ",
                Certainty::Possible => "Worth a look: ",
            };
            let end = if at == 0 { "" } else { "\n" };
            write!(f, "{end}{lead}{cause}\n  → {}", cause.mend())?;
        }
        Ok(())
    }
}
