//! What every rule needs: the configuration, the database, the storage, time and luck.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::access::{Principal, PrincipalKind};
use crate::ambient::{Clock, Random};
use crate::audit::AuditLog;
use crate::config::Config;
use crate::db::{self, Db, audit};
use crate::links::Recent;
use crate::metrics::Metrics;
use crate::mirror::Mirror;
use crate::pictures::Demands;
use crate::places::Places;
use crate::storage::Storage;
use crate::transforms::Transforms;

/// The service as the rules see it; clones share it.
#[derive(Debug, Clone)]
pub struct Service(Arc<Parts>);

/// The parts of it.
#[derive(Debug)]
pub struct Parts {
    /// What was configured.
    pub config: Config,
    /// The database.
    pub db: Db,
    /// The way into the audit log for what changes nothing else.
    pub audit: AuditLog,
    /// The storage.
    pub storage: Storage,
    /// The second one, if there is one.
    pub mirror: Option<Mirror>,
    /// What signs transforms.
    pub transforms: Transforms,
    /// Where those who ask for pictures and those who make them meet.
    pub demands: Demands,
    /// What was shown a moment ago.
    pub recent: Recent,
    /// Places for large bodies.
    pub places: Places,
    /// What time it is.
    pub clock: Clock,
    /// Luck.
    pub random: Random,
    /// What is counted.
    pub metrics: Metrics,
}

impl Service {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// The bucket of a space, as rows name it: the installation's own has no name there.
    pub fn bucket_of(&self, space: &str) -> &str {
        self.config.bucket_of(space)
    }

    /// A new id, of this moment.
    pub fn new_id(&self) -> Uuid {
        self.0.random.id(self.now())
    }
}

impl std::ops::Deref for Service {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// Who asks, and in which request.
#[derive(Debug, Clone)]
pub struct Asker {
    /// Who.
    pub principal: Principal,
    /// The request, as it is named in logs and answers.
    pub request_id: String,
}

impl Asker {
    /// The service itself, when it cleans up.
    pub fn upkeep() -> Self {
        Self { principal: Principal::anonymous(), request_id: String::new() }
    }

    /// The name of who asks, in the audit log. Its first word says what kind of name follows, so that no subject can
    /// pass for a key, or for nobody.
    pub fn actor(&self) -> String {
        match (&self.principal.kind, &self.principal.subject) {
            (PrincipalKind::Key { id }, _) => format!("key:{id}"),
            (PrincipalKind::Jwt, Some(subject)) => format!("user:{subject}"),
            (PrincipalKind::Jwt | PrincipalKind::Anonymous, _) => "anonymous".to_owned(),
        }
    }

    /// An entry for the audit log, to be written together with what it tells of.
    pub fn entry(&self, now: Timestamp, action: &str) -> Entry {
        let of_a_request = !self.request_id.is_empty();
        Entry(audit::Entry {
            id: 0,
            at: now,
            actor: if of_a_request { self.actor() } else { "upkeep".to_owned() },
            action: action.to_owned(),
            space: None,
            object: None,
            request_id: of_a_request.then(|| self.request_id.clone()),
            detail: Map::new(),
        })
    }
}

/// An audit entry in the making.
#[derive(Debug, Clone)]
pub struct Entry(audit::Entry);

impl Entry {
    /// Says in which space, and to which object.
    #[must_use]
    pub fn on(mut self, space: &str, object: Option<Uuid>) -> Self {
        self.0.space = Some(space.to_owned());
        self.0.object = object;
        self
    }

    /// Says more.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.detail.insert(name.to_owned(), value.into());
        self
    }

    /// As the audit log takes it.
    pub fn into_inner(self) -> audit::Entry {
        self.0
    }

    /// Writes it.
    pub fn write(&self, tx: &db::Tx) -> Result<(), db::Error> {
        audit::insert(tx, std::slice::from_ref(&self.0))
    }
}
