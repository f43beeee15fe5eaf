//! The one mapping from what went wrong to a status, a stable code, and words (RFC 9457).

use std::borrow::Cow;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::authenticate;
use crate::db;
use crate::description::FieldError;
use crate::jwt::TokenError;
use crate::pictures::Unmade;
use crate::spaces::Denied;
use crate::{arrivals, links, objects, sns, storage, transforms, uploads};

/// Nobody is told to come back later than in so many seconds.
const LONGEST_WAIT: u32 = 60;

/// An answer that says what is wrong, why, and what to do next.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) code: Cow<'static, str>,
    pub(crate) detail: String,
    pub(crate) errors: Vec<FieldError>,
    pub(crate) retry_after: Option<u32>,
}

/// A problem document (RFC 9457) with a stable code.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemDocument<'a> {
    /// Where the code is explained.
    #[serde(rename = "type")]
    #[schema(example = "/docs#not-found")]
    kind: String,
    /// The status in words.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// What is wrong here, why, and what to do.
    detail: &'a str,
    /// A stable code in kebab-case.
    #[schema(example = "not-found")]
    code: &'a str,
    /// Names this request in the service's log.
    request_id: &'a str,
    /// The fields that cannot be taken, each with the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldProblem<'a>>,
}

/// One field that cannot be taken.
#[derive(Debug, Serialize, ToSchema)]
struct FieldProblem<'a> {
    /// Its name.
    field: &'a str,
    /// What is wrong with it.
    detail: &'a str,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code: code.into(), detail: detail.into(), errors: Vec::new(), retry_after: None }
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", detail)
    }

    pub(crate) fn invalid(field: &'static str, detail: impl Into<String>) -> Self {
        Self::fields(vec![FieldError { field, detail: detail.into() }])
    }

    pub(crate) fn fields(errors: Vec<FieldError>) -> Self {
        let summary: Vec<_> = errors.iter().map(|error| format!("`{}` {}", error.field, error.detail)).collect();
        let detail = format!("{}.", summary.join("; "));
        Self { errors, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "validation-failed", detail) }
    }

    pub(crate) fn too_many_items(field: &'static str, detail: impl Into<String>) -> Self {
        Self { code: "too-many-items".into(), ..Self::invalid(field, detail) }
    }

    pub(crate) fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    }

    pub(crate) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// An error whose cause concerns nobody but the operator: it is logged, and the caller learns only that it happened.
    pub(super) fn internal(error: &dyn std::error::Error) -> Self {
        tracing::error!(error = %chain(error), "a request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "The service failed. Nothing was changed by halves; the log tells more under this request id.",
        )
    }

    fn database_unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "database-unavailable",
            "The database does not answer at the moment. Repeat the request soon; nothing was changed by halves.",
        )
        .retry_after(5)
    }

    fn storage_unavailable(retry_after: u32) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "storage-unavailable",
            "The storage does not answer at the moment. Repeat the request soon; nothing was changed by halves.",
        )
        .retry_after(retry_after)
    }

    /// The answer, once the request's id is known.
    pub(crate) fn render(&self, request_id: &str) -> Response {
        let document = ProblemDocument {
            kind: format!("/docs#{}", self.code),
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: &self.code,
            request_id,
            errors: self
                .errors
                .iter()
                .map(|error| FieldProblem { field: error.field, detail: &error.detail })
                .collect(),
        };
        let body = serde_json::to_string(&document).unwrap_or_default();
        let mut response = Response::new(body.into());
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"strongroom\""));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// Leaves the document to the middleware that knows the request's id.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::SignIn => Self::unauthorized(
                "This is not public. Send `Authorization: Bearer` with an API key or a token of your application.",
            ),
            Denied::Forbidden(why) => Self::new(StatusCode::FORBIDDEN, "forbidden", sentence(&why)),
            Denied::NotFound => {
                Self::new(StatusCode::NOT_FOUND, "not-found", "There is nothing here under this name, or not for you.")
            }
        }
    }
}

