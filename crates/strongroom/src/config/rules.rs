//! The rules of a space as they are written: who may do what.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// One way of being allowed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub enum Rule {
    /// `public`: anybody, without signing in.
    Public,
    /// `signed-in`: anybody with a valid token or key.
    SignedIn,
    /// `owner`: whoever the object belongs to.
    Owner,
    /// `creator`: whoever handed the object in.
    Creator,
    /// `shared`: whoever the object is shared with.
    Shared,
    /// `role:NAME`: whoever has the role.
    Role(String),
    /// `key:SCOPE`: whoever's key or token has the scope.
    Key(String),
}

/// The rules for one action; whoever satisfies one of them may do it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Rules(Vec<Rule>);

impl Rules {
    /// These rules, any of which is enough.
    pub fn new(rules: impl IntoIterator<Item = Rule>) -> Self {
        Self(rules.into_iter().collect())
    }

    /// The single rules.
    pub fn iter(&self) -> std::slice::Iter<'_, Rule> {
        self.0.iter()
    }

    /// Whether this rule is among them.
    pub fn contains(&self, rule: &Rule) -> bool {
        self.0.contains(rule)
    }
}

impl<'a> IntoIterator for &'a Rules {
    type Item = &'a Rule;
    type IntoIter = std::slice::Iter<'a, Rule>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const WORDS: [&str; 5] = ["public", "signed-in", "owner", "creator", "shared"];
        match text {
            "public" => return Ok(Self::Public),
            "signed-in" => return Ok(Self::SignedIn),
            "owner" => return Ok(Self::Owner),
            "creator" => return Ok(Self::Creator),
            "shared" => return Ok(Self::Shared),
            _ => {}
        }
        let (kind, name) = text.split_once(':').unwrap_or((text, ""));
        let is_name =
            !name.is_empty() && name.len() <= 255 && !name.chars().any(|c| c.is_whitespace() || c.is_control());
        match kind {
            "role" if is_name => Ok(Self::Role(name.to_owned())),
            "key" if is_name => Ok(Self::Key(name.to_owned())),
            "role" | "key" => Err(format!("needs a name without spaces after the colon, such as \"{kind}:editor\"")),
            _ => {
                let known: Vec<String> = WORDS.iter().map(|word| (*word).to_owned()).collect();
                match super::read::nearest(text, &known) {
                    Some(word) => Err(format!("is not a rule; did you mean \"{word}\"?")),
                    None => Err("is not a rule; the rules are \"public\", \"signed-in\", \"owner\", \"creator\", \
                         \"shared\", \"role:NAME\" and \"key:SCOPE\""
                        .to_owned()),
                }
            }
        }
    }
}

impl TryFrom<String> for Rule {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Public => formatter.write_str("public"),
            Self::SignedIn => formatter.write_str("signed-in"),
            Self::Owner => formatter.write_str("owner"),
            Self::Creator => formatter.write_str("creator"),
            Self::Shared => formatter.write_str("shared"),
            Self::Role(name) => write!(formatter, "role:{name}"),
            Self::Key(scope) => write!(formatter, "key:{scope}"),
        }
    }
}
