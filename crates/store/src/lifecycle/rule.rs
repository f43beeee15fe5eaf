//! One rule: which keys it is about, and when what is under them goes.

use jiff::Timestamp;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::fault::{Code, Fault};
use crate::index::objects::Object;
use crate::time::Moment;
use crate::xml::{Tag, Xml};

/// How many rules a bucket may have; S3's own figure.
const MAX_RULES: usize = 1000;

/// A day in milliseconds.
const DAY: i64 = 24 * 60 * 60 * 1000;

/// The body of `PutBucketLifecycleConfiguration`.
#[derive(Debug, Deserialize)]
pub(crate) struct LifecycleConfiguration {
    #[serde(rename = "Rule", default)]
    rules: Vec<Rule>,
}

/// A rule. Its fields are those of
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleRule.html>, and the index keeps it under the same names.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Rule {
    #[serde(rename = "ID")]
    id: Option<String>,
    status: String,
    prefix: Option<String>,
    filter: Option<Filter>,
    expiration: Option<Expiration>,
    noncurrent_version_expiration: Option<Noncurrent>,
    abort_incomplete_multipart_upload: Option<Abort>,
    /// There is only one class of storage to be in.
    #[serde(rename = "Transition", default, skip_serializing)]
    transitions: Vec<IgnoredAny>,
    /// See `transitions`.
    #[serde(rename = "NoncurrentVersionTransition", default, skip_serializing)]
    noncurrent_transitions: Vec<IgnoredAny>,
}

/// Which objects a rule is about.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Filter {
    prefix: Option<String>,
    tag: Option<Tag>,
    object_size_greater_than: Option<u64>,
    object_size_less_than: Option<u64>,
    and: Option<And>,
}

/// Several conditions, all of which must hold.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct And {
    prefix: Option<String>,
    #[serde(rename = "Tag", default)]
    tags: Vec<Tag>,
    object_size_greater_than: Option<u64>,
    object_size_less_than: Option<u64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Expiration {
    days: Option<u32>,
    date: Option<String>,
    expired_object_delete_marker: Option<bool>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Noncurrent {
    noncurrent_days: Option<u32>,
    newer_noncurrent_versions: Option<u32>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Abort {
    days_after_initiation: Option<u32>,
}

impl LifecycleConfiguration {
    /// The rules, held to what S3 allows and the store does. `luck` names those that have no name.
    pub(crate) fn checked(mut self, luck: u64) -> Result<Vec<Rule>, Fault> {
        if self.rules.is_empty() || self.rules.len() > MAX_RULES {
            let message = format!("Name between 1 and {MAX_RULES} rules; these are {}.", self.rules.len());
            return Err(Fault::new(Code::MalformedXML, message));
        }
        for (number, rule) in self.rules.iter_mut().enumerate() {
            rule.check()?;
            rule.id.get_or_insert_with(|| format!("{luck:016x}-{number}"));
        }
        let mut ids: Vec<&str> = self.rules.iter().filter_map(|rule| rule.id.as_deref()).collect();
        ids.sort_unstable();
        if ids.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Fault::new(
                Code::InvalidArgument,
                "Rule ID must be unique. Found same ID for more than one rule",
            ));
        }
        Ok(self.rules)
    }
}

