//! The documented example says the truth: every key is in it, none is made up, and its defaults are the real ones.

use std::collections::BTreeSet;

use serde::Deserialize;
use toml::{Table, Value};

use super::Setting;
use crate::config::{EXAMPLE, KeyPath, RawConfig};

const EXAMPLE_MARK: &str = "  # example";

/// The example with comment signs taken off its settings: of those that show defaults, and, if asked for, of the
/// examples and their sections too.
fn uncommented(with_examples: bool) -> String {
    let mut in_shown_section = true;
    let lines = EXAMPLE.lines().map(|line| {
        let setting =
            line.strip_prefix('#').filter(|rest| rest.starts_with(|c: char| c == '[' || c.is_ascii_lowercase()));
        if line.starts_with('[') {
            in_shown_section = true;
        }
        match setting {
            Some(setting) if setting.starts_with('[') => {
                in_shown_section = with_examples;
                if with_examples { setting } else { line }
            }
            Some(setting) if with_examples || (in_shown_section && !setting.ends_with(EXAMPLE_MARK)) => setting,
            _ => line,
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_as_it_stands_changes_nothing() {
    let example = Setting::new(EXAMPLE).load();
    assert_eq!(example, Setting::new("").load());
}

#[test]
fn the_defaults_in_the_example_are_the_real_defaults() {
    let text = uncommented(false);
    assert!(text.lines().filter(|line| !line.starts_with('#') && line.contains(" = ")).count() > 25, "{text}");
    let setting = Setting::new(&text);
    let mut example = setting.load();
    // A path in a file counts from the folder of the file.
    assert_eq!(example.data, setting.folder.path().join("strongroom-data"));
    let default = Setting::new("").load();
    example.data.clone_from(&default.data);
    assert_eq!(example, default);
}

#[test]
fn every_key_of_the_example_is_known_and_every_known_key_is_in_the_example() {
    let table: Table = uncommented(true).parse().unwrap();
    let raw = RawConfig::deserialize(Value::Table(table.clone()));
    assert!(raw.is_ok(), "{raw:?}");
    let mut written = BTreeSet::new();
    collect_keys(&table, &KeyPath::default(), &mut written);
    let mut known = BTreeSet::new();
    collect_known_keys(&KeyPath::default(), &mut known);
    assert!(known.len() > 60, "{known:#?}");
    assert_eq!(written, known);
}

#[test]
fn the_defaults_that_prose_names_are_the_real_ones() {
    let space = Setting::new("[spaces.a]").load().spaces.remove("a").unwrap();
    for (rules, written) in
        [(&space.write, "write"), (&space.read, "read"), (&space.list, "list"), (&space.delete, "delete")]
    {
        let names: Vec<_> = rules.iter().map(|rule| format!("\"{rule}\"")).collect();
        let prose = format!("The default is [{}].\n{written} = ", names.join(", "));
        assert!(EXAMPLE.contains(&prose), "{prose}");
    }
}

/// The keys that are written, with every space called `files` as in the example.
fn collect_keys(table: &Table, around: &KeyPath, keys: &mut BTreeSet<String>) {
    for (name, value) in table {
        let key = around.then(name);
        match value {
            Value::Table(inner) => collect_keys(inner, &key, keys),
            _ => {
                keys.insert(key.to_string());
            }
        }
    }
}

/// The keys that the types know. A section gives them away when it is offered a key it cannot have.
fn collect_known_keys(section: &KeyPath, keys: &mut BTreeSet<String>) {
    for name in known_names(section).unwrap_or_default() {
        let key = section.then(&name);
        let key = if key.to_string() == "spaces" { key.then("files") } else { key };
        if known_names(&key).is_some() {
            collect_known_keys(&key, keys);
        } else {
            keys.insert(key.to_string());
        }
    }
}

fn known_names(section: &KeyPath) -> Option<Vec<String>> {
    const UNKNOWN: &str = "no-such-key";
    let innermost = Value::Table(Table::from_iter([(UNKNOWN.to_owned(), Value::Boolean(true))]));
    let value = section
        .names()
        .iter()
        .rev()
        .fold(innermost, |value, name| Value::Table(Table::from_iter([(name.clone(), value)])));
    let error = RawConfig::deserialize(value).err()?;
    let names = error.message().strip_prefix("unknown field `no-such-key`, expected ")?;
    Some(names.split('`').skip(1).step_by(2).map(str::to_owned).collect())
}
