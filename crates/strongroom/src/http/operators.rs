//! For operators: how much everybody holds, and what happened.

use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::App;
use super::answer::Json;
use super::cursor;
use super::error::{Problem, ProblemDocument};
use super::extract::{Caller, Query, searchable};
use crate::db::{self};
use crate::service::Asker;
use crate::spaces::{self, Denied};

/// Which page of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageQuery {
    /// How many at the most, from 1 to 1000; 50 when nothing is said.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of accounts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UsagePage {
    /// The accounts.
    items: Vec<UsageJson>,
    /// Gets the next page; absent on the last.
    next_cursor: Option<String>,
}

/// What an owner, or a space as a whole, holds.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Usage)]
struct UsageJson {
    /// The space.
    space: String,
    /// The owner; `null` for the space as a whole.
    owner: Option<String>,
    /// Bytes, those of deleted objects included until they are gone for good.
    bytes: i64,
    /// Objects, likewise.
    objects: i64,
    /// Bytes that open uploads have reserved.
    reserved_bytes: i64,
    /// Objects that open uploads have reserved.
    reserved_objects: i64,
}

/// See how much everybody holds
#[utoipa::path(
    get,
    path = "/v1/usage",
    operation_id = "usage",
    tag = "Running",
    params(PageQuery),
    responses(
        (status = 200, body = UsagePage),
        (status = "4XX", body = ProblemDocument<'static>, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn usage(
    State(app): State<App>,
    Caller(asker): Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<UsagePage>, Problem> {
    only_administrators(&asker)?;
    let limit = cursor::limit(query.limit)?;
    let after: Option<(String, String)> = query.cursor.as_deref().map(cursor::decode).transpose()?;
    let (space, owner) = after.unwrap_or_default();
    let mut rows = app.service.db.scan(move |tx| db::usage::list(tx, (&space, &owner), limit + 1)).await?;
    let more = rows.len() as i64 > limit;
    rows.truncate(usize::try_from(limit).unwrap_or(0));
    let next_cursor = rows.last().filter(|_| more).map(|last| cursor::encode(&(&last.space, &last.owner)));
    let items = rows.into_iter().map(|row| UsageJson {
        space: row.space,
        owner: Some(row.owner).filter(|owner| !owner.is_empty()),
        bytes: row.bytes,
        objects: row.objects,
        reserved_bytes: row.reserved_bytes,
        reserved_objects: row.reserved_objects,
    });
    Ok(Json(UsagePage { items: items.collect(), next_cursor }))
}

/// Which entries of the audit log.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditQuery {
    /// Only of this object.
    object: Option<Uuid>,
    /// Only by this actor, such as `user:alice`.
    actor: Option<String>,
    /// Only of this action, such as `link`.
    action: Option<String>,
    /// How many at the most, from 1 to 1000; 50 when nothing is said.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A page of the audit log, the newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditPage {
    /// The entries.
    items: Vec<EntryJson>,
    /// Gets the next page; absent on the last.
    next_cursor: Option<String>,
}

/// One thing that happened.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
struct EntryJson {
    /// Counts up.
    id: i64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Who: `user:SUBJECT`, `key:ID`, `anonymous`, or `upkeep` for the service itself.
    actor: String,
    /// What.
    action: String,
    /// In which space.
    space: Option<String>,
    /// To which object.
    object: Option<Uuid>,
    /// In which request.
    request_id: Option<String>,
    /// Anything more.
    #[schema(value_type = Object)]
    detail: Map<String, Value>,
}

/// See what happened
#[utoipa::path(
    get,
    path = "/v1/audit",
    operation_id = "audit",
    tag = "Running",
    params(AuditQuery),
    responses(
        (status = 200, body = AuditPage),
        (status = "4XX", body = ProblemDocument<'static>, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn audit(
    State(app): State<App>,
    Caller(asker): Caller,
    Query(query): Query<AuditQuery>,
) -> Result<Json<AuditPage>, Problem> {
    only_administrators(&asker)?;
    searchable(&[("actor", &query.actor), ("action", &query.action)])?;
    let limit = cursor::limit(query.limit)?;
    let filter = db::audit::Filter {
        object: query.object,
        actor: query.actor,
        action: query.action,
        before: query.cursor.as_deref().map(cursor::decode).transpose()?,
        limit: limit + 1,
    };
    let mut entries = app.service.db.scan(move |tx| db::audit::list(tx, &filter)).await?;
    let more = entries.len() as i64 > limit;
    entries.truncate(usize::try_from(limit).unwrap_or(0));
    let next_cursor = entries.last().filter(|_| more).map(|last| cursor::encode(&last.id));
    let items = entries.into_iter().map(|entry| EntryJson {
        id: entry.id,
        at: entry.at,
        actor: entry.actor,
        action: entry.action,
        space: entry.space,
        object: entry.object,
        request_id: entry.request_id,
        detail: entry.detail,
    });
    Ok(Json(AuditPage { items: items.collect(), next_cursor }))
}

fn only_administrators(asker: &Asker) -> Result<(), Denied> {
    if asker.principal.is_admin() {
        Ok(())
    } else if asker.principal.is_signed_in() {
        Err(Denied::Forbidden("only administrators may see this: use an API key with the scope `admin`".to_owned()))
    } else {
        Err(spaces::nothing_for(&asker.principal))
    }
}
