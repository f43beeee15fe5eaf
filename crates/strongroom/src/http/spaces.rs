//! `GET /v1/spaces`: the spaces that the asker can do anything with.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use super::answer::Json;
use super::error::{Problem, ProblemDocument};
use super::extract::Caller;
use crate::spaces;

/// The spaces of the asker.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Spaces {
    /// By name.
    items: Vec<SpaceJson>,
}

/// One space.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Space)]
struct SpaceJson {
    /// Its name.
    name: String,
    /// The content types it takes. Wildcards take only what a browser would not run.
    accept: Vec<String>,
    /// The longest file it takes.
    max_bytes: Option<u64>,
    /// What the asker may do here.
    may: MayJson,
}

/// What the asker may do.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = May)]
struct MayJson {
    /// Hand something in.
    write: bool,
    /// See a list.
    list: bool,
}

/// List the spaces that you may write or list
#[utoipa::path(
    get,
    path = "/v1/spaces",
    operation_id = "list_spaces",
    tag = "Looking",
    responses(
        (status = 200, body = Spaces),
        (status = "4XX", body = ProblemDocument<'static>, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(State(app): State<App>, Caller(asker): Caller) -> Result<Json<Spaces>, Problem> {
    let visible = spaces::visible(&app.service, &asker.principal);
    if visible.is_empty() && !asker.principal.is_signed_in() {
        return Err(spaces::Denied::SignIn.into());
    }
    let items = visible.into_iter().map(|(name, space, may)| SpaceJson {
        name: name.to_owned(),
        accept: space.accept.patterns().map(str::to_owned).collect(),
        max_bytes: space.max_bytes,
        may: MayJson { write: may.write, list: may.list },
    });
    Ok(Json(Spaces { items: items.collect() }))
}
