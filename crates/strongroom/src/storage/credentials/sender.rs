//! Lets the libraries that fetch credentials send their requests with the service's own HTTP client.

use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;

/// No answer that brings credentials is longer.
const LONGEST_ANSWER: usize = 1024 * 1024;

/// How long a request may take where nobody says otherwise.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends requests.
#[derive(Debug, Clone)]
pub(super) struct Sender(pub(super) reqwest::Client);

#[derive(Debug)]
struct Connector {
    http: reqwest::Client,
    patience: Duration,
}

impl HttpClient for Sender {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        let patience = match (settings.connect_timeout(), settings.read_timeout()) {
            (Some(connecting), Some(reading)) => connecting + reading,
            (_, Some(one)) | (Some(one), None) => one.max(PATIENCE),
            (None, None) => PATIENCE,
        };
        SharedHttpConnector::new(Connector { http: self.0.clone(), patience })
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (http, patience) = (self.http.clone(), self.patience);
        HttpConnectorFuture::new(async move {
            let sending = send(&http, request);
            tokio::time::timeout(patience, sending)
                .await
                .unwrap_or_else(|elapsed| Err(ConnectorError::timeout(Box::new(elapsed))))
        })
    }
}

async fn send(http: &reqwest::Client, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let method = http::Method::from_bytes(request.method().as_bytes()).map_err(unfit)?;
    let mut builder = http.request(method, request.uri());
    for (name, value) in request.headers() {
        builder = builder.header(name, value);
    }
    // All that is sent to fetch credentials is in memory.
    let body = request.body().bytes().map(Bytes::copy_from_slice);
    let mut response = builder.body(body.unwrap_or_default()).send().await.map_err(failed)?;
    let status = response.status().as_u16().try_into().map_err(unfit)?;
    let headers = std::mem::take(response.headers_mut());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            return Err(unfit("the answer is longer than any that brings credentials"));
        }
        body.extend_from_slice(&chunk);
    }
    let mut answer = HttpResponse::new(status, SdkBody::from(body));
    for (name, value) in &headers {
        // A header that is no text says nothing to those who read the answer.
        if let Ok(value) = value.to_str() {
            answer.headers_mut().try_append(name.as_str().to_owned(), value.to_owned()).map_err(unfit)?;
        }
    }
    Ok(answer)
}

fn failed(error: reqwest::Error) -> ConnectorError {
    // Where to goes into no log: some of these URLs carry tokens.
    let error = error.without_url();
    if error.is_timeout() { ConnectorError::timeout(Box::new(error)) } else { ConnectorError::io(Box::new(error)) }
}

fn unfit(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ConnectorError {
    ConnectorError::other(error.into(), None)
}
