//! Reads the two files of AWS's tools: sections of settings, some of which hold settings of their own.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use zeroize::Zeroizing;

use super::AwsError;
use crate::config::secret::Secret;

/// More than anybody's profiles take; a mistyped path may name anything.
const LARGEST: u64 = 1024 * 1024;

/// The settings of one section; those inside another one are named with it, as `s3.addressing_style`.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings(BTreeMap<String, Secret>);

impl Settings {
    /// A setting that is not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(Secret::expose).filter(|value| !value.is_empty())
    }

    /// These settings with others laid over them.
    pub(super) fn overlaid(mut self, over: Self) -> Self {
        // Halves of two keys never make one: who brings a key brings all of it.
        if over.get("aws_access_key_id").is_some() {
            self.0.retain(|name, _| !name.starts_with("aws_"));
        }
        self.0.extend(over.0);
        self
    }
}

/// One file, taken apart.
#[derive(Debug, Default)]
pub(super) struct Profiles {
    sections: BTreeMap<String, Settings>,
    /// In the `config` file every profile but the default one is called `[profile name]`.
    is_config: bool,
}

impl Profiles {
    /// Reads a file; one that is not there has no profiles.
    pub(super) fn read(path: &Path, variable: &'static str, is_config: bool) -> Result<Self, AwsError> {
        let unreadable = |source| AwsError::Unreadable { path: path.to_owned(), variable, source };
        let mut bytes = Zeroizing::new(Vec::new());
        let read = File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
        match read {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(unreadable(error)),
            Ok(_) if bytes.len() as u64 > LARGEST => {
                return Err(unreadable(io::Error::other("it is far too large for a file of profiles")));
            }
            Ok(_) => {}
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| unreadable(io::Error::other("it is not UTF-8")))?;
        let sections = parse(text).map_err(|line| AwsError::Malformed { path: path.to_owned(), line, variable })?;
        Ok(Self { sections, is_config })
    }

    /// The settings of a profile, with those of the services section it names.
    pub(super) fn settings(&self, name: &str) -> Option<Settings> {
        let in_config = || self.sections.get(&format!("profile {name}"));
        let plain = || self.sections.get(name).filter(|_| !self.is_config || name == "default");
        let mut settings = if self.is_config { in_config().or_else(plain) } else { plain() }?.clone();
        if let Some(services) = settings.get("services").map(|services| format!("services {services}"))
            && let Some(services) = self.sections.get(&services)
        {
            settings.0.extend(services.0.clone());
        }
        Some(settings)
    }

    /// The names of all profiles.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.sections.keys().filter_map(|section| match section.strip_prefix("profile ") {
            Some(name) if self.is_config => Some(name),
            _ => (!self.is_config || section == "default").then_some(section),
        })
    }
}

/// Takes a text apart; the number of the first line that means nothing is the error.
fn parse(text: &str) -> Result<BTreeMap<String, Settings>, usize> {
    let mut sections: BTreeMap<String, Settings> = BTreeMap::new();
    let mut section: Option<String> = None;
    // The latest setting, and how far it is indented: lines further in belong to it.
    let mut outer: Option<(String, usize)> = None;
    for (at, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = without_comment(line);
        let trimmed = line.trim();
        if trimmed.is_empty() {
            continue;
        }
        if let Some(head) = trimmed.strip_prefix('[') {
            let name = section_name(head.strip_suffix(']').ok_or(at + 1)?);
            sections.entry(name.clone()).or_default();
            (section, outer) = (Some(name), None);
            continue;
        }
        let settings = section.as_ref().and_then(|name| sections.get_mut(name)).ok_or(at + 1)?;
        let indent = line.len() - line.trim_start().len();
        let pair = trimmed.split_once('=').map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim()));
        match (&outer, pair) {
            (Some((outer, further)), Some((name, value))) if indent > *further => {
                settings.0.insert(format!("{outer}.{name}"), Secret::new(value));
            }
            // A value that goes on; none of those that are looked at does.
            (Some((_, further)), None) if indent > *further => {}
            (_, Some((name, value))) if !name.is_empty() => {
                settings.0.insert(name.clone(), Secret::new(value));
                outer = Some((name, indent));
            }
            _ => return Err(at + 1),
        }
    }
    Ok(sections)
}

/// Comments begin with `#` or `;`, at the beginning of a line or after a blank.
fn without_comment(line: &str) -> &str {
    let begins = |(at, character): (usize, char)| {
        matches!(character, '#' | ';') && line[..at].chars().next_back().is_none_or(char::is_whitespace)
    };
    line.char_indices().find(|found| begins(*found)).map_or(line, |(at, _)| &line[..at])
}

/// `profile  "two words"` → `profile two words`.
fn section_name(text: &str) -> String {
    let bare = |text: &str| text.trim().trim_matches(['"', '\'']).to_owned();
    match text.trim().split_once(char::is_whitespace) {
        Some((kind @ ("profile" | "services" | "sso-session"), name)) => format!("{kind} {}", bare(name)),
        _ => bare(text),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn the_dialect_of_the_files_is_read() {
        let text = "\u{feff}# head\n[default]\nREGION=eu-west-1 ; near\n\n[profile \"two words\" ]\r\n\
            s3 =\n  addressing_style = path\n\tmax_concurrent_requests=4\nregion = a#b\nvalue = one\n   two\n[default]\noutput = json\n\
            [x]\n  a = 1\n  b = 2\n";
        let sections = parse(text).unwrap();
        let get = |section: &str, name: &str| sections[section].get(name).map(str::to_owned);
        assert_eq!(get("default", "region").as_deref(), Some("eu-west-1"));
        assert_eq!(get("default", "output").as_deref(), Some("json"));
        assert_eq!(get("profile two words", "s3.addressing_style").as_deref(), Some("path"));
        assert_eq!(get("profile two words", "s3.max_concurrent_requests").as_deref(), Some("4"));
        assert_eq!(get("profile two words", "region").as_deref(), Some("a#b"));
        assert_eq!(get("profile two words", "value").as_deref(), Some("one"));
        assert_eq!((get("x", "a").as_deref(), get("x", "b").as_deref()), (Some("1"), Some("2")));
    }

    #[test]
    fn a_line_that_means_nothing_is_named() {
        for (text, line) in [("[default", 1), ("a = 1", 1), ("[x]\nnothing", 2), ("[x]\n\n= 1", 3)] {
            assert_eq!(parse(text).err(), Some(line), "{text}");
        }
        assert!(parse("").unwrap().is_empty());
    }
}
