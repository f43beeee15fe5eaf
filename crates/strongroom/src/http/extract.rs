//! What handlers take out of a request: who asks, JSON, paths and queries; each refusal is a problem document.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::App;
use super::error::{Problem, sentence};
use super::trace::RequestId;
use crate::access::Principal;
use crate::service::Asker;
use crate::uploads::Idempotency;

/// The longest JSON body: a thousand references of a kilobyte each fit.
const JSON_BYTES: usize = 2 << 20;

/// How long a client may take to send a short body, or the fields of a form.
const SLOWEST_BODY: Duration = Duration::from_secs(10);

/// The longest `Idempotency-Key`.
const IDEMPOTENCY_KEY_BYTES: usize = 255;

/// Who asks, within the limit of requests.
#[derive(Debug)]
pub(crate) struct Caller(pub(crate) Asker);

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        Ok(Self(identify(app, &parts.extensions, credential(&parts.headers)?).await?))
    }
}

/// Who asks with this credential, or without any, within the limit of requests.
pub(crate) async fn identify(app: &App, request: &Extensions, credential: Option<&str>) -> Result<Asker, Problem> {
    let request_id = request.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    let address = request.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    let from = || address.map_or_else(|| "unknown".to_owned(), |address| address.to_string());
    let principal = match credential {
        None => Principal::anonymous(),
        Some(credential) => match app.authenticator.identify(&app.service, credential).await {
            Ok(principal) => principal,
            Err(error) => {
                // Guessing is limited like anything else that an unknown somebody does.
                app.limits.take(&from())?;
                return Err(error.into());
            }
        },
    };
    let asker = Asker { principal, request_id };
    if asker.principal.is_signed_in() {
        app.limits.take(&asker.actor())?;
    } else {
        app.limits.take(&from())?;
    }
    Ok(asker)
}

/// The bearer credential, if one was sent.
pub(crate) fn credential(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Problem::bad_request("There is more than one Authorization header; send one."));
    }
    let bearer = value.to_str().ok().and_then(|text| {
        let (scheme, credential) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| credential.trim())
    });
    match bearer {
        Some(credential) if !credential.is_empty() => Ok(Some(credential)),
        _ => Err(Problem::unauthorized(
            "The Authorization header cannot be read; send `Authorization: Bearer` and an API key or a token.",
        )),
    }
}

/// A body that is not read yet. Handlers find out first whether the asker may do this at all.
#[derive(Debug)]
pub(crate) struct Unread(Request);

impl<S: Sync> FromRequest<S> for Unread {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        Ok(Self(request))
    }
}

impl Unread {
    /// Its headers.
    pub(crate) fn headers(&self) -> &HeaderMap {
        self.0.headers()
    }

    /// What the layers above know of it.
    pub(crate) fn extensions(&self) -> &Extensions {
        self.0.extensions()
    }

    /// Reads the body as JSON, within bounds of length and time. No body at all is an empty object.
    pub(crate) async fn json<T: DeserializeOwned>(self) -> Result<T, Problem> {
        let content_type = self.0.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_json = content_type.is_some_and(|kind| {
            let essence = kind.split(';').next().unwrap_or_default().trim();
            essence.eq_ignore_ascii_case("application/json") || essence.ends_with("+json")
        });
        let body = self.bytes().await?;
        if !is_json && !body.is_empty() {
            return Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "type-not-accepted",
                "This route takes JSON; send `Content-Type: application/json`.",
            ));
        }
        let text: &[u8] = if body.is_empty() { b"{}" } else { &body };
        let mut reader = serde_json::Deserializer::from_slice(text);
        let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
            let path = error.path().to_string();
            let inner = error.into_inner();
            if inner.is_data() {
                let place = if path == "." { String::new() } else { format!("`{path}`: ") };
                Problem::new(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "validation-failed",
                    sentence(&format!("{place}{inner}")),
                )
            } else {
                Problem::bad_request(sentence(&format!("the body is not JSON: {inner}")))
            }
        })?;
        reader.end().map_err(|error| Problem::bad_request(sentence(&format!("the body is not JSON: {error}"))))?;
        Ok(value)
    }

    /// Reads the body, whatever it is, within bounds of length and time.
    pub(crate) async fn bytes(self) -> Result<Bytes, Problem> {
        let body = in_time(Limited::new(self.0.into_body(), JSON_BYTES).collect()).await?.map_err(|error| {
            if error.is::<LengthLimitError>() {
                Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The JSON body is longer than 2 MiB.")
            } else {
                Problem::new(StatusCode::BAD_REQUEST, "body-broken-off", "The body broke off before its end.")
            }
        })?;
        Ok(body.to_bytes())
    }
}

/// Waits for something that a client sends, but not for ever.
pub(crate) async fn in_time<T>(sending: impl Future<Output = T>) -> Result<T, Problem> {
    tokio::time::timeout(SLOWEST_BODY, sending).await.map_err(|_| {
        let seconds = SLOWEST_BODY.as_secs();
        let detail = format!("The body did not come within {seconds} s. Nothing was changed; send it again, faster.");
        Problem::new(StatusCode::REQUEST_TIMEOUT, "timeout", detail)
    })
}

/// The variable segments of the path. One that cannot be read names nothing.
#[derive(Debug)]
pub(crate) struct Path<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(path) => Ok(Self(path.0)),
            Err(_) => Err(crate::spaces::Denied::NotFound.into()),
        }
    }
}

/// The query.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(query) => Ok(Self(query.0)),
            Err(error) => Err(Problem::bad_request(sentence(&error.body_text()))),
        }
    }
}

/// Refuses to look for a text with a NUL in it: nothing that is stored holds one, and not every database takes one.
pub(crate) fn searchable(texts: &[(&'static str, &Option<String>)]) -> Result<(), Problem> {
    match texts.iter().find(|(_, text)| text.as_ref().is_some_and(|text| text.contains('\0'))) {
        Some((field, _)) => Err(Problem::invalid(field, "holds a NUL, which nothing here is named with")),
        None => Ok(()),
    }
}

/// What the client named this request, with a digest of all that makes it another one.
pub(crate) fn idempotency(headers: &HeaderMap, request: &[&[u8]]) -> Result<Option<Idempotency>, Problem> {
    use sha2::{Digest as _, Sha256};

    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| !key.is_empty() && key.len() <= IDEMPOTENCY_KEY_BYTES);
    let key =
        key.ok_or_else(|| Problem::bad_request("The Idempotency-Key must be 1 to 255 visible ASCII characters."))?;
    let mut digest = Sha256::new();
    for part in request {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    let digest = base16ct::lower::encode_string(&digest.finalize());
    Ok(Some(Idempotency { key: key.to_owned(), digest }))
}
