//! What the storage tells of bytes that arrived: S3's events, from Ceph, MinIO and their like, and through Amazon SNS.

use axum::extract::State;
use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::answer::Json;
use super::error::{Problem, ProblemDocument};
use super::extract::{Caller, Unread, credential, identify};
use crate::arrivals::Tally;
use crate::service::Asker;
use crate::spaces::Denied;

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Taken {
    /// How many uploads are being completed because of it.
    taken: u64,
    /// How many events told of nothing that an upload waits for.
    ignored: u64,
}

impl From<Tally> for Taken {
    fn from(Tally { taken, ignored }: Tally) -> Self {
        Self { taken, ignored }
    }
}

/// S3's events as the storage sends them.
#[derive(Debug, Deserialize, ToSchema)]
#[expect(dead_code, reason = "it describes the body, which the rule reads by itself")]
pub(crate) struct Events {
    /// The events; the key of each object is encoded as in a URL.
    #[serde(rename = "Records")]
    #[schema(value_type = Vec<Object>)]
    records: Vec<serde_json::Value>,
}

/// Where Ceph carries what a header carries elsewhere.
#[derive(Debug, Default, Deserialize)]
struct Opaque {
    #[serde(rename = "Records", default)]
    records: Vec<OpaqueRecord>,
}

#[derive(Debug, Deserialize)]
struct OpaqueRecord {
    #[serde(rename = "opaqueData", default)]
    data: String,
}

/// Tell that bytes have arrived in storage
///
/// For the event notifications of Ceph, MinIO and others: the upload is completed although its client never came back.
/// It wants an API key with the scope `arrivals`: as a bearer, as the password of basic authentication, or as the opaque
/// data of a topic of Ceph.
#[utoipa::path(
    post,
    path = "/v1/arrivals",
    operation_id = "tell_arrivals",
    tag = "Handing in",
    request_body = Events,
    responses(
        (status = 200, body = Taken),
        (status = "4XX", body = ProblemDocument<'static>, content_type = "application/problem+json"),
        (status = "5XX", body = ProblemDocument<'static>, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn tell(State(app): State<App>, request: Unread) -> Result<Json<Taken>, Problem> {
    let (headers, extensions) = (request.headers().clone(), request.extensions().clone());
    let body = if let Some(credential) = given(&headers)? {
        may_tell(&identify(&app, &extensions, Some(&credential)).await?)?;
        request.bytes().await?
    } else {
        let body = request.bytes().await?;
        may_tell(&identify(&app, &extensions, opaque(&body).as_deref()).await?)?;
        body
    };
    Ok(Json(app.arrivals.take_events(&app.service, &body).await?.into()))
}

/// The credential in the header, if there is one: a bearer, or the password of basic authentication.
fn given(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let basic = value.and_then(|text| text.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"));
    let Some((_, encoded)) = basic else { return Ok(credential(headers)?.map(str::to_owned)) };
    let decoded = STANDARD.decode(encoded.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let password = decoded.as_deref().and_then(|text| text.split_once(':')).map(|(_, password)| password.to_owned());
    password.map(Some).ok_or_else(|| Problem::unauthorized("The Authorization header cannot be read."))
}

/// What the owner of a topic of Ceph has it say with every event.
fn opaque(body: &[u8]) -> Option<String> {
    let opaque: Opaque = serde_json::from_slice(body).ok()?;
    opaque.records.into_iter().next().map(|record| record.data).filter(|data| !data.is_empty())
}

fn may_tell(asker: &Asker) -> Result<(), Denied> {
    if !asker.principal.is_signed_in() {
        return Err(Denied::SignIn);
    }
    if asker.principal.may_tell_arrivals() {
        return Ok(());
    }
    Err(Denied::Forbidden("this takes an API key with the scope `arrivals`".to_owned()))
}

/// Tell the same through a topic of Amazon SNS
///
/// The topic is the one of the configuration (`arrivals.sns_topic`), and SNS signs what it sends, so nothing else is
/// needed. A subscription of this address is confirmed by itself. Raw delivery is not signed, and is refused.
#[utoipa::path(
    post,
    path = "/v1/arrivals/sns",
    operation_id = "tell_arrivals_by_sns",
    tag = "Handing in",
    security(()),
    request_body(content = Object, content_type = "text/plain; charset=UTF-8", description = "A message of SNS"),
    responses(
        (status = 200, body = Taken),
        (status = "4XX", body = ProblemDocument<'static>, content_type = "application/problem+json"),
        (status = "5XX", body = ProblemDocument<'static>, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn tell_by_sns(
    State(app): State<App>,
    Caller(_): Caller,
    request: Unread,
) -> Result<Json<Taken>, Problem> {
    let body = request.bytes().await?;
    Ok(Json(app.arrivals.take_from_sns(&app.service, &body).await?.into()))
}
