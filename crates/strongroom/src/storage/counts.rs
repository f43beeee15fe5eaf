//! What is counted of the storage, for Prometheus.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

/// All that is counted. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    credentials_end: Family<Identity, Gauge>,
    credentials_fetched: Family<FetchedBy, Counter>,
    requests: Family<Asked, Counter>,
    retries: Counter,
    breaker_open: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    operation: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Identity {
    identity: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FetchedBy {
    identity: &'static str,
    outcome: &'static str,
}

/// What fetching credentials brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fetched {
    /// Newer ones.
    New,
    /// The same as before.
    Same,
    /// None.
    Failed,
}

impl Counts {
    /// Shows everything in a registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("requests", "Requests to the storage, each try of them", self.requests.clone());
        registry.register("retries", "Requests to the storage that were sent again", self.retries.clone());
        let open = "1 while the storage is left alone because it failed again and again";
        registry.register("breaker_open", open, self.breaker_open.clone());
        registry.register_with_unit(
            "credentials_end_timestamp",
            "When the identity's credentials end, since 1970; identities whose credentials last are not there",
            Unit::Seconds,
            self.credentials_end.clone(),
        );
        registry.register(
            "credentials_fetched",
            "Times that an identity's credentials were fetched anew",
            self.credentials_fetched.clone(),
        );
    }

    pub(super) fn asked(&self, operation: &'static str, outcome: &'static str) {
        self.requests.get_or_create(&Asked { operation, outcome }).inc();
    }

    pub(super) fn retried(&self) {
        self.retries.inc();
    }

    pub(super) fn breaker_open(&self, is_open: bool) {
        self.breaker_open.set(i64::from(is_open));
    }

    pub(super) fn credentials_end(&self, identity: &'static str, end: Option<i64>) {
        let identity = Identity { identity };
        match end {
            Some(end) => {
                self.credentials_end.get_or_create(&identity).set(end);
            }
            None => {
                self.credentials_end.remove(&identity);
            }
        }
    }

    pub(super) fn credentials_fetched(&self, identity: &'static str, outcome: Fetched) {
        let outcome = match outcome {
            Fetched::New => "new",
            Fetched::Same => "same",
            Fetched::Failed => "failed",
        };
        self.credentials_fetched.get_or_create(&FetchedBy { identity, outcome }).inc();
    }
}
