//! Drives the store as its users do: over HTTP on loopback, with the AWS SDK and with requests made by hand.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report, in its helpers too")]

mod bodies;
mod concurrency;
mod copies;
mod cors;
mod crash;
mod disk;
mod durability;
#[path = "../wire/exchange.rs"]
mod exchange;
mod formats;
mod forms;
mod history;
mod inspection;
mod keyring;
mod keys;
mod lifecycle;
mod listing;
mod locks;
mod metrics;
mod model;
mod multipart;
mod objects;
mod process;
mod rights;
mod server;
mod signatures;
mod tagging;
mod transfer;
mod versions;
mod wire;
mod writes;
