//! Says lengths of time, moments and lists in plain words.

use crate::moment::iso8601;

/// `2 hours 5 minutes`: the two largest units that are not zero.
pub(super) fn duration(seconds: u64) -> String {
    let units = [
        ("day", seconds / 86_400),
        ("hour", seconds / 3_600 % 24),
        ("minute", seconds / 60 % 60),
        ("second", seconds % 60),
    ];
    let said: Vec<String> = units
        .iter()
        .skip_while(|(_, number)| *number == 0)
        .take(2)
        .filter(|(_, number)| *number > 0)
        .map(|(unit, number)| format!("{number} {unit}{}", if *number == 1 { "" } else { "s" }))
        .collect();
    if said.is_empty() { "less than a second".to_owned() } else { said.join(" ") }
}

/// `2013-05-24T00:00:00Z`, or the plain number outside the years 1970 to 9999.
pub(super) fn moment(seconds: i64) -> String {
    iso8601(seconds).unwrap_or_else(|| format!("{seconds} s after 1970"))
}

/// `` `a`, `b` and `c` ``.
pub(super) fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => format!("`{one}`"),
        [before @ .., last] => {
            let before: Vec<String> = before.iter().map(|name| format!("`{name}`")).collect();
            format!("{} and `{last}`", before.join(", "))
        }
    }
}

/// A text that may be empty, in quotes or as the word for nothing.
pub(super) fn value(text: &str) -> String {
    if text.is_empty() { "nothing".to_owned() } else { format!("`{text}`") }
}

/// Parameters and headers whose values are secrets, lower-case.
const SECRETS: [&str; 5] = [
    "authorization",
    "cookie",
    "x-amz-copy-source-server-side-encryption-customer-key",
    "x-amz-security-token",
    "x-amz-server-side-encryption-customer-key",
];

/// The value of a parameter or header, or a word in the place of a secret.
pub(super) fn shown<'v>(name: &str, value: &'v str) -> &'v str {
    let is_secret = SECRETS.iter().any(|secret| name.eq_ignore_ascii_case(secret));
    if is_secret && !value.is_empty() { "[redacted]" } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_lists_are_said_plainly() {
        assert_eq!(duration(0), "less than a second");
        assert_eq!(duration(1), "1 second");
        assert_eq!(duration(7_500), "2 hours 5 minutes");
        assert_eq!(duration(86_400 * 3), "3 days");
        assert_eq!(moment(-1), "-1 s after 1970");
        assert_eq!(list(&["a".into(), "b".into(), "c".into()]), "`a`, `b` and `c`");
        assert_eq!(value(""), "nothing");
    }
}
