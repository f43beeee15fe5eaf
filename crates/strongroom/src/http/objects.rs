//! Objects: a page of a space, one of them, changing, deleting, restoring, downloading.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::App;
use super::answer::{Json, Written};
use super::cursor;
use super::error::{Problem, ProblemDocument};
use super::extract::{Caller, Path, Query, Unread, searchable};
use super::shapes::{ObjectJson, VariantJson};
use crate::db::objects::{After, Object, Order};
use crate::description::Change;
use crate::links::{self, Which};
use crate::objects::{self, Wanted};
use crate::service::Asker;
use crate::spaces::Act;

/// What a list shows.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    /// How many at the most, from 1 to 1000; 50 when nothing is said.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Only names that begin so.
    prefix: Option<String>,
    /// Only this owner's.
    owner: Option<String>,
    /// Only this group's.
    group: Option<String>,
    /// Only with this tag.
    tag: Option<String>,
    /// Only this content type, or all of a kind, such as `image/*`.
    r#type: Option<String>,
    /// Only what is served with this SHA-256 (hex): what is the same to the byte.
    sha256: Option<String>,
    /// Only handed in at this time or later (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime)]
    created_after: Option<Timestamp>,
    /// Only handed in before this time (RFC 3339).
    #[param(value_type = Option<String>, format = DateTime)]
    created_before: Option<Timestamp>,
    /// The order: `newest`, `oldest` or `name`.
    #[serde(default)]
    #[param(inline)]
    order: ListOrder,
    /// The deleted ones instead of the others.
    #[serde(default)]
    deleted: bool,
}

/// The order of a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ListOrder {
    /// Last handed in first.
    #[default]
    Newest,
    /// First handed in first.
    Oldest,
    /// By name.
    Name,
}

/// A page of objects.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ObjectPage {
    /// The objects.
    items: Vec<ObjectJson>,
    /// Gets the next page; absent on the last.
    next_cursor: Option<String>,
}

/// Where a page begins. The order is part of it, so that a cursor is not used with another.
#[derive(Debug, Serialize, Deserialize)]
struct Place {
    order: ListOrder,
    name: String,
    id: Uuid,
}

