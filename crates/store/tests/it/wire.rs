//! Requests made by hand, for what no well-meaning client would send.

use bytes::Bytes;
use strongroom_presign::SignedRequest;

pub(crate) use crate::exchange::Answer;
use crate::exchange::exchange;
use crate::server::Server;

impl Answer {
    /// S3's code of a refusal.
    pub(crate) fn code(&self) -> String {
        self.element("Code")
    }
}

/// Sends one request on a connection of its own. `target` is the path and query, or a whole URL of the store.
pub(crate) async fn send(
    server: &Server,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: impl Into<Bytes>,
) -> Answer {
    let target = target.strip_prefix(&format!("http://{}", server.address)).unwrap_or(target);
    let is_named = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host"));
    let host = (!is_named).then_some(("host", server.address.as_str()));
    exchange(&server.address, method, target, host.into_iter().chain(headers.iter().copied()), body).await
}

/// Sends a request that was signed by headers.
pub(crate) async fn send_signed(server: &Server, request: &SignedRequest, body: impl Into<Bytes>) -> Answer {
    let headers: Vec<(&str, &str)> =
        request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    send(server, request.method.as_str(), &request.url, &headers, body).await
}
