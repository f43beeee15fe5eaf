//! Arrivals: the storage tells that bytes have arrived, and the upload they belong to is completed without its client.
//!
//! What is told is a hint and nothing more. The bytes are looked at as they are when the client itself completes; what
//! is told twice, too late or of something else changes nothing; and what nobody tells, the clean-up finds.

mod record;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use self::record::Notice;
use crate::service::Service;
use crate::sns::{self, Told, Topic};
use crate::storage::ObjectKey;
use crate::uploads;

/// How many uploads are completed at once because the storage told of them.
const PLACES: usize = 16;

/// How long somebody who tells waits for a place. Ceph lets the client that sends the bytes wait as long.
const PATIENCE: Duration = Duration::from_secs(3);

/// The most events that one request may hold. Storage sends one, or a few.
const MOST_RECORDS: usize = 1000;

/// Why nothing was taken.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not a list of S3's events.
    #[error("this is not a list of S3's events: {0}")]
    Malformed(String),
    /// It holds too many.
    #[error("this holds more than the {MOST_RECORDS} events that are taken at once")]
    TooMany,
    /// No topic of SNS is configured.
    #[error("no topic is configured")]
    NoTopic,
    /// The message is not believed.
    #[error(transparent)]
    Sns(#[from] sns::Error),
    /// As much is being looked at as is taken on.
    #[error("as many uploads are looked at as are taken on; tell it again soon")]
    Busy,
    /// The upload could not be taken up.
    #[error(transparent)]
    Upload(#[from] uploads::Error),
}

/// What came of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Uploads that are being completed now.
    pub taken: u64,
    /// Events that told of nothing that waits.
    pub ignored: u64,
}

/// Takes what is told.
#[derive(Debug)]
pub struct Arrivals {
    topic: Option<Topic>,
    places: Arc<Semaphore>,
}

impl Arrivals {
    /// With the topic that is listened to, if there is one.
    pub fn new(topic: Option<Topic>) -> Self {
        Self { topic, places: Arc::new(Semaphore::new(PLACES)) }
    }

    /// Takes a message of SNS.
    pub async fn take_from_sns(&self, service: &Service, body: &[u8]) -> Result<Tally, Error> {
        let topic = self.topic.as_ref().ok_or(Error::NoTopic)?;
        match topic.receive(body, service.now()).await? {
            Told::Notification(text) => self.take(service, &Notice::read(text.as_bytes())?).await,
            Told::Confirmed => {
                tracing::info!("the topic of SNS was confirmed: it tells of arrivals from now on");
                Ok(Tally::default())
            }
            Told::Unsubscribed => {
                tracing::warn!("the topic of SNS tells of arrivals no longer; the clean-up looks for them");
                Ok(Tally::default())
            }
        }
    }

    /// Takes S3's events from somebody who was found to be allowed to tell them.
    pub async fn take_events(&self, service: &Service, body: &[u8]) -> Result<Tally, Error> {
        self.take(service, &Notice::read(body)?).await
    }

    async fn take(&self, service: &Service, notice: &Notice) -> Result<Tally, Error> {
        if notice.records.len() > MOST_RECORDS {
            return Err(Error::TooMany);
        }
        let mut tally = Tally::default();
        for record in &notice.records {
            let created = record.created().and_then(|(bucket, name)| Some((bucket, key_of(service, &name)?)));
            let taken = match created {
                Some((bucket, key)) => self.complete(service, bucket, key).await?,
                None => false,
            };
            tally.taken += u64::from(taken);
            tally.ignored += u64::from(!taken);
            service.metrics.arrival(taken);
        }
        Ok(tally)
    }

    /// Completes the upload that waits for this key, if one does. Once it is begun, the row says so: should this process
    /// end before it is done, another takes it up.
    async fn complete(&self, service: &Service, bucket: &str, key: ObjectKey) -> Result<bool, Error> {
        let Some(upload) = uploads::waiting_for(service, bucket, key).await? else { return Ok(false) };
        let place = tokio::time::timeout(PATIENCE, Arc::clone(&self.places).acquire_owned()).await;
        let place = place.map_err(|_| Error::Busy)?.map_err(|_| Error::Busy)?;
        let Some(work) = uploads::begin_completing(service, upload.id).await? else { return Ok(false) };
        tokio::spawn(async move {
            uploads::told(upload.id, work.await);
            drop(place);
        });
        Ok(true)
    }
}

/// The key that an event tells of, if it lies where ours do.
fn key_of(service: &Service, name: &str) -> Option<ObjectKey> {
    ObjectKey::new(service.storage.location.strip(name)?).ok()
}
