//! Names of buckets and regions, and the endpoints of AWS.

use super::{Addressing, AwsVariables};
use crate::config::key_path::KeyPath;
use crate::config::layers::Report;
use crate::config::origin::Origin;
use crate::config::problem::{Problem, Source};

/// Checks a bucket's name by the rules every S3 store shares
/// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>).
pub(in crate::config) fn check_name(name: &str) -> Result<(), String> {
    if name.contains("://") || name.contains('/') || name.starts_with("arn:") {
        return Err(
            "must be the bucket's name alone, without scheme, host or path; a prefix goes into storage.location"
                .to_owned(),
        );
    }
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.';
    let is_edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let is_right = (3..=63).contains(&name.len())
        && name.bytes().all(is_allowed)
        && is_edge(name.bytes().next())
        && is_edge(name.bytes().last())
        && !name.contains("..");
    if is_right {
        Ok(())
    } else {
        Err("is not a bucket's name; those have 3 to 63 lower-case letters, digits, hyphens and dots, with a letter \
             or digit at both ends"
            .to_owned())
    }
}

/// Whether this can be the name of a region.
pub(super) fn is_region(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// The endpoint that the usual variables of S3 tools name, if they do.
pub(super) fn endpoint_from_environment(aws: &AwsVariables, report: &mut Report) -> Option<Origin> {
    let (variable, text) = aws.endpoint.as_ref()?;
    match text.parse() {
        Ok(endpoint) => Some(endpoint),
        Err(message) => {
            report.problems.push(Problem {
                source: Source::Environment { variable: (*variable).to_owned() },
                key: KeyPath::of(["storage", "endpoint"]),
                value: None,
                message,
            });
            None
        }
    }
}

/// The regional endpoint of AWS itself
/// (<https://docs.aws.amazon.com/general/latest/gr/s3.html>).
pub(super) fn aws_endpoint(region: &str) -> Option<Origin> {
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://s3.{region}.{domain}").parse().ok()
}

/// The addressing that the provider wants, unless its certificate could not cover the bucket's name.
pub(super) fn usual_addressing(usual: Addressing, endpoint: &Origin, bucket: &str) -> Addressing {
    if bucket.contains('.') && endpoint.is_encrypted() { Addressing::Path } else { usual }
}
