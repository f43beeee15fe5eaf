//! Amazon SNS: messages are taken from one topic, and only when a certificate of SNS itself vouches for them.
//!
//! What is signed, and how a subscription is confirmed, follows
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>.

mod certificate;
mod message;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use self::certificate::Certificate;
use self::message::Message;
use crate::config;
use crate::fetch::{Fetch, FetchError};

pub use certificate::CertificateError;

/// How many certificates are kept. SNS uses one, and another for a while when it changes.
const KEPT: usize = 4;

/// How many seconds lie between two fetches, whatever addresses strangers make up.
const PAUSE: i64 = 1;

/// What a message told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// The text that was published to the topic.
    Notification(String),
    /// The topic asked whether it may send here, and was answered.
    Confirmed,
    /// The subscription ended.
    Unsubscribed,
}

/// Why a message is not believed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not what SNS sends.
    #[error("this is no message of SNS: {0}")]
    Malformed(String),
    /// It comes from elsewhere, or from nowhere.
    #[error("this message is not believed: {0}")]
    Refused(&'static str),
    /// The certificate is not one.
    #[error("the certificate that shall vouch for this message cannot be used: {0}")]
    Certificate(#[from] CertificateError),
    /// SNS does not answer.
    #[error("SNS cannot be asked: {0}")]
    Fetch(#[from] FetchError),
    /// Others were fetched just now.
    #[error("certificates are fetched at most once a second; send the message again")]
    Busy,
}

/// The topic that is listened to.
#[derive(Debug)]
pub struct Topic {
    place: config::Topic,
    fetch: Fetch,
    certificates: Mutex<Certificates>,
    flight: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Certificates {
    known: Vec<(String, Arc<Certificate>)>,
    attempted_at: Option<i64>,
}

impl Topic {
    /// The configured topic; nothing is fetched yet.
    pub fn new(place: config::Topic, fetch: Fetch) -> Self {
        Self { place, fetch, certificates: Mutex::default(), flight: tokio::sync::Mutex::default() }
    }

    /// Verifies a message, and answers when the topic asks for the subscription to be confirmed.
    pub async fn receive(&self, body: &[u8], now: Timestamp) -> Result<Told, Error> {
        let message = Message::read(body).map_err(|error| Error::Malformed(error.to_string()))?;
        // First what costs nothing: nothing is fetched for strangers who do not even know the topic.
        if message.topic_arn != self.place.arn {
            return Err(Error::Refused("it is not of the topic that is configured as arrivals.sns_topic"));
        }
        let address = self.certificate_address(&message)?;
        let certificate = self.certificate(&address, now).await?;
        if !certificate.is_valid_at(now) {
            return Err(Error::Refused("the certificate that vouches for it is not valid at this time"));
        }
        if !message.is_signed_by(&certificate) {
            return Err(Error::Refused("its signature is not of SNS"));
        }
        match message.kind {
            message::Kind::Notification => Ok(Told::Notification(message.message)),
            message::Kind::UnsubscribeConfirmation => Ok(Told::Unsubscribed),
            message::Kind::SubscriptionConfirmation => {
                let address = message.subscribe_url.as_deref().filter(|url| self.is_confirmation(url));
                let address = address.ok_or(Error::Refused("it asks to be confirmed at a place that is not SNS"))?;
                self.fetch.get(address).await?;
                Ok(Told::Confirmed)
            }
        }
    }

    /// Where the message says that its certificate lies: it has to be the SNS of the topic.
    fn certificate_address(&self, message: &Message) -> Result<String, Error> {
        let address = &message.signing_cert_url;
        let name = address
            .strip_prefix(self.place.endpoint.as_str())
            .and_then(|path| path.strip_prefix("/SimpleNotificationService-"))
            .and_then(|name| name.strip_suffix(".pem"));
        let is_name = |name: &str| {
            (1..=128).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        match name {
            Some(name) if is_name(name) => Ok(address.clone()),
            _ => Err(Error::Refused("it names a certificate that is not of the topic's SNS")),
        }
    }

    fn is_confirmation(&self, url: &str) -> bool {
        let query = url.strip_prefix(self.place.endpoint.as_str()).and_then(|rest| rest.strip_prefix("/?"));
        query.is_some_and(|query| {
            query.split('&').any(|pair| pair == "Action=ConfirmSubscription")
                && query.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#')
        })
    }

    async fn certificate(&self, address: &str, now: Timestamp) -> Result<Arc<Certificate>, Error> {
        if let Some(known) = self.known(address) {
            return Ok(known);
        }
        // One at a time fetches; who waited finds what it got.
        let _flight = self.flight.lock().await;
        if let Some(known) = self.known(address) {
            return Ok(known);
        }
        let now = now.as_second();
        {
            let mut certificates = self.certificates();
            if certificates.attempted_at.is_some_and(|at| (at..at + PAUSE).contains(&now)) {
                return Err(Error::Busy);
            }
            certificates.attempted_at = Some(now);
        }
        let fetched = Arc::new(Certificate::read(&self.fetch.get(address).await?)?);
        let mut certificates = self.certificates();
        if certificates.known.len() == KEPT {
            certificates.known.remove(0);
        }
        certificates.known.push((address.to_owned(), Arc::clone(&fetched)));
        Ok(fetched)
    }

    fn known(&self, address: &str) -> Option<Arc<Certificate>> {
        self.certificates().known.iter().find(|(known, _)| known == address).map(|(_, kept)| Arc::clone(kept))
    }

    // Nothing can panic while the lock is held, and the list would still be whole if it did.
    fn certificates(&self) -> MutexGuard<'_, Certificates> {
        self.certificates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
