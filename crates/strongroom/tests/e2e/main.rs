//! Drives the built program over HTTP, as its users do: every route, every error code, every invariant by name.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report, in its helpers too")]
#![allow(clippy::print_stderr, reason = "a failing test shows the log of the service")]

mod access;
mod adopt;
mod app;
mod arrivals;
mod audit;
mod auth;
mod bucket;
mod buckets;
mod caller;
mod commands;
mod crash;
mod credentials;
mod database;
mod doctor;
mod download;
mod elsewhere;
mod embedded;
mod explain;
mod faults;
mod files;
mod handing_in;
mod hostile;
mod idempotency;
mod invariants;
mod links;
mod listing;
mod media;
mod mirror;
mod nodes;
mod objects;
mod pictures;
mod postgres;
mod probes;
mod problems;
mod quota;
mod serve;
mod sign;
mod signing;
mod standin;
mod tokens;
mod verify;
mod ways;
