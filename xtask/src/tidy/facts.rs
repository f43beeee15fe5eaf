//! What the built service says of itself: its commands, its routes and its configuration keys.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::quietly;
use crate::service::Service;

/// Routes that answer to a look but are no part of the described API.
const PAGES: &[&str] = &["/", "/docs", "/openapi.json", "/metrics", "/healthz", "/readyz"];

/// What documents are compared with.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Every file of the project.
    pub(super) paths: Vec<PathBuf>,
    /// The flags of each command, by its words (`token create`); the empty one is the program itself.
    pub(super) commands: BTreeMap<String, BTreeSet<String>>,
    /// Methods and path templates, as (`GET`, `/v1/objects/{id}`).
    pub(super) routes: BTreeSet<(String, String)>,
    /// Dotted keys, with `*` for the name of a space.
    pub(super) keys: BTreeSet<String>,
}

impl Facts {
    /// Asks the built service.
    pub(super) fn of(binary: &Path, paths: Vec<PathBuf>) -> Result<Self> {
        let mut facts = Self { paths, ..Self::default() };
        facts.ask_for_help(binary, &[])?;
        let example = quietly(Command::new(binary).args(["config", "example"]))?;
        facts.keys = keys_of_example(&example);
        let service = Service::start(binary, "", &[]).context("the service could not be asked for its routes")?;
        let (_, description) = service.get("/openapi.json")?;
        facts.routes = routes(&description)?;
        for page in PAGES {
            if service.get(page)?.0 < 400 {
                facts.routes.insert(("GET".to_owned(), (*page).to_owned()));
            }
        }
        Ok(facts)
    }

    fn ask_for_help(&mut self, binary: &Path, words: &[&str]) -> Result<()> {
        let help = quietly(Command::new(binary).args(words).arg("--help"))?;
        let (flags, verbs) = read_help(&help);
        self.commands.insert(words.join(" "), flags);
        for verb in verbs.iter().filter(|verb| *verb != "help") {
            let mut longer = words.to_vec();
            longer.push(verb);
            self.ask_for_help(binary, &longer)?;
        }
        Ok(())
    }
}

/// The flags and the verbs in a help text of clap's form.
fn read_help(help: &str) -> (BTreeSet<String>, Vec<String>) {
    let mut flags = BTreeSet::new();
    let mut verbs = Vec::new();
    let mut section = "";
    for line in help.lines() {
        if !line.starts_with(' ') && line.ends_with(':') {
            section = line;
        }
        if section == "Commands:"
            && let Some(verb) = line.strip_prefix("  ").filter(|rest| !rest.starts_with(' '))
        {
            verbs.extend(verb.split_whitespace().next().map(str::to_owned));
        }
        if section == "Options:" && line.trim_start().starts_with('-') {
            let words = line.split([' ', ',', '=', '[']).filter(|word| word.starts_with('-'));
            flags.extend(words.take(2).map(str::to_owned));
        }
    }
    (flags, verbs)
}

/// The methods and paths of an `OpenAPI` description.
fn routes(description: &str) -> Result<BTreeSet<(String, String)>> {
    let description: serde_json::Value = serde_json::from_str(description).context("/openapi.json is not JSON")?;
    let paths = description["paths"].as_object().context("/openapi.json has no paths")?;
    Ok(paths
        .iter()
        .flat_map(|(path, methods)| {
            methods.as_object().into_iter().flatten().map(|(method, _)| (method.to_uppercase(), path.clone()))
        })
        .collect())
}

/// The keys of the documented example, in which every key stands, most of them commented out.
fn keys_of_example(example: &str) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    let mut section = String::new();
    for line in example.lines() {
        let line = line.trim_start_matches(['#', ' ']);
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            name.trim_start_matches('[').clone_into(&mut section);
            keys.insert(general(&section));
        } else if let Some((key, _)) = line.split_once('=')
            && is_key(key.trim())
        {
            let path = |key: &str| if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") };
            keys.insert(general(&path(key.trim())));
            // A table in one line holds keys of its own.
            if let Ok(table) = line.parse::<toml::Table>() {
                keys.extend(keys_of(&table).iter().map(|key| general(&path(key))));
            }
        }
    }
    keys
}

fn is_key(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|character| character.is_ascii_lowercase() || "._".contains(character) || character.is_ascii_digit())
}

/// Every dotted key of a table, tables included.
pub(super) fn keys_of(table: &toml::Table) -> Vec<String> {
    let mut keys = Vec::new();
    for (key, value) in table {
        keys.push(key.clone());
        if let Some(inner) = value.as_table() {
            keys.extend(keys_of(inner).into_iter().map(|name| format!("{key}.{name}")));
        }
    }
    keys
}

/// A space has the name that its owner gives it.
pub(super) fn general(key: &str) -> String {
    let mut parts: Vec<&str> = key.split('.').collect();
    if parts.len() > 1 && parts[0] == "spaces" {
        parts[1] = "*";
    }
    parts.join(".")
}

#[cfg(test)]
mod tests {
    use super::{keys_of_example, read_help, routes};

    #[test]
    fn clap_help_is_read() {
        let help = "A service\n\nUsage: x <COMMAND>\n\nCommands:\n  serve   Starts the service,\n          and more\n  help    Print this\n\nOptions:\n      --data <DIR>  Where [default: ./x]\n  -h, --help        Print help\n";
        let (flags, verbs) = read_help(help);
        assert_eq!(verbs, ["serve", "help"]);
        assert_eq!(flags.into_iter().collect::<Vec<_>>(), ["--data", "--help", "-h"]);
    }

    #[test]
    fn an_example_gives_its_keys_commented_or_not() {
        let keys = keys_of_example(
            "# A sentence about = signs.\n#data = \"x\"\n[server]\n# listen = \"127.0.0.1:8080\"\n# rate_limit = { per_second = 5 }\n# [spaces.photos]\n# accept = [\n",
        );
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let wanted = [
            "data",
            "server",
            "server.listen",
            "server.rate_limit",
            "server.rate_limit.per_second",
            "spaces.*",
            "spaces.*.accept",
        ];
        assert_eq!(keys, wanted);
    }

    #[test]
    fn routes_are_read_from_the_description() {
        let routes = routes(r#"{"paths":{"/v1/a/{id}":{"get":{},"delete":{}}}}"#).unwrap();
        assert!(routes.contains(&("DELETE".into(), "/v1/a/{id}".into())));
        assert_eq!(routes.len(), 2);
    }
}
