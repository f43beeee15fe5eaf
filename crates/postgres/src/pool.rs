//! The connections: how many there may be, who gets one, and what happens when one breaks or two are in each other's way.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::connection::Connection;
use crate::migrate::{self, Migration};
use crate::transaction::{Failed, Tx};
use crate::{Address, Error, tls};

/// How often a transaction is run before it is given up because others are in its way.
const TRIES: u32 = 8;

/// How long a transaction waits for a connection. Where the line swallows everything, each of them is given up in time;
/// whoever waits for one must not wait for all that came before.
const QUEUE: Duration = Duration::from_secs(20);

/// How a write begins: with a lock that it shares with all other writes, taken before it looks at anything.
const BEGIN: &str = "BEGIN ISOLATION LEVEL SERIALIZABLE; LOCK TABLE schema_version IN ROW EXCLUSIVE MODE";

/// How one begins that must not be in anybody's way: when all others have ended, and they wait in the order in which
/// they came. A node that hangs in the middle of a write keeps them waiting no longer than that.
const BEGIN_ALONE: &str = "BEGIN ISOLATION LEVEL SERIALIZABLE; SET LOCAL lock_timeout = '1s'; \
     LOCK TABLE schema_version IN EXCLUSIVE MODE; SET LOCAL lock_timeout = DEFAULT";

/// A handle on one database; clones share it. Its connections end when the last handle goes.
#[derive(Debug, Clone)]
pub struct Database {
    shared: Arc<Shared>,
    /// Writes and reads have connections of their own, because a write may have to wait for another.
    writes: Arc<Semaphore>,
    reads: Arc<Semaphore>,
}

struct Shared {
    address: Address,
    tls: MakeRustlsConnect,
    idle: Mutex<Vec<Connection>>,
    /// Those of this node that others were in the way of take turns.
    turn: Mutex<()>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Shared({})", self.address)
    }
}

/// What a transaction may do, and what it sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// It writes, as if it were alone.
    Write,
    /// It writes while nobody else does, on no node.
    WriteAlone,
    /// It reads one snapshot.
    Read,
    /// It reads with a single statement, which is a snapshot by itself.
    ReadOne,
}

impl Database {
    /// Connects, and brings the schema up to date. At least two connections are needed; no more than
    /// `max_connections` are ever open.
    pub async fn open(
        address: Address,
        max_connections: usize,
        migrations: &'static [Migration],
    ) -> Result<Self, Error> {
        let tls = tls::connector(&address.trust)?;
        let writes = (max_connections / 2).max(1);
        let reads = max_connections.saturating_sub(writes).max(1);
        let shared = Arc::new(Shared { address, tls, idle: Mutex::default(), turn: Mutex::default() });
        let opened = Arc::clone(&shared);
        blocking(move || {
            let connection = opened.take()?;
            migrate::migrate(&connection, migrations)?;
            opened.give_back(connection);
            Ok::<_, Error>(())
        })
        .await?;
        Ok(Self { shared, writes: Arc::new(Semaphore::new(writes)), reads: Arc::new(Semaphore::new(reads)) })
    }

    /// Where it is, without the password.
    pub fn place(&self) -> String {
        self.shared.address.to_string()
    }

    /// Runs `job` in a transaction that behaves as if it were alone, and returns once what it wrote is durable.
    ///
    /// When `job` answers `Err`, what it wrote is undone. Where another transaction was in the way, `job` is run again.
    /// Dropping the future does not cancel it.
    pub async fn write<T, E, F>(&self, job: F) -> Result<T, E>
    where
        F: Fn(&Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.run(&self.writes, Mode::Write, job).await
    }

    /// Runs `query` on one consistent snapshot. When the connection breaks, it is run once more on another.
    pub async fn read<T, E, F>(&self, query: F) -> Result<T, E>
    where
        F: Fn(&Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.run(&self.reads, Mode::Read, query).await
    }

