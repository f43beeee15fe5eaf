//! `cargo xtask bench`: measurements that print a readable table and, for machines, one JSON object.

mod client;
mod clock;
mod http;
mod memory;
mod presign;

pub(crate) use self::http::http;
pub(crate) use self::presign::presign;
