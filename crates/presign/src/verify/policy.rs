//! Reads a POST policy and holds a form's fields and its file's length to it.

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
    /// already replaced; `bucket` is the one the form was sent to.
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
        for (name, _) in fields {
            let name = name.to_ascii_lowercase();
            let free = matches!(name.as_str(), "policy" | "x-amz-signature" | "file" | "awsaccesskeyid" | "signature")
                || name.starts_with("x-ignore-");
            if !free && !mentioned(&name) {
                return Err(PolicyError::ExtraField(name));
            }
        }
        Ok(())
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