impl Rule {
    fn check(&self) -> Result<(), Fault> {
        let refuse = |code, message: &str| Err(Fault::new(code, message));
        if !self.transitions.is_empty() || !self.noncurrent_transitions.is_empty() {
            return refuse(
                Code::NotImplemented,
                "There is only one class of storage, so nothing can be moved to another.",
            );
        }
        if !matches!(self.status.as_str(), "Enabled" | "Disabled") {
            return refuse(Code::MalformedXML, "Status must be Enabled or Disabled.");
        }
        if self.id.as_ref().is_some_and(|id| id.len() > 255) {
            return refuse(Code::InvalidArgument, "ID length should not exceed allowed limit of 255");
        }
        if self.prefix.is_some() == self.filter.is_some() {
            return refuse(Code::MalformedXML, "Every rule has a Filter, or a Prefix instead of it.");
        }
        if self.filter.as_ref().is_some_and(|filter| !filter.is_one()) {
            return refuse(Code::MalformedXML, "A Filter holds one condition; several stand in And.");
        }
        let days = [
            self.expiration.as_ref().and_then(|expiration| expiration.days),
            self.noncurrent_version_expiration.as_ref().map(|noncurrent| noncurrent.noncurrent_days.unwrap_or(0)),
            self.abort_incomplete_multipart_upload.as_ref().map(|abort| abort.days_after_initiation.unwrap_or(0)),
        ];
        if days.contains(&Some(0)) {
            return refuse(Code::InvalidArgument, "Every number of days must be a positive integer.");
        }
        if let Some(expiration) = &self.expiration {
            let given = [
                expiration.days.is_some(),
                expiration.date.is_some(),
                expiration.expired_object_delete_marker.is_some(),
            ];
            if given.iter().filter(|given| **given).count() != 1 {
                let message = "Expiration holds one of Days, Date and ExpiredObjectDeleteMarker.";
                return refuse(Code::MalformedXML, message);
            }
            if expiration.date.as_deref().is_some_and(|date| midnight(date).is_none()) {
                return refuse(Code::InvalidArgument, "'Date' must be at midnight GMT");
            }
        }
        if days == [None; 3] && self.expiration.is_none() {
            return refuse(Code::InvalidRequest, "At least one action needs to be specified in a rule.");
        }
        let by_tag_or_size = !self.wanted().is_prefix_alone();
        let marker =
            self.expiration.as_ref().is_some_and(|expiration| expiration.expired_object_delete_marker.is_some());
        if by_tag_or_size && (self.abort_incomplete_multipart_upload.is_some() || marker) {
            let message =
                "AbortIncompleteMultipartUpload and ExpiredObjectDeleteMarker cannot be specified with tags or sizes.";
            return refuse(Code::InvalidRequest, message);
        }
        Ok(())
    }

    /// Whether it is in force.
    pub(super) fn is_enabled(&self) -> bool {
        self.status == "Enabled"
    }

    /// What it is about.
    pub(super) fn wanted(&self) -> Wanted<'_> {
        let none = Wanted { prefix: self.prefix.as_deref().unwrap_or_default(), ..Wanted::default() };
        let Some(filter) = &self.filter else { return none };
        match &filter.and {
            Some(and) => Wanted {
                prefix: and.prefix.as_deref().unwrap_or_default(),
                tags: &and.tags,
                over: and.object_size_greater_than,
                under: and.object_size_less_than,
            },
            None => Wanted {
                prefix: filter.prefix.as_deref().unwrap_or_default(),
                tags: filter.tag.as_slice(),
                over: filter.object_size_greater_than,
                under: filter.object_size_less_than,
            },
        }
    }

    /// The latest moment that an object may be from which goes now.
    pub(super) fn objects_until(&self, now: Moment) -> Option<Moment> {
        let expiration = self.expiration.as_ref()?;
        match (expiration.days, &expiration.date) {
            (Some(days), _) => Some(until(days, now)),
            (None, Some(date)) => midnight(date).filter(|date| *date <= now).map(|_| now),
            (None, None) => None,
        }
    }

    /// Whether a delete marker of this moment goes now that nothing is left for it to hide.
    pub(super) fn ends_marker(&self, modified: Moment, now: Moment) -> bool {
        let flag = self.expiration.as_ref().and_then(|expiration| expiration.expired_object_delete_marker);
        flag == Some(true) || self.objects_until(now).is_some_and(|until| modified <= until)
    }

    /// The latest moment that a version may have been superseded at which goes now, and how many newer ones of its key
    /// are kept before any goes.
    pub(super) fn versions_until(&self, now: Moment) -> Option<(Moment, u32)> {
        let noncurrent = self.noncurrent_version_expiration.as_ref()?;
        Some((until(noncurrent.noncurrent_days?, now), noncurrent.newer_noncurrent_versions.unwrap_or(0)))
    }

    /// The latest moment that an upload may have begun at which is aborted now.
    pub(super) fn uploads_until(&self, now: Moment) -> Option<Moment> {
        Some(until(self.abort_incomplete_multipart_upload.as_ref()?.days_after_initiation?, now))
    }

    /// Whether the rule removes delete markers that hide nothing.
    pub(super) fn is_about_markers(&self) -> bool {
        self.expiration.is_some()
    }

    /// Writes the rule as documents have it.
    pub(crate) fn write(&self, document: &mut Xml) {
        document.open("Rule");
        text(document, "ID", self.id.as_deref());
        if let Some(filter) = &self.filter {
            filter.write(document);
        }
        text(document, "Prefix", self.prefix.as_deref());
        document.text("Status", &self.status);
        if let Some(Expiration { days, date, expired_object_delete_marker }) = &self.expiration {
            document.open("Expiration");
            value(document, "Days", *days);
            text(document, "Date", date.as_deref());
            value(document, "ExpiredObjectDeleteMarker", *expired_object_delete_marker);
            document.close("Expiration");
        }
        if let Some(Noncurrent { noncurrent_days, newer_noncurrent_versions }) = &self.noncurrent_version_expiration {
            document.open("NoncurrentVersionExpiration");
            value(document, "NoncurrentDays", *noncurrent_days);
            value(document, "NewerNoncurrentVersions", *newer_noncurrent_versions);
            document.close("NoncurrentVersionExpiration");
        }
        if let Some(Abort { days_after_initiation }) = &self.abort_incomplete_multipart_upload {
            document.open("AbortIncompleteMultipartUpload");
            value(document, "DaysAfterInitiation", *days_after_initiation);
            document.close("AbortIncompleteMultipartUpload");
        }
        document.close("Rule");
    }
}

