//! An S3-protocol store over a local folder: durable, indexed, bounded, with rights by bucket, prefix and action.
//!
//! [`Store::open`] opens a folder, and [`Store::call`] answers HTTP requests, whatever server they came through. Any S3
//! client can be pointed at it; what it does not offer it answers with 501 in S3's own form.
//!
//! The folder holds `lock` (one process at a time), `format` (its version), `index.sqlite` (what there is: buckets,
//! keys, uploads, and which contents they are made of), `content/` (the bytes, in files whose names are numbers),
//! `incoming/` (what is arriving) and, once it was needed, `master.key` (what opens encrypted contents). A key is never a path. What is acknowledged is synced to disk, and a crash at any
//! point leaves the old object or the new one.

mod access;
mod announced;
mod answer;
mod authentication;
mod body;
mod call;
mod checksum;
mod conditions;
mod content;
mod cors;
mod encoding;
mod encryption;
mod fault;
mod form;
mod headers;
mod index;
mod inspect;
mod intake;
mod keyring;
mod lifecycle;
mod lock;
mod metrics;
mod operation;
mod options;
mod payload;
mod places;
mod publish;
mod range;
mod scrubbing;
mod space;
mod store;
mod stored;
mod tags;
mod target;
mod time;
mod transfer;
mod xml;

pub use access::{Action, Grant, Identity};
pub use body::Body;
pub use content::Swept;
pub use cors::Cors;
pub use index::contents::Tally;
pub use inspect::{Checked, Damage, InspectError, Inspector, Progress, Scrub, Wrong};
pub use keyring::{AccessKey, Keyring, KeyringError};
pub use options::{Clock, Limits, Options, Random};
pub use scrubbing::Pace;
pub use store::{OpenError, Store, SweepError};
pub use transfer::{Exported, Imported, Manifest, TransferError};
