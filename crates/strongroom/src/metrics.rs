//! What is counted, under Prometheus' rules for names and units.

use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use strongroom_store::Store;

use crate::db::uploads::Method;
use crate::storage::Counts;

/// The upper bounds of the durations, in seconds.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// All that is counted.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram, Buckets>,
    in_flight: Gauge,
    connections: Gauge,
    uploads_begun: Family<MethodLabel, Counter>,
    uploads_rejected: Family<CodeLabel, Counter>,
    objects_created: Counter,
    bytes_created: Counter,
    links_signed: Counter,
    arrivals: Family<OutcomeLabel, Counter>,
    mirror_copies: Family<OutcomeLabel, Counter>,
    mirror_pending: Gauge,
    mirror_lag: Gauge,
    mirror_stands_in: Gauge,
    pictures: Family<OutcomeLabel, Counter>,
    picture_durations: Histogram,
    pictures_waiting: Gauge,
    pictures_at_work: Gauge,
    cleanup_failures: Counter,
}

/// The route as it is written in the router, so that no client can invent labels.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: String,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MethodLabel {
    method: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabel {
    code: String,
}

#[derive(Debug, Clone)]
struct Buckets;

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(BUCKETS)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Registers everything at zero.
    pub fn new() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("strongroom"),
            requests: Family::default(),
            durations: Family::new_with_constructor(Buckets),
            in_flight: Gauge::default(),
            connections: Gauge::default(),
            uploads_begun: Family::default(),
            uploads_rejected: Family::default(),
            objects_created: Counter::default(),
            bytes_created: Counter::default(),
            links_signed: Counter::default(),
            arrivals: Family::default(),
            mirror_copies: Family::default(),
            mirror_pending: Gauge::default(),
            mirror_lag: Gauge::default(),
            mirror_stands_in: Gauge::default(),
            pictures: Family::default(),
            picture_durations: Histogram::new(BUCKETS),
            pictures_waiting: Gauge::default(),
            pictures_at_work: Gauge::default(),
            cleanup_failures: Counter::default(),
        };
        let registry = &mut metrics.registry;
        registry.register("http_requests", "Requests answered", metrics.requests.clone());
        registry.register_with_unit(
            "http_request_duration",
            "Time from a request's head to its answer's head",
            Unit::Seconds,
            metrics.durations.clone(),
        );
        registry.register("http_requests_in_flight", "Requests being worked on", metrics.in_flight.clone());
        registry.register("http_connections", "Open connections", metrics.connections.clone());
        registry.register("uploads_begun", "Direct uploads begun", metrics.uploads_begun.clone());
        registry.register("uploads_rejected", "Uploads whose bytes were refused", metrics.uploads_rejected.clone());
        registry.register("objects_created", "Objects that became ready", metrics.objects_created.clone());
        registry.register_with_unit(
            "objects_created",
            "Bytes of objects that became ready",
            Unit::Bytes,
            metrics.bytes_created.clone(),
        );
        registry.register("links_signed", "Links handed out", metrics.links_signed.clone());
        registry.register("arrivals", "Events of the storage that told of bytes", metrics.arrivals.clone());
        registry.register("pictures", "Pictures worked on, by what came of it", metrics.pictures.clone());
        let duration = "Time from taking a picture up to having its variants in storage";
        registry.register_with_unit("picture_duration", duration, Unit::Seconds, metrics.picture_durations.clone());
        registry.register("pictures_waiting", "Pictures that wait, or are worked on", metrics.pictures_waiting.clone());
        registry.register("pictures_at_work", "Pictures this node works on", metrics.pictures_at_work.clone());
        registry.register("cleanup_failures", "Runs of the clean-up that stopped", metrics.cleanup_failures.clone());
        metrics
    }

    /// Shows what the embedded store counts, too.
    pub fn include(&mut self, store: &Store) {
        store.register(self.registry.sub_registry_with_prefix("store"));
    }

    /// Shows what the way to the storage counts, too.
    pub fn include_storage(&mut self, counts: &Counts) {
        counts.register(self.registry.sub_registry_with_prefix("storage"));
    }

    /// Shows how far the mirror is, and what the way to it counts, too.
    pub fn include_mirror(&mut self, counts: &Counts) {
        let registry = self.registry.sub_registry_with_prefix("mirror");
        counts.register(registry);
        registry.register("copies", "Tries to bring the mirror in line under a key", self.mirror_copies.clone());
        registry.register("pending", "Keys under which the mirror is not as it should be", self.mirror_pending.clone());
        let lag = "How long the oldest of them waits";
        registry.register_with_unit("lag", lag, Unit::Seconds, self.mirror_lag.clone());
        let stands_in = "1 while links lead to the mirror, because the storage is away";
        registry.register("stands_in", stands_in, self.mirror_stands_in.clone());
    }

    /// A request came.
    pub fn request_begun(&self) {
        self.in_flight.inc();
    }

    /// A request was answered.
    pub fn request_ended(&self, method: &str, route: &str, status: u16, took: Duration) {
        self.in_flight.dec();
        let labels = RequestLabels { method: method.to_owned(), route: route.to_owned(), status };
        self.requests.get_or_create(&labels).inc();
        self.durations.get_or_create(&RouteLabels { route: route.to_owned() }).observe(took.as_secs_f64());
    }

    /// A request was dropped before it was answered.
    pub fn request_dropped(&self) {
        self.in_flight.dec();
    }

    /// A connection was opened.
    pub fn connection_opened(&self) {
        self.connections.inc();
    }

    /// A connection was closed.
    pub fn connection_closed(&self) {
        self.connections.dec();
    }

    /// A direct upload was begun.
    pub fn uploads_begun(&self, method: Method) {
        self.uploads_begun.get_or_create(&MethodLabel { method: method.as_str() }).inc();
    }

    /// An upload's bytes were refused.
    pub fn uploads_rejected(&self, code: &str) {
        self.uploads_rejected.get_or_create(&CodeLabel { code: code.to_owned() }).inc();
    }

    /// An object became ready.
    pub fn objects_created(&self, bytes: i64) {
        self.objects_created.inc();
        self.bytes_created.inc_by(u64::try_from(bytes).unwrap_or(0));
    }

    /// Links were handed out.
    pub fn links_signed(&self, count: u64) {
        self.links_signed.inc_by(count);
    }

    /// The storage told of bytes: an upload waited for them, or none did.
    pub fn arrival(&self, taken: bool) {
        let outcome = if taken { "taken" } else { "ignored" };
        self.arrivals.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    /// The mirror was brought in line under a key, or could not be.
    pub fn mirrored(&self, done: bool) {
        let outcome = if done { "done" } else { "failed" };
        self.mirror_copies.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    /// Whether links lead to the mirror.
    pub fn mirror_stands_in(&self, stands_in: bool) {
        self.mirror_stands_in.set(i64::from(stands_in));
    }

    /// How far the mirror is behind: keys, and seconds.
    pub fn mirror_is_behind(&self, keys: i64, seconds: i64) {
        self.mirror_pending.set(keys);
        self.mirror_lag.set(seconds);
    }

    /// A picture was taken up.
    pub fn picture_taken_up(&self) {
        self.pictures_at_work.inc();
    }

    /// A picture is worked on no longer: it was `made`, `refused` or `failed`.
    pub fn picture_worked_on(&self, outcome: &'static str, took: Duration) {
        self.pictures_at_work.dec();
        self.pictures.get_or_create(&OutcomeLabel { outcome }).inc();
        self.picture_durations.observe(took.as_secs_f64());
    }

    /// How many pictures wait, or are worked on.
    pub fn pictures_wait(&self, count: i64) {
        self.pictures_waiting.set(count);
    }

    /// A run of the clean-up stopped.
    pub fn cleanup_failed(&self) {
        self.cleanup_failures.inc();
    }

    /// Everything in the text form that Prometheus reads.
    pub fn encode(&self) -> String {
        let mut out = String::new();
        // Writing into a String does not fail.
        let _ = text::encode(&mut out, &self.registry);
        out
    }
}
