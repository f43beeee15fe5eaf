//! Every source file opens with a sentence that says what it is for.

use super::{File, Finding};

/// Finds a source file that does not say what it is for before anything else.
pub(super) fn check(file: &File) -> Option<Finding> {
    let markers: &[&str] = match file.extension() {
        "rs" => &["//!"],
        "js" | "mjs" => &["//", "/*"],
        "css" => &["/*"],
        "html" | "svg" => &["<!--"],
        "py" | "sh" | "yml" | "yaml" => &["#"],
        "sql" => &["--"],
        // Cargo's manifests say what they are for under `description`.
        "toml" if !file.path.ends_with("Cargo.toml") => &["#"],
        _ => return None,
    };
    let mut lines = file.text.lines().enumerate().skip_while(|(_, line)| {
        let line = line.trim().to_ascii_lowercase();
        // What has to come first by the language's own rules is let pass.
        line.starts_with("#!/") || line.starts_with("<!doctype") || line.starts_with("<?xml")
    });
    let Some((number, first)) = lines.next() else {
        return Some(Finding::new(&file.path, 1, "is empty; a file opens with what it is for"));
    };
    let Some(said) = markers.iter().find_map(|marker| first.trim().strip_prefix(marker)) else {
        let message = format!("does not open with `{} what it is for.`", markers[0]);
        return Some(Finding::new(&file.path, number + 1, message));
    };
    let rest: Vec<&str> = lines.map(|(_, line)| line.trim()).take(4).collect();
    let whole = format!("{said} {}", rest.join(" "));
    let sentence = said.split_whitespace().count() >= 2 && whole.contains('.');
    (!sentence).then(|| Finding::new(&file.path, number + 1, "opens with something that is not a sentence"))
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::check;

    #[test]
    fn a_file_that_says_what_it_is_for_passes() {
        for (path, text) in [
            ("a.rs", "//! Signs links.\n"),
            ("a.js", "// Draws the gallery of a space.\n"),
            ("a.css", "/* The colours of the\n   console. */\n"),
            ("a.html", "<!doctype html>\n<!-- The page of the console. -->\n"),
            ("a.sh", "#!/usr/bin/env bash\n# Runs everything there is.\n"),
            ("a.sql", "-- The tables of the objects.\n"),
            ("deny.toml", "# Which licences are accepted.\n"),
            ("Cargo.toml", "[package]\n"),
            ("a.png", ""),
        ] {
            assert_eq!(check(&file(path, text)), None, "{path}");
        }
    }

    #[test]
    fn a_file_that_begins_with_code_is_found() {
        for (path, text) in [
            ("a.rs", "use std::fmt;\n"),
            ("a.rs", "// A plain comment is not documentation.\n"),
            ("a.rs", "//! placeholder\n"),
            ("a.rs", ""),
            ("a.js", "export const x = 1;\n"),
            ("a.html", "<!doctype html>\n<html>\n"),
            ("a.py", "#!/usr/bin/env python3\nimport sys\n"),
            ("a.toml", "[section]\n"),
        ] {
            assert!(check(&file(path, text)).is_some(), "{path}: {text:?}");
        }
    }
}
