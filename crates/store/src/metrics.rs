//! What is counted, under Prometheus' rules for names and units, for whoever serves the store to show.

use std::sync::{Arc, Weak};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::content::Swept;
use crate::index::contents;
use crate::store::Inner;

/// The upper bounds of the durations, in seconds.
const BUCKETS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

/// All that is counted while requests are answered.
#[derive(Debug)]
pub(crate) struct Metrics {
    requests: Family<RequestLabels, Counter>,
    durations: Family<OperationLabel, Histogram, Buckets>,
    /// Bytes of request bodies.
    pub(crate) received: Counter,
    /// Bytes of answers.
    pub(crate) sent: Counter,
    swept: Family<KindLabel, Counter>,
    scrubbed: Counter,
    scrubbed_bytes: Counter,
    damaged: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    operation: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabel {
    operation: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

#[derive(Debug, Clone)]
struct Buckets;

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(BUCKETS)
    }
}

impl Metrics {
    /// Everything at zero.
    pub(crate) fn new() -> Self {
        Self {
            requests: Family::default(),
            durations: Family::new_with_constructor(Buckets),
            received: Counter::default(),
            sent: Counter::default(),
            swept: Family::default(),
            scrubbed: Counter::default(),
            scrubbed_bytes: Counter::default(),
            damaged: Gauge::default(),
        }
    }

    /// A request was answered.
    pub(crate) fn answered(&self, operation: String, status: u16, took: Duration) {
        self.durations.get_or_create(&OperationLabel { operation: operation.clone() }).observe(took.as_secs_f64());
        self.requests.get_or_create(&RequestLabels { operation, status }).inc();
    }

    /// A sweep removed something.
    pub(crate) fn swept(&self, swept: Swept) {
        for (kind, count) in [
            ("incoming", swept.incoming),
            ("content", swept.contents),
            ("upload", swept.uploads),
            ("expired", swept.expired),
        ] {
            self.swept.get_or_create(&KindLabel { kind }).inc_by(count);
        }
    }

    /// The scrub verified something.
    pub(crate) fn scrubbed(&self, contents: u64, bytes: u64) {
        self.scrubbed.inc_by(contents);
        self.scrubbed_bytes.inc_by(bytes);
    }

    /// How many damaged contents the scrub under way, or else the last one, has found.
    pub(crate) fn damaged(&self, contents: u64) {
        self.damaged.set(i64::try_from(contents).unwrap_or(i64::MAX));
    }

    /// Registers everything, what is looked up at each collection included.
    pub(crate) fn register(&self, registry: &mut Registry, store: &Arc<Inner>) {
        registry.register("requests", "Requests answered, by operation and status", self.requests.clone());
        registry.register_with_unit(
            "request_duration",
            "Time from a request's head to its answer's head",
            Unit::Seconds,
            self.durations.clone(),
        );
        registry.register_with_unit("received", "Bytes of request bodies", Unit::Bytes, self.received.clone());
        registry.register_with_unit("sent", "Bytes of answers", Unit::Bytes, self.sent.clone());
        registry.register("swept", "Leavings that sweeps removed", self.swept.clone());
        registry.register("scrubbed_contents", "Contents verified in the background", self.scrubbed.clone());
        registry.register_with_unit(
            "scrubbed",
            "Bytes verified in the background",
            Unit::Bytes,
            self.scrubbed_bytes.clone(),
        );
        registry.register("damaged_contents", "Damaged contents that the last scrub found", self.damaged.clone());
        registry.register("damaged_reads", "Requests that met a damaged content", store.contents.damaged_reads.clone());
        registry.register_collector(Box::new(Current(Arc::downgrade(store))));
    }
}

/// What is not counted but looked up.
#[derive(Debug)]
struct Current(Weak<Inner>);

impl Collector for Current {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Some(store) = self.0.upgrade() else { return Ok(()) };
        let mut gauge = |name: &str, help: &str, unit: Option<&Unit>, value: u64| {
            let value = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            value.encode(encoder.encode_descriptor(name, help, unit, value.metric_type())?)
        };
        gauge("uploads_in_use", "Places for arriving bodies that are taken", None, store.places.taken() as u64)?;
        if let Ok(free) = store.space.free() {
            gauge("disk_free", "What is left on the disk", Some(&Unit::Bytes), free)?;
        }
        if let Ok(tally) = store.index.read(contents::tally) {
            gauge("objects", "Objects", None, tally.objects)?;
            gauge("contents", "Contents, which objects may share", None, tally.contents)?;
            gauge("contents", "Bytes of contents", Some(&Unit::Bytes), tally.bytes)?;
        }
        let commits = store.index.commits();
        let mut counter = |name: &str, help: &str, value: u64| {
            let value = ConstCounter::new(value);
            value.encode(encoder.encode_descriptor(name, help, None, value.metric_type())?)
        };
        counter("commits", "Transactions of the index, each with its sync", commits.transactions)?;
        counter("committed_writes", "Writes that shared those transactions", commits.writes)?;
        counter("failed_commits", "Transactions of the index that failed", commits.failures)
    }
}
