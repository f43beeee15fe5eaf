//! What can be the name of a user: it ends up in keys, lists, headers and logs.

/// The longest subject in bytes.
const LONGEST: usize = 255;

/// Why a text cannot be the name of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubjectError {
    /// It has no characters.
    #[error("is empty")]
    Empty,
    /// It is longer than 255 bytes.
    #[error("is longer than {LONGEST} bytes")]
    TooLong,
    /// It holds a control character.
    #[error("holds a control character")]
    ControlCharacter,
}

/// Checks the name of a user at the door: 1 to 255 bytes of UTF-8 without control characters.
pub fn check_subject(subject: &str) -> Result<(), SubjectError> {
    if subject.is_empty() {
        Err(SubjectError::Empty)
    } else if subject.len() > LONGEST {
        Err(SubjectError::TooLong)
    } else if subject.chars().any(char::is_control) {
        Err(SubjectError::ControlCharacter)
    } else {
        Ok(())
    }
}
