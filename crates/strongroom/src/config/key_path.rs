//! The dotted path of one key in the configuration, such as `server.rate_limit.burst`.

use std::fmt;

/// Where a value stands in the configuration, from the outermost table inwards.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyPath(Vec<String>);

impl KeyPath {
    /// The path through these names, outermost first.
    pub(crate) fn of<const N: usize>(names: [&str; N]) -> Self {
        Self(names.map(str::to_owned).to_vec())
    }

    /// The path of `name` inside the table that stands at this path.
    pub(crate) fn then(&self, name: &str) -> Self {
        let mut names = self.0.clone();
        names.push(name.to_owned());
        Self(names)
    }

    /// The names, outermost first.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// The innermost name; nothing for the whole configuration.
    pub fn last(&self) -> Option<&str> {
        self.0.last().map(String::as_str)
    }

    /// The path of the table around this key; nothing for the whole configuration.
    pub(crate) fn parent(&self) -> Option<Self> {
        let (_, names) = self.0.split_last()?;
        Some(Self(names.to_vec()))
    }

    /// Whether this key stands at `other` or inside it.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }
}

impl FromIterator<String> for KeyPath {
    fn from_iter<I: IntoIterator<Item = String>>(names: I) -> Self {
        Self(names.into_iter().collect())
    }
}

impl fmt::Display for KeyPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            if index > 0 {
                formatter.write_str(".")?;
            }
            let is_bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
            if is_bare {
                formatter.write_str(name)?;
            } else {
                write!(formatter, "{name:?}")?;
            }
        }
        Ok(())
    }
}
