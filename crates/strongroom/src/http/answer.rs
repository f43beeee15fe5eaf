//! JSON answers, written in one piece.

use axum::body::Bytes;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::error::Problem;

/// How much room an answer begins with: an object with its link fits.
const ROOM: usize = 2048;

/// An answer in JSON. It is written into plain memory: growing a shared buffer by every comma took as long as all else
/// about a short answer.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Serialize> Json<T> {
    /// The text.
    pub(crate) fn write(&self) -> Result<Bytes, Problem> {
        let mut body = Vec::with_capacity(ROOM);
        serde_json::to_writer(&mut body, &self.0).map_err(|error| Problem::internal(&error))?;
        Ok(body.into())
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        self.write().map(Written).into_response()
    }
}

/// JSON that was written before.
#[derive(Debug)]
pub(crate) struct Written(pub(crate) Bytes);

impl IntoResponse for Written {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], self.0).into_response()
    }
}
