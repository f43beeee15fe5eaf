//! A message of SNS as it comes, and the text in it that is signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::certificate::{Certificate, Version};

/// What the message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Kind {
    /// Something was published.
    Notification,
    /// Somebody subscribed this address.
    SubscriptionConfirmation,
    /// Somebody ended the subscription.
    UnsubscribeConfirmation,
}

/// A message; members that are not known are passed over.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(clippy::struct_field_names, reason = "SNS calls them so")]
pub(super) struct Message {
    #[serde(rename = "Type")]
    pub(super) kind: Kind,
    pub(super) message: String,
    message_id: String,
    subject: Option<String>,
    timestamp: String,
    token: Option<String>,
    pub(super) topic_arn: String,
    signature: String,
    signature_version: String,
    #[serde(rename = "SigningCertURL")]
    pub(super) signing_cert_url: String,
    #[serde(rename = "SubscribeURL")]
    pub(super) subscribe_url: Option<String>,
}

impl Message {
    pub(super) fn read(body: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(body)
    }

    pub(super) fn is_signed_by(&self, certificate: &Certificate) -> bool {
        let version = match self.signature_version.as_str() {
            "1" => Version::One,
            "2" => Version::Two,
            _ => return false,
        };
        let signature = STANDARD.decode(&self.signature);
        signature.is_ok_and(|signature| certificate.signed(version, &self.signed_text(), &signature))
    }

    /// The members that are signed, in the order of their names, each with its value on a line of its own.
    fn signed_text(&self) -> String {
        let (message, id, time) = (Some(self.message.as_str()), Some(self.message_id.as_str()), &self.timestamp);
        let subject = self.subject.as_deref().filter(|_| self.kind == Kind::Notification);
        let asks = self.kind != Kind::Notification;
        let kind = match self.kind {
            Kind::Notification => "Notification",
            Kind::SubscriptionConfirmation => "SubscriptionConfirmation",
            Kind::UnsubscribeConfirmation => "UnsubscribeConfirmation",
        };
        let members = [
            ("Message", message),
            ("MessageId", id),
            ("Subject", subject),
            ("SubscribeURL", self.subscribe_url.as_deref().filter(|_| asks)),
            ("Timestamp", Some(time.as_str())),
            ("Token", self.token.as_deref().filter(|_| asks)),
            ("TopicArn", Some(self.topic_arn.as_str())),
            ("Type", Some(kind)),
        ];
        let lines = members.into_iter().filter_map(|(name, value)| Some(format!("{name}\n{}\n", value?)));
        lines.collect()
    }
}
