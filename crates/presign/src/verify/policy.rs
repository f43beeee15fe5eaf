//! Reads a POST policy and holds a form's fields and its file's length to it.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::moment::parse_iso8601;

/// A policy that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    expires_at: i64,
    conditions: Vec<Condition>,
    length: Option<(u64, u64)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Condition {
    Exact { field: String, value: String },
    StartsWith { field: String, prefix: String },
}

/// Why a form does not satisfy its policy, or the policy cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// Not base64 of a JSON policy document (`InvalidPolicyDocument`).
    #[error("{0}")]
    Unreadable(&'static str),
    /// A condition does not hold (`AccessDenied`, "Invalid according to Policy: Policy Condition failed").
    #[error("policy condition failed: {0}")]
    Failed(String),
    /// A field stands in the form that the policy does not mention (`AccessDenied`, "Extra input fields").
    #[error("the policy does not mention the field `{0}`")]
    ExtraField(String),
    /// A field stands in the form twice, so that what is checked need not be what is obeyed (`AccessDenied`).
    #[error("the field `{0}` is given twice")]
    Repeated(String),
    /// The file is too small (`EntityTooSmall`).
    #[error("the file has {actual} bytes; at least {least} are demanded")]
    TooSmall {
        /// Its length.
        actual: u64,
        /// The policy's lower bound.
        least: u64,
    },
    /// The file is too large (`EntityTooLarge`).
    #[error("the file has {actual} bytes; at most {most} are allowed")]
    TooLarge {
        /// Its length.
        actual: u64,
        /// The policy's upper bound.
        most: u64,
    },
}

impl Policy {
    /// Reads the `policy` field of a form.
    pub fn read(encoded: &str) -> Result<Self, PolicyError> {
        let bytes = STANDARD.decode(encoded.trim()).map_err(|_| PolicyError::Unreadable("the policy is not base64"))?;
        let document: Value =
            serde_json::from_slice(&bytes).map_err(|_| PolicyError::Unreadable("the policy is not JSON"))?;
        let expires_at = document["expiration"]
            .as_str()
            .and_then(parse_iso8601)
            .ok_or(PolicyError::Unreadable("the policy has no expiration such as 2015-12-30T12:00:00.000Z"))?;
        let list =
            document["conditions"].as_array().ok_or(PolicyError::Unreadable("the policy has no list of conditions"))?;
        let mut policy = Self { expires_at, conditions: Vec::with_capacity(list.len()), length: None };
        for condition in list {
            policy.add(condition).ok_or(PolicyError::Unreadable("a condition of the policy cannot be read"))?;
        }
        Ok(policy)
    }

    fn add(&mut self, condition: &Value) -> Option<()> {
        if let Some(object) = condition.as_object() {
            for (field, value) in object {
                self.exact(field, value)?;
            }
            return Some(());
        }
        let [operator, field, value] = condition.as_array()?.as_slice() else { return None };
        match operator.as_str()?.to_ascii_lowercase().as_str() {
            "eq" => self.exact(field.as_str()?.strip_prefix('$')?, value)?,
            "starts-with" => self.conditions.push(Condition::StartsWith {
                field: field.as_str()?.strip_prefix('$')?.to_ascii_lowercase(),
                prefix: value.as_str()?.to_owned(),
            }),
            "content-length-range" => {
                let (least, most) = (number(field)?, number(value)?);
                // Two ranges both hold, so what remains is where they overlap.
                let (old_least, old_most) = self.length.unwrap_or((0, u64::MAX));
                self.length = Some((least.max(old_least), most.min(old_most)));
            }
            _ => return None,
        }
        Some(())
    }

    fn exact(&mut self, field: &str, value: &Value) -> Option<()> {
        let value = value.as_str()?.to_owned();
        self.conditions.push(Condition::Exact { field: field.to_ascii_lowercase(), value });
        Some(())
    }

    /// When the policy ends, in Unix seconds.
    pub fn expires_at(&self) -> i64 {
        self.expires_at
    }

    /// The least and the most bytes a file may have, if the policy says so.
    pub fn content_length_range(&self) -> Option<(u64, u64)> {
        self.length
    }

