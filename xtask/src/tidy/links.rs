//! Every path and every relative link in the documents leads somewhere.

use std::path::{Component, Path, PathBuf};

use super::markdown::read;
use super::{File, Finding};

/// Finds links and paths of a document that lead nowhere.
pub(super) fn check(file: &File, paths: &[PathBuf], files: &[File]) -> Vec<Finding> {
    let document = read(&file.text);
    let mut findings = Vec::new();
    for (line, target) in &document.links {
        if let Some(message) = broken(file, target, paths, files) {
            findings.push(Finding::new(&file.path, *line, message));
        }
    }
    // What a change was like belongs to its time; the paths of old entries may be gone.
    if file.path.ends_with("CHANGELOG.md") {
        return findings;
    }
    for (line, code) in &document.inline {
        for path in spelled_out(code) {
            if looks_like_ours(&path, paths) && !exists(&path, paths) {
                findings.push(Finding::new(&file.path, *line, format!("there is no `{path}`")));
            }
        }
    }
    findings
}

fn broken(file: &File, target: &str, paths: &[PathBuf], files: &[File]) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let folder = file.path.parent().unwrap_or(Path::new(""));
    let resolved = if path.is_empty() { file.path.clone() } else { normal(&folder.join(path))? };
    if !exists(&resolved.to_string_lossy(), paths) {
        return Some(format!("the link to `{target}` leads nowhere"));
    }
    if anchor.is_empty() {
        return None;
    }
    let linked = files.iter().find(|candidate| candidate.path == resolved)?;
    let found = linked.extension() != "md" || read(&linked.text).anchors.iter().any(|known| known == anchor);
    (!found).then(|| format!("`{}` has no heading for `#{anchor}`", resolved.display()))
}

/// The path without `.` and `..`; one that leaves the checkout has none.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            // The guard climbs; only a climb out of the checkout ends here.
            Component::ParentDir if !normal.pop() => return None,
            Component::Normal(name) => normal.push(name),
            _ => {}
        }
    }
    Some(normal)
}

/// `a/{b,c}.rs` stands for two paths.
fn spelled_out(code: &str) -> Vec<String> {
    if let (Some(open), Some(close)) = (code.find('{'), code.find('}'))
        && open < close
        && code[open..close].contains(',')
    {
        let (head, tail) = (&code[..open], &code[close + 1..]);
        return code[open + 1..close].split(',').map(|name| format!("{head}{}{tail}", name.trim())).collect();
    }
    vec![code.to_owned()]
}

/// Media types and keys have slashes too: a path of ours begins with a folder of ours.
fn looks_like_ours(code: &str, paths: &[PathBuf]) -> bool {
    let plain = |character: char| character.is_ascii_alphanumeric() || "._-/*".contains(character);
    if !code.chars().all(plain) {
        return false;
    }
    let Some((first, _)) = code.split_once('/') else {
        // Most names of single files are those that the service makes; documents are ours.
        return Path::new(code).extension().is_some_and(|extension| extension == "md");
    };
    !first.is_empty() && (first == "src" || paths.iter().any(|path| path.starts_with(first)))
}

/// True for a file, a folder, or something that a pattern with `*` matches.
fn exists(path: &str, paths: &[PathBuf]) -> bool {
    let wanted = path.trim_end_matches('/');
    // The service's own files may be named from its own folder, and a file of examples by its name alone.
    ["", "crates/strongroom/"].iter().any(|base| {
        let wanted = format!("{base}{wanted}");
        match wanted.split_once('*') {
            Some((head, _)) => paths.iter().any(|path| path.to_string_lossy().starts_with(head)),
            None => paths.iter().any(|path| path.starts_with(&wanted)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::{File, file};
    use super::check;
    use std::path::PathBuf;

    fn findings(text: &str) -> Vec<String> {
        let files: Vec<File> = vec![file("docs/a.md", text), file("README.md", "# Two commands\n")];
        let paths: Vec<PathBuf> =
            ["docs/a.md", "README.md", "crates/store/src/lib.rs", "crates/strongroom/src/http.rs"]
                .iter()
                .map(PathBuf::from)
                .collect();
        check(&files[0], &paths, &files).into_iter().map(|finding| finding.message).collect()
    }

    #[test]
    fn links_and_paths_that_lead_somewhere_pass() {
        let text = "[a](../README.md#two-commands) [b](../crates/store/) [c](https://example.org/x) `image/png`\n`crates/store/src/lib.rs` `crates/*` `src/http.rs` `README.md` `crates/store/`";
        assert_eq!(findings(text), [""; 0]);
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        assert_eq!(findings("[a](missing.md)").len(), 1);
        assert_eq!(findings("[a](../README.md#three-commands)").len(), 1);
        assert_eq!(findings("[a](#nothing)").len(), 1);
    }

    #[test]
    fn paths_that_do_not_exist_are_found() {
        assert_eq!(findings("see `crates/store/src/gone.rs`").len(), 1);
        assert_eq!(findings("see `crates/store/src/{lib,gone}.rs`").len(), 1);
        assert_eq!(findings("see `src/gone.rs`").len(), 1);
        assert_eq!(findings("see `GONE.md`").len(), 1);
    }
}
