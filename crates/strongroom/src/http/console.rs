//! The console and the API page: files that are part of the program, under a strict content security policy.

use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::App;
use super::error::Problem;

/// A file of the console.
struct Asset {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

macro_rules! asset {
    ($name:literal, $kind:literal) => {
        Asset { name: $name, kind: $kind, bytes: include_bytes!(concat!("../../console/", $name)) }
    };
}

/// Everything that `/assets/` serves.
const ASSETS: &[Asset] = &[
    asset!("api.js", "text/javascript"),
    asset!("console.css", "text/css"),
    asset!("console.js", "text/javascript"),
    asset!("docs.css", "text/css"),
    asset!("docs.js", "text/javascript"),
    asset!("favicon.svg", "image/svg+xml"),
    asset!("link.js", "text/javascript"),
    asset!("look.css", "text/css"),
    asset!("picture.js", "text/javascript"),
    asset!("samples.js", "text/javascript"),
    asset!("schema.js", "text/javascript"),
    asset!("upload.js", "text/javascript"),
    asset!("view.js", "text/javascript"),
    asset!("wall.js", "text/javascript"),
    asset!("words.js", "text/javascript"),
];

/// `/`: the console.
pub(crate) async fn console(State(app): State<App>) -> Response {
    page(&app, include_bytes!("../../console/index.html"))
}

/// `/docs`: the API as a page.
pub(crate) async fn docs(State(app): State<App>) -> Response {
    page(&app, include_bytes!("../../console/docs.html"))
}

/// `/assets/{name}`: what the pages are made of.
pub(crate) async fn asset(State(app): State<App>, Path(name): Path<String>) -> Response {
    match ASSETS.iter().find(|asset| asset.name == name) {
        Some(asset) => file(&app, asset.kind, asset.bytes),
        None => not_found().into_response(),
    }
}

/// `/favicon.ico`, which browsers ask for by themselves.
pub(crate) async fn favicon(State(app): State<App>) -> Response {
    file(&app, "image/svg+xml", include_bytes!("../../console/favicon.svg"))
}

/// What any unknown path gets.
pub(crate) fn not_found() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "not-found", "There is no such page or route. All of them stand at /docs.")
}

fn page(app: &App, bytes: &'static [u8]) -> Response {
    file(app, "text/html", bytes)
}

fn file(app: &App, kind: &str, bytes: &'static [u8]) -> Response {
    let mut response = (StatusCode::OK, bytes).into_response();
    let headers = response.headers_mut();
    let kind = format!("{kind}; charset=utf-8");
    headers
        .insert(header::CONTENT_TYPE, HeaderValue::from_str(&kind).unwrap_or(HeaderValue::from_static("text/plain")));
    // A new program brings new files under the same names.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data: {0}; media-src 'self' {0}; \
         connect-src 'self' {0}; font-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
        app.place.endpoint
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}