impl From<authenticate::Error> for Problem {
    fn from(error: authenticate::Error) -> Self {
        match error {
            authenticate::Error::UnknownKey => Self::unauthorized(sentence(&error.to_string())),
            authenticate::Error::Token(TokenError::Expired) => Self::new(
                StatusCode::UNAUTHORIZED,
                "token-expired",
                "The token has expired. Get a new one from your application and repeat the request.",
            ),
            authenticate::Error::Token(TokenError::KeysUnavailable) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "keys-unavailable",
                "The keys of the token's issuer cannot be fetched at the moment. Try again soon.",
            )
            .retry_after(5),
            authenticate::Error::Token(error) => Self::unauthorized(sentence(&error.to_string())),
            authenticate::Error::Db(error) => error.into(),
        }
    }
}

impl From<db::Error> for Problem {
    fn from(error: db::Error) -> Self {
        if error.is_unavailable() {
            tracing::warn!(%error, "the database is not available");
            return Self::database_unavailable();
        }
        if error.is_contended() {
            tracing::warn!(%error, "a transaction was given up");
            let detail =
                "Too many changes of the same things came at once. Repeat the request soon; nothing was changed.";
            return Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail).retry_after(1);
        }
        Self::internal(&error)
    }
}

impl From<storage::Error> for Problem {
    fn from(error: storage::Error) -> Self {
        match error {
            storage::Error::Unavailable(_) | storage::Error::TimedOut(_) => {
                tracing::warn!(%error, "the storage is not available");
                Self::storage_unavailable(5)
            }
            storage::Error::Busy { retry_after, .. } => {
                tracing::warn!(%error, "the storage is not available");
                let seconds = u32::try_from(retry_after.as_millis().div_ceil(1_000)).unwrap_or(LONGEST_WAIT);
                Self::storage_unavailable(seconds.clamp(1, LONGEST_WAIT))
            }
            storage::Error::Precondition => {
                Self::new(StatusCode::CONFLICT, "conflict", "The bytes in storage changed meanwhile. Try again.")
            }
            // A key that the database holds was checked before it was kept.
            storage::Error::Key(_) | storage::Error::Sign(_) => {
                tracing::error!(%error, "a URL could not be signed");
                Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "signing-failed",
                    "The link could not be signed, so there is none. The log tells the cause under this request id.",
                )
            }
            storage::Error::NotFound
            | storage::Error::NoSuchBucket { .. }
            | storage::Error::Refused { .. }
            | storage::Error::BadAnswer(_) => {
                tracing::error!(%error, "the storage did not do what it should");
                Self::new(
                    StatusCode::BAD_GATEWAY,
                    "storage-refused",
                    "The storage refused, which a client cannot mend. The log tells the cause under this request id.",
                )
            }
        }
    }
}

impl From<links::Error> for Problem {
    fn from(error: links::Error) -> Self {
        match error {
            links::Error::Storage(error) => error.into(),
            links::Error::Object(error) => error.into(),
            links::Error::Unmade(unmade) => unmade.into(),
            links::Error::Db(error) => error.into(),
            links::Error::Audit(error) if error.is_unavailable => Self::database_unavailable(),
            links::Error::Audit(error) => Self::internal(&error),
        }
    }
}

impl From<Unmade> for Problem {
    fn from(unmade: Unmade) -> Self {
        let words = sentence(&unmade.to_string());
        match unmade {
            Unmade::Waiting => Self::new(StatusCode::SERVICE_UNAVAILABLE, unmade.code(), words).retry_after(1),
            Unmade::Busy => Self::new(StatusCode::SERVICE_UNAVAILABLE, unmade.code(), words).retry_after(5),
            Unmade::Refused(_) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, unmade.code(), words),
            Unmade::NoSuch(_) => Self::new(StatusCode::NOT_FOUND, unmade.code(), words),
        }
    }
}

impl From<transforms::Error> for Problem {
    fn from(error: transforms::Error) -> Self {
        let words = sentence(&error.to_string());
        match error {
            transforms::Error::Signature | transforms::Error::Unsigned => {
                Self::new(StatusCode::FORBIDDEN, "transform-signature", words)
            }
            transforms::Error::Expired => Self::new(StatusCode::GONE, "transform-expired", words),
            transforms::Error::Options(_) => Self::new(StatusCode::BAD_REQUEST, "transform-options", words),
            transforms::Error::NoKey => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "transform-key", words),
            transforms::Error::Link(error) => error.into(),
        }
    }
}

