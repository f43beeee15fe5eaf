//! Lays the sources of configuration over one another and remembers, for each value, who set it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use super::key_path::KeyPath;
use super::problem::{ConfigErrors, Problem, Source, is_secret};

/// What an environment variable must begin with to be a key of the configuration.
pub(super) const PREFIX: &str = "STRONGROOM__";

/// All values that were set, the strongest source winning, and where each came from.
#[derive(Debug, Default)]
pub(super) struct Layers {
    merged: Table,
    sources: BTreeMap<KeyPath, Source>,
    texts: BTreeSet<KeyPath>,
}

impl Layers {
    /// Lays the configuration file down as the lowest layer. A file that is not TOML gives all its syntax errors.
    pub(super) fn add_file(&mut self, path: &Path, text: &str) -> Result<(), ConfigErrors> {
        let (document, errors) = DeTable::parse_recoverable(text);
        let table = if errors.is_empty() { text.parse::<Table>().map_err(|error| vec![error]) } else { Err(errors) };
        let table = table
            .map_err(|errors| ConfigErrors(errors.iter().map(|error| syntax_problem(path, text, error)).collect()))?;
        let mut note = |key: KeyPath, offset: usize| {
            let (line, column) = line_and_column(text, offset);
            self.sources.insert(key, Source::File { path: path.to_owned(), line, column });
        };
        note_positions(document.get_ref(), &KeyPath::default(), &mut note);
        self.merged = table;
        Ok(())
    }

    /// Lays one environment variable on top, if it is one of ours.
    pub(super) fn add_variable(&mut self, variable: &str, text: &str) -> Result<(), Problem> {
        let Some(path) = variable.strip_prefix(PREFIX) else {
            return Ok(());
        };
        let source = Source::Environment { variable: variable.to_owned() };
        let names: Vec<&str> = path.split("__").collect();
        if names.iter().any(|name| name.is_empty()) {
            let message = "names no key; write STRONGROOM__SECTION__KEY with two underscores between the levels, \
                 such as STRONGROOM__SERVER__LISTEN";
            return Err(Problem { source, key: KeyPath::default(), value: None, message: message.to_owned() });
        }
        // Shells allow no hyphens in names, and the names of spaces have no underscores: the one stands for the other.
        let key = names.iter().enumerate().map(|(level, name)| {
            let name = name.to_ascii_lowercase();
            if level == 1 && names[0].eq_ignore_ascii_case("spaces") { name.replace('_', "-") } else { name }
        });
        self.set(&key.collect(), text, source)
    }

    /// Lays one argument of the command line on top.
    pub(super) fn add_argument(&mut self, flag: &'static str, key: &KeyPath, text: &str) -> Result<(), Problem> {
        self.set(key, text, Source::Argument { flag })
    }

    /// Sets a value given as plain text. Which type it has is found out when it is read.
    fn set(&mut self, key: &KeyPath, text: &str, source: Source) -> Result<(), Problem> {
        let mut table = &mut self.merged;
        let mut reached = KeyPath::default();
        let Some((last, sections)) = key.names().split_last() else {
            return Ok(());
        };
        for name in sections {
            reached = reached.then(name);
            let inner = table.entry(name.as_str()).or_insert_with(|| Value::Table(Table::new()));
            let Value::Table(inner) = inner else {
                let message = format!(
                    "cannot be set, because `{reached}` was set to a plain value elsewhere; remove one of the two"
                );
                return Err(Problem { source, key: key.clone(), value: None, message });
            };
            table = inner;
        }
        table.insert(last.clone(), Value::String(text.to_owned()));
        self.texts.insert(key.clone());
        self.sources.insert(key.clone(), source);
        Ok(())
    }

    /// All values as one table.
    pub(super) fn merged(&self) -> &Table {
        &self.merged
    }

    /// The value at a key, if anybody set it.
    pub(super) fn value(&self, key: &KeyPath) -> Option<&Value> {
        let mut names = key.names().iter();
        let mut value = self.merged.get(names.next()?)?;
        for name in names {
            value = value.as_table()?.get(name)?;
        }
        Some(value)
    }

