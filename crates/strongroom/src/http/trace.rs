//! Gives every request an id, counts and logs it, and writes its problem document.

use std::panic::AssertUnwindSafe;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures_util::FutureExt as _;
use tracing::Instrument as _;

use super::App;
use super::error::Problem;

/// The id of a request, as it is named in logs and answers.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) String);

/// The header that carries it.
const HEADER: &str = "x-request-id";

/// The outermost layer.
pub(crate) async fn trace(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let id = RequestId(given_id(request.headers()).unwrap_or_else(|| app.service.new_id().simple().to_string()));
    let route = request.extensions().get::<MatchedPath>().map_or("(none)", |path| path.as_str()).to_owned();
    let method = request.method().clone();
    request.extensions_mut().insert(id.clone());
    let span = tracing::info_span!("request", id = %id.0, method = %method, route);
    let begun = tokio::time::Instant::now();
    let counted = Counted::begin(&app);
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind().instrument(span.clone()).await;
    let response = answer.unwrap_or_else(|_| {
        // The panic's message is in the log already; the caller learns no more than of any other failure.
        let detail = "The service failed. The log tells more under this request id.";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail).into_response()
    });
    let mut response = match response.extensions().get::<Problem>() {
        Some(problem) => {
            let mut rendered = problem.render(&id.0);
            // The layers below have said who may read this answer.
            for (name, value) in response.headers() {
                rendered.headers_mut().entry(name).or_insert_with(|| value.clone());
            }
            rendered
        }
        None => response,
    };
    let took = begun.elapsed();
    counted.end(label(&method), &route, response.status(), took);
    span.in_scope(|| tracing::debug!(status = response.status().as_u16(), ms = took.as_secs_f64() * 1e3, "answered"));
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert(HEADER, value);
    }
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// The method as a label: any token can be sent as a method, and each would be counted for ever.
fn label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// An id that the caller chose, or that of its trace (W3C Trace Context), if it is a harmless one.
fn given_id(headers: &HeaderMap) -> Option<String> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let harmless = |id: &&str| {
        (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    let of_trace = || {
        let id = text("traceparent")?.split('-').nth(1)?;
        (id.len() == 32 && id.bytes().any(|byte| byte != b'0') && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .then_some(id)
    };
    text(HEADER).filter(harmless).or_else(of_trace).map(str::to_owned)
}

/// Counts a request as under way until it is answered or dropped.
struct Counted<'a>(Option<&'a App>);

impl<'a> Counted<'a> {
    fn begin(app: &'a App) -> Self {
        app.service.metrics.request_begun();
        Self(Some(app))
    }

    fn end(mut self, method: &str, route: &str, status: StatusCode, took: std::time::Duration) {
        if let Some(app) = self.0.take() {
            app.service.metrics.request_ended(method, route, status.as_u16(), took);
        }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        if let Some(app) = self.0.take() {
            app.service.metrics.request_dropped();
        }
    }
}
