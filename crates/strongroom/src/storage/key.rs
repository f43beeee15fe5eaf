//! The typed key of an object in storage: the only way to build one, and the only place that applies the location.

use std::fmt;

use uuid::Uuid;

use crate::config::{KeyTemplate, Piece, Placeholder};

/// The longest key that S3 takes, in bytes.
const MAX_BYTES: usize = 1024;

/// The folder that uploads land in. No reader is ever given a link into it.
const STAGING: &str = "staging/";

/// Why a key cannot be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Nothing is left of it.
    #[error("a key cannot be empty")]
    Empty,
    /// It would not fit.
    #[error("a key has at most 1,024 bytes in UTF-8, its location included")]
    TooLong,
    /// A browser resolves such segments away, and then asks for another key than the one that was signed.
    #[error("a key cannot have `.` or `..` or nothing between two slashes")]
    Segment,
    /// Such characters cannot be sent in a header, nor shown to a person.
    #[error("a key cannot hold a control character")]
    Control,
}

/// The configured prefix under which everything of this installation lies: empty, or ending in one slash.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Location(String);

impl Location {
    /// Reads the setting; slashes at either end make no difference.
    pub fn new(setting: &str) -> Result<Self, KeyError> {
        let inner = setting.trim_matches('/');
        if inner.is_empty() {
            return Ok(Self::default());
        }
        check(inner)?;
        Ok(Self(format!("{inner}/")))
    }

    /// The prefix, ready to be put before a key.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key that a name in the bucket stands for, or nothing when it lies outside this location.
    pub fn strip<'a>(&self, in_bucket: &'a str) -> Option<&'a str> {
        in_bucket.strip_prefix(self.0.as_str())
    }
}

/// A key relative to the location. What the database holds is its text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ObjectKey(String);

impl ObjectKey {
    /// A key as the database holds it, or as [`fill`] made it.
    pub fn new(text: impl Into<String>) -> Result<Self, KeyError> {
        let text = text.into();
        check(&text)?;
        Ok(Self(text))
    }

    /// Where the bytes of an upload land.
    pub fn staging(upload: Uuid) -> Self {
        Self(format!("{STAGING}{upload}"))
    }

    /// Where something is laid for a moment, outside that folder, to see who may do what with it.
    pub fn trial(id: Uuid) -> Self {
        Self(format!("doctor-{id}"))
    }

    /// The folder of all staging keys as it is called in the bucket.
    pub fn staging_prefix(location: &Location) -> String {
        format!("{}{STAGING}", location.0)
    }

    /// Whether it lies in that folder.
    pub fn is_staging(&self) -> bool {
        self.0.starts_with(STAGING)
    }

    /// The upload that a staging key belongs to.
    pub fn staged_upload(&self) -> Option<Uuid> {
        let name = self.0.strip_prefix(STAGING)?;
        // Only the form that we write ourselves: a UUID can be spelt in several.
        name.parse().ok().filter(|id: &Uuid| id.to_string() == name)
    }

    /// The full name in the bucket: the one place where the location is applied.
    pub fn in_bucket(&self, location: &Location) -> Result<String, KeyError> {
        let full = format!("{}{}", location.0, self.0);
        if full.len() > MAX_BYTES { Err(KeyError::TooLong) } else { Ok(full) }
    }

    /// The key without its location.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What of an object a key is for.
#[derive(Debug, Clone, Copy)]
pub enum Content<'a> {
    /// What was handed in.
    HandedIn,
    /// The same where the plain key is where the upload landed, and another is wanted.
    Moved,
    /// What takes the place of what was handed in. The id tells it from every other.
    Optimised(Uuid),
    /// A variant by its name. Each time it is made it has another id, so that nothing is ever written twice and no cache
    /// holds what it was before.
    Variant(&'a str, Uuid),
}

/// What the placeholders of a space's key templates stand for.
#[derive(Debug, Clone, Copy)]
pub struct KeyParts<'a> {
    /// The space's name.
    pub space: &'a str,
    /// Whose object it is.
    pub owner: Option<&'a str>,
    /// The group it was handed in with.
    pub group: Option<&'a str>,
    /// The object.
    pub id: Uuid,
    /// What lies there.
    pub content: Content<'a>,
    /// The extension that suits its content type.
    pub ext: &'a str,
}

/// Fills a template such as `profiles/{owner}/{id}.{ext}`. Every value becomes exactly one segment, or a part of one.
pub fn fill(template: &KeyTemplate, parts: &KeyParts<'_>) -> Result<ObjectKey, KeyError> {
    ObjectKey::new(template.fill(|placeholder| match placeholder {
        Placeholder::Space => segment(Some(parts.space)),
        Placeholder::Owner => segment(parts.owner),
        Placeholder::Group => segment(parts.group),
        Placeholder::Ext => segment(Some(parts.ext)),
        Placeholder::Id => match parts.content {
            Content::HandedIn | Content::Variant(..) => parts.id.to_string(),
            Content::Moved => format!("{}-v1", parts.id),
            Content::Optimised(made) => format!("{}-{}", parts.id, luck(made)),
        },
        Placeholder::Variant => match parts.content {
            Content::Variant(name, made) => format!("{}-{}", segment(Some(name)), luck(made)),
            _ => segment(None),
        },
    }))
}

/// The last digits of an id, which are luck.
fn luck(id: Uuid) -> String {
    format!("{:012x}", id.as_u128() & 0xffff_ffff_ffff)
}

