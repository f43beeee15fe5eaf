//! Why PostgreSQL did not do what was asked, and whether asking again may help.

use std::time::Duration;

use tokio_postgres::error::SqlState;

/// Why the database did not do what was asked. None of these holds a password.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no connection, and none can be had.
    #[error("PostgreSQL at {place} cannot be reached: {reason}{hint}")]
    Unreachable {
        /// Where it should be.
        place: String,
        /// What came of trying.
        reason: String,
        /// What may mend it; empty, or with a semicolon in front.
        hint: &'static str,
    },
    /// The connection broke. Unless a commit was under way, nothing happened.
    #[error("the connection to PostgreSQL broke: {0}")]
    Lost(String),
    /// All connections were in use for so long.
    #[error("all connections to PostgreSQL were in use for {} seconds", .0.as_secs())]
    Crowded(Duration),
    /// Others were in the way of a transaction again and again, and it did not happen.
    #[error("other transactions were in the way {0} times")]
    Contended(u32),
    /// PostgreSQL refused a statement.
    #[error("the database refused: {}", told(.0))]
    Refused(#[source] tokio_postgres::Error),
    /// The database was written by a newer program than this one.
    #[error(
        "the database is at schema {found}, and this program knows only up to {known}: run the newer program, or restore a backup"
    )]
    Newer {
        /// The schema number found there.
        found: u32,
        /// The newest schema number this program has a migration for.
        known: u32,
    },
    /// A migration did not run; the database is as it was before.
    #[error("migration {name} failed: {source}")]
    Migration {
        /// The name of the migration.
        name: &'static str,
        /// What PostgreSQL said.
        source: Box<Error>,
    },
    /// A value cannot stand in its place of a statement.
    #[error("a value does not fit its column: {0}")]
    Value(String),
    /// A statement of the transaction failed before, so nothing of it happened.
    #[error("a statement of the transaction failed, so none of it happened")]
    Undone,
    /// A transaction panicked; it is undone, and its message is here.
    #[error("a transaction panicked: {0}")]
    Panicked(String),
    /// The certificates to trust cannot be used.
    #[error("the certificates to trust cannot be used: {0}")]
    Certificates(String),
}

impl Error {
    /// Whether the database is away, so that the same may work soon.
    pub fn is_unavailable(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Lost(_) | Self::Crowded(_))
    }

    /// What PostgreSQL, or the way to it, said of a statement.
    pub(crate) fn of(error: tokio_postgres::Error) -> Self {
        let broke = std::error::Error::source(&error).is_some_and(<dyn std::error::Error>::is::<std::io::Error>);
        if broke || error.is_closed() || error.code().is_some_and(is_end) {
            Self::Lost(told(&error))
        } else {
            Self::Refused(error)
        }
    }

    /// Whether another transaction was in the way, so that the same will probably work at once.
    pub(crate) fn is_conflict(&self) -> bool {
        [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED, SqlState::LOCK_NOT_AVAILABLE]
            .iter()
            .any(|code| self.has_code(code))
    }

    /// Whether another has inserted the same key. Of two that do so at once, the second finds it when it runs again.
    pub(crate) fn is_taken(&self) -> bool {
        self.has_code(&SqlState::UNIQUE_VIOLATION)
    }

    fn has_code(&self, code: &SqlState) -> bool {
        matches!(self, Self::Refused(error) if error.code() == Some(code))
    }
}

/// Whether the server ends the connection with this: it shuts down, or has not come up yet.
fn is_end(code: &SqlState) -> bool {
    ["08", "57P"].iter().any(|class| code.code().starts_with(class))
}

/// What may mend a connection that was refused.
pub(crate) fn hint(error: &tokio_postgres::Error) -> &'static str {
    match error.code() {
        Some(code) if *code == SqlState::INVALID_PASSWORD || *code == SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            "; check the user and the password in database.url"
        }
        Some(code) if *code == SqlState::INVALID_CATALOG_NAME => {
            "; create the database first, for instance with `createdb`"
        }
        Some(code) if *code == SqlState::TOO_MANY_CONNECTIONS => {
            "; lower database.max_connections on the nodes, or raise max_connections of the server"
        }
        Some(_) => "",
        None => "; check that it runs, that database.url names its host and port, and the sslmode there",
    }
}

/// An error with its causes, on one line.
pub(crate) fn told(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(said) => format!("{} ({})", said.message(), said.code().code()),
        None => error.to_string(),
    }
}
