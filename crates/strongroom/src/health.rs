//! Whether what the service stands on holds: the database and the storage.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::db::{self};
use crate::service::Service;

/// How long the storage may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long an answer counts.
const FRESH: Duration = Duration::from_secs(1);

/// What is wrong, if anything is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// With the storage.
    pub storage: Option<String>,
    /// With the database.
    pub database: Option<String>,
    /// What will be wrong if nothing changes.
    pub warning: Option<String>,
}

impl Health {
    /// Whether nothing is wrong.
    pub fn is_good(&self) -> bool {
        self.storage.is_none() && self.database.is_none()
    }
}

/// Asks both, at most once a second, however many want to know.
#[derive(Debug, Default)]
pub struct Prober(Mutex<Option<(Instant, Health)>>);

impl Prober {
    /// How both are, as of this second.
    pub async fn look(&self, service: &Service) -> Health {
        let mut last = self.0.lock().await;
        match &*last {
            Some((when, health)) if when.elapsed() < FRESH => health.clone(),
            _ => {
                let health = look(service).await;
                *last = Some((Instant::now(), health.clone()));
                health
            }
        }
    }
}

async fn look(service: &Service) -> Health {
    let credentials = service.storage.credentials();
    let storage = match tokio::time::timeout(PATIENCE, probe(service)).await {
        Ok(Ok(())) => None,
        Ok(Err(detail)) => Some(detail),
        Err(_) => Some(format!("the storage did not answer within {} seconds", PATIENCE.as_secs())),
    };
    let storage = credentials.ended.or(storage);
    let answer: Result<bool, db::Error> = service.db.read(|tx| db::milestones::reached(tx, "")).await;
    let database = answer.err().map(|error| error.to_string());
    if let Some(detail) = storage.as_ref().or(database.as_ref()) {
        tracing::warn!(detail, "the service is not well");
    }
    Health { storage, database, warning: credentials.troubled }
}

/// Asks every bucket whether it answers; what the first says that does not, with its name where there are several.
async fn probe(service: &Service) -> Result<(), String> {
    for bucket in service.storage.buckets() {
        if let Err(error) = bucket.janitor.probe().await {
            let is_only = service.storage.buckets().count() == 1;
            return Err(if is_only { error.to_string() } else { format!("bucket {}: {error}", bucket.name) });
        }
    }
    Ok(())
}
