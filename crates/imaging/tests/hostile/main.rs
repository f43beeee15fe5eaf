//! Files that were made to do harm: whatever they claim, hide or lack, an answer comes within two seconds of work and
//! 256 MiB of memory. The system itself holds the memory to that, libraries in C included.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report, in its helpers too")]

mod bombs;
mod bounds;
mod damage;
mod deadline;
mod files;
mod metadata;
mod pieces;
mod polyglots;
