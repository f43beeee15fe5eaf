//! The patterns of keys: of an object's, such as `profiles/{owner}/{id}.{ext}`, and of what is made of it.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// What nobody's final key may begin with: uploads land there, and upload URLs are signed for it.
pub const STAGING: &str = "staging";

/// A checked pattern. Filling it with safe segments gives a safe key: it has no empty, `.` or `..` segments, always
/// holds the object's id, and never leads below the staging prefix.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct KeyTemplate {
    text: String,
    pieces: Vec<Piece>,
}

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Text that stands in every key; it may hold slashes.
    Literal(String),
    /// Something that differs from object to object.
    Placeholder(Placeholder),
}

/// What can be filled into a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Placeholder {
    /// `{space}`: the name of the space.
    Space,
    /// `{owner}`: whom the object belongs to.
    Owner,
    /// `{group}`: the group it was put into.
    Group,
    /// `{id}`: what tells it from every other object and version.
    Id,
    /// `{ext}`: the usual extension of its content type, without the dot.
    Ext,
    /// `{variant}`: the name of what was made of the object, and what tells it from what was made before.
    Variant,
}

impl Placeholder {
    const ALL: [Self; 6] = [Self::Space, Self::Owner, Self::Group, Self::Id, Self::Ext, Self::Variant];

    /// Its name between the braces.
    pub fn name(self) -> &'static str {
        match self {
            Self::Space => "space",
            Self::Owner => "owner",
            Self::Group => "group",
            Self::Id => "id",
            Self::Ext => "ext",
            Self::Variant => "variant",
        }
    }
}

impl KeyTemplate {
    /// The parts in their order.
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// Whether keys hold this.
    pub fn holds(&self, placeholder: Placeholder) -> bool {
        self.pieces.contains(&Piece::Placeholder(placeholder))
    }

    /// The key, with each placeholder replaced by what `value` gives for it: one segment or a part of one, already
    /// made safe (no slash, not `.` or `..`, no control characters).
    pub fn fill<S: AsRef<str>>(&self, mut value: impl FnMut(Placeholder) -> S) -> String {
        self.pieces.iter().fold(String::new(), |mut key, piece| {
            match piece {
                Piece::Literal(text) => key.push_str(text),
                Piece::Placeholder(placeholder) => key.push_str(value(*placeholder).as_ref()),
            }
            key
        })
    }
}

impl Default for KeyTemplate {
    fn default() -> Self {
        "{space}/{owner}/{id}.{ext}".parse().expect("the usual pattern is one")
    }
}

/// The pattern of the key of what is made of an object.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct VariantKey(KeyTemplate);

impl VariantKey {
    /// The pattern, which holds the id of the object and the name of the variant.
    pub fn template(&self) -> &KeyTemplate {
        &self.0
    }
}

impl Default for VariantKey {
    fn default() -> Self {
        "generated/{id}/{variant}.{ext}".to_owned().try_into().expect("the usual pattern is one")
    }
}

impl TryFrom<String> for VariantKey {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        const LACKING: &str = "must hold {id} and {variant}, or two of what is made could get the same key; write a \
             pattern such as \"generated/{id}/{variant}.{ext}\"";
        KeyTemplate::parse(&text, &[Placeholder::Id, Placeholder::Variant], LACKING).map(Self)
    }
}

impl FromStr for KeyTemplate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const LACKING: &str = "must hold {id}, or two objects could get the same key; write a pattern such as \
             \"{space}/{owner}/{id}.{ext}\"";
        let template = Self::parse(text, &[Placeholder::Id], LACKING)?;
        if template.holds(Placeholder::Variant) {
            return Err(
                "has {variant}, which only stands in the keys of what is made of objects (variant_key)".to_owned()
            );
        }
        Ok(template)
    }
}

impl KeyTemplate {
    /// What holds for every pattern; each names what its keys could not be told apart without, and says so if it lacks.
    fn parse(text: &str, needed: &[Placeholder], lacking: &str) -> Result<Self, String> {
        const LONGEST: usize = 256;
        if text.len() > LONGEST {
            return Err(format!(
                "is longer than {LONGEST} bytes; a key may have 1,024 in all, with the owner's name in it"
            ));
        }
        let pieces = split(text)?;
        if !needed.iter().all(|needed| pieces.contains(&Piece::Placeholder(*needed))) {
            return Err(lacking.to_owned());
        }
        for segment in text.split('/') {
            if matches!(segment, "" | "." | "..") {
                return Err("has an empty, \".\" or \"..\" segment, which no key may have; write single slashes \
                     between names, and none at the ends"
                    .to_owned());
            }
        }
        let first = text.split('/').next().unwrap_or_default();
        if first.contains("{owner}") || first.contains("{group}") {
            return Err("begins with something users choose, so they could reach other prefixes; begin with a fixed \
                 name or {space}"
                .to_owned());
        }
        if first == STAGING {
            return Err(format!("begins with \"{STAGING}/\", where unverified uploads lie; choose another name"));
        }
        Ok(Self { text: text.to_owned(), pieces })
    }
}

fn split(text: &str) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('{') {
            let Some((name, after)) = inside.split_once('}') else {
                return Err("has a { without its }".to_owned());
            };
            let Some(placeholder) = Placeholder::ALL.into_iter().find(|known| known.name() == name) else {
                return Err(format!(
                    "has the unknown placeholder {{{name}}}; there are {{space}}, {{owner}}, {{group}}, {{id}} and \
                         {{ext}}, and {{variant}} for what is made of objects"
                ));
            };
            pieces.push(Piece::Placeholder(placeholder));
            rest = after;
        } else {
            let end = rest.find('{').unwrap_or(rest.len());
            let (literal, after) = rest.split_at(end);
            let odd = literal.chars().find(|c| !(c.is_ascii_alphanumeric() || "-_.~=/".contains(*c)));
            if let Some(odd) = odd {
                return Err(format!(
                    "has the character {odd:?}, which some stores and browsers treat in a way of their own; keep to \
                         letters, digits and -_.~="
                ));
            }
            pieces.push(Piece::Literal(literal.to_owned()));
            rest = after;
        }
    }
    Ok(pieces)
}

impl TryFrom<String> for KeyTemplate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for KeyTemplate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}
