//! `[arrivals]`: the topic through which the storage tells that bytes have arrived.

use serde::Deserialize;

use super::key_path::KeyPath;
use super::layers::Report;
use super::origin::Origin;

/// Who may tell, besides the bearers of an API key with the scope `arrivals`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arrivals {
    /// The topic of Amazon SNS, if there is one.
    pub sns: Option<Topic>,
}

/// A topic of Amazon SNS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Its ARN: messages of any other are refused.
    pub arn: String,
    /// Where SNS publishes its certificates and takes confirmations.
    pub endpoint: Origin,
}

/// The section as it is written.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawArrivals {
    sns_topic: Option<String>,
    sns_endpoint: Option<Origin>,
}

impl RawArrivals {
    pub(super) fn validate(self, report: &mut Report) -> Arrivals {
        let section = KeyPath::of(["arrivals"]);
        let Some(arn) = self.sns_topic else {
            if self.sns_endpoint.is_some() {
                report.problem(
                    &section.then("sns_endpoint"),
                    "belongs to arrivals.sns_topic, which is not set; set it, or remove this key",
                );
            }
            return Arrivals::default();
        };
        let Some(usual) = endpoint_of(&arn) else {
            report.problem(
                &section.then("sns_topic"),
                "is not the ARN of a topic; write one such as \"arn:aws:sns:eu-central-1:123456789012:uploads\"",
            );
            return Arrivals::default();
        };
        let endpoint = self.sns_endpoint.unwrap_or(usual);
        let is_loopback = endpoint.host() == "localhost"
            || endpoint.host().trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        if !endpoint.is_encrypted() && !is_loopback {
            report.problem(
                &section.then("sns_endpoint"),
                "must be https: whoever stands between could hand out a certificate of their own and tell anything",
            );
        }
        Arrivals { sns: Some(Topic { arn, endpoint }) }
    }
}

/// Where the SNS of a topic is (<https://docs.aws.amazon.com/general/latest/gr/sns.html>).
fn endpoint_of(arn: &str) -> Option<Origin> {
    let parts: Vec<&str> = arn.split(':').collect();
    let ["arn", partition, "sns", region, account, name] = parts.as_slice() else { return None };
    let word = |text: &str| {
        !text.is_empty() && text.len() <= 256 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    let is_region = word(region) && !region.contains(['.', '_']);
    let is_account = account.is_empty() || account.bytes().all(|byte| byte.is_ascii_digit());
    if !word(partition) || !is_region || !is_account || !word(name) {
        return None;
    }
    let domain = if *partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://sns.{region}.{domain}").parse().ok()
}
