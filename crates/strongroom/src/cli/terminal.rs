//! Makes any text fit for a terminal: what an attacker wrote may be shown, and may not do anything.

use std::fmt::Write as _;

use serde_json::Value;

/// The text with every character that commands a terminal, or turns the reading direction, written as its number.
/// Line ends stay.
pub(super) fn visible(text: &str) -> String {
    escaped(
        text,
        |character| character != '\n' && commands(character),
        |out, character| {
            let _ = write!(out, "{}", character.escape_unicode());
        },
    )
}

/// The same on one line.
pub(super) fn on_one_line(text: &str) -> String {
    visible(text).replace('\n', "\\n")
}

/// JSON on one line. What the format itself lets stand unescaped is escaped in its own way.
pub(super) fn json(value: &Value) -> String {
    escaped(&value.to_string(), commands, |out, character| {
        for unit in character.encode_utf16(&mut [0; 2]) {
            let _ = write!(out, "\\u{unit:04x}");
        }
    })
}

/// Whether there is anything that [`visible`] would write otherwise, or a line end.
pub(super) fn has_commands(text: &str) -> bool {
    text.chars().any(commands)
}

fn escaped(text: &str, is_bad: impl Fn(char) -> bool, write: impl Fn(&mut String, char)) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if is_bad(character) {
            write(&mut out, character);
        } else {
            out.push(character);
        }
    }
    out
}

/// Control characters, and the marks of Unicode that reorder or hide what is read (UAX #9).
fn commands(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{json, on_one_line, visible};

    #[test]
    fn nothing_that_is_shown_commands_the_terminal() {
        assert_eq!(visible("a\u{1b}[2Jb\nc\u{9b}d\u{202e}"), "a\\u{1b}[2Jb\nc\\u{9b}d\\u{202e}");
        assert_eq!(on_one_line("a\r\nb"), "a\\u{d}\\nb");
        assert_eq!(visible("Ä € 🦀"), "Ä € 🦀");
    }

    #[test]
    fn json_says_the_same_and_commands_nothing() {
        let value = json!({"a\u{9b}": "\u{1b}\u{7f}\u{202e}🦀\n"});
        let text = json(&value);
        assert!(text.chars().all(|character| !character.is_control()) && !text.contains('\u{202e}'), "{text:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
