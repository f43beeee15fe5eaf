//! Words that may not stand in the project: unfinished work, tests that are switched off, hosts of package registries.

use super::{File, Finding};

/// Words with the reason; written in two halves, so that this file does not find itself.
const FORBIDDEN: &[(&str, &str)] = &[
    (concat!("to", "do!("), "unfinished work does not go in"),
    (concat!("unimple", "mented!("), "unfinished work does not go in"),
    (concat!("TO", "DO"), "finish it, or write an issue"),
    (concat!("FIX", "ME"), "finish it, or write an issue"),
    (concat!("#[ig", "nore"), "a test that is switched off proves nothing"),
    (concat!("crates", ".io/"), "registries are cargo's, pip's and npm's own business"),
    (concat!("pypi", ".org"), "registries are cargo's, pip's and npm's own business"),
    (concat!("registry.npm", "js.org"), "registries are cargo's, pip's and npm's own business"),
    (concat!("<<<<", "<<< "), "a merge was not finished"),
    (concat!(">>>>", ">>> "), "a merge was not finished"),
    (concat!("deb.debian", ".org"), "registries are cargo's, pip's and npm's own business"),
];

/// The same for the languages in which the word means that a test is switched off.
const FORBIDDEN_IN_SCRIPTS: &[&str] = &[concat!(".ski", "p("), concat!("@pytest.mark.ski", "p"), concat!(".on", "ly(")];

/// Finds forbidden words.
pub(super) fn check(file: &File) -> Vec<Finding> {
    // Cargo writes its lock file itself, with the address of each source.
    if file.path.ends_with("Cargo.lock") {
        return Vec::new();
    }
    let script = ["js", "mjs", "py"].contains(&file.extension());
    let mut findings = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        for (word, reason) in FORBIDDEN {
            if line.contains(word) {
                findings.push(Finding::new(&file.path, number + 1, format!("`{word}`: {reason}")));
            }
        }
        for word in FORBIDDEN_IN_SCRIPTS.iter().filter(|word| script && line.contains(*word)) {
            findings.push(Finding::new(&file.path, number + 1, format!("`{word}`: a test is switched off")));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::{FORBIDDEN, FORBIDDEN_IN_SCRIPTS, check};

    #[test]
    fn every_forbidden_word_is_found_where_it_stands() {
        for (word, _) in FORBIDDEN {
            let findings = check(&file("a.rs", &format!("fine\nnot {word} fine\n")));
            assert!(findings.iter().any(|finding| finding.line == 2), "{word}");
        }
        for word in FORBIDDEN_IN_SCRIPTS {
            assert!(!check(&file("a.mjs", &format!("test{word}'x')"))).is_empty(), "{word}");
        }
    }

    #[test]
    fn rust_iterators_may_skip_and_cargo_may_name_its_sources() {
        assert!(check(&file("a.rs", "for x in list.iter().skip(1) {}")).is_empty());
        let source = format!("source = \"registry+https://github.com/rust-lang/{}/\"", FORBIDDEN[5].0);
        assert!(check(&file("Cargo.lock", &source)).is_empty());
    }
}
