//! PostgreSQL for rules that are written as plain closures: each runs in a transaction of its own, and again when
//! another was in its way.
//!
//! A write is serialisable: it sees the database as if it were alone with it. Where two of them meet, PostgreSQL ends
//! one, and this crate runs it again; so a closure must be able to run more than once. A read sees one snapshot.
//!
//! Every connection is driven by the thread that uses it, so a statement costs one round trip and no change of threads.
//! How many there may be at once is bounded; a lost one is replaced by the next that needs one.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use strongroom_postgres::{Address, Database, Error, Migration};
//!
//! const MIGRATIONS: &[Migration] = &[Migration {
//!     name: "0001_words",
//!     sql: "CREATE TABLE words (word TEXT PRIMARY KEY)",
//! }];
//! let address: Address = "postgres://loom@localhost/loom".parse()?;
//! let database = Database::open(address, 8, MIGRATIONS).await?;
//! database.write(|tx| tx.execute("INSERT INTO words VALUES (?1)", &[&"warp"])).await?;
//! let words = database.read(|tx| tx.query("SELECT word FROM words", &[])).await?;
//! assert_eq!(words[0].get::<_, &str>(0), "warp");
//! # Ok(())
//! # }
//! ```

mod address;
mod connection;
mod copy;
mod error;
mod migrate;
mod pool;
mod tls;
mod transaction;

pub use address::{Address, AddressError};
pub use copy::{Cell, Kind};
pub use error::Error;
pub use migrate::Migration;
pub use pool::Database;
pub use tokio_postgres::Row;
pub use tokio_postgres::types::{FromSqlOwned, ToSql};
pub use transaction::Tx;
