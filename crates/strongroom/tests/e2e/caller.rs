//! Somebody who asks the service, and the answers that come back.

use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

/// A client with or without a token.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    api: String,
    token: Option<String>,
    client: Client,
}

impl Caller {
    pub(crate) fn new(api: &str, token: Option<&str>) -> Self {
        Self { api: api.to_owned(), token: token.map(str::to_owned), client: client() }
    }

    /// A request with the caller's token.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.api));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        send(self.json(Method::POST, path, body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        send(self.json(Method::PATCH, path, body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        send(self.request(Method::DELETE, path)).await
    }

    /// A request with a JSON body.
    pub(crate) fn json(&self, method: Method, path: &str, body: &Value) -> RequestBuilder {
        self.request(method, path).header("content-type", "application/json").body(body.to_string())
    }
}

/// Sends a request and reads the whole answer.
pub(crate) async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.expect("the service answers");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, body: response.bytes().await.expect("the answer is complete").to_vec() }
}

/// Opens a link as a browser would: without any token.
pub(crate) async fn open(url: &str) -> Answer {
    send(client().get(url)).await
}

/// A client that follows no redirect and uses no proxy.
pub(crate) fn client() -> Client {
    // Another test of the same process may have been first.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().expect("these settings are fine")
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header's value, empty when there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| HeaderValue::to_str(value).expect("our headers are ASCII"))
    }

    /// The body of an answer that had to have this status.
    #[track_caller]
    pub(crate) fn ok(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert!(!self.header("x-request-id").is_empty(), "an answer without request id: {:?}", self.headers);
        if self.body.is_empty() {
            return Value::Null;
        }
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    /// The problem of an answer that had to be refused in this way.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, code: &str) -> Value {
        let problem = self.problem();
        assert_eq!((self.status, problem["code"].as_str()), (status, Some(code)), "{problem}");
        problem
    }

    /// The problem document of a refusal, checked for everything that each of them must have.
    #[track_caller]
    pub(crate) fn problem(&self) -> Value {
        assert!(self.status >= 400, "this was no refusal: {} {}", self.status, self.text());
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text());
        let problem: Value = serde_json::from_slice(&self.body).expect("a problem is JSON");
        assert_eq!(problem["status"], self.status, "{problem}");
        assert_eq!(problem["request_id"], self.header("x-request-id"), "{problem}");
        for field in ["type", "title", "detail"] {
            assert!(problem[field].as_str().is_some_and(|text| !text.is_empty()), "no {field}: {problem}");
        }
        let code = problem["code"].as_str().unwrap_or_default();
        assert!(
            !code.is_empty() && code.chars().all(|character| character.is_ascii_lowercase() || character == '-'),
            "{problem}"
        );
        problem
    }
}

/// A value as text, for fields that always are text.
#[track_caller]
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a text: {value}"))
}
