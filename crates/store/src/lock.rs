//! Object Lock: versions that nobody may remove before a date, or for as long as somebody holds on to them.
//!
//! Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html>.

use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::fault::{Code, Fault};
use crate::headers;
use crate::time::Moment;

/// Whether the lock of a version can be lifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Mode {
    /// By who may configure the bucket, when asked for in so many words.
    Governance,
    /// By nobody.
    Compliance,
}

impl Mode {
    /// The word in headers and documents.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Governance => "GOVERNANCE",
            Self::Compliance => "COMPLIANCE",
        }
    }

    /// Reads the word.
    pub(crate) fn parse(word: &str) -> Result<Self, Fault> {
        [Self::Governance, Self::Compliance]
            .into_iter()
            .find(|mode| mode.word() == word)
            .ok_or_else(|| Fault::new(Code::InvalidArgument, "Unknown wormMode directive.").with("ArgumentValue", word))
    }
}

/// Until when a version stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Retention {
    /// Whether that can be changed.
    pub(crate) mode: Mode,
    /// The moment, in milliseconds since 1970.
    pub(crate) until: i64,
}

impl Retention {
    /// Reads a mode and a date, which must be still to come.
    pub(crate) fn read(mode: &str, until: &str, now: Moment) -> Result<Self, Fault> {
        let mode = Mode::parse(mode)?;
        let until = until.parse::<Timestamp>().map_err(|_| {
            Fault::new(Code::InvalidArgument, "The retain until date must be provided in ISO 8601 format")
        })?;
        let until = until.as_millisecond();
        if until <= now.0 {
            return Err(Fault::new(Code::InvalidArgument, "The retain until date must be in the future!"));
        }
        Ok(Self { mode, until })
    }

    /// Whether it still holds.
    pub(crate) fn holds(&self, now: Moment) -> bool {
        now.0 < self.until
    }
}

/// What keeps a version from being removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lock {
    /// Until when it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) retention: Option<Retention>,
    /// Whether somebody holds on to it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) hold: bool,
}

impl Lock {
    /// Reads the headers of a write or the fields of a form.
    pub(crate) fn of<'a>(lines: impl IntoIterator<Item = (&'a str, &'a [u8])>, now: Moment) -> Result<Self, Fault> {
        let (mut mode, mut until, mut hold) = (None, None, None);
        for (name, value) in lines {
            let place = match name.to_ascii_lowercase().as_str() {
                "x-amz-object-lock-mode" => &mut mode,
                "x-amz-object-lock-retain-until-date" => &mut until,
                "x-amz-object-lock-legal-hold" => &mut hold,
                _ => continue,
            };
            *place = Some(String::from_utf8_lossy(value).into_owned());
        }
        let retention = match (mode, until) {
            (None, None) => None,
            (Some(mode), Some(until)) => Some(Retention::read(&mode, &until, now)?),
            _ => {
                return Err(Fault::new(
                    Code::InvalidArgument,
                    "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied",
                ));
            }
        };
        let hold = hold.as_deref().map(read_hold).transpose()?.unwrap_or(false);
        Ok(Self { retention, hold })
    }

    /// Whether there is anything to hold to.
    pub(crate) fn is_none(&self) -> bool {
        self.retention.is_none() && !self.hold
    }

    /// Refuses to remove a version that is locked. `bypass` is true for who may lift what can be lifted, and asks to.
    pub(crate) fn permit_removal(&self, now: Moment, bypass: bool) -> Result<(), Fault> {
        let retained = self
            .retention
            .is_some_and(|retention| retention.holds(now) && !(bypass && retention.mode == Mode::Governance));
        if retained || self.hold {
            return Err(Fault::new(Code::AccessDenied, "Access Denied because object protected by object lock."));
        }
        Ok(())
    }

    /// Refuses to loosen a retention: one of compliance can only be made longer, one of governance takes a bypass.
    pub(crate) fn permit_retention(&self, wanted: Option<Retention>, now: Moment, bypass: bool) -> Result<(), Fault> {
        let Some(present) = self.retention.filter(|present| present.holds(now)) else { return Ok(()) };
        let longer = wanted.is_some_and(|wanted| {
            wanted.until >= present.until && (wanted.mode == present.mode || wanted.mode == Mode::Compliance)
        });
        if longer || (bypass && present.mode == Mode::Governance) {
            return Ok(());
        }
        Err(Fault::new(Code::AccessDenied, "Access Denied because object protected by object lock."))
    }

    /// Writes it as headers.
    pub(crate) fn describe(&self, response: &mut HeaderMap) -> Result<(), Fault> {
        if let Some(Retention { mode, until }) = self.retention {
            response.insert("x-amz-object-lock-mode", headers::value(mode.word())?);
            response.insert("x-amz-object-lock-retain-until-date", headers::value(&Moment(until).iso())?);
        }
        if self.hold {
            response.insert("x-amz-object-lock-legal-hold", headers::value("ON")?);
        }
        Ok(())
    }
}

/// Reads whether somebody holds on to a version.
pub(crate) fn read_hold(word: &str) -> Result<bool, Fault> {
    match word {
        "ON" => Ok(true),
        "OFF" => Ok(false),
        _ => Err(Fault::new(Code::InvalidArgument, "Legal Hold must be either of 'ON' or 'OFF'")),
    }
}

/// What a bucket with Object Lock does with new versions that say nothing of it themselves.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct BucketLock {
    /// How long they stay, if they do.
    pub(crate) default: Option<DefaultRetention>,
}

/// A retention that begins when a version does.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct DefaultRetention {
    /// Whether it can be changed.
    pub(crate) mode: Mode,
    /// How many days it takes.
    pub(crate) days: Option<u32>,
    /// Or how many years, of 365 days each.
    pub(crate) years: Option<u32>,
}

impl DefaultRetention {
    /// The retention of a version that begins now.
    pub(crate) fn begun(&self, now: Moment) -> Retention {
        let days = self.days.unwrap_or_else(|| self.years.unwrap_or(0).saturating_mul(365));
        let length = Duration::from_hours(24).as_millis().saturating_mul(days.into());
        Retention { mode: self.mode, until: now.0.saturating_add(i64::try_from(length).unwrap_or(i64::MAX)) }
    }
}