impl Filter {
    fn is_one(&self) -> bool {
        let given = [
            self.prefix.is_some(),
            self.tag.is_some(),
            self.object_size_greater_than.is_some(),
            self.object_size_less_than.is_some(),
            self.and.is_some(),
        ];
        given.into_iter().filter(|given| *given).count() <= 1
    }

    fn write(&self, document: &mut Xml) {
        document.open("Filter");
        text(document, "Prefix", self.prefix.as_deref());
        write_tags(document, self.tag.as_slice());
        value(document, "ObjectSizeGreaterThan", self.object_size_greater_than);
        value(document, "ObjectSizeLessThan", self.object_size_less_than);
        if let Some(and) = &self.and {
            document.open("And");
            text(document, "Prefix", and.prefix.as_deref());
            write_tags(document, &and.tags);
            value(document, "ObjectSizeGreaterThan", and.object_size_greater_than);
            value(document, "ObjectSizeLessThan", and.object_size_less_than);
            document.close("And");
        }
        document.close("Filter");
    }
}

/// What a rule is about, whichever way it says so.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wanted<'a> {
    /// What keys begin with.
    pub(super) prefix: &'a str,
    tags: &'a [Tag],
    over: Option<u64>,
    under: Option<u64>,
}

impl Wanted<'_> {
    fn is_prefix_alone(&self) -> bool {
        self.tags.is_empty() && self.over.is_none() && self.under.is_none()
    }

    /// Whether an object under a key with the prefix is meant.
    pub(super) fn includes(&self, object: &Object) -> bool {
        self.tags.iter().all(|tag| object.tags.get(&tag.key) == Some(&tag.value))
            && self.over.is_none_or(|over| object.bytes > over)
            && self.under.is_none_or(|under| object.bytes < under)
    }
}

/// As on S3, what is so many days old goes at the next midnight UTC.
fn until(days: u32, now: Moment) -> Moment {
    Moment(now.0.div_euclid(DAY).saturating_sub(days.into()).saturating_mul(DAY))
}

/// Reads a date, which must be a midnight UTC.
fn midnight(date: &str) -> Option<Moment> {
    let moment = match date.parse::<Timestamp>() {
        Ok(moment) => moment.as_millisecond(),
        Err(_) => {
            date.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond()
        }
    };
    (moment.rem_euclid(DAY) == 0).then_some(Moment(moment))
}

fn text(document: &mut Xml, element: &str, text: Option<&str>) {
    if let Some(text) = text {
        document.text(element, text);
    }
}

fn value(document: &mut Xml, element: &str, value: Option<impl std::fmt::Display>) {
    if let Some(value) = value {
        document.value(element, value);
    }
}

fn write_tags(document: &mut Xml, tags: &[Tag]) {
    for tag in tags {
        document.open("Tag").text("Key", &tag.key).text("Value", &tag.value).close("Tag");
    }
}
