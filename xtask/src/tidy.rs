//! `cargo xtask tidy`: the rules of the house that neither the compiler nor clippy knows.

mod claims;
mod facts;
mod floors;
mod layout;
mod links;
mod markdown;
mod opening;
mod rust;
mod words;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use crate::process::follow;
use crate::workspace::Workspace;

use self::facts::Facts;

/// One place where a rule does not hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    path: PathBuf,
    line: usize,
    message: String,
}

impl Finding {
    fn new(path: &Path, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

/// A file of the project with its text.
#[derive(Debug)]
struct File {
    path: PathBuf,
    text: String,
}

impl File {
    fn extension(&self) -> &str {
        self.path.extension().and_then(|extension| extension.to_str()).unwrap_or("")
    }
}

/// Checks every rule, prints what does not hold; true when all of them hold.
pub(crate) fn run(workspace: &Workspace) -> Result<bool> {
    let paths = workspace.files()?;
    let files = read(workspace, &paths);
    // The flags of the tests, so that one build serves both.
    let built = follow(
        Command::new("cargo").args(["test", "--workspace", "--no-run", "--quiet"]).current_dir(&workspace.root),
    )?;
    ensure!(built.success, "the service does not build, so the documents cannot be compared with it");
    let facts = Facts::of(&workspace.strongroom("debug"), paths)?;

    let mut findings: Vec<Finding> = Vec::new();
    for file in &files {
        findings.extend(opening::check(file));
        findings.extend(layout::check_file(file));
        findings.extend(floors::check(file));
        findings.extend(words::check(file));
        if file.extension() == "md" {
            findings.extend(links::check(file, &facts.paths, &files));
            findings.extend(claims::check(file, &facts));
        }
    }
    findings.extend(layout::check_tree(&facts.paths));
    findings.sort();
    for finding in &findings {
        println!("{}:{}: {}", finding.path.display(), finding.line, finding.message);
    }
    println!("{} files looked at, {} findings", files.len(), findings.len());
    Ok(findings.is_empty())
}

/// Reads what is text; pictures and the like have no rules here.
fn read(workspace: &Workspace, paths: &[PathBuf]) -> Vec<File> {
    paths
        .iter()
        .filter_map(|path| {
            let text = std::fs::read_to_string(workspace.path(path)).ok()?;
            Some(File { path: path.clone(), text })
        })
        .collect()
}

#[cfg(test)]
fn file(path: &str, text: &str) -> File {
    File { path: PathBuf::from(path), text: text.to_owned() }
}
