//! Accepts connections within bounds, serves HTTP/1.1 on them, and lets them finish when the service stops.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::service::Service;

/// How long a client may take to send a request's head, and how long a connection may lie idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(20);

/// The longest head of a request, and with it the buffer of a connection, in bytes.
const HEAD_BYTES: usize = 32 * 1024;

/// What is set aside for the first head of a connection; a longer one takes more.
const FIRST_BYTES: usize = 1024;

/// Said of the first field that no room was made for: those before it are those of a request.
const TOO_MANY: httparse::Error = httparse::Error::TooManyHeaders;

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
        let (mut stream, address) = match accepted {
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
            // that lies idle between two requests shall not cost it.
            let answer = Box::pin(handle(request, address));
            async move { Ok::<_, Infallible>(answer.await) }
        });
        let (watcher, stop, counted_by) = (graceful.watcher(), stop.clone(), counted_by.clone());
        tokio::spawn(async move {
            if let Some(service) = &counted_by {
                service.metrics.connection_opened();
            }
            let head = tokio::select! {
                head = first_head(&mut stream) => head,
                () = stop.cancelled() => None,
            };
            if let Some(head) = head {
                let (reads, writes) = stream.into_split();
                let stream = tokio::io::join(io::Cursor::new(head).chain(reads), writes);
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEAD_TIMEOUT)
                    .max_buf_size(HEAD_BYTES)
                    .serve_connection(TokioIo::new(stream), service);
                // In a box, so that a connection that waits for its head has no room set aside for it.
                let connection = Box::pin(watcher.watch(connection));
                // A client that breaks off, or sends what is not HTTP, is its own concern.
                if let Err(error) = connection.await {
                    tracing::debug!(%error, %address, "a connection ended early");
                }
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

/// What a new connection has sent when its first head is whole, or what it began with is no HTTP. Nothing when it takes
/// too long.
///
/// Whoever serves it sets buffers of 16 KiB aside; thousands of clients that never send a whole head shall not have them.
async fn first_head(stream: &mut TcpStream) -> Option<BytesMut> {
    let reading = async {
        stream.readable().await?;
        let mut head = BytesMut::with_capacity(FIRST_BYTES);
        loop {
            let seen = head.len();
            let read = stream.read_buf(&mut head).await?;
            let no_head =
                seen == 0 && httparse::Request::new(&mut []).parse(&head).is_err_and(|error| error != TOO_MANY);
            if read == 0 || no_head || head.len() >= HEAD_BYTES || ends(&head[seen.saturating_sub(2)..]) {
                return Ok::<_, io::Error>(head);
            }
        }
    };
    // Who breaks off needs no answer either.
    tokio::time::timeout(HEAD_TIMEOUT, reading).await.ok()?.ok()
}

/// Whether there is an empty line, however lines end.
fn ends(bytes: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', bytes).any(|line| matches!(bytes[line + 1..], [b'\n', ..] | [b'\r', b'\n', ..]))
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