    /// Holds the fields to the policy. `fields` are all that came before the file, with `${filename}` in `key`
    /// already replaced; `bucket` is the one the form was sent to. It counts as a field, as on S3, so a policy that does
    /// not mention it is good for no bucket.
    pub fn check_fields(&self, fields: &[(&str, &str)], bucket: &str) -> Result<(), PolicyError> {
        for condition in &self.conditions {
            let holds = match condition {
                Condition::Exact { field, value } => sent(fields, bucket, field).is_some_and(|sent| sent == value),
                Condition::StartsWith { field, prefix } => {
                    sent(fields, bucket, field).is_some_and(|sent| starts(field, sent, prefix))
                }
            };
            if !holds {
                return Err(PolicyError::Failed(match condition {
                    Condition::Exact { field, value } => format!("[\"eq\", \"${field}\", \"{value}\"]"),
                    Condition::StartsWith { field, prefix } => format!("[\"starts-with\", \"${field}\", \"{prefix}\"]"),
                }));
            }
        }
        let mentioned = |name: &str| {
            self.conditions.iter().any(|condition| match condition {
                Condition::Exact { field, .. } | Condition::StartsWith { field, .. } => field == name,
            })
        };
        let mut seen = HashSet::with_capacity(fields.len());
        for (name, _) in fields {
            let name = name.to_ascii_lowercase();
            let free = matches!(name.as_str(), "policy" | "x-amz-signature" | "file" | "awsaccesskeyid" | "signature")
                || name.starts_with("x-ignore-");
            if !free && !mentioned(&name) {
                return Err(PolicyError::ExtraField(name));
            }
            if let Some(repeated) = seen.replace(name) {
                return Err(PolicyError::Repeated(repeated));
            }
        }
        if mentioned("bucket") { Ok(()) } else { Err(PolicyError::ExtraField("bucket".to_owned())) }
    }

    /// Holds the file's length to the policy.
    pub fn check_length(&self, actual: u64) -> Result<(), PolicyError> {
        match self.length {
            Some((least, _)) if actual < least => Err(PolicyError::TooSmall { actual, least }),
            Some((_, most)) if actual > most => Err(PolicyError::TooLarge { actual, most }),
            _ => Ok(()),
        }
    }
}

fn sent<'f>(fields: &[(&str, &'f str)], bucket: &'f str, name: &str) -> Option<&'f str> {
    let own = fields.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| *value);
    if name == "bucket" { Some(own.unwrap_or(bucket)).filter(|own| *own == bucket) } else { own }
}

/// A `Content-Type` may be a list, of which each item must begin with the prefix.
fn starts(field: &str, sent: &str, prefix: &str) -> bool {
    if field == "content-type" {
        sent.split(',').all(|one| one.trim_start().starts_with(prefix))
    } else {
        sent.starts_with(prefix)
    }
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(conditions: &str, fields: &[(&str, &str)]) -> Result<(), PolicyError> {
        let document = format!(r#"{{"expiration":"2015-12-30T12:00:00.000Z","conditions":[{conditions}]}}"#);
        Policy::read(&STANDARD.encode(document)).unwrap().check_fields(fields, "photos")
    }

    #[test]
    fn a_policy_is_good_for_the_bucket_it_mentions_and_for_no_other() {
        let key = [("key", "a")];
        let extra = Err(PolicyError::ExtraField("bucket".to_owned()));
        assert_eq!(check(r#"{"key":"a"}"#, &key), extra);
        assert_eq!(check(r#"{"key":"a"}"#, &[("key", "a"), ("bucket", "photos")]), extra);
        for mentioned in [r#"{"bucket":"photos"}"#, r#"["eq","$Bucket","photos"]"#, r#"["starts-with","$bucket",""]"#] {
            assert_eq!(check(&format!(r#"{{"key":"a"}},{mentioned}"#), &key), Ok(()), "{mentioned}");
        }
        assert!(matches!(check(r#"{"key":"a"},{"bucket":"others"}"#, &key), Err(PolicyError::Failed(_))));
        let elsewhere = [("key", "a"), ("bucket", "others")];
        assert!(matches!(
            check(r#"{"key":"a"},["starts-with","$bucket",""]"#, &elsewhere),
            Err(PolicyError::Failed(_))
        ));
    }

    #[test]
    fn a_field_given_twice_is_refused_in_any_case() {
        let conditions = r#"{"bucket":"photos"},{"key":"a"}"#;
        for again in ["key", "KEY"] {
            let refused = check(conditions, &[("key", "a"), (again, "b")]);
            assert_eq!(refused, Err(PolicyError::Repeated("key".to_owned())));
        }
        let ignored = check(conditions, &[("key", "a"), ("x-ignore-a", "1"), ("X-Ignore-A", "2")]);
        assert_eq!(ignored, Err(PolicyError::Repeated("x-ignore-a".to_owned())));
    }
}
