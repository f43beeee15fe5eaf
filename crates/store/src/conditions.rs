//! Conditional requests: `If-Match` and its kin, for reads, for writes and for the source of a copy (RFC 9110, section 13).

use http::HeaderMap;

use crate::fault::{Code, Fault};
use crate::headers;
use crate::index::objects::Object;
use crate::time;

/// The conditions of one request on one object.
#[derive(Debug, Clone, Default)]
pub(crate) struct Conditions {
    matches: Option<String>,
    none_match: Option<String>,
    modified_since: Option<i64>,
    unmodified_since: Option<i64>,
}

/// What a read's conditions say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Go on.
    Holds,
    /// What the client has is what there is.
    NotModified,
    /// A condition does not hold; its header.
    Fails(&'static str),
}

impl Conditions {
    /// The conditions on the object that is asked for.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        Self::read(headers, ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since"])
    }

    /// The conditions on the source of a copy.
    pub(crate) fn of_source(headers: &HeaderMap) -> Self {
        Self::read(
            headers,
            [
                "x-amz-copy-source-if-match",
                "x-amz-copy-source-if-none-match",
                "x-amz-copy-source-if-modified-since",
                "x-amz-copy-source-if-unmodified-since",
            ],
        )
    }

    fn read(headers: &HeaderMap, names: [&'static str; 4]) -> Self {
        let text = |name| headers::text(headers, name).map(str::to_owned);
        let date = |name| headers::text(headers, name).and_then(time::parse_http);
        let [matches, none_match, modified_since, unmodified_since] = names;
        Self {
            matches: text(matches),
            none_match: text(none_match),
            modified_since: date(modified_since),
            unmodified_since: date(unmodified_since),
        }
    }

    /// Judges a read, in RFC 9110's order.
    pub(crate) fn judge(&self, object: &Object) -> Verdict {
        let modified = object.modified.seconds();
        match (&self.matches, self.unmodified_since) {
            (Some(tags), _) if !any_matches(tags, &object.etag) => return Verdict::Fails("If-Match"),
            (None, Some(since)) if modified > since => return Verdict::Fails("If-Unmodified-Since"),
            _ => {}
        }
        match (&self.none_match, self.modified_since) {
            (Some(tags), _) if any_matches(tags, &object.etag) => Verdict::NotModified,
            (None, Some(since)) if modified <= since => Verdict::NotModified,
            _ => Verdict::Holds,
        }
    }

    /// Judges the source of a copy, for which there is no 304.
    pub(crate) fn demand_source(&self, object: &Object) -> Result<(), Fault> {
        match self.judge(object) {
            Verdict::Holds => Ok(()),
            Verdict::NotModified => Err(failed("x-amz-copy-source-If-None-Match or -If-Modified-Since")),
            Verdict::Fails(header) => Err(failed(&format!("x-amz-copy-source-{header}"))),
        }
    }

    /// Whether a write with these conditions can only make what is not there.
    pub(crate) fn replace_nothing(&self) -> bool {
        self.none_match.as_deref().is_some_and(|tags| tags.trim() == "*")
    }

    /// Whether the answer to a write tells what is there, for which S3 demands the right to read it.
    pub(crate) fn tell_content(&self) -> bool {
        self.matches.is_some()
    }

    /// Judges a write: `If-None-Match: *` wants nothing there, `If-Match` wants a certain thing there. Only the
    /// transaction that writes may rely on the answer.
    pub(crate) fn demand_target(&self, existing: Option<&Object>) -> Result<(), Fault> {
        if let Some(tags) = &self.none_match {
            if tags.trim() != "*" {
                return Err(Fault::new(
                    Code::NotImplemented,
                    "A header you provided implies functionality that is not implemented: on writes, If-None-Match can only be *.",
                )
                .with("Header", "If-None-Match"));
            }
            if existing.is_some() {
                return Err(failed("If-None-Match"));
            }
        }
        match (&self.matches, existing) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(Code::NoSuchKey.into()),
            (Some(tags), Some(object)) if any_matches(tags, &object.etag) => Ok(()),
            (Some(_), Some(_)) => Err(failed("If-Match")),
        }
    }
}

/// The refusal of a request whose condition does not hold.
pub(crate) fn failed(header: &str) -> Fault {
    Fault::from(Code::PreconditionFailed).with("Condition", header)
}

/// Whether a list of tags, quoted or not, names this one.
pub(crate) fn any_matches(tags: &str, etag: &str) -> bool {
    tags.split(',').map(str::trim).any(|tag| tag == "*" || bare(tag) == etag)
}

/// A tag without its quotes.
pub(crate) fn bare(tag: &str) -> &str {
    let tag = tag.trim();
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).unwrap_or(tag)
}
