//! The public face: pictures of every kind go in, and what comes out is looked at by decoders, not by the crate itself.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the report, in its helpers too")]

mod animation;
mod colours;
mod formats;
mod heif;
mod jxl;
mod limits;
mod metadata;
mod scans;
mod sizes;
mod studio;
mod svg;
