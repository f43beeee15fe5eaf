//! A TCP proxy that does on purpose what networks and servers do by accident: late, half, wrong answers, and none.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use anyhow::Result;

use exchange::Connection;

mod exchange;

/// What goes wrong with an exchange: what one side asks, and what the other answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// What is asked arrives so much later.
    Late(Duration),
    /// The connection breaks before anything of what is asked has arrived.
    Reset,
    /// Nothing gets through either way, on any connection, for as long as this holds. Then what was held does.
    BlackHole,
    /// So many bytes of what is asked arrive, and then the connection breaks.
    HalfRequest(usize),
    /// What is asked arrives, and of the answer so many bytes; with 0 it is done and nobody hears of it.
    HalfAnswer(usize),
    /// What is asked never arrives. In its place comes this answer, by the rules of HTTP.
    Answer {
        /// The status.
        status: u16,
        /// Headers besides those about the body.
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
    },
}

impl Fault {
    /// An S3 store that is not well: its XML, with this status and code.
    pub fn s3(status: u16, code: &str) -> Self {
        let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>on purpose</Message></Error>");
        Self::Answer { status, headers: vec![("content-type".to_owned(), "application/xml".to_owned())], body }
    }

    /// An answer with one more header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        if let Self::Answer { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }
}

/// Stands between a client and a server. Faults apply to whole exchanges: one begins when a client sends something on a
/// new connection, or after the server has answered. Dropping the proxy breaks all connections, and refuses new ones.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    upstream: SocketAddr,
    /// What happens to the next exchanges, one each.
    coming: VecDeque<Fault>,
    /// What happens to all after them.
    lasting: Option<Fault>,
    connections: Vec<Weak<Connection>>,
    exchanges: u64,
    faults: u64,
    is_over: bool,
}

impl Proxy {
    /// Listens on a free port of this machine, and passes everything on to `upstream`.
    pub fn start(upstream: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let state = State {
            upstream,
            coming: VecDeque::new(),
            lasting: None,
            connections: Vec::new(),
            exchanges: 0,
            faults: 0,
            is_over: false,
        };
        let shared = Arc::new(Shared { state: Mutex::new(state), changed: Condvar::new() });
        let accepting = Arc::clone(&shared);
        std::thread::Builder::new().name("proxy".to_owned()).spawn(move || accept(&listener, &accepting))?;
        Ok(Self { address, shared })
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From the next exchange on, this happens to each. A black hole swallows what is under way, too.
    pub fn set(&self, fault: Fault) {
        self.change(|state| {
            state.coming.clear();
            state.lasting = Some(fault);
        });
    }

    /// This happens to the next `times` exchanges, and after them all is well. A black hole cannot be counted, because
    /// nothing gets past the first: it lasts.
    pub fn set_times(&self, fault: &Fault, times: usize) {
        if *fault == Fault::BlackHole {
            return self.set(Fault::BlackHole);
        }
        self.change(|state| {
            state.coming = std::iter::repeat_n(fault.clone(), times).collect();
            state.lasting = None;
        });
    }

    /// From the next exchange on all is well.
    pub fn heal(&self) {
        self.change(|state| {
            state.coming.clear();
            state.lasting = None;
        });
    }

    /// New connections go there; those that are open stay where they are.
    pub fn lead_to(&self, upstream: SocketAddr) {
        self.change(|state| state.upstream = upstream);
    }

    /// Breaks all connections that are open.
    pub fn cut(&self) {
        for connection in self.shared.lock().connections.drain(..).filter_map(|connection| connection.upgrade()) {
            connection.reset();
        }
    }

    /// How many exchanges began so far.
    pub fn exchanges(&self) -> u64 {
        self.shared.lock().exchanges
    }

    /// How many of them met a fault.
    pub fn faults(&self) -> u64 {
        self.shared.lock().faults
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.shared.lock());
        self.shared.changed.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.change(|state| {
            state.coming.clear();
            state.lasting = None;
            state.is_over = true;
        });
        self.cut();
        // Whoever waits for connections wakes up to find that it is over. If none can be made, nobody waits.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // What is guarded is whole after each change, whoever panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What happens to the exchange that begins now, once no black hole holds it.
    fn begin(&self) -> Option<Fault> {
        let mut state = self.lock();
        state.exchanges += 1;
        state.faults += u64::from(state.lasting == Some(Fault::BlackHole));
        state = self.out_of_the_hole(state);
        let fault = state.coming.pop_front().or_else(|| state.lasting.clone());
        state.faults += u64::from(fault.is_some());
        fault
    }

    /// Returns when no black hole holds what is under way.
    fn pass(&self) {
        drop(self.out_of_the_hole(self.lock()));
    }

    fn out_of_the_hole<'s>(&self, mut state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        while state.lasting == Some(Fault::BlackHole) {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        let upstream = {
            let mut state = shared.lock();
            if state.is_over {
                return;
            }
            state.connections.retain(|connection| connection.strong_count() > 0);
            state.upstream
        };
        // A client that is gone already, or a server that is not there: the client finds its connection closed.
        let Ok(connection) = client.and_then(|client| Connection::open(client, upstream)) else { continue };
        let connection = Arc::new(connection);
        shared.lock().connections.push(Arc::downgrade(&connection));
        for pump in [exchange::requests, exchange::answers] {
            let (connection, shared) = (Arc::clone(&connection), Arc::clone(shared));
            std::thread::spawn(move || {
                if pump(&connection, &shared).is_err() {
                    connection.reset();
                }
            });
        }
    }
}
