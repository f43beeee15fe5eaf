//! Reads typed sections from the merged values and collects every mistake in them, not just the first.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;
use toml::{Table, Value};

use super::key_path::KeyPath;
use super::layers::{Report, show};
use super::problem::Problem;

/// Reads `T`. What is wrong goes into the report, and the default stands in for it.
///
/// The reader of a format stops at the first mistake. So each mistake is noted and taken out, and the rest is read
/// again, until what is left can be read.
pub(super) fn read<T: DeserializeOwned + Default>(report: &mut Report) -> T {
    let mut values = report.layers.merged().clone();
    let mut retyped: BTreeMap<KeyPath, String> = BTreeMap::new();
    loop {
        let error = match serde_path_to_error::deserialize::<_, T>(Value::Table(values.clone())) {
            Ok(read) => return read,
            Err(error) => error,
        };
        let (key, index) = place(error.path());
        let message = error.inner().message().to_owned();
        if let Some(text_key) = report.layers.text_around(&key).cloned()
            && !retyped.contains_key(&text_key)
            && retype(&mut values, &text_key)
        {
            retyped.insert(text_key, message);
            continue;
        }
        let first = report.layers.text_around(&key).and_then(|text_key| retyped.get(text_key));
        // A text that was understood but refused says more than the wrong type of its second reading.
        let message = first.filter(|first| !first.starts_with("invalid type")).unwrap_or(&message);
        let found = take(&mut values, &key, index);
        let Some(found) = found else {
            report.problems.push(Problem {
                source: report.layers.source(&key),
                key,
                value: None,
                message: "cannot be read; compare it with `strongroom config example`".to_owned(),
            });
            return T::default();
        };
        let is_unknown = message.starts_with("unknown field");
        let problem = Problem {
            source: report.layers.source(&key),
            value: if is_unknown { None } else { show(&key, &found) },
            message: explain(message, &found),
            key,
        };
        report.problems.push(problem);
    }
}

/// Reads the text of a variable or an argument as TOML, for the targets that want a number, a list or a section.
fn retype(values: &mut Table, key: &KeyPath) -> bool {
    let Some(Value::String(text)) = take(values, key, None) else {
        return false;
    };
    let typed = text.parse::<Value>();
    let is_typed = typed.is_ok();
    let (Some(section), Some(last)) = (section_of(values, key), key.last()) else {
        return false;
    };
    section.insert(last.to_owned(), typed.unwrap_or(Value::String(text)));
    is_typed
}

/// Removes the value at a key, or one item of the list there.
fn take(values: &mut Table, key: &KeyPath, index: Option<usize>) -> Option<Value> {
    let last = key.last()?;
    let section = section_of(values, key)?;
    match (index, section.get_mut(last)) {
        (Some(index), Some(Value::Array(items))) if index < items.len() => Some(items.remove(index)),
        _ => section.remove(last),
    }
}

fn section_of<'a>(values: &'a mut Table, key: &KeyPath) -> Option<&'a mut Table> {
    let mut table = values;
    for name in key.parent()?.names() {
        table = table.get_mut(name)?.as_table_mut()?;
    }
    Some(table)
}

/// The key of an error, and which item when the value is a list.
fn place(path: &serde_path_to_error::Path) -> (KeyPath, Option<usize>) {
    let mut names = Vec::new();
    for segment in path {
        match segment {
            Segment::Map { key } => names.push(key.clone()),
            Segment::Enum { variant } => names.push(variant.clone()),
            Segment::Seq { index } => return (names.into_iter().collect(), Some(*index)),
            Segment::Unknown => break,
        }
    }
    (names.into_iter().collect(), None)
}

/// Says in the user's words what the deserialiser said in its own, leaving out the value: it may be a secret.
fn explain(message: &str, found: &Value) -> String {
    if let Some(rest) = message.strip_prefix("unknown field ") {
        let mut names = backticked(rest);
        let unknown = if names.is_empty() { String::new() } else { names.remove(0) };
        return match nearest(&unknown, &names) {
            Some(name) => format!("there is no such key; did you mean `{name}`?"),
            None => format!("there is no such key; the keys here are {}", names.join(", ")),
        };
    }
    if let Some(rest) = message.strip_prefix("unknown variant ") {
        let mut names = backticked(rest);
        let unknown = if names.is_empty() { String::new() } else { names.remove(0) };
        let choices = names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
        return match nearest(&unknown, &names) {
            Some(name) => format!("must be one of {choices}; did you mean \"{name}\"?"),
            None => format!("must be one of {choices}"),
        };
    }
    if message.starts_with("invalid ")
        && let Some((_, expected)) = message.split_once(", expected ")
    {
        return format!("is {}, but must be {}", kind(found), wanted(expected));
    }
    message.trim_end().to_owned()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(number) if *number < 0 => "a number below zero",
        Value::Integer(_) => "a number",
        Value::Float(_) => "a number with a fraction",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a section",
    }
}

fn wanted(expected: &str) -> String {
    let expected = expected.trim_end();
    match expected {
        "a sequence" => "a list, such as [\"a\", \"b\"]".to_owned(),
        "a string" | "path string" => "a text in quotes".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0 upwards".to_owned(),
        "a map" => "a section".to_owned(),
        _ if expected.starts_with("struct ") => "a section with keys of its own".to_owned(),
        _ => expected.to_owned(),
    }
}

fn backticked(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The name that was probably meant, if one is near enough to guess.
pub(super) fn nearest<'a>(unknown: &str, known: &'a [String]) -> Option<&'a str> {
    const NEAR_ENOUGH: f64 = 0.6;
    known
        .iter()
        .map(|name| (strsim::normalized_damerau_levenshtein(unknown, name), name))
        .filter(|(likeness, _)| *likeness >= NEAR_ENOUGH)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name.as_str())
}
