//! Converts Unix seconds to and from the few date formats of the S3 protocol, in UTC and without a clock.

/// A moment as `AWS4` writes it, `20130524T000000Z`; its first eight bytes are the date of the scope.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct AmzDate([u8; 16]);

impl AmzDate {
    /// Writes Unix seconds; `None` outside the years 1970 to 9999, which the format cannot hold.
    pub(crate) fn from_unix(seconds: i64) -> Option<Self> {
        let civil = Civil::from_unix(seconds)?;
        let mut text = *b"00000000T000000Z";
        two_digits(&mut text[0..2], civil.year / 100);
        two_digits(&mut text[2..4], civil.year % 100);
        two_digits(&mut text[4..6], civil.month);
        two_digits(&mut text[6..8], civil.day);
        two_digits(&mut text[9..11], civil.hour);
        two_digits(&mut text[11..13], civil.minute);
        two_digits(&mut text[13..15], civil.second);
        Some(Self(text))
    }

    /// `20130524T000000Z`.
    pub(crate) fn as_str(&self) -> &str {
        ascii(&self.0)
    }

    /// `20130524`.
    pub(crate) fn date(&self) -> &str {
        ascii(&self.0[..8])
    }
}

/// Reads `20130524T000000Z` as Unix seconds.
pub(crate) fn parse_amz(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() != 16 || bytes[8] != b'T' || bytes[15] != b'Z' {
        return None;
    }
    Civil {
        year: digits(&bytes[0..4])?,
        month: digits(&bytes[4..6])?,
        day: digits(&bytes[6..8])?,
        hour: digits(&bytes[9..11])?,
        minute: digits(&bytes[11..13])?,
        second: digits(&bytes[13..15])?,
    }
    .to_unix()
}

/// Writes `2013-05-24T00:00:00Z`, the form of a policy's `expiration`; `None` outside the years 1970 to 9999.
pub(crate) fn iso8601(seconds: i64) -> Option<String> {
    let amz = AmzDate::from_unix(seconds)?;
    let (date, time) = (amz.date(), &amz.as_str()[9..15]);
    let mut text = String::with_capacity(20);
    for part in [&date[..4], "-", &date[4..6], "-", &date[6..], "T", &time[..2], ":", &time[2..4], ":", &time[4..], "Z"]
    {
        text.push_str(part);
    }
    Some(text)
}

/// Reads `2013-05-24T00:00:00Z` with or without a fraction of a second, which is cut off.
pub(crate) fn parse_iso8601(text: &str) -> Option<i64> {
    let bytes = text.strip_suffix('Z')?.as_bytes();
    if bytes.len() < 19
        || [bytes[4], bytes[7], bytes[10], bytes[13], bytes[16]] != *b"--T::"
        || (bytes.len() > 19 && (bytes[19] != b'.' || bytes.len() == 20 || !bytes[20..].iter().all(u8::is_ascii_digit)))
    {
        return None;
    }
    Civil {
        year: digits(&bytes[0..4])?,
        month: digits(&bytes[5..7])?,
        day: digits(&bytes[8..10])?,
        hour: digits(&bytes[11..13])?,
        minute: digits(&bytes[14..16])?,
        second: digits(&bytes[17..19])?,
    }
    .to_unix()
}

