//! Where files lie and how long they are.

use std::path::{Path, PathBuf};

use super::{File, Finding};

const LONGEST: usize = 500;
const MEANINGLESS: &[&str] = &["utils", "util", "helpers", "helper", "common", "misc"];

/// Finds a source file that is too long to be read in one go.
pub(super) fn check_file(file: &File) -> Option<Finding> {
    let source = ["rs", "js", "mjs", "css", "html", "py", "sh", "sql"].contains(&file.extension());
    let lines = file.text.lines().count();
    (source && lines > LONGEST).then(|| {
        Finding::new(&file.path, LONGEST + 1, format!("has {lines} lines; over {LONGEST} it is usually two files"))
    })
}

/// Finds modules that are named or placed otherwise than everywhere else in the house.
pub(super) fn check_tree(paths: &[PathBuf]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs")) {
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("");
        if stem == "mod" {
            findings.push(Finding::new(path, 1, "a module `foo` lies in `foo.rs` beside `foo/`, never in `mod.rs`"));
        }
        if MEANINGLESS.contains(&stem) {
            findings.push(Finding::new(path, 1, format!("`{stem}` says nothing; name it after what it holds")));
        }
        if let Some(missing) = missing_parent(path, paths) {
            let message = format!("its folder has no {} beside it", missing.display());
            findings.push(Finding::new(path, 1, message));
        }
    }
    findings
}

/// The file that would have to declare this one as its module, when there is none.
fn missing_parent(path: &Path, paths: &[PathBuf]) -> Option<PathBuf> {
    let folder = path.parent()?;
    let name = folder.file_name()?.to_str()?;
    let is_root = ["src", "tests", "examples", "benches", "bin"].contains(&name);
    let has_root = ["main.rs", "lib.rs"].iter().any(|root| paths.contains(&folder.join(root)));
    let parent = folder.with_extension("rs");
    (!is_root && !has_root && !paths.contains(&parent)).then_some(parent)
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::{check_file, check_tree};
    use std::path::PathBuf;

    fn tree(paths: &[&str]) -> usize {
        check_tree(&paths.iter().map(PathBuf::from).collect::<Vec<_>>()).len()
    }

    #[test]
    fn a_file_of_over_500_lines_is_found() {
        assert!(check_file(&file("a.rs", &"x\n".repeat(500))).is_none());
        assert!(check_file(&file("a.rs", &"x\n".repeat(501))).is_some());
        assert!(check_file(&file("a.css", &"x\n".repeat(501))).is_some());
        assert!(check_file(&file("CHANGELOG.md", &"x\n".repeat(501))).is_none());
    }

    #[test]
    fn the_layout_of_the_house_passes() {
        assert_eq!(tree(&["src/main.rs", "src/http.rs", "src/http/auth.rs", "tests/e2e/main.rs", "tests/e2e/a.rs"]), 0);
    }

    #[test]
    fn modules_in_the_wrong_place_or_without_a_name_are_found() {
        assert_eq!(tree(&["src/http.rs", "src/http/mod.rs"]), 1);
        assert_eq!(tree(&["src/utils.rs"]), 1);
        assert_eq!(tree(&["src/common.rs"]), 1);
        assert_eq!(tree(&["src/lib.rs", "src/http/auth.rs"]), 1);
    }
}
