//! Where a token says who its bearer is.

use std::fmt;

use serde::Deserialize;
use serde_json::{Map, Value};

/// The names of the claims that are read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClaimNames {
    /// Who the bearer is: a text.
    pub subject: ClaimPath,
    /// Which roles the bearer has: a list of texts, or one text with spaces between.
    pub roles: ClaimPath,
    /// What the token was issued for: a list of texts, or one text with spaces between (RFC 8693, section 4.2).
    pub scopes: ClaimPath,
}

impl Default for ClaimNames {
    fn default() -> Self {
        let path = |name: &str| ClaimPath { whole: name.to_owned() };
        Self { subject: path("sub"), roles: path("roles"), scopes: path("scope") }
    }
}

/// The name of a claim; dots lead into nested objects, as in `realm_access.roles`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ClaimPath {
    whole: String,
}

impl ClaimPath {
    /// The claim's value, if the token has it. A claim whose own name has dots in it (`https://example.com/roles`)
    /// is found before a nested one.
    pub fn find<'a>(&self, claims: &'a Map<String, Value>) -> Option<&'a Value> {
        if let Some(value) = claims.get(&self.whole) {
            return Some(value);
        }
        let mut names = self.whole.split('.');
        let first = claims.get(names.next()?)?;
        names.try_fold(first, |value, name| value.get(name))
    }

    /// Puts a value where [`ClaimPath::find`] finds it.
    pub(crate) fn put(&self, claims: &mut Map<String, Value>, value: Value) {
        claims.insert(self.whole.clone(), value);
    }
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.whole)
    }
}

impl TryFrom<String> for ClaimPath {
    type Error = &'static str;

    fn try_from(whole: String) -> Result<Self, Self::Error> {
        let is_right = whole.split('.').all(|name| !name.is_empty()) && !whole.chars().any(char::is_control);
        if is_right {
            Ok(Self { whole })
        } else {
            Err("is not the name of a claim; write one such as \"sub\", or \"realm_access.roles\" for a nested one")
        }
    }
}
