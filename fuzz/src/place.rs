//! A store on a temporary folder behind a real HTTP server, reached through a connection in memory.

use std::cell::RefCell;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use strongroom_store::{Action, Cors, Grant, Identity, Options, Store};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::runtime::Runtime;

use crate::signature::{ACCESS_KEY, NOW};
use crate::template;

/// The bucket that is always there.
pub const BUCKET: &str = "files";

/// So many requests are sent to one store, so that neither the folder nor what one input does to another grows.
const REQUESTS: u32 = 2_000;

/// Puts the object `k` there, for requests that are about one.
const OBJECT: &[u8] = b"PUT /files/k HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\
    x-amz-date: 20130524T000000Z\r\nx-amz-content-sha256: UNSIGNED-PAYLOAD\r\nauthorization: AWS4-HMAC-SHA256 \
    Credential=AK/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;x-amz-content-sha256;x-amz-date,\
    Signature={signature}\r\n\r\nhello, indigo";

struct Place {
    runtime: Runtime,
    store: Store,
    left: u32,
    /// Removed when the store is closed.
    _folder: TempDir,
}

thread_local! {
    static PLACE: RefCell<Option<Place>> = const { RefCell::new(None) };
}

/// Sends a template of a request and checks what holds for every answer.
///
/// It panics if the store fails to answer, answers that it failed, or obeys a request that nobody signed.
pub fn send(request: &[u8]) -> String {
    let (bytes, signed) = template::request(request);
    let answer = PLACE.with_borrow_mut(|place| {
        if place.as_ref().is_none_or(|place| place.left == 0) {
            *place = None;
            *place = Some(Place::new());
        }
        place.as_mut().expect("it was just made").exchange(&bytes)
    });
    let status = answer.get(9..12).unwrap_or_default();
    assert_ne!(status, "500", "the store failed: {answer}");
    // A browser asks before it sends, and signs nothing to ask.
    let asks = bytes.starts_with(b"OPTIONS ");
    assert!(signed || asks || !status.starts_with('2'), "an unsigned request was obeyed: {answer}");
    answer
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let store = runtime.block_on(Store::open(options(&folder))).expect("the store opens");
        let mut place = Self { runtime, store, left: REQUESTS, _folder: folder };
        place.exchange(&template::request(OBJECT).0);
        place
    }

    fn exchange(&mut self, bytes: &[u8]) -> String {
        self.left -= 1;
        let store = self.store.clone();
        let (client, server) = tokio::io::duplex(64 << 10);
        let service = service_fn(move |request| {
            let store = store.clone();
            async move { Ok::<_, Infallible>(store.call(request).await) }
        });
        let mut answer = Vec::new();
        self.runtime.block_on(async {
            let serving = hyper::server::conn::http1::Builder::new()
                // The client says that it has sent all, and still waits for the answer.
                .half_close(true)
                .serve_connection(TokioIo::new(server), service);
            let (mut reader, mut writer) = tokio::io::split(client);
            let sending = async {
                // A server that has answered already need not read the rest.
                let _ = writer.write_all(bytes).await;
                let _ = writer.shutdown().await;
            };
            let ((), _, _) = tokio::join!(sending, reader.read_to_end(&mut answer), serving);
        });
        String::from_utf8_lossy(&answer).into_owned()
    }
}

fn options(folder: &TempDir) -> Options {
    let clock = UNIX_EPOCH + Duration::from_secs(NOW.unsigned_abs());
    let random = AtomicU64::new(1);
    // Upload ids need only differ, and be the same in each run.
    let random = Arc::new(move || u128::from(random.fetch_add(1, Ordering::Relaxed)) << 64);
    let mut options = Options::new(folder.path(), Arc::new(move || clock), random);
    options.buckets = vec![BUCKET.to_owned()];
    let everything = vec![Grant { bucket: None, prefix: String::new(), actions: Action::ALL.to_vec() }];
    options.identities = vec![Identity::new(ACCESS_KEY, "secret", everything).expect("an identity")];
    options.cors = Cors { allowed_origins: vec!["https://app.example".to_owned()] };
    options.domains = vec!["s3.localhost".to_owned()];
    options
}
