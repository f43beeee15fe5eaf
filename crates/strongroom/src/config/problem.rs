//! What is wrong with a configuration, said so that it can be mended: where, which key and value, what would be right.

use std::fmt;
use std::path::PathBuf;

use super::key_path::KeyPath;

/// Where a value of the configuration came from. They are ordered as they are told: by line, then the others by name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A line of the configuration file; lines and columns count from 1.
    File {
        /// The file as it was named on the command line.
        path: PathBuf,
        /// The line of the key.
        line: usize,
        /// The column of the key, in characters.
        column: usize,
    },
    /// An environment variable.
    Environment {
        /// Its name.
        variable: String,
    },
    /// An argument of the command line.
    Argument {
        /// Its name, such as `--listen`.
        flag: &'static str,
    },
    /// Nobody set it: the default holds, or a needed value is missing.
    Unset,
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line, column } => {
                write!(formatter, "{}:{line}:{column}", path.display())
            }
            Self::Environment { variable } => write!(formatter, "environment variable {variable}"),
            Self::Argument { flag } => write!(formatter, "argument {flag}"),
            Self::Unset => formatter.write_str("configuration"),
        }
    }
}

/// One thing that is wrong or doubtful.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where the value was set.
    pub source: Source,
    /// Which key it is about; empty when it is about a whole file.
    pub key: KeyPath,
    /// The value as it was written; nothing where it is a secret, absent, or a whole section.
    pub value: Option<String>,
    /// What is wrong, why, and what would be right.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: ", self.source)?;
        if !self.key.names().is_empty() {
            write!(formatter, "{}", self.key)?;
            if let Some(value) = &self.value {
                write!(formatter, " = {value}")?;
            }
            formatter.write_str(": ")?;
        }
        formatter.write_str(&self.message)
    }
}

/// Everything that is wrong with a configuration, not just the first thing. It is never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<Problem>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        let noun = if count == 1 { "problem" } else { "problems" };
        write!(formatter, "the configuration has {count} {noun}:")?;
        for problem in &self.0 {
            write!(formatter, "\n  {problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// Whether the value of a key must never be shown, because it is a credential or may hold one.
///
/// Everything in the sections that hold credentials counts unless it is known to be harmless: a misspelt
/// `secret_acces_key` still carries the secret.
pub(super) fn is_secret(key: &KeyPath) -> bool {
    const HARMLESS: [&str; 22] = [
        "access_key_id",
        "addressing",
        "admin_token_file",
        "algorithms",
        "audience",
        "bucket",
        "endpoint",
        "issuer",
        "jwks_url",
        "leeway",
        "listen",
        "location",
        "max_connections",
        "public_endpoint",
        "public_key_file",
        "region",
        "roles",
        "scopes",
        "secret_access_key_file",
        "secret_file",
        "session_token_file",
        "url_file",
    ];
    let mut names = key.names().iter().map(String::as_str);
    let holds_credentials = matches!(names.next(), Some("auth" | "database" | "storage"));
    holds_credentials && !key.last().is_some_and(|name| HARMLESS.contains(&name) || name == "subject")
}
