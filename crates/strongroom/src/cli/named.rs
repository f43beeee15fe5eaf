//! Takes apart what is written as a name and a value on the command line: `Name: value`, `name=value`.

use anyhow::{Context as _, ensure};

/// What stands between a name and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Separator {
    Colon,
    Equals,
}

/// The two halves; blanks around a header's are not part of them.
pub(super) fn split<'t>(text: &'t str, separator: Separator, option: &str) -> anyhow::Result<(&'t str, &'t str)> {
    let (character, form) = match separator {
        Separator::Colon => (':', "'Name: value'"),
        Separator::Equals => ('=', "name=value"),
    };
    let (name, value) =
        text.split_once(character).with_context(|| format!("{option} is `{text}`; write it as {form}"))?;
    let (name, value) = if separator == Separator::Colon { (name.trim(), value.trim()) } else { (name, value) };
    ensure!(!name.is_empty(), "{option} is `{text}`, without a name; write it as {form}");
    Ok((name, value))
}
