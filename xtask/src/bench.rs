//! `cargo xtask bench`: measurements that print a readable table and, for machines, one JSON object.

mod client;
mod clock;
mod http;
mod memory;
mod presign;
mod scale;
mod store;

pub(crate) use self::http::http;
pub(crate) use self::presign::presign;
pub(crate) use self::scale::scale;
pub(crate) use self::store::store;

/// The value in the middle.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