/// List the objects of a space
#[utoipa::path(
    get,
    path = "/v1/spaces/{space}/objects",
    operation_id = "list_objects",
    tag = "Looking",
    params(("space" = String, Path, description = "The space"), ListQuery),
    responses(
        (status = 200, body = ObjectPage),
        (status = "4XX", body = ProblemDocument<'static>, content_type = "application/problem+json"),
        (status = "5XX", body = ProblemDocument<'static>, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    State(app): State<App>,
    Caller(asker): Caller,
    Path(space): Path<String>,
    Query(query): Query<ListQuery>,
) -> Result<Json<ObjectPage>, Problem> {
    searchable(&[
        ("prefix", &query.prefix),
        ("owner", &query.owner),
        ("group", &query.group),
        ("tag", &query.tag),
        ("type", &query.r#type),
        ("sha256", &query.sha256),
    ])?;
    let order = query.order;
    let after = match query.cursor.as_deref().map(cursor::decode::<Place>).transpose()? {
        Some(place) if place.order != order => {
            return Err(Problem::bad_request("The cursor belongs to a list in another order."));
        }
        place => place.map(|place| After { name: place.name, id: place.id }),
    };
    let wanted = Wanted {
        prefix: query.prefix,
        owner: query.owner,
        group: query.group,
        tag: query.tag,
        content_type: query.r#type,
        sha256: query.sha256.map(|digest| digest.to_ascii_lowercase()),
        created_after: query.created_after,
        created_before: query.created_before,
        deleted: query.deleted,
        order: match order {
            ListOrder::Newest => Order::Newest,
            ListOrder::Oldest => Order::Oldest,
            ListOrder::Name => Order::Name,
        },
        after,
        limit: cursor::limit(query.limit)?,
    };
    let (objects, after) = objects::list(&app.service, &asker, &space, wanted).await?;
    let links = links::for_objects(&app.service, &asker, &objects, Which::All).await?;
    let items = objects.into_iter().zip(links).map(|(object, links)| ObjectJson::new(object, links)).collect();
    let next_cursor = after.map(|After { name, id }| {
        let name = if order == ListOrder::Name { name } else { String::new() };
        cursor::encode(&Place { order, name, id })
    });
    Ok(Json(ObjectPage { items, next_cursor }))
}

/// Look at one object
#[utoipa::path(
    get,
    path = "/v1/objects/{id}",
    operation_id = "show_object",
    tag = "Looking",
    params(("id" = Uuid, Path, description = "The object")),
    responses(
        (status = 200, body = ObjectJson),
        (status = "4XX", body = ProblemDocument<'static>, content_type = "application/problem+json"),
        (status = "5XX", body = ProblemDocument<'static>, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn show(
    State(app): State<App>,
    Caller(asker): Caller,
    Path(id): Path<Uuid>,
) -> Result<Written, Problem> {
    let write = |object, links| Json(ObjectJson::new(object, links)).write();
    links::show(&app.service, &asker, id, write).await.map(Written)
}

/// What shall be said otherwise of an object; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeObject {
    /// Another name.
    name: Option<String>,
    /// Another group; `null` takes it out of its group.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    #[expect(clippy::option_option, reason = "absent, null and a name are three things")]
    group: Option<Option<String>>,
    /// Other tags, instead of all there were.
    tags: Option<Vec<String>>,
    /// Other metadata, instead of all there was.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Map<String, Value>>,
    /// Other subjects to share it with, instead of all there were.
    shared_with: Option<Vec<String>>,
}

/// Tells `null` from what is absent.
#[expect(clippy::option_option, reason = "absent, null and a name are three things")]
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(deserializer).map(Some)
}

/// Change what is said of an object
#[utoipa::path(
    patch,
    path = "/v1/objects/{id}",
    operation_id = "change_object",
    tag = "Changing",
    params(("id" = Uuid, Path, description = "The object")),
    request_body = ChangeObject,
    responses(
        (status = 200, body = ObjectJson),
        (status = "4XX", body = ProblemDocument<'static>, content_type = "application/problem+json"),
        (status = "5XX", body = ProblemDocument<'static>, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn change(
    State(app): State<App>,
    Caller(asker): Caller,
    Path(id): Path<Uuid>,
    body: Unread,
) -> Result<Json<ObjectJson>, Problem> {
    objects::get(&app.service, &asker, id, Act::Change).await?;
    let ChangeObject { name, group, tags, metadata, shared_with } = body.json().await?;
    let change = Change { name, group, tags, metadata, shared_with };
    let object = objects::change(&app.service, &asker, id, change).await?;
    with_link(&app, &asker, object).await
}

/// Delete an object
///
/// It can be restored until the space's retention has passed; then it is gone for good.
#[utoipa::path(
    delete,
    path = "/v1/objects/{id}",
    operation_id = "delete_object",
    tag = "Changing",
    params(("id" = Uuid, Path, description = "The object")),
    responses(
        (status = 204, description = "It is deleted"),
        (status = "4XX", body = ProblemDocument<'static>, content_type = "application/problem+json"),
        (status = "5XX", body = ProblemDocument<'static>, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn delete(
    State(app): State<App>,
    Caller(asker): Caller,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    objects::delete(&app.service, &asker, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Bring a deleted object back
#[utoipa::path(
    post,
    path = "/v1/objects/{id}/restore",
    operation_id = "restore_object",
    tag = "Changing",
    params(("id" = Uuid, Path, description = "The object")),
    responses(
        (status = 200, body = ObjectJson),
        (status = "4XX", body = ProblemDocument<'static>, content_type = "application/problem+json"),
        (status = "5XX", body = ProblemDocument<'static>, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn restore(
    State(app): State<App>,
    Caller(asker): Caller,
    Path(id): Path<Uuid>,
) -> Result<Json<ObjectJson>, Problem> {
    let object = objects::restore(&app.service, &asker, id).await?;
    with_link(&app, &asker, object).await
}

/// How a download is answered.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct DownloadQuery {
    /// `1` answers with a redirect to the content instead of with JSON.
    redirect: Option<u8>,
}

/// Where to download an object.
#[expect(clippy::struct_field_names, reason = "the API calls them so")]
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Download {
    /// Saves the content as a file.
    download_url: String,
    /// The name it is saved under.
    filename: String,
    /// From then on the URL is refused.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Download an object under its name
#[utoipa::path(
    get,
    path = "/v1/objects/{id}/download",
    operation_id = "download_object",
    tag = "Looking",
    params(("id" = Uuid, Path, description = "The object"), DownloadQuery),
    responses(
        (status = 200, body = Download),
        (status = 302, description = "With `redirect=1`: to the content"),
        (status = "4XX", body = ProblemDocument<'static>, content_type = "application/problem+json"),
        (status = "5XX", body = ProblemDocument<'static>, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn download(
    State(app): State<App>,
    Caller(asker): Caller,
    Path(id): Path<Uuid>,
    Query(query): Query<DownloadQuery>,
) -> Result<Response, Problem> {
    let (object, link) = links::download(&app.service, &asker, id).await?;
    if query.redirect == Some(1) {
        return Ok((StatusCode::FOUND, [(header::LOCATION, link.url)]).into_response());
    }
    let body = Download { download_url: link.url, filename: object.name, expires_at: link.expires_at };
    Ok(Json(body).into_response())
}

/// Where to look at a variant.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct VariantPath {
    /// The object.
    id: Uuid,
    /// The variant, as its space declares it.
    name: String,
}

/// Look at a variant of a picture
///
/// Of two formats, who says in `Accept` that it can show WebP gets that. A variant that is made on demand is made if it
/// is not there, and awaited for a few seconds; then `503` `processing` says when to ask again.
#[utoipa::path(
    get,
    path = "/v1/objects/{id}/variants/{name}",
    operation_id = "show_variant",
    tag = "Looking",
    params(VariantPath, DownloadQuery),
    responses(
        (status = 200, body = VariantJson),
        (status = 302, description = "With `redirect=1`: to the variant"),
        (status = "4XX", body = ProblemDocument<'static>, content_type = "application/problem+json"),
        (status = "5XX", body = ProblemDocument<'static>, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn variant(
    State(app): State<App>,
    Caller(asker): Caller,
    Path(VariantPath { id, name }): Path<VariantPath>,
    Query(query): Query<DownloadQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let found = links::variant(&app.service, &asker, id, &name, can_show(&headers)).await?;
    let vary = (header::VARY, HeaderValue::from_static("accept"));
    if query.redirect == Some(1) {
        let location = [(header::LOCATION, found.1.url)];
        return Ok((StatusCode::FOUND, [vary], location).into_response());
    }
    Ok(([vary], Json(VariantJson::from(found))).into_response())
}

/// Which content types whoever asks can show: WebP is said, and everything else goes without saying.
pub(crate) fn can_show(headers: &HeaderMap) -> impl Fn(&str) -> bool + use<> {
    let shows_webp = headers.get_all(header::ACCEPT).iter().any(|accept| accepts(accept, "image/webp"));
    move |content_type| content_type != "image/webp" || shows_webp
}

/// Whether an `Accept` header names this content type, and does not refuse it.
fn accepts(accept: &HeaderValue, content_type: &str) -> bool {
    let ranges = accept.to_str().unwrap_or_default().split(',');
    ranges.into_iter().any(|range| {
        let mut words = range.split(';').map(str::trim);
        let is_named = words.next().is_some_and(|name| name.eq_ignore_ascii_case(content_type));
        is_named && !words.any(|word| matches!(word, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

async fn with_link(app: &App, asker: &Asker, object: Object) -> Result<Json<ObjectJson>, Problem> {
    let links = links::for_object(&app.service, asker, &object, Which::All).await?;
    Ok(Json(ObjectJson::new(object, links)))
}
