//! How small public documents are got, such as published keys: through a function that is handed in.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

/// Gets the content of a URL. It must end within seconds and give no more than 256 KiB.
#[derive(Clone)]
pub struct Fetch(Arc<dyn Fn(String) -> Fetching + Send + Sync>);

type Fetching = BoxFuture<'static, Result<Vec<u8>, FetchError>>;

/// Why a document could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The request failed.
    #[error("the request failed")]
    Request(#[from] reqwest::Error),
    /// The server answered with something else than success.
    #[error("the server answered with status {0}")]
    Status(u16),
    /// The answer does not end where it should.
    #[error("the answer is larger than {LARGEST} bytes")]
    TooLarge,
}

/// The largest document that is read, in bytes. A set of keys has a few thousand.
const LARGEST: usize = 256 * 1024;

/// How long a server has to answer. Callers wait for it at most this long.
const PATIENCE: Duration = Duration::from_secs(5);

impl Fetch {
    /// Wraps a function.
    pub fn new<F>(get: F) -> Self
    where
        F: Fn(String) -> BoxFuture<'static, Result<Vec<u8>, FetchError>> + Send + Sync + 'static,
    {
        Self(Arc::new(get))
    }

    /// Gets the content of a URL.
    pub async fn get(&self, url: &str) -> Result<Vec<u8>, FetchError> {
        (self.0)(url.to_owned()).await
    }
}

impl fmt::Debug for Fetch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Fetch")
    }
}

/// Fetches with this client, with bounds on time and size.
pub fn fetch_over_http(client: reqwest::Client) -> Fetch {
    Fetch::new(move |url| Box::pin(get(client.clone(), url)))
}

async fn get(client: reqwest::Client, url: String) -> Result<Vec<u8>, FetchError> {
    let mut response = client.get(url).timeout(PATIENCE).send().await?;
    if !response.status().is_success() {
        return Err(FetchError::Status(response.status().as_u16()));
    }
    let mut content = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if content.len() + chunk.len() > LARGEST {
            return Err(FetchError::TooLarge);
        }
        content.extend_from_slice(&chunk);
    }
    Ok(content)
}
