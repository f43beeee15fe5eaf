//! Direct uploads: begin, look, more part URLs, complete, give up.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::App;
use super::answer::Json;
use super::error::{Problem, ProblemDocument};
use super::extract::{Caller, Path, Unread, idempotency};
use super::shapes::{ObjectJson, PartUrlJson, UploadJson};
use crate::db::uploads::{Method, State as UploadState};
use crate::description::Description;
use crate::links::{self, Which};
use crate::spaces;
use crate::storage::ObjectKey;
use crate::uploads::{self, Announced, ClaimedPart, Completed, MAX_PARTS_AT_ONCE};

/// What a client wants to hand in.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BeginUpload {
    /// How the bytes will come; the answer may name another way that does the same.
    method: Way,
    /// What people call the file.
    name: String,
    /// What it is; its bytes are checked against this.
    #[schema(example = "image/jpeg")]
    content_type: String,
    /// How long it is. Only the method `post` may leave it open.
    bytes: Option<u64>,
    /// Its SHA-256 in hex, if the client knows it.
    sha256: Option<String>,
    /// The subject it shall belong to; the asker's own when nothing is said.
    owner: Option<String>,
    /// A group to list it by.
    group: Option<String>,
    /// Words to find it by.
    #[serde(default)]
    tags: Vec<String>,
    /// Whatever the application wants to remember.
    #[serde(default)]
    #[schema(value_type = Object)]
    metadata: Map<String, Value>,
}

/// How bytes come to storage.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Way {
    /// One PUT.
    Put,
    /// One form POST.
    Post,
    /// Parts, each a PUT.
    Multipart,
}

/// Begin a direct upload
///
/// The answer holds signed URLs of the storage. Send the bytes there, then complete the upload. Where the storage cannot
/// take them in the way that was asked for, `method` in the answer is another and `instead_of` is the one that was asked
/// for.
#[utoipa::path(
    post,
    path = "/v1/spaces/{space}/uploads",
    operation_id = "begin_upload",
    tag = "Handing in",
    params(
        ("space" = String, Path, description = "The space"),
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request does nothing twice"),
    ),
    request_body = BeginUpload,
    responses(
        (status = 201, body = UploadJson, description = "Where to send the bytes"),
        (status = "4XX", body = ProblemDocument<'static>, content_type = "application/problem+json"),
        (status = "5XX", body = ProblemDocument<'static>, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn begin(
    State(app): State<App>,
    Caller(asker): Caller,
    Path(space): Path<String>,
    headers: HeaderMap,
    body: Unread,
) -> Result<Response, Problem> {
    spaces::may_write(&app.service, &asker.principal, &space)?;
    let body: BeginUpload = body.json().await?;
    let request = serde_json::to_vec(&body).unwrap_or_default();
    let idempotency = idempotency(&headers, &[space.as_bytes(), &request])?;
    let announced = Announced {
        method: match body.method {
            Way::Put => Method::Put,
            Way::Post => Method::Post,
            Way::Multipart => Method::Multipart,
        },
        content_type: body.content_type,
        bytes: body.bytes,
        sha256: body.sha256,
        description: Description {
            owner: body.owner,
            group: body.group,
            name: body.name,
            tags: body.tags,
            metadata: body.metadata,
        },
    };
    let upload = uploads::begin(&app.service, &asker, &space, announced, idempotency).await?;
    let ticket = uploads::ticket(&app.service, &upload)?;
    let location = format!("/v1/uploads/{}", upload.id);
    let body = Json(UploadJson::new(upload, ticket, None));
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], body).into_response())
}

