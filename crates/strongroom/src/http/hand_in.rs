//! `POST /v1/spaces/{space}/objects`: a file as the raw body, or as a form.

use std::pin::Pin;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::App;
use super::answer::Json;
use super::error::{Problem, ProblemDocument, sentence};
use super::extract::{Caller, Path, Query, idempotency, in_time};
use super::form_body::{FormBody, Gate};
use super::shapes::ObjectJson;
use crate::description::Description;
use crate::links::{self, Which};
use crate::spaces;
use crate::uploads::{self, Arriving};

/// The longest field of a form that is not the file.
const FIELD_BYTES: u64 = 64 * 1024;

/// A body on its way in.
type Incoming = Pin<Box<dyn Stream<Item = Result<Bytes, String>> + Send>>;

/// What is said of a raw body. A form says it in fields of the same names, which come before the part `file`.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Said {
    /// What people call it. Needed with a raw body; a form's file brings its own.
    name: Option<String>,
    /// The subject it shall belong to; the asker's own when nothing is said.
    owner: Option<String>,
    /// A group to list it by.
    group: Option<String>,
    /// Words to find it by, with commas between them.
    tags: Option<String>,
    /// Whatever the application wants to remember: a JSON object.
    metadata: Option<String>,
}

/// The same as a form.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it stands for what the form may hold; the form is read as it streams")]
struct HandInForm {
    /// What people call it; the file's own name when nothing is said.
    name: Option<String>,
    /// The subject it shall belong to.
    owner: Option<String>,
    /// A group to list it by.
    group: Option<String>,
    /// Words to find it by, with commas between them.
    tags: Option<String>,
    /// A JSON object.
    metadata: Option<String>,
    /// The file, as the last part.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// Hand a file in through the service
///
/// The body is the file itself with its `Content-Type`, or `multipart/form-data` whose last part is `file`. It is
/// streamed, so any length up to the space's limit takes the same memory. The type is judged by the bytes.
#[utoipa::path(
    post,
    path = "/v1/spaces/{space}/objects",
    operation_id = "hand_in",
    tag = "Handing in",
    params(
        ("space" = String, Path, description = "The space"),
        Said,
        ("Idempotency-Key" = Option<String>, Header, description = "Repeating the request does nothing twice"),
    ),
    request_body(
        description = "The file itself, or a form whose last part is the file",
        content((Vec<u8> = "application/octet-stream"), (HandInForm = "multipart/form-data")),
    ),
    responses(
        (status = 201, body = ObjectJson, description = "The object is there", headers(("Location" = String))),
        (status = "4XX", body = ProblemDocument<'static>, content_type = "application/problem+json"),
        (status = "5XX", body = ProblemDocument<'static>, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn hand_in(
    State(app): State<App>,
    Caller(asker): Caller,
    Path(space): Path<String>,
    Query(said): Query<Said>,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers().clone();
    let text = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok()).unwrap_or("");
    let parts: [&[u8]; 4] = [
        space.as_bytes(),
        request.uri().query().unwrap_or("").as_bytes(),
        text(header::CONTENT_LENGTH).as_bytes(),
        text(header::CONTENT_TYPE).split(';').next().unwrap_or("").as_bytes(),
    ];
    let idempotency = idempotency(&headers, &parts)?;
    let at_most = length(&headers)?;
    // Before a byte of the body is read: whoever may not hand in here is not worth the memory.
    spaces::may_write(&app.service, &asker.principal, &space)?;
    let arriving = match multer::parse_boundary(text(header::CONTENT_TYPE)) {
        Ok(boundary) => from_form(said, request, boundary, at_most).await?,
        Err(_) => from_raw_body(said, request, text(header::CONTENT_TYPE), at_most)?,
    };
    let object = uploads::receive(&app.service, &asker, &space, arriving, idempotency).await?;
    let links = links::for_object(&app.service, &asker, &object, Which::All).await?;
    let location = format!("/v1/objects/{}", object.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(ObjectJson::new(object, links))).into_response())
}

fn length(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get(header::CONTENT_LENGTH) else { return Ok(None) };
    let parsed = value.to_str().ok().and_then(|text| text.parse().ok());
    parsed.map(Some).ok_or_else(|| Problem::bad_request("The Content-Length cannot be read."))
}

fn from_raw_body(
    said: Said,
    request: Request,
    content_type: &str,
    at_most: Option<u64>,
) -> Result<Arriving<Incoming>, Problem> {
    let content_type = if content_type.is_empty() { "application/octet-stream" } else { content_type };
    let body = request.into_body().into_data_stream().map(|chunk| chunk.map_err(|error| error.to_string()));
    Ok(Arriving {
        description: said.describe()?,
        content_type: content_type.to_owned(),
        at_most,
        exact: true,
        body: Box::pin(body),
    })
}

/// Reads the fields up to the file, whose bytes are then read as they come.
async fn from_form(
    mut said: Said,
    request: Request,
    boundary: String,
    at_most: Option<u64>,
) -> Result<Arriving<Incoming>, Problem> {
    let constraints = multer::Constraints::new().size_limit(
        multer::SizeLimit::new()
            .for_field("name", FIELD_BYTES)
            .for_field("owner", FIELD_BYTES)
            .for_field("group", FIELD_BYTES)
            .for_field("tags", FIELD_BYTES)
            .for_field("metadata", FIELD_BYTES),
    );
    let (stream, gate) = FormBody::new(request.into_body());
    let mut form = multer::Multipart::with_constraints(stream, boundary, constraints);
    let broken = |error: multer::Error| Problem::bad_request(sentence(&format!("the form cannot be read: {error}")));
    loop {
        let field = in_time(form.next_field()).await?.map_err(broken)?;
        let Some(field) = field else {
            return Err(Problem::invalid(
                "file",
                "is missing; send the file as the last part of the form, named `file`",
            ));
        };
        let slot = match field.name().unwrap_or_default() {
            "file" => {
                let name = field.file_name().map(str::to_owned);
                said.name = said.name.or(name);
                let content_type = field.content_type().map_or("application/octet-stream", |kind| kind.essence_str());
                let content_type = content_type.to_owned();
                gate.open();
                return Ok(Arriving {
                    description: said.describe()?,
                    content_type,
                    at_most,
                    exact: false,
                    body: file(form, field, gate),
                });
            }
            "name" => &mut said.name,
            "owner" => &mut said.owner,
            "group" => &mut said.group,
            "tags" => &mut said.tags,
            "metadata" => &mut said.metadata,
            other => {
                let other: String = other.chars().take(64).collect();
                let detail = format!(
                    "has a field `{other}`, which is not known; it may have name, owner, group, tags, metadata and file"
                );
                return Err(Problem::invalid("form", detail));
            }
        };
        *slot = Some(in_time(field.text()).await?.map_err(broken)?).filter(|text| !text.is_empty());
    }
}

/// The file's bytes, and an error if anything follows them: a field that came too late would not have been heard.
fn file(form: multer::Multipart<'static>, field: multer::Field<'static>, gate: Gate) -> Incoming {
    let state = (form, Some(field), gate);
    Box::pin(stream::unfold(state, |(mut form, mut field, gate)| async move {
        let mut open = field.take()?;
        match open.chunk().await {
            Ok(Some(chunk)) => Some((Ok(chunk), (form, Some(open), gate))),
            Err(error) => Some((Err(error.to_string()), (form, None, gate))),
            Ok(None) => {
                drop(open);
                gate.close();
                match form.next_field().await {
                    Ok(None) => None,
                    Ok(Some(_)) => {
                        let late = "something follows the part `file`, which must be the last".to_owned();
                        Some((Err(late), (form, None, gate)))
                    }
                    Err(error) => Some((Err(error.to_string()), (form, None, gate))),
                }
            }
        }
    }))
}

impl Said {
    fn describe(self) -> Result<Description, Problem> {
        let tags = self.tags.as_deref().unwrap_or_default().split(',').map(str::trim);
        let metadata: Map<String, Value> = match self.metadata.as_deref().unwrap_or_default() {
            "" => Map::new(),
            text => serde_json::from_str(text)
                .map_err(|error| Problem::invalid("metadata", format!("is not a JSON object: {error}")))?,
        };
        Ok(Description {
            owner: self.owner.filter(|owner| !owner.is_empty()),
            group: self.group.filter(|group| !group.is_empty()),
            name: self.name.unwrap_or_default(),
            tags: tags.filter(|tag| !tag.is_empty()).map(str::to_owned).collect(),
            metadata,
        })
    }
}
