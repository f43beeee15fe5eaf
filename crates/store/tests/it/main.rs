//! Drives the store as its users do: over HTTP on loopback, with the AWS SDK and with requests made by hand.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report, in its helpers too")]

mod bodies;
mod clients;
mod concurrency;
mod copies;
mod cors;
mod crash;
mod disk;
mod durability;
mod encrypted_copies;
mod encryption;
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
mod master_key;
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
