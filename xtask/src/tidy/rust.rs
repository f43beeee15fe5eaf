//! Reads Rust just well enough for the rules: the code without comments, texts and tests, line by line.

/// The lines of code, each with its number; comments and texts are blanked, and the tests at the end are left out.
pub(super) fn code(text: &str) -> Vec<(usize, String)> {
    let blanked = blank(text);
    let mut lines = Vec::new();
    for (number, line) in blanked.lines().enumerate() {
        if line.trim() == "#[cfg(test)]" {
            break;
        }
        lines.push((number + 1, line.to_owned()));
    }
    lines
}

/// Replaces comments and texts by spaces, so that lines and columns stay where they are.
fn blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = raw_text(rest) {
            length
        } else if character == '"' {
            quoted(rest)
        } else if let Some(length) = character_literal(rest) {
            length
        } else {
            out.push(character);
            rest = &rest[character.len_utf8()..];
            continue;
        };
        out.extend(rest[..length].chars().map(|character| if character == '\n' { '\n' } else { ' ' }));
        rest = &rest[length..];
    }
    out
}

/// The length of `"…"`.
fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of `r"…"` or `r#"…"#`.
fn raw_text(text: &str) -> Option<usize> {
    let rest = text.strip_prefix('r')?;
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    rest[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let body = 1 + hashes + 1;
    Some(text[body..].find(&end).map_or(text.len(), |at| body + at + end.len()))
}

/// The length of `'x'` or `'\n'`, which a lifetime is not.
fn character_literal(text: &str) -> Option<usize> {
    let rest = text.strip_prefix('\'')?;
    let first = rest.chars().next()?;
    if first == '\\' {
        return rest[2..].find('\'').map(|at| 1 + 2 + at + 1);
    }
    rest[first.len_utf8()..].starts_with('\'').then(|| 1 + first.len_utf8() + 1)
}

/// The first names of every `crate::…` path in a line, with `crate::{a, b::c}` taken apart.
pub(super) fn crate_paths(line: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = line;
    while let Some(at) = rest.find("crate::") {
        // `$crate::` and `my_crate::` are something else.
        let before = rest[..at].chars().next_back();
        rest = &rest[at + "crate::".len()..];
        if before.is_some_and(|character| character.is_alphanumeric() || character == '_' || character == '$') {
            continue;
        }
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            for item in group.split_inclusive(['{', '}', ',']) {
                if depth == 0 {
                    names.extend(first_name(item.trim_start()));
                }
                match item.chars().next_back() {
                    Some('{') => depth += 1,
                    Some('}') if depth == 0 => break,
                    Some('}') => depth -= 1,
                    _ => {}
                }
            }
        } else {
            names.extend(first_name(rest));
        }
    }
    names
}

fn first_name(text: &str) -> Option<String> {
    let name: String = text.chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect();
    (!name.is_empty()).then_some(name)
}

/// True when the word stands in the line by itself, not as a part of a longer name.
pub(super) fn names(line: &str, word: &str) -> bool {
    let inside = |character: char| character.is_alphanumeric() || character == '_';
    line.match_indices(word).any(|(at, _)| {
        !line[..at].chars().next_back().is_some_and(inside)
            && !line[at + word.len()..].chars().next().is_some_and(inside)
    })
}

#[cfg(test)]
mod tests {
    use super::{code, crate_paths, names};

    #[test]
    fn comments_texts_and_tests_are_not_code() {
        let text = "use a; // crate::x\nlet b = \"axum \\\" y\"; let c = r#\"axum \" z\"#;\nlet d = '\"'; let e: &'static str;\n#[cfg(test)]\nmod tests { use axum; }\n";
        let lines = code(text);
        assert_eq!(lines.len(), 3);
        let joined: String = lines.iter().map(|(_, line)| line.as_str()).collect();
        assert!(!joined.contains("axum") && !joined.contains("crate::x"), "{joined}");
        assert!(joined.contains("use a;") && joined.contains("let d =") && joined.contains("'static str;"));
        assert_eq!(lines[1].0, 2);
    }

    #[test]
    fn the_modules_of_a_crate_path_are_read() {
        assert_eq!(crate_paths("use crate::http::error;"), ["http"]);
        assert_eq!(crate_paths("use crate::{db, http::{a, b}, links};"), ["db", "http", "links"]);
        assert_eq!(crate_paths("let x = $crate::a::b(my_crate::c);"), [""; 0]);
    }

    #[test]
    fn a_word_is_not_found_inside_a_longer_one() {
        assert!(names("use axum::Json;", "axum"));
        assert!(!names("use axum_extra::Json;", "axum"));
    }
}
