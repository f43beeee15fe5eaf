//! One connection through the proxy: what is asked flows one way, what is answered the other, unless a fault says else.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;

use super::{Fault, Shared};

/// How long a request's body may take to arrive that is thrown away.
const PATIENCE: Duration = Duration::from_secs(30);

/// The two sides, and where between them things stand.
#[derive(Debug)]
pub(super) struct Connection {
    client: TcpStream,
    server: TcpStream,
    turn: Mutex<Turn>,
}

#[derive(Debug, Clone, Copy)]
struct Turn {
    /// Whether what the client sends next begins an exchange.
    is_clients: bool,
    /// How much of the answer still gets through.
    answer_left: Option<usize>,
    is_broken: bool,
}

impl Connection {
    pub(super) fn open(client: TcpStream, upstream: SocketAddr) -> io::Result<Self> {
        let server = TcpStream::connect(upstream)?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let turn = Mutex::new(Turn { is_clients: true, answer_left: None, is_broken: false });
        Ok(Self { client, server, turn })
    }

    /// Breaks both sides: neither hears a goodbye.
    pub(super) fn reset(&self) {
        self.turn(|turn| turn.is_broken = true);
        for side in [&self.client, &self.server] {
            // The last one to let go of the socket then resets it. One that is gone already cannot be broken.
            let _ = set_socket_linger(side, Some(Duration::ZERO));
            let _ = side.shutdown(Shutdown::Read);
        }
    }

    fn turn<T>(&self, change: impl FnOnce(&mut Turn) -> T) -> T {
        change(&mut self.turn.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Passes on what the client sends, until it sends no more.
pub(super) fn requests(connection: &Connection, shared: &Shared) -> io::Result<()> {
    let Connection { client, server, .. } = connection;
    let (mut client, mut server) = (client, server);
    let mut buffer = vec![0; 64 * 1024];
    let mut request_left = None;
    loop {
        let count = client.read(&mut buffer)?;
        if connection.turn(|turn| turn.is_broken) {
            return Ok(());
        }
        if count == 0 {
            return server.shutdown(Shutdown::Write);
        }
        let begins = connection.turn(|turn| std::mem::replace(&mut turn.is_clients, false));
        if begins {
            request_left = None;
            match shared.begin() {
                None | Some(Fault::BlackHole) => {}
                Some(Fault::Late(time)) => std::thread::sleep(time),
                Some(Fault::Reset) => return Err(io::ErrorKind::ConnectionReset.into()),
                Some(Fault::HalfRequest(bytes)) => request_left = Some(bytes),
                Some(Fault::HalfAnswer(bytes)) => connection.turn(|turn| turn.answer_left = Some(bytes)),
                Some(Fault::Answer { status, headers, body }) => {
                    swallow(client, &buffer[..count])?;
                    return answer(connection, status, &headers, &body);
                }
            }
        }
        shared.pass();
        let passed = request_left.map_or(count, |left| count.min(left));
        server.write_all(&buffer[..passed])?;
        if let Some(left) = &mut request_left {
            *left -= passed;
            if *left == 0 {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
        }
    }
}

/// Passes on what the server answers, until it answers no more.
pub(super) fn answers(connection: &Connection, shared: &Shared) -> io::Result<()> {
    let Connection { client, server, .. } = connection;
    let (mut client, mut server) = (client, server);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = server.read(&mut buffer)?;
        if connection.turn(|turn| turn.is_broken) {
            return Ok(());
        }
        if count == 0 {
            return client.shutdown(Shutdown::Write);
        }
        shared.pass();
        let left = connection.turn(|turn| {
            turn.is_clients = true;
            turn.answer_left
        });
        let passed = left.map_or(count, |left| count.min(left));
        client.write_all(&buffer[..passed])?;
        if let Some(left) = left {
            if left == passed {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            connection.turn(|turn| turn.answer_left = Some(left - passed));
        }
    }
}

/// Reads a request to its end: a client that is answered before it has sent everything sees a broken connection.
fn swallow(mut client: &TcpStream, begun: &[u8]) -> io::Result<()> {
    client.set_read_timeout(Some(PATIENCE))?;
    let mut request = begun.to_vec();
    let mut buffer = vec![0; 64 * 1024];
    let head = loop {
        if let Some(at) = request.windows(4).position(|end| end == b"\r\n\r\n") {
            break at + 4;
        }
        match client.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => request.extend_from_slice(&buffer[..count]),
        }
    };
    let length = String::from_utf8_lossy(&request[..head])
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok());
    let mut left = (head + length.unwrap_or(0)).saturating_sub(request.len());
    while left > 0 {
        match client.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => left = left.saturating_sub(count),
        }
    }
    Ok(())
}

fn answer(connection: &Connection, status: u16, headers: &[(String, String)], body: &str) -> io::Result<()> {
    let mut text = format!("HTTP/1.1 {status} On purpose\r\ncontent-length: {}\r\nconnection: close\r\n", body.len());
    for (name, value) in headers {
        text.extend([name, ": ", value, "\r\n"]);
    }
    text.push_str("\r\n");
    text.push_str(body);
    (&connection.client).write_all(text.as_bytes())?;
    connection.client.shutdown(Shutdown::Write)?;
    // The server never heard of it, and its side ends here.
    connection.server.shutdown(Shutdown::Both)
}
