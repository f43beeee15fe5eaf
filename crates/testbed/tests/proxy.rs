//! The proxy's faults, as a client over plain sockets meets them.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use strongroom_testbed::{Fault, Proxy};

const PATIENCE: Duration = Duration::from_secs(20);

/// A server that answers every line with the same line; what it heard comes out at the receiver.
fn echo() -> (Proxy, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let proxy = Proxy::start(listener.local_addr().expect("it listens")).expect("a port is free");
    let (heard, receiver) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, heard) = (stream.expect("it listens"), heard.clone());
            std::thread::spawn(move || {
                let mut buffer = [0; 1024];
                while let Ok(count @ 1..) = stream.read(&mut buffer) {
                    // The test may be over.
                    let _ = heard.send(String::from_utf8_lossy(&buffer[..count]).into_owned());
                    let _ = stream.write_all(&buffer[..count]);
                }
            });
        }
    });
    (proxy, receiver)
}

fn connect(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect(proxy.address()).expect("the proxy listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("it is no zero");
    stream
}

/// Sends a line and reads the answer up to its length.
fn ask(stream: &mut TcpStream, line: &str) -> std::io::Result<String> {
    stream.write_all(line.as_bytes())?;
    let mut answer = vec![0; line.len()];
    stream.read_exact(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[test]
fn without_a_fault_everything_gets_through() {
    let (proxy, _heard) = echo();
    let mut stream = connect(&proxy);
    for line in ["one", "two", "three"] {
        assert_eq!(ask(&mut stream, line).unwrap(), line);
    }
    assert_eq!((proxy.exchanges(), proxy.faults()), (3, 0));
}

#[test]
fn a_fault_that_is_counted_ends_by_itself() {
    let (proxy, _heard) = echo();
    proxy.set_times(&Fault::Reset, 2);
    for _ in 0..2 {
        let error = ask(&mut connect(&proxy), "hello").unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{error:?}");
    }
    assert_eq!(ask(&mut connect(&proxy), "hello").unwrap(), "hello");
    assert_eq!((proxy.exchanges(), proxy.faults()), (3, 2));
}

#[test]
fn half_an_answer_is_half_of_what_the_server_gave() {
    let (proxy, heard) = echo();
    proxy.set(Fault::HalfAnswer(2));
    let mut stream = connect(&proxy);
    stream.write_all(b"hello").unwrap();
    let mut answer = Vec::new();
    let end = stream.read_to_end(&mut answer);
    assert!(end.is_err() && answer.len() <= 2, "{end:?} after {answer:?}");
    assert_eq!(heard.recv_timeout(PATIENCE).unwrap(), "hello");
}

#[test]
fn half_a_request_is_half_of_what_the_client_sent() {
    let (proxy, heard) = echo();
    proxy.set(Fault::HalfRequest(3));
    let mut stream = connect(&proxy);
    assert!(ask(&mut stream, "hello").is_err());
    // The reset may overtake the bytes, but never more of them arrive.
    assert!(
        heard.recv_timeout(Duration::from_millis(100)).is_ok_and(|text| text == "hel") || heard.try_recv().is_err()
    );
}

#[test]
fn a_black_hole_gives_back_what_it_swallowed_when_it_closes() {
    let (proxy, heard) = echo();
    let mut stream = connect(&proxy);
    assert_eq!(ask(&mut stream, "before").unwrap(), "before");
    assert_eq!(heard.recv_timeout(PATIENCE).unwrap(), "before");
    proxy.set(Fault::BlackHole);
    stream.write_all(b"during").unwrap();
    assert!(heard.recv_timeout(Duration::from_millis(100)).is_err());
    proxy.heal();
    let mut answer = [0; 6];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"during");
}

#[test]
fn what_is_late_comes() {
    let (proxy, _heard) = echo();
    let late = Duration::from_millis(50);
    proxy.set(Fault::Late(late));
    #[expect(clippy::disallowed_methods, reason = "the test is about how long it takes")]
    let begun = Instant::now();
    assert_eq!(ask(&mut connect(&proxy), "hello").unwrap(), "hello");
    assert!(begun.elapsed() >= late);
}

#[test]
fn an_answer_takes_the_place_of_the_servers() {
    let (proxy, heard) = echo();
    proxy.set_times(&Fault::s3(503, "SlowDown").with_header("retry-after", "1"), 1);
    let mut stream = connect(&proxy);
    stream.write_all(b"PUT / HTTP/1.1\r\ncontent-length: 4\r\n\r\nbo").unwrap();
    stream.write_all(b"dy").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("\r\nretry-after: 1\r\n") && answer.contains("<Code>SlowDown</Code>"), "{answer}");
    assert!(heard.try_recv().is_err());
    assert_eq!(ask(&mut connect(&proxy), "hello").unwrap(), "hello");
}

#[test]
fn without_the_proxy_nobody_is_there() {
    let (proxy, _heard) = echo();
    let mut stream = connect(&proxy);
    assert_eq!(ask(&mut stream, "hello").unwrap(), "hello");
    let address = proxy.address();
    drop(proxy);
    assert!(ask(&mut stream, "hello").is_err());
    assert!(TcpStream::connect(address).and_then(|mut stream| ask(&mut stream, "hello")).is_err());
}