    /// The same for a `query` of one statement, which saves two round trips.
    pub async fn read_one<T, E, F>(&self, query: F) -> Result<T, E>
    where
        F: Fn(&Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.run(&self.reads, Mode::ReadOne, query).await
    }

    async fn run<T, E, F>(&self, places: &Arc<Semaphore>, mode: Mode, job: F) -> Result<T, E>
    where
        F: Fn(&Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let free = tokio::time::timeout(QUEUE, Arc::clone(places).acquire_owned()).await;
        let place = free.map_err(|_| Error::Crowded(QUEUE))?.expect("nobody closes the semaphore");
        let shared = Arc::clone(&self.shared);
        blocking(move || {
            // Held until the connection is given back, also when the caller has gone away.
            let _place = place;
            shared.run(mode, &job)
        })
        .await
    }
}

/// Runs what blocks on a thread that may.
async fn blocking<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|panic| Err(Error::Panicked(panic.to_string()).into()))
}

impl Shared {
    fn run<T, E: From<Error>>(&self, mode: Mode, job: &dyn Fn(&Tx<'_>) -> Result<T, E>) -> Result<T, E> {
        let (mut conflicts, mut losses) = (0, 0);
        loop {
            let _turn = (conflicts > 0).then(|| lock(&self.turn));
            let alone = mode == Mode::Write && is_alone(conflicts);
            let connection = self.take()?;
            let (failed, result) = once(&connection, if alone { Mode::WriteAlone } else { mode }, job);
            self.give_back(connection);
            match failed {
                Some(Failed::Conflict) if conflicts + 1 < TRIES => conflicts += 1,
                Some(Failed::Conflict) => return Err(Error::Contended(TRIES).into()),
                // Running it again shows whether it can do without that key.
                Some(Failed::Taken) if conflicts < 2 => conflicts += 1,
                // An idle connection may have been lost long ago, and with it every other.
                Some(Failed::Lost) if losses == 0 => {
                    losses += 1;
                    lock(&self.idle).clear();
                }
                _ => return result,
            }
        }
    }

    fn take(&self) -> Result<Connection, Error> {
        let idle = lock(&self.idle).pop();
        match idle {
            Some(connection) => Ok(connection),
            None => Connection::open(&self.address, &self.tls),
        }
    }

    fn give_back(&self, connection: Connection) {
        if !connection.is_broken() {
            lock(&self.idle).push(connection);
        }
    }
}

/// Which tries are made alone, while the writes of all nodes wait: every other one, from the third on. Where a node
/// hangs in the middle of a write, nobody gets to be alone, and those in between may succeed.
fn is_alone(tries: u32) -> bool {
    tries >= 2 && tries.is_multiple_of(2)
}

/// Runs a transaction once; what comes of it, and what failed in it if anything did.
fn once<T, E: From<Error>>(
    connection: &Connection,
    mode: Mode,
    job: &dyn Fn(&Tx<'_>) -> Result<T, E>,
) -> (Option<Failed>, Result<T, E>) {
    let tx = Tx::new(connection);
    let begin = match mode {
        Mode::Write => Some(BEGIN),
        Mode::WriteAlone => Some(BEGIN_ALONE),
        Mode::Read => Some("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
        Mode::ReadOne => None,
    };
    let whole = || {
        if let Some(begin) = begin {
            tx.note(|connection| connection.run(begin))?;
        }
        let answer = job(&tx)?;
        if tx.failed().is_some() {
            // The rule made nothing of a failed statement, but PostgreSQL has undone everything.
            return Err(Error::Undone.into());
        }
        if begin.is_some() {
            tx.commit()?;
        }
        Ok(answer)
    };
    let result = whole();
    connection.set_patience(None);
    if result.is_err() && begin.is_some() && !tx.has_ended() && !connection.is_broken() {
        // When not even this works, the connection is known to be broken afterwards, and is not used again.
        let _ = connection.run("ROLLBACK");
    }
    (tx.failed(), result)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
