//! One request on a connection of its own and its whole answer, for whatever sends requests made by hand.

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Its status.
    pub(crate) status: StatusCode,
    /// Its headers.
    pub(crate) headers: HeaderMap,
    /// Its body.
    pub(crate) body: Bytes,
}

impl Answer {
    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The texts of all elements of a name in the body.
    pub(crate) fn elements(&self, name: &str) -> Vec<String> {
        let (text, open, close) = (self.text(), format!("<{name}>"), format!("</{name}>"));
        text.split(&open).skip(1).filter_map(|piece| Some(piece.split_once(&close)?.0.to_owned())).collect()
    }

    /// The text of the first element of a name; empty if there is none.
    pub(crate) fn element(&self, name: &str) -> String {
        self.elements(name).into_iter().next().unwrap_or_default()
    }

    /// A header as text; empty if it is missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

/// Sends a request as it stands, its `Host` included, to an address such as `127.0.0.1:9000`.
pub(crate) async fn exchange(
    address: &str,
    method: &str,
    target: &str,
    headers: impl Iterator<Item = (&str, &str)>,
    body: impl Into<Bytes>,
) -> Answer {
    let request = Request::builder().method(method).uri(target);
    let request = headers.fold(request, |request, (name, value)| request.header(name, value));
    let request = request.body(Full::new(body.into())).unwrap();
    let connection = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(connection)).await.unwrap();
    let driver = tokio::spawn(connection);
    let (head, body) = sender.send_request(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    driver.abort();
    Answer { status: head.status, headers: head.headers, body }
}