impl From<objects::Error> for Problem {
    fn from(error: objects::Error) -> Self {
        match error {
            objects::Error::Denied(denied) => denied.into(),
            objects::Error::Invalid(errors) => Self::fields(errors),
            objects::Error::Deleted => Self::new(StatusCode::CONFLICT, "conflict", sentence(&error.to_string())),
            objects::Error::Db(error) => error.into(),
        }
    }
}

impl From<arrivals::Error> for Problem {
    fn from(error: arrivals::Error) -> Self {
        let words = sentence(&error.to_string());
        let unavailable = |code| Self::new(StatusCode::SERVICE_UNAVAILABLE, code, words.clone()).retry_after(1);
        match error {
            arrivals::Error::Malformed(_) | arrivals::Error::Sns(sns::Error::Malformed(_)) => Self::bad_request(words),
            arrivals::Error::TooMany => Self::too_many_items("Records", "are more than are taken at once"),
            arrivals::Error::NoTopic => Denied::NotFound.into(),
            arrivals::Error::Busy => unavailable("overloaded"),
            arrivals::Error::Sns(sns::Error::Refused(_) | sns::Error::Certificate(_)) => {
                Self::new(StatusCode::FORBIDDEN, "forbidden", words)
            }
            arrivals::Error::Sns(sns::Error::Fetch(_) | sns::Error::Busy) => {
                tracing::warn!(%error, "a message of SNS could not be verified");
                unavailable("keys-unavailable")
            }
            arrivals::Error::Upload(error) => error.into(),
        }
    }
}

impl From<uploads::Error> for Problem {
    fn from(error: uploads::Error) -> Self {
        let words = sentence(&error.to_string());
        let problem = |status, code: &'static str| Self::new(status, code, words.clone());
        match error {
            uploads::Error::Denied(denied) => denied.into(),
            uploads::Error::Invalid(errors) => Self::fields(errors),
            uploads::Error::TooLarge { .. } => problem(StatusCode::PAYLOAD_TOO_LARGE, "too-large"),
            uploads::Error::TypeNotAccepted { .. } => problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "type-not-accepted"),
            uploads::Error::ContentMismatch(_) => problem(StatusCode::UNPROCESSABLE_ENTITY, "content-mismatch"),
            uploads::Error::Quota(_) => problem(StatusCode::FORBIDDEN, "quota-exceeded"),
            uploads::Error::KeyReused => problem(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused"),
            uploads::Error::InProgress => problem(StatusCode::CONFLICT, "upload-in-progress").retry_after(1),
            uploads::Error::Incomplete(_) => problem(StatusCode::CONFLICT, "upload-incomplete"),
            uploads::Error::Expired => problem(StatusCode::GONE, "upload-expired"),
            uploads::Error::Ended(_) => problem(StatusCode::GONE, "upload-ended"),
            uploads::Error::Rejected(reason) => {
                let status = match reason.code.as_str() {
                    "type-not-accepted" => StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    "too-large" => StatusCode::PAYLOAD_TOO_LARGE,
                    "quota-exceeded" => StatusCode::FORBIDDEN,
                    _ => StatusCode::UNPROCESSABLE_ENTITY,
                };
                Self { code: reason.code.into(), ..Self::new(status, "", words) }
            }
            uploads::Error::Unfit(_) => problem(StatusCode::CONFLICT, "conflict"),
            uploads::Error::Busy => problem(StatusCode::SERVICE_UNAVAILABLE, "overloaded").retry_after(5),
            uploads::Error::Broken(_) => Self::internal(&error),
            uploads::Error::BrokenOff(_) => problem(StatusCode::BAD_REQUEST, "body-broken-off"),
            uploads::Error::Storage(storage::Error::Key(error)) => {
                Self::invalid("owner", format!("and `group` give a key that cannot be: {error}"))
            }
            uploads::Error::Storage(error) => error.into(),
            uploads::Error::Db(error) => error.into(),
        }
    }
}

/// Makes a sentence of an error's words.
pub(crate) fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    let end = if words.ends_with(['.', '?', '!']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
