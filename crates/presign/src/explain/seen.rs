//! A request as one side saw it, line by line of its canonical form, and how two sides' views differ.

use super::cause::{Cause, Certainty};
use super::findings::Findings;
use super::link::pairs;
use super::words::shown;

/// The parts of a canonical request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    /// Signed names with their values; `None` where a side cannot know the value.
    pub(super) headers: Vec<(String, Option<String>)>,
    pub(super) payload: String,
}

impl Seen {
    /// Reads the text of a canonical request.
    pub(super) fn read(text: &str) -> Option<Self> {
        let lines: Vec<&str> = text.trim_end_matches(['\r', '\n']).lines().collect();
        let [method, path, query, headers @ .., empty, _names, payload] = &lines[..] else { return None };
        if !empty.is_empty() {
            return None;
        }
        let headers = headers.iter().map(|line| {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            (name.to_owned(), Some(value.to_owned()))
        });
        Some(Self {
            method: (*method).to_owned(),
            path: (*path).to_owned(),
            query: (*query).to_owned(),
            headers: headers.collect(),
            payload: (*payload).to_owned(),
        })
    }

    /// The text of the canonical request; what is unknown is empty.
    pub(super) fn text(&self) -> String {
        let headers: String = self
            .headers
            .iter()
            .map(|(name, value)| [name, ":", value.as_deref().unwrap_or_default(), "\n"].concat())
            .collect();
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        let Self { method, path, query, payload, .. } = self;
        format!("{method}\n{path}\n{query}\n{headers}\n{}\n{payload}", names.join(";"))
    }

    fn header(&self, name: &str) -> Option<&(String, Option<String>)> {
        self.headers.iter().find(|(own, _)| own == name)
    }

    /// Says how what arrived differs from what was signed. `knows_method` is false where the signed method is a guess.
    /// Answers whether anything differs.
    pub(super) fn differs(&self, arrived: &Self, knows_method: bool, findings: &mut Findings) -> bool {
        let mut found = Vec::new();
        if knows_method && self.method != arrived.method {
            found.push(Cause::MethodDiffers { signed: self.method.clone(), arrived: arrived.method.clone() });
        }
        if self.path != arrived.path {
            found.push(path_cause(&self.path, &arrived.path));
        }
        if self.query != arrived.query {
            found.push(query_cause(&self.query, &arrived.query));
        }
        for (at, (name, arrived_value)) in arrived.headers.iter().enumerate() {
            // The headers begin on the fourth line of the canonical request.
            let line = Some(at + 4);
            let arrived = arrived_value.as_deref().unwrap_or_default();
            match self.header(name) {
                Some((_, Some(signed))) if signed != arrived => {
                    found.push(header_cause(name, Some(signed), arrived, line));
                }
                // Nothing is known of what was signed, but an empty value is hardly ever meant.
                Some((_, None)) if arrived.is_empty() => found.push(Cause::HeaderNotSent { name: name.clone() }),
                Some((_, None)) if is_form(name, arrived) => found.push(header_cause(name, None, arrived, line)),
                _ => {}
            }
        }
        if self.payload != arrived.payload {
            found.push(Cause::PayloadDiffers { signed: self.payload.clone(), arrived: arrived.payload.clone() });
        }
        let any = !found.is_empty();
        for cause in found {
            findings.certain(cause);
        }
        // Values that nobody here knows may still be others than were signed.
        for (at, (name, value)) in arrived.headers.iter().enumerate() {
            let unknown = matches!(self.header(name), Some((_, None)));
            if let Some(value) = value.as_ref().filter(|value| unknown && !value.is_empty() && !is_form(name, value)) {
                let cause = Cause::HeaderDiffers {
                    name: name.clone(),
                    signed: None,
                    arrived: shown(name, value).to_owned(),
                    line: Some(at + 4),
                };
                findings.add(Certainty::Possible, cause);
            }
        }
        any
    }
}

fn is_form(name: &str, value: &str) -> bool {
    name == "content-type" && value.to_ascii_lowercase().starts_with("multipart/form-data")
}

fn header_cause(name: &str, signed: Option<&String>, arrived: &str, line: Option<usize>) -> Cause {
    let (signed, arrived) = (signed.map(|signed| shown(name, signed).to_owned()), shown(name, arrived).to_owned());
    if name == "host" {
        return Cause::HostDiffers { signed: signed.unwrap_or_default(), arrived, line };
    }
    if is_form(name, &arrived) {
        return Cause::MultipartForm { signed_type: signed };
    }
    if arrived.is_empty() {
        return Cause::HeaderNotSent { name: name.to_owned() };
    }
    Cause::HeaderDiffers { name: name.to_owned(), signed, arrived, line }
}

fn path_cause(signed: &str, arrived: &str) -> Cause {
    let merged = |path: &str| {
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        segments.join("/")
    };
    let (signed_owned, arrived_owned) = (signed.to_owned(), arrived.to_owned());
    if arrived == signed.replace('%', "%25") {
        Cause::KeyEncodedTwice { key: arrived.trim_start_matches('/').replace("%25", "%") }
    } else if let Some(added) = arrived.strip_suffix(signed) {
        Cause::PathPrefixed { added: added.to_owned() }
    } else if let Some(removed) = signed.strip_suffix(arrived) {
        Cause::PathStripped { removed: removed.to_owned() }
    } else if merged(signed) == merged(arrived) {
        Cause::SlashesMerged { signed: signed_owned, arrived: arrived_owned }
    } else {
        Cause::PathDiffers { signed: signed_owned, arrived: arrived_owned, line: Some(2) }
    }
}

fn query_cause(signed: &str, arrived: &str) -> Cause {
    let (signed, arrived) = (pairs(signed), pairs(arrived));
    let only = |these: &[(String, String)], those: &[(String, String)]| {
        these
            .iter()
            .filter(|pair| !those.contains(pair))
            .map(|(name, value)| format!("{name}={}", shown(name, value)))
            .collect::<Vec<_>>()
    };
    Cause::QueryDiffers { added: only(&arrived, &signed), removed: only(&signed, &arrived), line: Some(3) }
}
