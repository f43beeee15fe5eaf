//! The plainest HTTP client: sends a URL as it stands, where others would put it in order first.

use bytes::Bytes;

pub(crate) use crate::exchange::Answer;
use crate::exchange::exchange;

impl Answer {
    /// Fails with the server's own words unless the status is this one.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{:?}\n{}", self.headers, self.text());
        self
    }
}

/// Sends one request on a connection of its own. All servers are on this machine, whatever the URL calls them.
pub(crate) async fn send(method: &str, url: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
    let rest = url.strip_prefix("http://").unwrap();
    let (host, target) = rest.split_at(rest.find('/').unwrap());
    let address = format!("127.0.0.1:{}", host.rsplit(':').next().unwrap());
    exchange(&address, method, target, [("host", host)].into_iter().chain(headers.iter().copied()), body).await
}
