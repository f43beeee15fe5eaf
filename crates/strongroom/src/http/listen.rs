//! Accepts connections within bounds, serves HTTP/1.1 on them, and lets them finish when the service stops.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::service::Service;

/// How long a client may take to send a request's head, and how long a connection may lie idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(20);

/// The longest head of a request, and with it the buffer of a connection, in bytes.
const HEAD_BYTES: usize = 32 * 1024;

/// How many connections the system keeps until they are accepted, or as many as it allows. A client that finds no place
/// tries again after a second.
const QUEUE: u32 = 4096;

/// How many bytes the system keeps for a client that has not asked for them yet. Left to itself it keeps up to 4 MiB, and a
/// thousand clients that stop reading leave it without memory for the connections of all others.
const UNSENT_BYTES: u32 = 128 * 1024;

/// How long requests may take to finish when the service stops.
const FAREWELL: Duration = Duration::from_secs(30);

/// How a listener behaves.
#[derive(Debug)]
pub struct Listening {
    /// Where connections come in.
    pub listener: TcpListener,
    /// How many may be open at once; others wait in the system's queue.
    pub max_connections: usize,
    /// Cancelled when no more shall be accepted.
    pub stop: CancellationToken,
    /// Whose metrics count the connections, if any do.
    pub counted_by: Option<Service>,
}

/// Takes an address for itself. Must be called within a runtime.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A service that starts anew gets its address although old connections are still being forgotten.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(QUEUE)
}

/// Serves until told to stop, and then until the last request is answered.
pub async fn serve<F, Answer, B>(listening: Listening, handle: F)
where
    F: Fn(Request<Incoming>, SocketAddr) -> Answer + Clone + Send + 'static,
    Answer: Future<Output = Response<B>> + Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let Listening { listener, max_connections, stop, counted_by } = listening;
    let places = Arc::new(Semaphore::new(max_connections));
    let graceful = GracefulShutdown::new();
    loop {
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place,
            () = stop.cancelled() => break,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                pause_after(&error).await;
                continue;
            }
        };
        // Small answers shall leave at once.
        let _ = stream.set_nodelay(true);
        #[cfg(target_os = "linux")]
        let _ = socket2::SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT_BYTES);
        let handle = handle.clone();
        let service = hyper::service::service_fn(move |request| {
            // A connection has room for the work on a request set aside from its beginning on. That room is large, and one
            // that never sends a whole head shall not cost it.
            let answer = Box::pin(handle(request, address));
            async move { Ok::<_, Infallible>(answer.await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        // The task would otherwise have room for it twice: where it is handed over, and where it is waited for.
        let connection = Box::pin(graceful.watch(connection));
        let counted_by = counted_by.clone();
        tokio::spawn(async move {
            if let Some(service) = &counted_by {
                service.metrics.connection_opened();
            }
            // A client that breaks off, or sends what is not HTTP, is its own concern.
            if let Err(error) = connection.await {
                tracing::debug!(%error, %address, "a connection ended early");
            }
            if let Some(service) = &counted_by {
                service.metrics.connection_closed();
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(FAREWELL, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not finish in time and are cut off");
    }
}

/// Waits a little when the process has no file descriptors left, because accepting again at once would only spin.
async fn pause_after(error: &io::Error) {
    let of_the_client = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    );
    if !of_the_client {
        tracing::warn!(%error, "a connection could not be accepted");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
