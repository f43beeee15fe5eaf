//! What people say of an object: its name, group, tags, metadata and readers, and what they may not say.

use serde_json::{Map, Value};

/// The longest name, in bytes.
const NAME_BYTES: usize = 1024;
/// The longest subject, group or tag, in bytes.
const WORD_BYTES: usize = 255;
/// The most tags, or readers, of one object.
const WORDS: usize = 100;
/// The most metadata, in bytes of JSON.
const METADATA_BYTES: usize = 16 * 1024;

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// The field.
    pub field: &'static str,
    /// What is wrong and what would be right.
    pub detail: String,
}

/// What is said of an object when it is handed in.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Description {
    /// The subject it shall belong to; the asker's own when nothing is said.
    pub owner: Option<String>,
    /// A group to list it by.
    pub group: Option<String>,
    /// What people call it.
    pub name: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Whatever the application wants to remember.
    pub metadata: Map<String, Value>,
}

impl Description {
    /// Finds all that is wrong, so that the caller can mend it at once.
    pub fn check(&self) -> Result<(), Vec<FieldError>> {
        let mut errors = Vec::new();
        check_name(&self.name, &mut errors);
        check_group(self.group.as_deref(), &mut errors);
        if let Some(owner) = &self.owner {
            check_word("owner", owner, &mut errors);
        }
        check_words("tags", &self.tags, &mut errors);
        check_metadata(&self.metadata, &mut errors);
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

/// A change of what is said of an object; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Change {
    /// Another name.
    pub name: Option<String>,
    /// Another group, or none.
    pub group: Option<Option<String>>,
    /// Other tags.
    pub tags: Option<Vec<String>>,
    /// Other metadata.
    pub metadata: Option<Map<String, Value>>,
    /// Other subjects to share it with.
    pub shared_with: Option<Vec<String>>,
}

impl Change {
    /// Finds all that is wrong.
    pub fn check(&self) -> Result<(), Vec<FieldError>> {
        let mut errors = Vec::new();
        if let Some(name) = &self.name {
            check_name(name, &mut errors);
        }
        check_group(self.group.as_ref().and_then(Option::as_deref), &mut errors);
        check_words("tags", self.tags.as_deref().unwrap_or_default(), &mut errors);
        check_words("shared_with", self.shared_with.as_deref().unwrap_or_default(), &mut errors);
        if let Some(metadata) = &self.metadata {
            check_metadata(metadata, &mut errors);
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }
}

fn check_name(name: &str, errors: &mut Vec<FieldError>) {
    let mut refuse = |detail: &str| errors.push(FieldError { field: "name", detail: detail.to_owned() });
    if name.is_empty() {
        refuse("is missing; say what people call this file, such as photo.jpg");
    } else if name.len() > NAME_BYTES {
        refuse("is longer than 1,024 bytes in UTF-8");
    } else if name.chars().any(char::is_control) {
        refuse("holds a control character, such as a line break or NUL");
    }
}

fn check_group(group: Option<&str>, errors: &mut Vec<FieldError>) {
    if let Some(group) = group {
        check_word("group", group, errors);
    }
}

fn check_word(field: &'static str, word: &str, errors: &mut Vec<FieldError>) {
    let mut refuse = |detail: &str| errors.push(FieldError { field, detail: detail.to_owned() });
    if word.is_empty() {
        refuse("is empty; leave it out instead");
    } else if word.len() > WORD_BYTES {
        refuse("is longer than 255 bytes in UTF-8");
    } else if word.chars().any(char::is_control) {
        refuse("holds a control character, such as a line break or NUL");
    }
}

fn check_words(field: &'static str, words: &[String], errors: &mut Vec<FieldError>) {
    if words.len() > WORDS {
        errors.push(FieldError { field, detail: format!("has {} entries; at most {WORDS} are allowed", words.len()) });
    } else if let Some(bad) = words.iter().find_map(|word| {
        let mut found = Vec::new();
        check_word(field, word, &mut found);
        found.pop()
    }) {
        errors.push(bad);
    }
}

fn check_metadata(metadata: &Map<String, Value>, errors: &mut Vec<FieldError>) {
    let bytes = serde_json::to_vec(metadata).map_or(usize::MAX, |json| json.len());
    if bytes > METADATA_BYTES {
        errors.push(FieldError {
            field: "metadata",
            detail: "is more than 16 KiB of JSON; keep large things in a file of their own".to_owned(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::{Change, Description};

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let description = Description {
            name: String::new(),
            owner: Some("a\nb".to_owned()),
            group: Some("g".repeat(256)),
            tags: vec![String::new()],
            metadata: [("k".to_owned(), "v".repeat(20_000).into())].into_iter().collect(),
        };
        let fields: Vec<_> = description.check().unwrap_err().into_iter().map(|error| error.field).collect();
        assert_eq!(fields, ["name", "group", "owner", "tags", "metadata"]);
    }

    #[test]
    fn names_may_be_anything_a_person_would_write() {
        for name in ["../../etc/passwd", "<script>", "Ωmega 📷.jpg", "a\"b;c=d", "\u{202e}gpj.exe"] {
            assert!(Description { name: name.to_owned(), ..Description::default() }.check().is_ok(), "{name:?}");
        }
        assert!(Change { name: Some("a\u{0}b".to_owned()), ..Change::default() }.check().is_err());
        assert!(Change::default().check().is_ok());
    }
}
