//! `GET /i/…`: pictures that a URL says how to make.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::App;
use super::error::{Problem, ProblemDocument};
use super::extract::{Caller, Path};
use super::objects::can_show;
use crate::transforms;

/// Such a URL.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct TransformPath {
    /// HMAC-SHA-256 over `/options/id` in base64url, or `-` for presets alone.
    signature: String,
    /// The options, such as `rs:fill:300:200/q:80`, and the object.
    #[param(ignore)]
    path: String,
}

/// Look at a picture as the URL says it
///
/// The options are `rs`, `w`, `h`, `el`, `g`, `q`, `f`, `bl`, `sh`, `bg`, `pr` and `exp`, with slashes between them. Whoever
/// has a URL that is signed sees what it leads to; without a signature there are presets for who may read the object.
#[utoipa::path(
    get,
    path = "/i/{signature}/{options}/{id}",
    operation_id = "follow_transform",
    tag = "Looking",
    params(
        TransformPath,
        ("options" = String, Path, description = "The options, such as `rs:fill:300:200/q:80`"),
        ("id" = Uuid, Path, description = "The object"),
    ),
    responses(
        (status = 307, description = "To the picture"),
        (status = "4XX", body = ProblemDocument<'static>, content_type = "application/problem+json"),
        (status = "5XX", body = ProblemDocument<'static>, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn follow(
    State(app): State<App>,
    Caller(asker): Caller,
    Path(TransformPath { signature, path }): Path<TransformPath>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let led = transforms::follow(&app.service, &asker, &signature, &path, can_show(&headers)).await?;
    let end = led.expires_at.map_or(led.link.expires_at, |end| end.min(led.link.expires_at));
    // Who comes to the link at the last moment has half of its life left to follow it.
    let seconds = end.duration_since(app.service.now()).as_secs().max(0) / 2;
    let cached = HeaderValue::try_from(format!("private, max-age={seconds}"));
    let cached = cached.unwrap_or(HeaderValue::from_static("no-store"));
    let vary = HeaderValue::from_static("accept, authorization");
    let fixed = [(header::CACHE_CONTROL, cached), (header::VARY, vary)];
    Ok((StatusCode::TEMPORARY_REDIRECT, fixed, [(header::LOCATION, led.link.url)]).into_response())
}