/// Look at an upload
///
/// With fresh URLs while it is open, and for the method multipart with the parts that have arrived, so that a client
/// can resume.
#[utoipa::path(
    get,
    path = "/v1/uploads/{id}",
    operation_id = "show_upload",
    tag = "Handing in",
    params(("id" = Uuid, Path, description = "The upload")),
    responses(
        (status = 200, body = UploadJson),
        (status = "4XX", body = ProblemDocument<'static>, content_type = "application/problem+json"),
        (status = "5XX", body = ProblemDocument<'static>, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn show(
    State(app): State<App>,
    Caller(asker): Caller,
    Path(id): Path<Uuid>,
) -> Result<Json<UploadJson>, Problem> {
    let upload = uploads::with_multipart_id(&app.service, uploads::find(&app.service, &asker, id).await?).await?;
    let mut ticket = uploads::ticket(&app.service, &upload)?;
    let multipart = upload.multipart_id.as_ref().filter(|_| upload.state == UploadState::Open);
    let received = match multipart {
        Some(multipart) => {
            let key = ObjectKey::new(upload.staging_key.clone()).map_err(crate::storage::Error::from)?;
            match app.service.storage.bucket(&upload.bucket)?.janitor.parts(&key, multipart).await {
                Ok(parts) => Some(parts),
                Err(crate::storage::Error::NotFound) => {
                    // The parts were joined by a completion that got no further; there is nothing more to send.
                    ticket.parts = None;
                    None
                }
                Err(error) => return Err(error.into()),
            }
        }
        None => None,
    };
    Ok(Json(UploadJson::new(upload, ticket, received)))
}

/// Which parts.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PartNumbers {
    /// Their numbers, from 1; at most 100 at once.
    numbers: Vec<u16>,
}

/// Where to send parts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PartUrls {
    /// One URL a part.
    parts: Vec<PartUrlJson>,
    /// From then on the URLs are refused.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Get URLs for more parts
#[utoipa::path(
    post,
    path = "/v1/uploads/{id}/parts",
    operation_id = "part_urls",
    tag = "Handing in",
    params(("id" = Uuid, Path, description = "The upload")),
    request_body = PartNumbers,
    responses(
        (status = 200, body = PartUrls),
        (status = "4XX", body = ProblemDocument<'static>, content_type = "application/problem+json"),
        (status = "5XX", body = ProblemDocument<'static>, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn parts(
    State(app): State<App>,
    Caller(asker): Caller,
    Path(id): Path<Uuid>,
    body: Unread,
) -> Result<Json<PartUrls>, Problem> {
    uploads::find(&app.service, &asker, id).await?;
    let body: PartNumbers = body.json().await?;
    if body.numbers.len() > MAX_PARTS_AT_ONCE {
        let detail = format!("has {} entries; ask for at most {MAX_PARTS_AT_ONCE} parts at once", body.numbers.len());
        return Err(Problem::too_many_items("numbers", detail));
    }
    let (expires_at, parts) = uploads::part_urls(&app.service, &asker, id, &body.numbers).await?;
    let parts = parts.into_iter().map(PartUrlJson::from).collect();
    Ok(Json(PartUrls { parts, expires_at }))
}

/// What the client has of its parts. An empty object, or no body, lets the service find that out by itself.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CompleteUpload {
    /// The parts with the entity tags that the storage answered.
    parts: Option<Vec<ClaimedPartJson>>,
}

/// A part as the client has it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ClaimedPart)]
struct ClaimedPartJson {
    /// Its number.
    number: u16,
    /// Its entity tag, quoted or not.
    etag: String,
}

/// Complete a direct upload
///
/// The service looks at the real bytes and makes the object. Repeating this gives the same answer.
#[utoipa::path(
    post,
    path = "/v1/uploads/{id}/complete",
    operation_id = "complete_upload",
    tag = "Handing in",
    params(("id" = Uuid, Path, description = "The upload")),
    request_body = CompleteUpload,
    responses(
        (status = 200, body = ObjectJson, description = "The object is there"),
        (status = 202, body = UploadJson, description = "The bytes are still being looked at; ask again"),
        (status = "4XX", body = ProblemDocument<'static>, content_type = "application/problem+json"),
        (status = "5XX", body = ProblemDocument<'static>, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn complete(
    State(app): State<App>,
    Caller(asker): Caller,
    Path(id): Path<Uuid>,
    body: Unread,
) -> Result<Response, Problem> {
    uploads::find(&app.service, &asker, id).await?;
    let body: CompleteUpload = body.json().await?;
    let parts = body.parts.map(|parts| {
        parts.into_iter().map(|part| ClaimedPart { number: part.number, etag: part.etag }).collect::<Vec<_>>()
    });
    match uploads::complete(&app.service, &asker, id, parts).await? {
        Completed::Object(object) => {
            let links = links::for_object(&app.service, &asker, &object, Which::All).await?;
            Ok(Json(ObjectJson::new(*object, links)).into_response())
        }
        Completed::StillVerifying(upload) => {
            let body = Json(UploadJson::new(*upload, uploads::Ticket::default(), None));
            Ok((StatusCode::ACCEPTED, [(header::RETRY_AFTER, "1")], body).into_response())
        }
    }
}

/// Give a direct upload up
#[utoipa::path(
    delete,
    path = "/v1/uploads/{id}",
    operation_id = "give_up_upload",
    tag = "Handing in",
    params(("id" = Uuid, Path, description = "The upload")),
    responses(
        (status = 204, description = "It is given up, and what had arrived is cleared away"),
        (status = "4XX", body = ProblemDocument<'static>, content_type = "application/problem+json"),
        (status = "5XX", body = ProblemDocument<'static>, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn give_up(
    State(app): State<App>,
    Caller(asker): Caller,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    uploads::give_up(&app.service, &asker, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
