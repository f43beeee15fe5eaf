//! Everybody who signs, each set up as its documentation advises: whatever can be made once is made before the clock runs.

mod aws_sdk_s3;
mod aws_sigv4;
mod clients;
mod minio;
mod object_store;
mod opendal;
mod ours;
mod rust_s3;
mod rusty_s3;

use std::path::Path;
use std::rc::Rc;

use anyhow::{Context, Result};
use tokio::runtime::{Builder, Runtime};

use crate::floor::{Floor, How};
use crate::lane::{Awaited, Called, Lane, Signed, Work};
use crate::task::Operation;

pub(crate) use ours::unsigned_get;

/// The names by which the figures refer to those they compare.
pub(crate) const OURS: &str = "strongroom-presign";
pub(crate) const FLOOR: &str = "hashing alone";
pub(crate) const COMPRESSIONS: &str = "compressions alone";
pub(crate) const RUSTY_S3: &str = "rusty-s3";
pub(crate) const RUST_S3: &str = "rust-s3";

/// Every lane, those of one operation together, so that what is compared is measured within moments.
pub(crate) fn all(python: &Path, keys: &[String]) -> Result<Vec<Lane>> {
    let runtime = Rc::new(Builder::new_current_thread().enable_all().build()?);
    let mut lanes = ours::lanes()?;
    for (contender, how) in [(FLOOR, How::Hashers), (COMPRESSIONS, How::Compressions)] {
        let work = Box::new(Floor::new(keys, how)?);
        lanes.push(Lane { contender, version: String::new(), operation: Operation::Get, work });
    }
    lanes.extend(rusty_s3::lanes()?);
    lanes.extend(rust_s3::lanes()?);
    lanes.extend(minio::lanes(&runtime)?);
    lanes.extend(aws_sigv4::lanes()?);
    lanes.extend(object_store::lanes(&runtime)?);
    lanes.extend(opendal::lanes(&runtime)?);
    lanes.extend(aws_sdk_s3::lanes(&runtime)?);
    lanes.extend(clients::boto3(python, keys)?);
    lanes.extend(clients::js(keys)?);
    lanes.sort_by_key(|lane| Operation::ALL.iter().position(|operation| *operation == lane.operation));
    Ok(lanes)
}

/// The lanes of one contender.
struct Lanes {
    contender: &'static str,
    version: String,
    lanes: Vec<Lane>,
}

impl Lanes {
    /// For a contender whose crate is called as it is in the table.
    fn of(contender: &'static str) -> Result<Self> {
        Ok(Self { contender, version: locked_version(contender)?, lanes: Vec::new() })
    }

    fn push(mut self, operation: Operation, work: impl Work + 'static) -> Self {
        let Self { contender, version, lanes } = &mut self;
        lanes.push(Lane { contender, version: version.clone(), operation, work: Box::new(work) });
        self
    }

    fn called<S: Into<Signed>>(self, operation: Operation, sign: impl Fn(&str) -> Result<S> + 'static) -> Self {
        self.push(operation, Called(sign))
    }

    fn awaited<S: Into<Signed>>(
        self,
        operation: Operation,
        runtime: &Rc<Runtime>,
        sign: impl AsyncFn(&str) -> Result<S> + 'static,
    ) -> Self {
        self.push(operation, Awaited(Rc::clone(runtime), sign))
    }
}

/// The version of a crate in the lock file that this program was built from.
fn locked_version(name: &str) -> Result<String> {
    let lock = include_str!("../Cargo.lock");
    let entry = lock.split_once(&format!("name = \"{name}\"\nversion = \""));
    let version = entry.and_then(|(_, rest)| rest.split_once('"')).map(|(version, _)| version.to_owned());
    version.with_context(|| format!("Cargo.lock has no {name}"))
}
