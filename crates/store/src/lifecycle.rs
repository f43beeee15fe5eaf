//! Lifecycle rules: what a bucket lets go by itself, as it was configured and as the index keeps it.

mod expiry;
mod rule;

pub(crate) use expiry::expire;
pub(crate) use rule::{LifecycleConfiguration, Rule};