/// What all keys of a space begin with in the bucket: everything in front of what differs from object to object.
pub fn space_prefix(template: &KeyTemplate, space: &str, location: &Location) -> String {
    let mut prefix = location.0.clone();
    for piece in template.pieces() {
        match piece {
            Piece::Literal(text) => prefix.push_str(text),
            Piece::Placeholder(Placeholder::Space) => prefix.push_str(&segment(Some(space))),
            Piece::Placeholder(_) => break,
        }
    }
    // Half a name would stand for others that begin alike.
    prefix.truncate(prefix.rfind('/').map_or(0, |slash| slash + 1));
    prefix
}

/// Writes a value so that different values are always different, and none of them leaves its segment.
///
/// Letters, digits and `-_.@` stay; every other byte becomes `~` and two hex digits, and so does a leading dot.
/// The absence of a value is `~none`, which no value can become.
fn segment(value: Option<&str>) -> String {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        return "~none".to_owned();
    };
    let mut segment = String::with_capacity(value.len());
    for (at, byte) in value.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'@') || (byte == b'.' && at > 0);
        if plain {
            segment.push(char::from(byte));
        } else {
            segment.extend(['~', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
    segment
}

fn check(key: &str) -> Result<(), KeyError> {
    if key.is_empty() {
        Err(KeyError::Empty)
    } else if key.len() > MAX_BYTES {
        Err(KeyError::TooLong)
    } else if key.chars().any(char::is_control) {
        Err(KeyError::Control)
    } else if key.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        Err(KeyError::Segment)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Content, KeyError, KeyParts, Location, ObjectKey, fill};
    use crate::config::{KeyTemplate, VariantKey};
    use uuid::Uuid;

    fn owned(owner: Option<&str>) -> String {
        let parts =
            KeyParts { space: "avatars", owner, group: None, id: Uuid::nil(), content: Content::HandedIn, ext: "png" };
        fill(&"profiles/{owner}/{id}.{ext}".parse().unwrap(), &parts).unwrap().as_str().to_owned()
    }

    #[test]
    fn no_owner_leaves_its_own_folder() {
        for owner in ["..", ".", "a/b", "../bob", "a\0b", "~none", "~2E", "", "Ünï", "a%2Fb", "\u{202e}"] {
            let key = owned(Some(owner));
            assert_eq!(key.split('/').count(), 3, "{owner:?} became {key:?}");
            assert!(key.starts_with("profiles/"), "{owner:?} became {key:?}");
        }
    }

    #[test]
    fn different_owners_have_different_folders() {
        let owners = [None, Some("~none"), Some("none"), Some("."), Some("~2E"), Some("a"), Some("A"), Some("a.")];
        let keys: std::collections::HashSet<_> = owners.iter().map(|owner| owned(*owner)).collect();
        assert_eq!(keys.len(), owners.len());
    }

    #[test]
    fn each_content_of_an_object_has_another_key() {
        let made = Uuid::from_u128(0xabc);
        let key = |template: &KeyTemplate, content| {
            let parts = KeyParts { space: "s", owner: Some("a/b"), group: None, id: Uuid::nil(), content, ext: "png" };
            fill(template, &parts).unwrap().as_str().to_owned()
        };
        let plain = "{space}/{id}.{ext}".parse().unwrap();
        assert_eq!(key(&plain, Content::HandedIn), "s/00000000-0000-0000-0000-000000000000.png");
        assert_eq!(key(&plain, Content::Moved), "s/00000000-0000-0000-0000-000000000000-v1.png");
        let optimised = key(&plain, Content::Optimised(made));
        assert_eq!(optimised, "s/00000000-0000-0000-0000-000000000000-000000000abc.png");
        let usual = VariantKey::default();
        let thumb = Content::Variant("thumb", made);
        let generated = key(usual.template(), thumb);
        assert_eq!(generated, "generated/00000000-0000-0000-0000-000000000000/thumb-000000000abc.png");
        let own = VariantKey::try_from("made/{owner}/{variant}/{id}.{ext}".to_owned()).unwrap();
        let own = key(own.template(), thumb);
        assert_eq!(own, "made/a~2Fb/thumb-000000000abc/00000000-0000-0000-0000-000000000000.png");
    }

    #[test]
    fn keys_that_would_change_on_the_way_cannot_be_built() {
        for (key, error) in [
            ("", KeyError::Empty),
            ("a/../b", KeyError::Segment),
            ("./a", KeyError::Segment),
            ("/a", KeyError::Segment),
            ("a//b", KeyError::Segment),
            ("a/", KeyError::Segment),
            ("a\nb", KeyError::Control),
            ("a\u{7f}", KeyError::Control),
        ] {
            assert_eq!(ObjectKey::new(key), Err(error), "{key:?}");
        }
        assert_eq!(ObjectKey::new("é".repeat(513)), Err(KeyError::TooLong));
    }

    #[test]
    fn invariant_4_the_location_is_applied_exactly_once() {
        let location = Location::new("/tenant/a/").unwrap();
        let key = ObjectKey::new("tenant/a/x").unwrap();
        assert_eq!(key.in_bucket(&location).unwrap(), "tenant/a/tenant/a/x");
        assert_eq!(location.strip("tenant/a/x"), Some("x"));
        assert_eq!(location.strip("tenant/ab/x"), None);
        assert_eq!(Location::new("").unwrap().as_str(), "");
        assert!(Location::new("a/../b").is_err());
        let long = ObjectKey::new("k".repeat(1020)).unwrap();
        assert_eq!(long.in_bucket(&location), Err(KeyError::TooLong));
    }
}
