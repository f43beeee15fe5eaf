//! Every route on one screen, and the middleware in its order. Nothing below this module knows of HTTP.

mod answer;
mod arrivals;
mod console;
mod cursor;
mod error;
mod extract;
mod form_body;
mod hand_in;
mod leaving;
mod limits;
mod links;
pub mod listen;
mod objects;
mod openapi;
mod operators;
mod shapes;
mod spaces;
mod status;
mod trace;
mod transforms;
mod uploads;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use tokio_util::sync::CancellationToken;
use tower_http::cors::{AllowOrigin, CorsLayer};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use self::error::Problem;
use crate::arrivals::Arrivals;
use crate::authenticate::Authenticator;
use crate::config::AllowedOrigin;
use crate::health::Prober;
use crate::service::Service;

/// What handlers share; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct App(Arc<Parts>);

/// Where files lie, as the status tells it.
#[derive(Debug, Clone)]
pub struct Place {
    /// `embedded` or `s3`.
    pub kind: &'static str,
    /// The region.
    pub region: String,
    /// Where browsers reach the storage: an origin.
    pub endpoint: String,
}

#[derive(Debug)]
pub(crate) struct Parts {
    service: Service,
    authenticator: Authenticator,
    arrivals: Arrivals,
    limits: limits::Limits,
    place: Place,
    prober: Prober,
    /// Cancelled when the service is about to end.
    leaving: CancellationToken,
}

impl std::ops::Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// The whole HTTP face of a service. `leaving` is cancelled when it is about to end.
pub fn router(
    service: Service,
    authenticator: Authenticator,
    arrivals: Arrivals,
    place: Place,
    leaving: CancellationToken,
) -> Router {
    let limits = limits::Limits::new(&service.config.server);
    let prober = Prober::default();
    let app = App(Arc::new(Parts { service, authenticator, arrivals, limits, place, prober, leaving }));
    let bounded = OpenApiRouter::with_openapi(openapi::frame())
        .routes(routes!(spaces::list))
        .routes(routes!(objects::list))
        .routes(routes!(objects::show, objects::change, objects::delete))
        .routes(routes!(objects::restore))
        .routes(routes!(objects::download))
        .routes(routes!(objects::variant))
        .routes(routes!(links::links))
        .route("/i/{signature}/{*path}", get(transforms::follow))
        .routes(routes!(uploads::begin))
        .routes(routes!(uploads::show, uploads::give_up))
        .routes(routes!(uploads::parts))
        .routes(routes!(arrivals::tell))
        .routes(routes!(arrivals::tell_by_sns))
        .routes(routes!(status::status))
        .routes(routes!(operators::usage))
        .routes(routes!(operators::audit))
        .routes(routes!(status::readyz))
        .routes(routes!(status::metrics))
        .layer(from_fn_with_state(app.clone(), limits::bound_number_and_time));
    // These two move bytes and take as long as that takes. Their bodies have limits of their own: a short one has to
    // come within seconds, a file may not stand still.
    let moving_bytes = OpenApiRouter::new()
        .routes(routes!(hand_in::hand_in))
        .routes(routes!(uploads::complete))
        .layer(from_fn_with_state(app.clone(), limits::bound_number));
    let (router, document) = bounded.merge(moving_bytes).routes(routes!(status::healthz)).split_for_parts();
    let document: Arc<str> = document.to_json().unwrap_or_default().into();
    let router = router
        .route("/", get(console::console))
        .route("/docs", get(console::docs))
        .route("/assets/{name}", get(console::asset))
        .route("/favicon.ico", get(console::favicon))
        .route("/openapi.json", get(move || std::future::ready(openapi::answer(&document))))
        .fallback(|| std::future::ready(console::not_found()))
        .method_not_allowed_fallback(|| {
            std::future::ready(Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "This route does not take this method. All routes stand at /docs.",
            ))
        });
    keep_limits_small(&app);
    router
        .layer(cors(&app.service.config.origins()))
        .layer(from_fn_with_state(app.clone(), trace::trace))
        .layer(from_fn_with_state(app.clone(), leaving::end_connections))
        .with_state(app)
}

/// Pages of these origins may use the API with a token; none may use it with cookies, and there are none.
fn cors(origins: &[&AllowedOrigin]) -> CorsLayer {
    let origin = if origins.contains(&&AllowedOrigin::Any) {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().filter_map(|origin| HeaderValue::from_str(origin.as_str()).ok()))
    };
    CorsLayer::new()
        .allow_origin(origin)
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static("idempotency-key"),
            HeaderName::from_static("x-request-id"),
            HeaderName::from_static("traceparent"),
        ])
        .expose_headers([header::LOCATION, header::RETRY_AFTER, HeaderName::from_static("x-request-id")])
        .max_age(Duration::from_hours(1))
}

/// Lets the counters of principals that went away go, for as long as the service runs.
fn keep_limits_small(app: &App) {
    let weak = Arc::downgrade(&app.0);
    tokio::spawn(async move {
        let mut every = tokio::time::interval(Duration::from_mins(1));
        loop {
            every.tick().await;
            match weak.upgrade() {
                Some(app) => app.limits.forget_idle(),
                None => return,
            }
        }
    });
}
