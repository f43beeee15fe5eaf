//! Lengths of time as people write them: `90s`, `5m`, `1h 30m`, `30d`.

use std::fmt;
use std::time::Duration;

use serde::Deserializer;
use serde::de::{Error, Visitor};

/// Longer than anybody can mean, and short enough to be counted back from any moment.
const LONGEST: Duration = Duration::from_hours(36_500 * 24);

/// Reads a length of time with its unit (ms, s, m, h, d, w; `0` needs none).
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let trimmed = text.trim();
    if !trimmed.is_empty() && trimmed != "0" && trimmed.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!(
            "is not a length of time because the unit is missing; write \"{trimmed}s\", \"{trimmed}m\" or \
                 \"{trimmed}h\""
        ));
    }
    let duration = humantime::parse_duration(trimmed).map_err(|error| {
        format!("is not a length of time ({error}); write one such as \"90s\", \"5m\", \"1h 30m\" or \"30d\"")
    })?;
    if duration > LONGEST {
        return Err("is longer than 100 years, which is for ever; write \"36500d\" for that".to_owned());
    }
    Ok(duration)
}

/// Writes a length of time as [`parse`] reads it.
pub(crate) fn show(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if duration.subsec_nanos() == 0 {
        for (unit, length) in [("d", 86_400), ("h", 3_600), ("m", 60)] {
            if seconds >= length && seconds.is_multiple_of(length) {
                return format!("{}{unit}", seconds / length);
            }
        }
    }
    humantime::format_duration(duration).to_string()
}

/// For `#[serde(deserialize_with)]`, on a length of time or on an optional one.
pub(super) fn deserialize<'de, D: Deserializer<'de>, T: From<Duration>>(deserializer: D) -> Result<T, D::Error> {
    struct Reader;

    impl Visitor<'_> for Reader {
        type Value = Duration;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a length of time in quotes, such as \"5m\"")
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
            parse(text).map_err(E::custom)
        }

        fn visit_i64<E: Error>(self, number: i64) -> Result<Duration, E> {
            self.visit_str(&number.to_string())
        }
    }

    deserializer.deserialize_any(Reader).map(T::from)
}
