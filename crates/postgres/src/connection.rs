//! One connection: it is driven by whichever thread uses it, and remembers the statements it has prepared.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio_postgres::{Client, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{hint, told};
use crate::{Address, Error};

/// How long making a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// How long one statement may take before the connection is given up.
const PATIENCE: Duration = Duration::from_secs(20);

/// How many prepared statements a connection keeps.
const STATEMENTS: usize = 256;

/// What each connection begins with. A node that hangs in the middle of a transaction must not hold up the others.
/// And every query is written for an index: what the server guesses of a table that it has not looked at yet must not
/// talk it into reading all of it, which would also make it be in the way of every write.
const SETTINGS: &str = "SET idle_in_transaction_session_timeout = '30s'; SET client_min_messages = 'warning'; \
     SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off";

/// A connection. Its runtime has no thread of its own: it runs while somebody waits for an answer.
pub(crate) struct Connection {
    /// Taken only when the connection ends.
    runtime: Option<Runtime>,
    pub(crate) client: Client,
    statements: RefCell<HashMap<String, Statement>>,
    broken: Cell<bool>,
    patience: Cell<Duration>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connection")
    }
}

impl Connection {
    /// Connects. Blocks, so it must not run on a thread that drives other futures.
    pub(crate) fn open(address: &Address, tls: &MakeRustlsConnect) -> Result<Self, Error> {
        let unreachable = |reason: String, hint| Error::Unreachable { place: address.to_string(), reason, hint };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| unreachable(error.to_string(), ""))?;
        let connected =
            runtime.block_on(async { tokio::time::timeout(CONNECT, address.config.connect(tls.clone())).await });
        let (client, work) = match connected {
            Ok(Ok(connected)) => connected,
            Ok(Err(error)) => return Err(unreachable(told(&error), hint(&error))),
            Err(_) => {
                let reason = format!("nobody answered within {} seconds", CONNECT.as_secs());
                return Err(unreachable(reason, "; check that database.url names its host and port"));
            }
        };
        // What ends it is told to whoever waits for an answer of it.
        runtime.spawn(async move { drop(work.await) });
        let connection = Self {
            runtime: Some(runtime),
            client,
            statements: RefCell::default(),
            broken: Cell::default(),
            patience: Cell::new(PATIENCE),
        };
        connection.run(SETTINGS)?;
        Ok(connection)
    }

    /// Whether it is known to be of no use any longer.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.get() || self.client.is_closed()
    }

    /// From now on, waits so long for each answer; as long as at first when nothing is said.
    pub(crate) fn set_patience(&self, patience: impl Into<Option<Duration>>) {
        self.patience.set(patience.into().unwrap_or(PATIENCE));
    }

    /// Waits for an answer; whoever does not answer in time is taken for gone.
    pub(crate) fn wait<T>(&self, work: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, Error> {
        let patience = self.patience.get();
        let runtime = self.runtime.as_ref().expect("it is taken only when the connection ends");
        let answer = match runtime.block_on(async { tokio::time::timeout(patience, work).await }) {
            Ok(answer) => answer.map_err(Error::of),
            Err(_) => Err(Error::Lost(format!("no answer came within {} seconds", patience.as_secs()))),
        };
        if matches!(answer, Err(Error::Lost(_))) {
            self.broken.set(true);
        }
        answer
    }

    /// Runs statements that have neither values nor rows.
    pub(crate) fn run(&self, sql: &str) -> Result<(), Error> {
        self.wait(self.client.batch_execute(sql))
    }

    /// A statement, prepared at its first use. Its places are written `?1`, as SQLite has them.
    pub(crate) fn statement(&self, sql: &str) -> Result<Statement, Error> {
        if let Some(statement) = self.statements.borrow().get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.wait(self.client.prepare(&with_dollars(sql)))?;
        let mut statements = self.statements.borrow_mut();
        if statements.len() >= STATEMENTS {
            // Only lists are written in so many ways; the others are soon prepared again.
            statements.clear();
        }
        statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A connection may end anywhere, also where nothing may block.
            runtime.shutdown_background();
        }
    }
}

/// `?1` → `$1`
fn with_dollars(sql: &str) -> String {
    let mut text = String::with_capacity(sql.len());
    let mut rest = sql.chars().peekable();
    while let Some(letter) = rest.next() {
        let is_place = letter == '?' && rest.peek().is_some_and(char::is_ascii_digit);
        text.push(if is_place { '$' } else { letter });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::with_dollars;

    #[test]
    fn places_are_written_as_the_database_wants_them() {
        assert_eq!(with_dollars("a = ?1 AND (b, c) > (?2, ?12)"), "a = $1 AND (b, c) > ($2, $12)");
        assert_eq!(with_dollars("a = '?' AND b ? c"), "a = '?' AND b ? c");
    }
}
