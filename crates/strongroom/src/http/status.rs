//! How the service is: for people, for probes, for Prometheus.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::answer::Json;
use super::error::{Problem, ProblemDocument};
use super::extract::Caller;
use crate::mirror::{self, Mirror};
use crate::pictures;
use crate::service::Service;

/// How the service is.
#[expect(clippy::struct_field_names, reason = "the API calls them so")]
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Status {
    /// `ok` or `degraded`.
    status: &'static str,
    /// The program's version.
    version: &'static str,
    /// Where files lie, and whether that is healthy.
    storage: StorageStatus,
    /// The second storage, if there is one.
    mirror: Option<MirrorStatus>,
    /// The database.
    database: DatabaseStatus,
    /// The pictures that variants are made of; nothing while the database does not answer.
    pictures: Option<PicturesStatus>,
}

/// The pictures that variants are made of.
#[derive(Debug, Serialize, ToSchema)]
struct PicturesStatus {
    /// How many wait, or are worked on.
    waiting: i64,
    /// How many were refused.
    refused: i64,
}

/// The storage.
#[derive(Debug, Serialize, ToSchema)]
struct StorageStatus {
    /// `embedded` or `s3`.
    kind: &'static str,
    /// The installation's own bucket.
    bucket: String,
    /// The buckets that spaces have for themselves.
    buckets_of_spaces: Vec<String>,
    /// The region.
    region: String,
    /// Where browsers reach it.
    endpoint: String,
    /// The prefix under which everything lies.
    location: String,
    /// Whether it answers.
    healthy: bool,
    /// What is wrong, or will be if nothing changes, for administrators.
    detail: Option<String>,
}

/// The second storage.
#[derive(Debug, Serialize, ToSchema)]
struct MirrorStatus {
    /// The bucket that mirrors the installation's own.
    bucket: String,
    /// The buckets that mirror those of spaces.
    buckets_of_spaces: Vec<String>,
    /// Where browsers reach it.
    endpoint: String,
    /// The prefix under which everything lies.
    location: String,
    /// Whether it answers.
    healthy: bool,
    /// How many copies and deletions it still has to get; nothing while the database does not answer.
    pending: Option<i64>,
    /// How many of them failed again and again.
    failing: Option<i64>,
    /// Since when the oldest of them waits.
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<jiff::Timestamp>,
    /// Why one of them failed, for administrators.
    detail: Option<String>,
    /// Whether links lead to it, because the storage is away.
    stands_in: bool,
}

/// The database.
#[derive(Debug, Serialize, ToSchema)]
struct DatabaseStatus {
    /// `sqlite` or `postgres`.
    kind: &'static str,
    /// Whether it answers.
    healthy: bool,
}

/// Ask how the service is
#[utoipa::path(
    get,
    path = "/v1/status",
    tag = "Running",
    responses(
        (status = 200, body = Status),
        (status = "4XX", body = ProblemDocument<'static>, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn status(State(app): State<App>, Caller(asker): Caller) -> Result<Json<Status>, Problem> {
    if !asker.principal.is_signed_in() {
        return Err(crate::spaces::Denied::SignIn.into());
    }
    let health = app.prober.look(&app.service).await;
    let mirror = match &app.service.mirror {
        Some(mirror) => Some(status_of_mirror(&app.service, mirror, asker.principal.is_admin()).await),
        None => None,
    };
    let pictures = pictures::counts(&app.service).await.ok();
    let place = &app.place;
    Ok(Json(Status {
        pictures: pictures.map(|counts| PicturesStatus { waiting: counts.waiting, refused: counts.refused }),
        status: if health.is_good() { "ok" } else { "degraded" },
        version: env!("CARGO_PKG_VERSION"),
        storage: StorageStatus {
            kind: place.kind,
            bucket: app.service.storage.own.name.clone(),
            buckets_of_spaces: app.service.storage.buckets().skip(1).map(|bucket| bucket.name.clone()).collect(),
            region: place.region.clone(),
            endpoint: place.endpoint.clone(),
            location: app.service.storage.location.as_str().to_owned(),
            healthy: health.storage.is_none(),
            detail: health.storage.or(health.warning).filter(|_| asker.principal.is_admin()),
        },
        mirror,
        database: DatabaseStatus { kind: app.service.db.kind(), healthy: health.database.is_none() },
    }))
}

async fn status_of_mirror(service: &Service, mirror: &Mirror, for_admin: bool) -> MirrorStatus {
    let lag = mirror::lag(service, mirror).await.ok();
    let failing = if for_admin { mirror::failing(service).await.unwrap_or_default() } else { Vec::new() };
    MirrorStatus {
        bucket: mirror.storage.own.name.clone(),
        buckets_of_spaces: mirror.storage.buckets().skip(1).map(|bucket| bucket.name.clone()).collect(),
        endpoint: mirror.endpoint.clone(),
        location: mirror.storage.location.as_str().to_owned(),
        healthy: mirror.answers(),
        pending: lag.as_ref().map(|lag| lag.pending),
        failing: lag.as_ref().map(|lag| lag.failing),
        since: lag.and_then(|lag| lag.since),
        detail: failing.first().map(|failing| format!("{}: {}", failing.key, failing.reason)),
        stands_in: mirror.stands_in(&service.storage),
    }
}

/// Whether the process runs
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "Running",
    security(()),
    responses((status = 200, description = "It runs")),
)]
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether requests can be served
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "Running",
    security(()),
    responses(
        (status = 200, description = "Database and storage answer, or the mirror in place of the storage"),
        (status = 503, description = "One of them does not, or the service is about to end"),
    ),
)]
pub(crate) async fn readyz(State(app): State<App>) -> Response {
    if app.leaving.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "about to end\n").into_response();
    }
    let health = app.prober.look(&app.service).await;
    let stands_in = app.service.mirror.as_ref().is_some_and(|mirror| mirror.stands_in(&app.service.storage));
    if health.is_good() || (stands_in && health.database.is_none()) {
        "ready\n".into_response()
    } else {
        // What exactly is wrong stands in the log and, for who signed in, in /v1/status.
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n").into_response()
    }
}

/// What is counted, for Prometheus
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "Running",
    security(()),
    responses((status = 200, description = "OpenMetrics text", content_type = "application/openmetrics-text")),
)]
pub(crate) async fn metrics(State(app): State<App>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], app.service.metrics.encode()).into_response()
}