/// Reads `Fri, 24 May 2013 00:00:00 GMT` (RFC 9110's preferred form; RFC 2822 writes `+0000` for `GMT`).
pub(crate) fn parse_http_date(text: &str) -> Option<i64> {
    let rest = text.split_once(", ").map_or(text, |(_, rest)| rest);
    let mut words = rest.split(' ');
    let day = number(words.next()?)?;
    let name = words.next()?;
    let month = MONTHS.iter().position(|month| *month == name)?;
    let year = number(words.next()?)?;
    let mut clock = words.next()?.split(':');
    let (hour, minute, second) = (number(clock.next()?)?, number(clock.next()?)?, number(clock.next()?)?);
    if clock.next().is_some() || !matches!(words.next()?, "GMT" | "UTC" | "+0000") || words.next().is_some() {
        return None;
    }
    Civil { year, month: u32::try_from(month).ok()? + 1, day, hour, minute, second }.to_unix()
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const SECONDS_A_DAY: i64 = 86_400;

/// Seconds since 1970 of the day that `seconds` falls on, as whole days.
pub(crate) fn day_number(seconds: i64) -> i64 {
    seconds.div_euclid(SECONDS_A_DAY)
}

struct Civil {
    year: u32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
}

impl Civil {
    /// Counts in 400-year eras that begin on 1 March, so that the leap day ends the year.
    fn from_unix(seconds: i64) -> Option<Self> {
        // The last second of the year 9999.
        if !(0..=253_402_300_799).contains(&seconds) {
            return None;
        }
        let of_day = u32::try_from(seconds % SECONDS_A_DAY).ok()?;
        let days = u32::try_from(seconds / SECONDS_A_DAY).ok()? + 719_468;
        let era = days / 146_097;
        let of_era = days % 146_097;
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * of_year + 2) / 153;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        Some(Self {
            year: year_of_era + era * 400 + u32::from(month <= 2),
            month,
            day: of_year - (153 * shifted_month + 2) / 5 + 1,
            hour: of_day / 3_600,
            minute: of_day / 60 % 60,
            second: of_day % 60,
        })
    }

    /// `None` when a part is out of its range, the day does not exist or the year is before 1970.
    fn to_unix(&self) -> Option<i64> {
        let leap = self.year.is_multiple_of(4) && (!self.year.is_multiple_of(100) || self.year.is_multiple_of(400));
        let last_day = match self.month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 => 28 + u32::from(leap),
            _ => return None,
        };
        if !(1..=last_day).contains(&self.day)
            || self.hour > 23
            || self.minute > 59
            || self.second > 59
            || !(1970..=9999).contains(&self.year)
        {
            return None;
        }
        let year = i64::from(self.year) - i64::from(self.month <= 2);
        let shifted_month = i64::from((self.month + 9) % 12);
        let of_year = (153 * shifted_month + 2) / 5 + i64::from(self.day) - 1;
        let days = year * 365 + year / 4 - year / 100 + year / 400 + of_year - 719_468;
        Some(days * SECONDS_A_DAY + i64::from(self.hour * 3_600 + self.minute * 60 + self.second))
    }
}

fn two_digits(out: &mut [u8], value: u32) {
    // Both digits are below ten, so they fit a byte.
    out[0] = b'0' + (value / 10 % 10) as u8;
    out[1] = b'0' + (value % 10) as u8;
}

fn digits(bytes: &[u8]) -> Option<u32> {
    bytes.iter().try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + u32::from(byte - b'0')))
}

fn number(text: &str) -> Option<u32> {
    if text.is_empty() || text.len() > 4 { None } else { digits(text.as_bytes()) }
}

fn ascii(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("only digits, T and Z are ever written")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_survive_the_way_there_and_back() {
        for seconds in (0..253_402_300_799).step_by(86_399 * 17) {
            let text = AmzDate::from_unix(seconds).unwrap();
            assert_eq!(parse_amz(text.as_str()), Some(seconds));
            assert_eq!(parse_iso8601(&iso8601(seconds).unwrap()), Some(seconds));
        }
    }

    #[test]
    fn known_moments_are_written_as_aws_writes_them() {
        assert_eq!(AmzDate::from_unix(1_369_353_600).unwrap().as_str(), "20130524T000000Z");
        assert_eq!(AmzDate::from_unix(951_782_400).unwrap().date(), "20000229");
        assert_eq!(parse_http_date("Fri, 24 May 2013 00:00:00 GMT"), Some(1_369_353_600));
        assert_eq!(parse_iso8601("2015-12-30T12:00:00.000Z"), Some(1_451_476_800));
    }

    #[test]
    fn days_that_do_not_exist_are_refused() {
        for text in ["20130229T000000Z", "20131301T000000Z", "20130524T240000Z", "20130524T000000", "2013O524T000000Z"]
        {
            assert_eq!(parse_amz(text), None, "{text}");
        }
        assert!(AmzDate::from_unix(-1).is_none());
        assert!(AmzDate::from_unix(i64::MAX).is_none());
    }
}
