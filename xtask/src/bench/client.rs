//! A load generator that costs little beside the service: one thread, many kept-alive connections, prepared requests.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::clock::Moment;

/// What one round of requests gave.
#[derive(Debug)]
pub(super) struct Sample {
    /// Answers a second.
    pub(super) per_second: f64,
    /// The time from the first byte of a request to the last of its answer, sorted, in microseconds.
    pub(super) latencies: Vec<u64>,
}

impl Sample {
    /// The latency that the given share of the requests stayed under, in milliseconds.
    pub(super) fn percentile(&self, share: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length is an index")]
        let at = (last as f64 * share).round() as usize;
        self.latencies.get(at).map_or(0.0, |micros| *micros as f64 / 1000.0)
    }
}

/// Sends the requests in turn over so many connections for so long; every answer has to be a success.
pub(super) fn drive(address: SocketAddr, requests: &[Vec<u8>], connections: usize, time: Duration) -> Result<Sample> {
    let mut turns = (0..requests.len()).cycle();
    let mut begun = 0;
    send(address, requests, connections, |since| {
        begun += 1;
        // However short the time, each connection sends one.
        if begun <= connections || since.elapsed() < time { turns.next() } else { None }
    })
}

/// Sends every request once over so many connections; every answer has to be a success.
pub(super) fn send_all(address: SocketAddr, requests: &[Vec<u8>], connections: usize) -> Result<Sample> {
    let mut turns = 0..requests.len();
    send(address, requests, connections.min(requests.len()), |_| turns.next())
}

/// Sends what `next` names, over so many connections, until it names nothing more.
fn send(
    address: SocketAddr,
    requests: &[Vec<u8>],
    connections: usize,
    mut next: impl FnMut(&Moment) -> Option<usize>,
) -> Result<Sample> {
    let mut poll = Poll::new()?;
    let mut open: Vec<Connection> = Vec::with_capacity(connections);
    for number in 0..connections {
        let mut stream = TcpStream::connect(address)?;
        poll.registry().register(&mut stream, Token(number), Interest::READABLE | Interest::WRITABLE)?;
        open.push(Connection::new(stream));
    }
    let begun = Moment::now();
    let mut latencies = Vec::new();
    for connection in &mut open {
        connection.begin(next(&begun));
    }
    let mut buffer = vec![0; 64 * 1024];
    let mut events = Events::with_capacity(connections);
    while open.iter().any(|connection| !connection.done) {
        poll.poll(&mut events, Some(Duration::from_secs(30)))?;
        ensure!(!events.is_empty(), "the service has not answered for 30 seconds");
        for event in &events {
            let connection = &mut open[event.token().0];
            // A finished answer is followed by the next request at once, without waiting for another event.
            while !connection.done && connection.advance(&requests[connection.request], &mut buffer)? {
                latencies.push(connection.begun.elapsed_micros());
                connection.begin(next(&begun));
            }
        }
    }
    let per_second = latencies.len() as f64 / begun.elapsed().as_secs_f64();
    latencies.sort_unstable();
    Ok(Sample { per_second, latencies })
}

/// One connection with the request that it is sending or the answer that it is reading.
struct Connection {
    stream: TcpStream,
    request: usize,
    sent: usize,
    head: Vec<u8>,
    body_left: Option<usize>,
    begun: Moment,
    done: bool,
}

impl Connection {
    fn new(stream: TcpStream) -> Self {
        let head = Vec::with_capacity(4096);
        Self { stream, request: 0, sent: 0, head, body_left: None, begun: Moment::now(), done: false }
    }

    /// Begins the next request, or is done if there is none.
    fn begin(&mut self, request: Option<usize>) {
        let Some(request) = request else {
            self.done = true;
            return;
        };
        self.request = request;
        self.sent = 0;
        self.head.clear();
        self.body_left = None;
        self.begun = Moment::now();
    }

    /// Sends and reads as far as it goes without waiting; true when the answer is complete.
    fn advance(&mut self, request: &[u8], buffer: &mut [u8]) -> Result<bool> {
        while self.sent < request.len() {
            match self.stream.write(&request[self.sent..]) {
                Ok(length) => self.sent += length,
                Err(error) if waits(&error) => return Ok(false),
                Err(error) => return Err(error).context("sending a request failed"),
            }
        }
        loop {
            if self.body_left == Some(0) {
                return Ok(true);
            }
            let length = match self.stream.read(buffer) {
                Ok(0) => bail!("the service closed a connection that it should have kept"),
                Ok(length) => length,
                Err(error) if waits(&error) => return Ok(false),
                Err(error) => return Err(error).context("reading an answer failed"),
            };
            if let Some(left) = &mut self.body_left {
                *left = left.checked_sub(length).context("an answer is longer than it says")?;
            } else {
                self.head.extend_from_slice(&buffer[..length]);
                self.body_left = body_left(&self.head)?;
            }
        }
    }
}

fn waits(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected | ErrorKind::Interrupted)
}

/// How much of the body is still to come, once the head is complete.
fn body_left(received: &[u8]) -> Result<Option<usize>> {
    let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = String::from_utf8_lossy(&received[..end]);
    let status = head.split(' ').nth(1).unwrap_or("");
    ensure!(status.starts_with('2'), "the service refused a request: {}", String::from_utf8_lossy(received));
    let length: usize = head
        .lines()
        .find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        })
        .context("an answer does not say how long it is")?;
    let have = received.len() - end - 4;
    length.checked_sub(have).map(Some).context("an answer is longer than it says")
}

#[cfg(test)]
mod tests {
    use super::{Sample, body_left, drive, send_all};
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::time::Duration;

    #[test]
    fn the_length_of_an_answer_is_known_from_its_head() {
        assert_eq!(body_left(b"HTTP/1.1 200 OK\r\ncontent-le").unwrap(), None);
        assert_eq!(body_left(b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nab").unwrap(), Some(3));
        assert!(body_left(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").is_err());
        assert!(body_left(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab").is_err());
    }

    #[test]
    fn percentiles_come_from_the_sorted_latencies() {
        let sample = Sample { per_second: 1.0, latencies: (1..=100).map(|number| number * 1000).collect() };
        assert!((sample.percentile(0.5) - 51.0).abs() < 1.5);
        assert!((sample.percentile(0.99) - 99.0).abs() < 1.5);
    }

    #[test]
    fn every_answer_is_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                std::thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let mut buffer = [0; 4096];
                    while stream.read(&mut buffer).is_ok_and(|length| length > 0) {
                        if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").is_err() {
                            break;
                        }
                    }
                });
            }
        });
        let request = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".to_vec();
        let sample = drive(address, std::slice::from_ref(&request), 3, Duration::from_millis(50)).unwrap();
        assert!(sample.latencies.len() >= 3 && sample.per_second > 0.0);
        assert_eq!(send_all(address, &vec![request; 7], 3).unwrap().latencies.len(), 7);
    }
}
