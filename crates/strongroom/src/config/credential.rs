//! A secret that is either written in the configuration or lies in a file of its own.

use std::fs;
use std::path::Path;

use super::key_path::KeyPath;
use super::layers::Report;
use super::secret::Secret;

/// The secret of `key`, or the content of the file that the key with `_file` at its end names.
pub(super) fn choose(text: Option<&Secret>, file: Option<&Path>, key: &KeyPath, report: &mut Report) -> Option<Secret> {
    let file_key = beside(key);
    match (text, file) {
        (Some(_), Some(_)) => {
            report.problem(&file_key, format!("is set together with `{key}`; remove one of the two"));
            None
        }
        (Some(secret), None) if secret.expose().is_empty() => {
            report.problem(key, "is empty; set it, or remove the key");
            None
        }
        (Some(secret), None) => Some(secret.clone()),
        (None, Some(path)) => read(path, &file_key, report).map(Secret::new),
        (None, None) => None,
    }
}

/// The text of a file named by a key, without the line ends after it.
pub(super) fn read(path: &Path, key: &KeyPath, report: &mut Report) -> Option<String> {
    const LARGEST: u64 = 64 * 1024;
    let path = report.layers.resolve(key, path);
    let content = fs::metadata(&path).and_then(|metadata| {
        if metadata.len() > LARGEST {
            return Err(std::io::Error::other("it is far too large to be a key"));
        }
        fs::read_to_string(&path)
    });
    match content {
        Ok(content) if content.trim().is_empty() => {
            report.problem(key, format!("names an empty file: {}", path.display()));
            None
        }
        Ok(content) => Some(content.trim_end_matches(['\r', '\n']).to_owned()),
        Err(error) => {
            report.problem(key, format!("names a file that cannot be read: {}: {error}", path.display()));
            None
        }
    }
}

/// `admin_token` → `admin_token_file`
fn beside(key: &KeyPath) -> KeyPath {
    let name = format!("{}_file", key.last().unwrap_or_default());
    key.parent().unwrap_or_default().then(&name)
}
