//! Serves a folder as an S3 store, for trying clients and for tests that kill it:
//! `cargo run -p strongroom-store --example serve -- FOLDER [PORT [MIN_FREE]]`.
#![expect(clippy::print_stdout, reason = "it is a command, and says where it listens")]

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;

use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use strongroom_store::{Action, Cors, Grant, Identity, Options, Store};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("name the folder to serve")?;
    let port: u16 = arguments.next().as_deref().unwrap_or("9000").parse()?;
    let mut options = options(folder)?;
    if let Some(bytes) = arguments.next() {
        options.limits.min_free = bytes.parse()?;
    }
    let store = Store::open(options).await?;
    let sweeping = store.clone();
    tokio::spawn(async move {
        if let Err(error) = sweeping.sweep().await {
            println!("{error}");
        }
    });
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    println!("access keys: admin, reader, writer; each one's secret is its name and -secret");
    loop {
        let (connection, _) = listener.accept().await?;
        connection.set_nodelay(true)?;
        let store = store.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let store = store.clone();
                async move { Ok::<_, Infallible>(store.call(request).await) }
            });
            // A connection that breaks is the client's affair.
            let _ = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(connection), service)
                .await;
        });
    }
}

#[expect(clippy::disallowed_methods, reason = "this is where the store is given its clock and its luck")]
fn options(folder: String) -> Result<Options, Box<dyn Error>> {
    let clock = Arc::new(std::time::SystemTime::now);
    let mut options = Options::new(folder, clock, Arc::new(rand::random));
    let everywhere =
        |actions: &[Action]| vec![Grant { bucket: None, prefix: String::new(), actions: actions.to_vec() }];
    options.identities = vec![
        Identity::new("admin", "admin-secret", everywhere(&Action::ALL))?,
        Identity::new("reader", "reader-secret", everywhere(&[Action::Get]))?,
        Identity::new("writer", "writer-secret", everywhere(&[Action::Put, Action::Abort]))?,
    ];
    options.cors = Cors { allowed_origins: vec!["*".to_owned()] };
    options.domains = vec!["s3.localhost".to_owned()];
    options.signature_version_2 = true;
    Ok(options)
}