    /// The key at or around `key` whose value was given as plain text, by a variable or an argument.
    pub(super) fn text_around(&self, key: &KeyPath) -> Option<&KeyPath> {
        self.texts.iter().find(|text| key.is_within(text))
    }

    /// Who set the value at `key`, or else something inside it, or else the section around it.
    pub(super) fn source(&self, key: &KeyPath) -> Source {
        let exact = self.sources.get(key);
        let inside = || self.sources.iter().find(|(other, _)| other.is_within(key)).map(|(_, source)| source);
        let around = || {
            let mut around = key.parent();
            while let Some(section) = around.filter(|section| !section.names().is_empty()) {
                if let Some(source) = self.sources.get(&section) {
                    return Some(source);
                }
                around = section.parent();
            }
            None
        };
        exact.or_else(inside).or_else(around).cloned().unwrap_or(Source::Unset)
    }

    /// A path as the user meant it: one written in a file counts from the folder of that file.
    pub(super) fn resolve(&self, key: &KeyPath, path: &Path) -> PathBuf {
        match self.sources.get(key) {
            Some(Source::File { path: file, .. }) => file.parent().unwrap_or(Path::new("")).join(path),
            _ => path.to_owned(),
        }
    }
}

/// Checks as it goes along: the layers, and everything found wrong or doubtful about them so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) layers: Layers,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
}

impl Report {
    /// Notes what is wrong with the value of a key. The first problem of a key is the cause; what follows is left out.
    pub(super) fn problem(&mut self, key: &KeyPath, message: impl Into<String>) {
        if !self.has_problem(key) {
            let problem = self.about(key, message.into());
            self.problems.push(problem);
        }
    }

    /// Notes what is allowed but probably not meant.
    pub(super) fn warning(&mut self, key: &KeyPath, message: impl Into<String>) {
        let warning = self.about(key, message.into());
        self.warnings.push(warning);
    }

    /// Whether this key is known to be wrong, by itself or because what should be the section around it is none.
    pub(super) fn has_problem(&self, key: &KeyPath) -> bool {
        let is_section = |known: &KeyPath| self.layers.value(known).is_none_or(Value::is_table);
        self.problems.iter().any(|known| {
            known.key == *key || (!known.key.names().is_empty() && key.is_within(&known.key) && !is_section(&known.key))
        })
    }

    /// Whether anybody set this key.
    pub(super) fn is_set(&self, key: &KeyPath) -> bool {
        self.layers.value(key).is_some()
    }

    fn about(&self, key: &KeyPath, message: String) -> Problem {
        let value = self.layers.value(key).and_then(|value| show(key, value));
        Problem { source: self.layers.source(key), key: key.clone(), value, message }
    }
}

/// A value as an error message may show it: on one line, shortened, and never a credential or a whole section.
pub(super) fn show(key: &KeyPath, value: &Value) -> Option<String> {
    const LONGEST: usize = 80;
    let text = match value {
        Value::Table(_) => return None,
        _ if is_secret(key) => return None,
        Value::String(text) => format!("{text:?}"),
        other => other.to_string(),
    };
    let may_hold_a_password = text.contains("://") && text.contains('@');
    if may_hold_a_password {
        return None;
    }
    if text.chars().count() <= LONGEST {
        return Some(text);
    }
    Some(text.chars().take(LONGEST).chain(['…']).collect())
}

fn note_positions(table: &DeTable<'_>, around: &KeyPath, note: &mut impl FnMut(KeyPath, usize)) {
    for (name, value) in table {
        let key = around.then(name.get_ref());
        note(key.clone(), name.span().start);
        if let DeValue::Table(inner) = Spanned::get_ref(value) {
            note_positions(inner, &key, note);
        }
    }
}

// Only the message and the place are taken from the parser: its full text quotes the line, which may hold a secret.
fn syntax_problem(path: &Path, text: &str, error: &toml::de::Error) -> Problem {
    let (line, column) = line_and_column(text, error.span().map_or(0, |span| span.start));
    let source = Source::File { path: path.to_owned(), line, column };
    let message = format!("is not TOML here: {}", error.message());
    Problem { source, key: KeyPath::default(), value: None, message }
}

fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
    (line, column)
}
