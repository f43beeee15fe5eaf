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
    /// The bucket.
    bucket: String,
    /// Where browsers reach it.
    endpoint: String,
    /// The prefix under which everything lies.
    location: String,
    /// How many keys it is behind.
    pending: i64,
    /// Since when the oldest of them waits.
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<jiff::Timestamp>,
    /// Whether links lead to it, because the first storage does not answer.
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
        None => None,
        Some(mirror) => {
            let lag = crate::mirror::lag(&app.service).await.map_err(|error| Problem::internal(&error))?;
            Some(MirrorStatus {
                bucket: mirror.storage.own.name.clone(),
                endpoint: mirror.endpoint.clone(),
                location: mirror.storage.location.as_str().to_owned(),
                pending: lag.keys,
                since: lag.since,
                stands_in: mirror.stands_in(),
            })
        }
    };
    let place = &app.place;
    Ok(Json(Status {
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
        (status = 200, description = "Database and storage answer"),
        (status = 503, description = "One of them does not, or the service is about to end"),
    ),
)]
pub(crate) async fn readyz(State(app): State<App>) -> Response {
    if app.leaving.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "about to end\n").into_response();
    }
    let health = app.prober.look(&app.service).await;
    if health.is_good() {
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
