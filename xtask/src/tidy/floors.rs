//! Imports point down: `http, cli → rules → storage, db → config`, and the leaf crates know nothing of the service.

use std::path::Path;

use super::rust::{code, crate_paths, names};
use super::{File, Finding};

/// The modules of the service by floor; what stands in no list is a rule, on floor 2.
const FLOORS: &[(usize, &[&str])] =
    &[(3, &["http", "cli"]), (1, &["storage", "db"]), (0, &["config", "ambient", "access"])];
const RULES: usize = 2;

/// The assembly joins the floors, so it sees all of them.
const ASSEMBLY: &[&str] = &["main", "lib", "assemble"];

/// Finds code that reaches up, or that does what only another floor may do.
pub(super) fn check(file: &File) -> Vec<Finding> {
    if file.extension() != "rs" {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let lines = code(&file.text);
    let mut report = |line: usize, message: String| findings.push(Finding::new(&file.path, line, message));
    if let Some(module) = module(&file.path, "crates/strongroom/src") {
        let floor = floor(&module);
        let assembly = ASSEMBLY.contains(&module.as_str());
        for (number, line) in &lines {
            for name in crate_paths(line) {
                let is_module = name.chars().all(|character| character.is_lowercase() || character == '_');
                if !assembly && is_module && self::floor(&name) > floor {
                    report(*number, format!("`{module}` stands below `{name}` and may not know it"));
                }
            }
            if !assembly && floor < 3 {
                // The storage is a client of S3 and has to read the statuses of its answers; it makes none.
                let words: &[&str] =
                    if module == "storage" { &["axum"] } else { &["axum", "tower_http", "StatusCode"] };
                for word in words.iter().filter(|word| names(line, word)) {
                    report(*number, format!("`{module}` stands below `http` and may not name `{word}`"));
                }
            }
            if module != "main" && module != "config" && reads_environment(line) {
                report(*number, "only `config` reads the environment".to_owned());
            }
            if module != "storage" && builds_a_key(line) {
                report(*number, "only `storage` builds a key; others read those that the database holds".to_owned());
            }
        }
    }
    for leaf in ["postgres", "presign", "sqlite", "store", "imaging", "media"] {
        if module(&file.path, &format!("crates/{leaf}/src")).is_none() {
            continue;
        }
        for (number, line) in &lines {
            if names(line, "strongroom") {
                report(*number, "a leaf crate knows nothing of the service".to_owned());
            }
            if reads_environment(line) {
                report(*number, "a leaf crate gets handed what it has to know".to_owned());
            }
            if leaf == "presign" && (names(line, "tokio") || names(line, "hyper") || names(line, "reqwest")) {
                report(*number, "signing does no input or output".to_owned());
            }
        }
    }
    findings
}

/// The first module under a source folder that holds the path.
fn module(path: &Path, source: &str) -> Option<String> {
    let first = path.strip_prefix(source).ok()?.components().next()?;
    Some(first.as_os_str().to_str()?.trim_end_matches(".rs").to_owned())
}

fn floor(module: &str) -> usize {
    FLOORS.iter().find(|(_, modules)| modules.contains(&module)).map_or(RULES, |(floor, _)| *floor)
}

/// True where a key is made of a text that stands there or is put together. Texts are blanked, so one shows as a gap.
fn builds_a_key(line: &str) -> bool {
    line.split("ObjectKey::new(").skip(1).any(|argument| argument.starts_with(' ') || argument.starts_with("format!"))
}

fn reads_environment(line: &str) -> bool {
    ["env::var", "env::vars", "env::var_os", "env::vars_os", "env::temp_dir", "env::current_dir"]
        .iter()
        .any(|call| names(line, call))
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::check;

    fn findings(path: &str, text: &str) -> usize {
        check(&file(path, text)).len()
    }

    #[test]
    fn imports_that_point_down_pass() {
        assert_eq!(findings("crates/strongroom/src/http/objects.rs", "use crate::objects::find;\nuse axum::Json;"), 0);
        assert_eq!(findings("crates/strongroom/src/uploads.rs", "use crate::{db, storage::ObjectKey};"), 0);
        assert_eq!(findings("crates/strongroom/src/lib.rs", "pub mod http;\nuse crate::http::router;"), 0);
        assert_eq!(findings("crates/strongroom/src/config/file.rs", "let all = std::env::vars();"), 0);
    }

    #[test]
    fn imports_that_point_up_are_found() {
        assert_eq!(findings("crates/strongroom/src/uploads.rs", "use crate::http::error::Problem;"), 1);
        assert_eq!(findings("crates/strongroom/src/db/objects.rs", "use crate::{links, config};"), 1);
        assert_eq!(findings("crates/strongroom/src/config.rs", "use crate::db::Database;"), 1);
        assert_eq!(findings("crates/strongroom/src/storage.rs", "fn f() -> crate::cli::X {}"), 1);
    }

    #[test]
    fn status_codes_below_http_are_found() {
        assert_eq!(findings("crates/strongroom/src/links.rs", "use axum::Json;"), 1);
        assert_eq!(findings("crates/strongroom/src/links.rs", "fn f() -> http::StatusCode {}"), 1);
        assert_eq!(findings("crates/strongroom/src/storage/client.rs", "use axum::Json;"), 1);
        assert_eq!(findings("crates/strongroom/src/storage/client.rs", "use http::StatusCode;"), 0);
        assert_eq!(findings("crates/strongroom/src/links.rs", "// axum would be wrong here"), 0);
    }

    #[test]
    fn the_environment_is_read_in_one_place() {
        assert_eq!(findings("crates/strongroom/src/cli/serve.rs", "let home = std::env::var(\"HOME\");"), 1);
        assert_eq!(findings("crates/store/src/lib.rs", "let home = std::env::var(\"HOME\");"), 1);
    }

    #[test]
    fn keys_are_built_in_one_place() {
        assert_eq!(findings("crates/strongroom/src/uploads.rs", "ObjectKey::new(format!(\"{a}/{b}\"))?"), 1);
        assert_eq!(findings("crates/strongroom/src/uploads.rs", "ObjectKey::new(\"staging/x\")?"), 1);
        assert_eq!(findings("crates/strongroom/src/uploads.rs", "ObjectKey::new(upload.staging_key.clone())?"), 0);
        assert_eq!(findings("crates/strongroom/src/storage/key.rs", "ObjectKey::new(format!(\"{a}/{b}\"))?"), 0);
    }

    #[test]
    fn leaf_crates_that_know_the_service_are_found() {
        assert_eq!(findings("crates/store/src/lib.rs", "use strongroom::config::Config;"), 1);
        assert_eq!(findings("crates/store/src/lib.rs", "use strongroom_presign::sign;"), 0);
        assert_eq!(findings("crates/presign/src/lib.rs", "use tokio::fs;"), 1);
    }
}
